"""The prompts that every engine answers: token ids and wanted ids, no text.

`survey` is a study as a prefix tree: personas, situations under each, items under each of those. `flat`
shares nothing. Ids stay below every shape's vocabulary and its special tokens, so one file serves all
models.
"""

import json
from dataclasses import dataclass

import numpy as np

from files import whole

PERSONA_LENGTH = 180
SITUATION_LENGTH = 60
ITEM_LENGTH = 30
PROMPT_LENGTH = PERSONA_LENGTH + SITUATION_LENGTH + ITEM_LENGTH
WANTED_COUNT = 6
ITEM_COUNT = 12
FIRST_ID, END_ID = 1_000, 100_000
SEED = 7


@dataclass(frozen=True)
class Prompt:
    """Token ids, and the ids whose log-probs are wanted after the last of them."""

    input_ids: list
    wanted: list


def segments(generator, count, length):
    """`count` runs of ids, no two of which begin with the same one."""
    runs = generator.integers(FIRST_ID, END_ID, size=(count, length))
    runs[:, 0] = generator.choice(np.arange(FIRST_ID, END_ID), size=count, replace=False)
    return runs.tolist()


def make_survey(quick):
    generator = np.random.default_rng([SEED, 0])
    wanted = generator.choice(np.arange(FIRST_ID, END_ID), size=WANTED_COUNT, replace=False).tolist()
    situation_count = 2 if quick else 10
    prompts = []
    for persona in segments(generator, 2, PERSONA_LENGTH):
        for situation in segments(generator, situation_count, SITUATION_LENGTH):
            for item in segments(generator, ITEM_COUNT, ITEM_LENGTH):
                prompts.append(Prompt(persona + situation + item, wanted))
    expected = 2 * PERSONA_LENGTH + 2 * situation_count * SITUATION_LENGTH + len(prompts) * ITEM_LENGTH
    assert trie_token_count(prompts) == expected, "segments share more than they should"
    return prompts


def make_flat(quick):
    generator = np.random.default_rng([SEED, 1])
    wanted = generator.choice(np.arange(FIRST_ID, END_ID), size=WANTED_COUNT, replace=False).tolist()
    prompts = [Prompt(ids, wanted) for ids in segments(generator, 8 if quick else 24, PROMPT_LENGTH)]
    assert trie_token_count(prompts) == len(prompts) * PROMPT_LENGTH, "a flat workload shares nothing"
    return prompts


MAKERS = {"survey": make_survey, "flat": make_flat}


def trie_token_count(prompts):
    """Nodes of the prefix trie: what is left when every shared token counts once."""
    count, previous = 0, []
    for ids in sorted(prompt.input_ids for prompt in prompts):
        shared = next((i for i, (a, b) in enumerate(zip(ids, previous)) if a != b), len(previous))
        count += len(ids) - shared
        previous = ids
    return count


def make_workload(name, quick, work_dir):
    """The JSONL file of a workload, always written anew: it is small, and then always current."""
    path = work_dir / f"{name}{'-quick' if quick else ''}.jsonl"
    with whole(path) as partial, partial.open("w") as file:
        for prompt in MAKERS[name](quick):
            file.write(json.dumps({"input_ids": prompt.input_ids, "wanted": prompt.wanted}) + "\n")
    return path


def read_workload(path):
    with open(path) as file:
        return [Prompt(**json.loads(line)) for line in file]


def tree(prompts):
    """The survey as someone writes it by hand: [(persona, [(situation, [(item, index of its prompt)])])]."""
    personas = {}
    cut = PERSONA_LENGTH + SITUATION_LENGTH
    for index, prompt in enumerate(prompts):
        ids = prompt.input_ids
        situations = personas.setdefault(tuple(ids[:PERSONA_LENGTH]), {})
        items = situations.setdefault(tuple(ids[PERSONA_LENGTH:cut]), [])
        items.append((ids[cut:], index))
    return [
        (list(persona), [(list(situation), items) for situation, items in situations.items()])
        for persona, situations in personas.items()
    ]
