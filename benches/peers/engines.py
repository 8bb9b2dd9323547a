"""Which engines there are, what each runs, and how far from transformers' f32 its log-probs may be."""

from dataclasses import dataclass

QUANTISED = ("q8_0", "q6_k", "q4_k")


@dataclass(frozen=True)
class Engine:
    """An engine as the table shows it; `adapter` is a module and a class of this folder."""

    title: str
    adapter: str
    workloads: tuple
    precisions: tuple
    # on the survey a subset of prompts is run and the time scaled: flat prompts all cost the same
    is_sampled: bool = False
    # half a bf16 step at the size of these log-probs (8 to 16), where an engine rounds the log-prob itself
    own_rounding: float = 0.0


BOTH = ("survey", "flat")
ENGINES = {
    "lm-eval": Engine(
        "lm-evaluation-harness, hf backend, batch 8",
        "engine_lm_eval.Flat",
        BOTH,
        ("bf16",),
        is_sampled=True,
        own_rounding=2.0**-5,
    ),
    "transformers-flat": Engine(
        "transformers, flat, batch 8, last-position logits",
        "engine_transformers.Flat",
        BOTH,
        ("bf16", "f32"),
        is_sampled=True,
    ),
    "transformers-trie": Engine(
        "transformers, hand-written trie", "engine_transformers.Trie", ("survey",), ("bf16", "f32")
    ),
    "llamacpp-flat": Engine(
        "llama.cpp C API, flat, batch 8", "engine_llamacpp.Flat", BOTH, ("bf16", *QUANTISED), is_sampled=True
    ),
    "llamacpp-trie": Engine(
        "llama.cpp C API, hand-written trie", "engine_llamacpp.Trie", ("survey",), ("bf16", *QUANTISED)
    ),
    "llamacpp-trie-wide": Engine(
        "llama.cpp C API, hand-written trie, all situations in a batch",
        "engine_llamacpp.WideTrie",
        ("survey",),
        ("bf16", "q8_0"),
    ),
    "respondent": Engine("**respondent**", "engine_respondent", BOTH, ("bf16", "f32", *QUANTISED)),
}
REFERENCE = Engine("reference", "engine_transformers.Reference", BOTH, ("f32",), is_sampled=True)

# How far from the f32 reference still belongs to a precision; beyond it an engine computes something else.
# For f32 nats; for the others a share of what another prompt's first tokens do to the log-probs, measured
# in the same run, because rounding grows with a model as that does. Set at two to three times what
# llama.cpp and transformers show.
F32_LIMIT = 1e-4
LIMIT_SHARES = {"bf16": 0.05, "q8_0": 0.15, "q6_k": 0.35, "q4_k": 0.9}
PRECISIONS = ("bf16", "f32", *QUANTISED)


def adapter(name):
    return REFERENCE.adapter if name == "reference" else ENGINES[name].adapter


def limit(name, precision, prefix_effect):
    """The largest allowed |difference of log-probs| (nats)."""
    allowed = F32_LIMIT if precision == "f32" else LIMIT_SHARES[precision] * prefix_effect
    return allowed + ENGINES[name].own_rounding


def rows(names, precisions, workload):
    """The (engine, precision) pairs that a workload is run with, in the order of the table."""
    return [
        (name, precision)
        for name in names
        for precision in ENGINES[name].precisions
        if precision in precisions and workload in ENGINES[name].workloads
    ]
