"""llama.cpp through the C API that llama-cpp-python exposes: flat batches, and the trie with shared
sequences.

The trie decodes a persona once, gives its cells to the situations with `llama_memory_seq_cp`, decodes all
of them as one batch, and does the same with the items. Logits are asked for at last positions only; the
log-softmax over the whole vocabulary is numpy's, in f32.
"""

import ctypes

import llama_cpp
import numpy as np

from workload import ITEM_COUNT, PROMPT_LENGTH, tree

FLAT_BATCH = 8
# cells of a sequence's own buffer come in steps of 256
FLAT_CELLS = 512


@llama_cpp.llama_log_callback
def _quiet(_level, _text, _data):
    pass


class _Batch:
    """A llama_batch of fixed capacity, refilled for each decode."""

    def __init__(self, capacity):
        self.raw = llama_cpp.llama_batch_init(capacity, 0, 1)

    def fill(self, pieces):
        """Pieces are (sequence, first position, ids, whether the last is read); gives the rows read."""
        row, read = 0, []
        for sequence, first, ids, is_read in pieces:
            for offset, token in enumerate(ids):
                self.raw.token[row] = token
                self.raw.pos[row] = first + offset
                self.raw.n_seq_id[row] = 1
                self.raw.seq_id[row][0] = sequence
                self.raw.logits[row] = False
                row += 1
            if is_read:
                self.raw.logits[row - 1] = True
                read.append(row - 1)
        self.raw.n_tokens = row
        return read


class _LlamaCpp:
    versions = {"llama-cpp-python": llama_cpp.__version__}

    def __init__(self, job, token_count_max, sequence_count, cell_count, unified):
        llama_cpp.llama_log_set(_quiet, None)
        llama_cpp.llama_backend_init()
        settings = llama_cpp.llama_model_default_params()
        settings.n_gpu_layers = 0
        self.model = llama_cpp.llama_model_load_from_file(job["gguf"].encode(), settings)
        if not self.model:
            raise RuntimeError(f"llama.cpp cannot load {job['gguf']}")
        self.vocab_size = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(self.model))
        settings = llama_cpp.llama_context_default_params()
        settings.n_ctx, settings.n_seq_max = cell_count, sequence_count
        settings.n_batch = settings.n_ubatch = token_count_max
        settings.n_threads = settings.n_threads_batch = job["threads"]
        settings.kv_unified = unified
        self.context = llama_cpp.llama_init_from_model(self.model, settings)
        if not self.context:
            raise RuntimeError("llama.cpp gives no context")
        self.memory = llama_cpp.llama_get_memory(self.context)
        self.batch = _Batch(token_count_max)

    def notes(self):
        return {"system": llama_cpp.llama_print_system_info().decode().strip()}

    def decode(self, pieces):
        read = self.batch.fill(pieces)
        status = llama_cpp.llama_decode(self.context, self.batch.raw)
        if status != 0:
            raise RuntimeError(f"llama_decode gave {status}")
        return read

    def log_probs(self, row, wanted):
        pointer = llama_cpp.llama_get_logits_ith(self.context, row)
        logits = np.ctypeslib.as_array(
            ctypes.cast(pointer, ctypes.POINTER(ctypes.c_float)), (self.vocab_size,)
        )
        top = logits.max()
        log_sum = top + np.log(np.exp(logits - top).sum(dtype=np.float64))
        return [float(logits[token] - log_sum) for token in wanted]


class Flat(_LlamaCpp):
    """Whole prompts, eight at a time, each sequence with a buffer of its own."""

    warm_up_count = FLAT_BATCH

    def __init__(self, job):
        super().__init__(job, FLAT_BATCH * PROMPT_LENGTH, FLAT_BATCH, FLAT_BATCH * FLAT_CELLS, unified=False)

    def run(self, prompts):
        answers = []
        for start in range(0, len(prompts), FLAT_BATCH):
            batch = prompts[start : start + FLAT_BATCH]
            llama_cpp.llama_memory_clear(self.memory, False)
            rows = self.decode(
                [(sequence, 0, prompt.input_ids, True) for sequence, prompt in enumerate(batch)]
            )
            answers += [self.log_probs(row, prompt.wanted) for row, prompt in zip(rows, batch)]
        return answers


class Trie(_LlamaCpp):
    """Sequence 0 is the persona, then come its situations, then the items being decoded: one situation's at a
    time, because the cells of a unified cache are all looked at by every query.
    """

    # a situation with its items: every size of call happens once, but for the batch of situations
    warm_up_count = ITEM_COUNT
    situations_per_decode = 1

    def __init__(self, job):
        personas = tree(job["prompts"])
        situation_count = max(len(situations) for _, situations in personas)
        together = min(self.situations_per_decode or situation_count, situation_count)
        item_count = together * max(len(items) for _, situations in personas for _, items in situations)
        own = max(len(ids) for _, situations in personas for _, items in situations for ids, _ in items)
        shared = max(len(ids) for _, situations in personas for ids, _ in situations)
        persona = max(len(ids) for ids, _ in personas)
        token_count_max = max(persona, situation_count * shared, item_count * own)
        cells = persona + situation_count * shared + item_count * own
        self.together = together
        super().__init__(job, token_count_max, 1 + situation_count + item_count, cells, unified=True)

    def run(self, prompts):
        answers = [None] * len(prompts)
        for persona, situations in tree(prompts):
            llama_cpp.llama_memory_clear(self.memory, False)
            self.decode([(0, 0, persona, False)])
            self.branch(0, range(1, 1 + len(situations)), len(persona))
            self.decode([(1 + i, len(persona), ids, False) for i, (ids, _) in enumerate(situations)])
            for start in range(0, len(situations), self.together):
                stop = min(start + self.together, len(situations))
                self.read_items(prompts, persona, situations, range(start, stop), answers)
        return answers

    def branch(self, parent, children, length):
        for child in children:
            llama_cpp.llama_memory_seq_cp(self.memory, parent, child, 0, length)

    def read_items(self, prompts, persona, situations, chosen, answers):
        sequence, pieces, indices = 1 + len(situations), [], []
        for number in chosen:
            ids, items = situations[number]
            length = len(persona) + len(ids)
            self.branch(1 + number, range(sequence, sequence + len(items)), length)
            for own, index in items:
                pieces.append((sequence, length, own, True))
                indices.append(index)
                sequence += 1
        for row, index in zip(self.decode(pieces), indices):
            answers[index] = self.log_probs(row, prompts[index].wanted)
        for used in range(1 + len(situations), sequence):
            llama_cpp.llama_memory_seq_rm(self.memory, used, -1, -1)


class WideTrie(Trie):
    """The items of all of a persona's situations in one batch: larger products, more cells to look at."""

    situations_per_decode = None
