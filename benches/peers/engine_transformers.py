"""transformers on the CPU: flat batches, and the trie as one writes it by hand with `past_key_values`.

Both project only the last position to the vocabulary. Log-softmax is taken in f32 over the whole vocabulary.
"""

import torch
import transformers
from transformers import AutoModelForCausalLM, DynamicCache

from workload import ITEM_COUNT, PERSONA_LENGTH, Prompt, tree

FLAT_BATCH = 8
DTYPES = {"bf16": torch.bfloat16, "f32": torch.float32}
VERSIONS = {"transformers": transformers.__version__, "torch": torch.__version__}


def _forward(model, ids, cache=None, use_cache=True):
    """Logits of the last position and the grown cache; ids are [batch][tokens]."""
    output = model(torch.tensor(ids), past_key_values=cache, use_cache=use_cache, logits_to_keep=1)
    return output.logits[:, -1], output.past_key_values


def _log_probs(logits, prompts):
    rows = logits.float().log_softmax(-1)
    wanted = torch.tensor([prompt.wanted for prompt in prompts])
    return rows.gather(1, wanted).tolist()


def _branches(cache, row, count):
    """A cache of `count` children of one row: one copy of the row, then views of it."""
    children = DynamicCache(
        [(layer.keys[row : row + 1], layer.values[row : row + 1]) for layer in cache.layers]
    )
    for layer in children.layers:
        layer.keys = layer.keys.expand(count, -1, -1, -1)
        layer.values = layer.values.expand(count, -1, -1, -1)
    return children


class _Transformers:
    versions = VERSIONS

    def __init__(self, job):
        torch.set_num_threads(job["threads"])
        self.model = AutoModelForCausalLM.from_pretrained(job["model"], dtype=DTYPES[job["precision"]]).eval()

    def notes(self):
        return {"attention": self.model.config._attn_implementation}

    @torch.inference_mode()
    def run(self, prompts):
        return self.answers(prompts)


class Flat(_Transformers):
    """Whole prompts, eight at a time."""

    warm_up_count = FLAT_BATCH

    def answers(self, prompts):
        answers = []
        for start in range(0, len(prompts), FLAT_BATCH):
            batch = prompts[start : start + FLAT_BATCH]
            logits, _ = _forward(self.model, [prompt.input_ids for prompt in batch], use_cache=False)
            answers += _log_probs(logits, batch)
        return answers


class Trie(_Transformers):
    """A persona once, its situations as one batch, then the items of a situation as one batch."""

    # a situation with its items: every size of call happens once, but for the batch of situations
    warm_up_count = ITEM_COUNT

    def answers(self, prompts):
        answers = [None] * len(prompts)
        for persona, situations in tree(prompts):
            _, persona_cache = _forward(self.model, [persona])
            branches = _branches(persona_cache, 0, len(situations))
            _, situation_cache = _forward(self.model, [ids for ids, _ in situations], branches)
            for row, (_, items) in enumerate(situations):
                branches = _branches(situation_cache, row, len(items))
                logits, _ = _forward(self.model, [ids for ids, _ in items], branches)
                rows = _log_probs(logits, [prompts[index] for _, index in items])
                for (_, index), row_answers in zip(items, rows):
                    answers[index] = row_answers
        return answers


class Reference(Flat):
    """What every engine is held against: f32, flat. Not timed."""

    def other_prefix(self, prompts):
        """The same prompts after another prompt's first tokens: where a mix-up of prefixes would land."""
        donors = prompts[len(prompts) // 2 :] + prompts[: len(prompts) // 2]
        mixed = [
            Prompt(donor.input_ids[:PERSONA_LENGTH] + prompt.input_ids[PERSONA_LENGTH:], prompt.wanted)
            for prompt, donor in zip(prompts, donors)
        ]
        return self.run(mixed)
