"""What one golden model is, and the random numbers it is drawn from.

Knows nothing about transformers.
"""

import hashlib
from dataclasses import dataclass, field

import numpy as np

DROP = object()  # as a value in Case.matters and Case.inert: the key is left out of the config


@dataclass
class Case:
    """One model: its shape, and how its files are written."""

    name: str
    family: str
    vocab: int
    hidden: int
    inter: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    tied: bool = False
    theta: float = 10000.0
    eps: float = 1e-5
    rope: dict | None = None
    partial: float | None = None  # share of each head that is rotated
    attention_bias: bool = False
    mlp_bias: bool = False
    positions: int = 128  # max_position_embeddings
    dtype: str = "float32"
    style: int = 4  # which major version of transformers the config.json looks like
    shards: int = 1
    naming: str = ""  # which of several published namings of the tensors
    drop: tuple = ()  # config keys left out, because their default must be found
    extra: dict = field(default_factory=dict)  # config keys beside those of every case
    only: dict = field(default_factory=dict)  # style -> config keys written in that style alone
    # What is claimed to matter -> config keys to change: the log-probs must then move visibly.
    matters: dict = field(default_factory=dict)
    # What is claimed to be without effect -> config keys to change: no bit may move.
    inert: dict = field(default_factory=dict)

    @property
    def depends_on_length(self) -> bool:
        """Whether the rope frequencies depend on the length of the whole sequence."""
        return bool(self.rope) and kind_of(self.rope) in ("dynamic", "longrope", "su")


def kind_of(rope: dict) -> str:
    return rope.get("rope_type", rope.get("type"))


def seeded(*words: str) -> np.random.Generator:
    """A generator whose stream depends on the words only, so that adding a case moves no other."""
    return np.random.default_rng(list(hashlib.sha256("/".join(words).encode()).digest()))


def make_sequences(case: Case) -> list[list[int]]:
    """Token ids: a lone token, prefixes of one another, branches off shared prefixes, up to 72 tokens."""
    rng = seeded(case.name, "sequences")

    def draw(n: int) -> list[int]:
        return [int(t) for t in rng.integers(0, case.vocab, n)]

    stem, branch = draw(72), draw(9)
    lone = [(stem[0] + 1) % case.vocab]
    return [
        lone,
        stem[:1],
        stem[:7],
        stem[:7] + branch[:4],
        stem[:7] + branch,
        stem[:31] + draw(3),
        stem[:40],
        draw(18) + [lone[0]],
        stem,
    ]
