"""Writes templates/expected.json: what transformers renders from templates/*.jinja.

The templates are written by hand for these tests and belong to no model. Knows nothing about the Rust
renderer. A case whose template calls raise_exception has `error` in place of `rendered`; any other failure of
a template stops this script. Today is always 2025-01-15.

    python make_templates.py
"""

import datetime
import json
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
    "system": [system("Rules, and nobody to follow them.")],
}
# Those after "user" are for templates that look at roles or at the last turn.
EVERYDAY = list(CONVERSATIONS)[:5]
EXTRA = {
    "alternating": ["two users", "assistant first", "unknown role", "ends with assistant"],
    "generation": ["ends with assistant"],
    "parts": ["unknown role", "system"],
    "thinking": ["ends with assistant", "unknown role", "older thoughts"],
    "turns": ["assistant first", "ends with assistant"],
}
NO_SPECIAL_TOKENS = ["filters", "parts", "turns"]


class FrozenDate(datetime.datetime):
    """A clock that has stopped."""

    @classmethod
    def now(cls, tz=None):
        return DATE


def render(source: str, messages: list[dict], special_tokens: dict, add_generation_prompt: bool) -> dict:
    """`rendered`, or the `error` the template raised itself."""
    try:
        rendered, _ = chat_template_utils.render_jinja_template(
            [messages], chat_template=source, add_generation_prompt=add_generation_prompt, **special_tokens
        )
    except jinja2.exceptions.TemplateError as error:
        assert type(error) is jinja2.exceptions.TemplateError, f"the template is faulty: {error!r}"
        return {"error": str(error)}
    return {"rendered": rendered[0]}


def cases() -> list[dict]:
    out = []
    for path in sorted(FOLDER.glob("*.jinja")):
        source = path.read_text(encoding="utf-8")
        rows = [(name, SPECIAL_TOKENS, True) for name in EVERYDAY + EXTRA.get(path.stem, [])]
        rows += [(name, SPECIAL_TOKENS, False) for name in EVERYDAY[:2]]
        if path.stem in NO_SPECIAL_TOKENS:
            rows.append((EVERYDAY[0], {}, True))
        for name, special_tokens, add_generation_prompt in rows:
            messages = CONVERSATIONS[name]
            out.append(
                {
                    "template": path.name,
                    "conversation": name,
                    "messages": messages,
                    "special_tokens": special_tokens,
                    "date": DATE.date().isoformat(),
                    "add_generation_prompt": add_generation_prompt,
                }
                | render(source, messages, special_tokens, add_generation_prompt)
            )
    return out


def main() -> None:
    chat_template_utils.datetime = FrozenDate
    rows = cases()
    raised = sum("error" in row for row in rows)
    body = ",\n".join("  " + json.dumps(row, ensure_ascii=False) for row in rows)
    out = FOLDER / "expected.json"
    out.write_text('{"cases": [\n' + body + "\n]}\n", encoding="utf-8")
    print(
        f"templates/expected.json: {len(rows)} cases, {raised} raise, {out.stat().st_size} bytes, "
        f"transformers {transformers.__version__}, jinja2 {jinja2.__version__}"
    )


if __name__ == "__main__":
    main()
