"""Writes templates/expected.json: what transformers renders from templates/*.jinja.

The templates are written by hand for these tests and belong to no model. Knows nothing about the Rust
renderer. A case whose template calls raise_exception has `error` in place of `rendered`; any other failure of
a template stops this script. Today is always 2025-01-15.

    python make_templates.py

With a folder of real templates, it writes expected.json beside them: every conversation, with and without a
generation prompt, with the switch enable_thinking left alone, off and on. There, a template that fails by itself has
`failed` in place of `rendered`. tests/templates.rs compares such a folder when RESPONDENT_TEMPLATES names it.

    python make_templates.py FOLDER
"""

import datetime
import json
import sys
from pathlib import Path

import jinja2
import transformers
from transformers.utils import chat_template_utils

FOLDER = Path(__file__).parent / "templates"
DATE = datetime.datetime(2025, 1, 15)
# In every case but those that test what happens without.
SPECIAL_TOKENS = {"bos_token": "<|bos|>", "eos_token": "<|eos|>"}


def system(text: str) -> dict:
    return {"role": "system", "content": text}


def user(text: str) -> dict:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict:
    return {"role": "assistant", "content": text}


CONVERSATIONS = {
    "system, user": [
        system("You take part in a survey. Reply with one number only."),
        user("How long did the feeling last?\n1 = minutes, 2 = an hour, 3 = a day"),
    ],
    "user, assistant, user": [
        user("¿Cuándo sentiste vergüenza?"),
        assistant("El año pasado, en casa de mi tía."),
        user("¿Y cuánto duró? Responde con un número del 1 al 4."),
    ],
    "untidy text": [
        system("  \n Rules come first. \n\n"),
        user(
            "\tLeading and trailing\n\n  spaces, <b>tags</b> & 'single' \"double\" {{ braces }} {% too %} \\n  \n"
        ),
        assistant("  👍🏽 naïve — “ok” \n"),
        user("  ¿Qué?  🙂  mañana\u00a0temprano \r\n a b c d e f g  "),
    ],
    "thoughts": [
        user("Rate it."),
        assistant("<think>\nFirst I weigh it.\nThen again.\n</think>\n\n3"),
        user("<result>3</result>"),
    ],
    "user": [user("Joy")],
    "two users": [user("One."), user("Two.")],
    "assistant first": [assistant("Hello."), user("Hi.")],
    "unknown role": [user("One."), {"role": "referee", "content": "Offside."}],
    "ends with assistant": [user("One?"), assistant("Two.")],
    "older thoughts": [user("Rate it."), assistant("<think>\nHm.\n</think>\n\n3"), user("Rate it again.")],
    "mode in the system text": [system("Be quick. /no_think"), user("Rate it."), assistant("3"), user("Again.")],
    "system": [system("Rules, and nobody to follow them.")],
}
# Those after "user" are for templates that look at roles or at the last turn.
EVERYDAY = list(CONVERSATIONS)[:5]
EXTRA = {
    "alternating": ["two users", "assistant first", "unknown role", "ends with assistant"],
    "default_system": ["unknown role", "ends with assistant"],
    "first_user_prefix": ["two users", "assistant first", "system"],
    "generation": ["ends with assistant"],
    "last_turn_ends": ["ends with assistant"],
    "modes": ["mode in the system text", "ends with assistant"],
    "no_system": ["two users", "assistant first"],
    "one_line_each": ["ends with assistant"],
    "opened_thoughts": ["older thoughts", "ends with assistant"],
    "parts": ["unknown role", "system"],
    "system_in_last_user": ["two users", "unknown role", "ends with assistant", "system"],
    "thinking": ["ends with assistant", "unknown role", "older thoughts", "mode in the system text"],
    "turns": ["assistant first", "ends with assistant"],
}
NO_SPECIAL_TOKENS = ["filters", "parts", "turns"]


class FrozenDate(datetime.datetime):
    """A clock that has stopped."""

    @classmethod
    def now(cls, tz=None):
        return DATE


def case(
    path: Path, conversation: str, special_tokens: dict, add_generation_prompt: bool, variables: dict | None = None
) -> dict:
    """`rendered`, or the `error` the template raised itself, or the failure it met with, and what led to it."""
    messages, variables = CONVERSATIONS[conversation], variables or {}
    row = {
        "template": path.name,
        "conversation": conversation,
        "messages": messages,
        "special_tokens": special_tokens,
        "variables": variables,
        "date": DATE.date().isoformat(),
        "add_generation_prompt": add_generation_prompt,
    }
    try:
        rendered, _ = chat_template_utils.render_jinja_template(
            [messages],
            chat_template=path.read_text(encoding="utf-8"),
            add_generation_prompt=add_generation_prompt,
            **special_tokens,
            **variables,
        )
    except jinja2.exceptions.TemplateError as error:
        if type(error) is jinja2.exceptions.TemplateError:
            return row | {"error": str(error)}
        return row | {"failed": repr(error)}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return row | {"failed": repr(error)}
    return row | {"rendered": rendered[0]}


def cases() -> list[dict]:
    """The hand-written templates, each with the conversations it is about."""
    rows = []
    for path in sorted(FOLDER.glob("*.jinja")):
        rows += [case(path, name, SPECIAL_TOKENS, True) for name in EVERYDAY + EXTRA.get(path.stem, [])]
        rows += [case(path, name, SPECIAL_TOKENS, False) for name in EVERYDAY[:2]]
        if path.stem in NO_SPECIAL_TOKENS:
            rows.append(case(path, EVERYDAY[0], {}, True))
        if "enable_thinking" in path.read_text(encoding="utf-8"):
            rows += [
                case(path, name, SPECIAL_TOKENS, True, {"enable_thinking": on})
                for name in (EVERYDAY[0], "older thoughts")
                for on in (False, True)
            ]
    for row in rows:
        assert "failed" not in row, f"the template is faulty: {row}"
    return rows


def real_cases(folder: Path) -> list[dict]:
    """Every template of the folder, with every conversation."""
    rows = []
    for path in sorted(folder.glob("*.jinja")):
        for name in CONVERSATIONS:
            for variables in ({}, {"enable_thinking": False}, {"enable_thinking": True}):
                rows += [case(path, name, SPECIAL_TOKENS, prompt, variables) for prompt in (True, False)]
    return rows


def main() -> None:
    chat_template_utils.datetime = FrozenDate
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    rows = cases() if folder == FOLDER else real_cases(folder)
    raised, failed = (sum(outcome in row for row in rows) for outcome in ("error", "failed"))
    body = ",\n".join("  " + json.dumps(row, ensure_ascii=False) for row in rows)
    out = folder / "expected.json"
    out.write_text('{"cases": [\n' + body + "\n]}\n", encoding="utf-8")
    print(
        f"{out.parent.name}/{out.name}: {len(rows)} cases, {raised} raise, {failed} fail, {out.stat().st_size} bytes, "
        f"transformers {transformers.__version__}, jinja2 {jinja2.__version__}"
    )


if __name__ == "__main__":
    main()
