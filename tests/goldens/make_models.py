"""Writes models/<name>/: tiny random decoders and the log-probs that transformers reads off them.

Knows nothing about the Rust engine. Weights come from a seeded numpy generator, with random norms and biases,
so that a norm, a bias or a head mix-up shows. Each expected.json holds, at the last position of every
sequence, the whole log-softmax row (natural log), its entropy (nats) and log-sum-exp(logits / T).

    python make_models.py
"""

import hashlib
import json
import math
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors.torch import save_file
from scipy.special import logsumexp

OUT = Path(__file__).parent / "models"
TEMPERATURES = [0.25, 1.0, 2.0]
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
ARCHITECTURES = {"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM"}
# With theta 500 and a head_dim of 12 or 16, wavelengths below 8, between, and above 32 positions all occur.
LLAMA3_ROPE = {
    "factor": 8.0,
    "high_freq_factor": 4.0,
    "low_freq_factor": 1.0,
    "original_max_position_embeddings": 32,
    "rope_type": "llama3",
}


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
    attention_bias: bool = False
    mlp_bias: bool = False
    dtype: str = "float32"
    style: int = 4  # which major version of transformers the config.json looks like
    shards: int = 1
    drop: tuple = ()  # config keys left out, because their default must be found
    extra: dict = field(default_factory=dict)  # config keys that must change nothing


# rms_norm_eps is far larger than usual in some cases: at 1e-6 nobody would notice that it is not read.
CASES = [
    Case("llama_gqa", "llama", 97, 36, 52, 2, 6, 2, 6, eps=1e-2),
    Case("llama_rope3", "llama", 113, 48, 40, 2, 4, 2, 12, tied=True, theta=500.0, rope=LLAMA3_ROPE),
    Case("llama_head_dim", "llama", 80, 32, 44, 2, 4, 2, 10, theta=1000, drop=("tie_word_embeddings",)),
    Case(
        "llama_bias",
        "llama",
        64,
        32,
        40,
        2,
        4,
        4,
        8,
        attention_bias=True,
        mlp_bias=True,
        drop=("num_key_value_heads", "head_dim"),
    ),
    Case(
        "qwen2_tied",
        "qwen2",
        160,
        40,
        48,
        2,
        5,
        1,
        8,
        tied=True,
        theta=1000000.0,
        eps=1e-6,
        extra={"use_sliding_window": False, "sliding_window": 8, "max_window_layers": 1},
    ),
    Case(
        "qwen2_untied",
        "qwen2",
        89,
        36,
        50,
        2,
        6,
        3,
        6,
        eps=1e-3,
        extra={"use_sliding_window": False, "sliding_window": 32768, "max_window_layers": 2},
    ),
    Case("qwen3_tied", "qwen3", 120, 40, 36, 2, 4, 2, 14, tied=True, theta=1000000, eps=1e-2),
    Case("qwen3_untied_bias", "qwen3", 71, 36, 44, 2, 4, 2, 10, attention_bias=True, eps=1e-6),
    Case("llama_bf16", "llama", 128, 48, 64, 3, 6, 2, 8, theta=500000.0, dtype="bfloat16"),
    Case("qwen3_f16", "qwen3", 101, 44, 60, 3, 4, 1, 12, tied=True, dtype="float16", eps=1e-6),
    Case(
        "qwen2_rope_parameters",
        "qwen2",
        77,
        32,
        48,
        2,
        4,
        2,
        8,
        theta=5000.0,
        style=5,
        extra={"layer_types": ["full_attention", "full_attention"], "sliding_window": None},
    ),
    Case("llama_rope3_parameters", "llama", 96, 32, 44, 2, 2, 1, 16, theta=500.0, rope=LLAMA3_ROPE, style=5),
    Case("llama_sharded", "llama", 100, 40, 40, 2, 4, 2, 10, shards=2),
]


def config_json(case: Case, style: int) -> dict:
    """config.json as transformers 4 (rope_theta, torch_dtype) or 5 (rope_parameters, dtype) writes it."""
    config = {
        "architectures": [ARCHITECTURES[case.family]],
        "attention_dropout": 0.0,
        "bos_token_id": 1,
        "eos_token_id": [2, 3] if case.family == "llama" else 2,
        "head_dim": case.head_dim,
        "hidden_act": "silu",
        "hidden_size": case.hidden,
        "initializer_range": 0.02,
        "intermediate_size": case.inter,
        "max_position_embeddings": 128,
        "model_type": case.family,
        "num_attention_heads": case.heads,
        "num_hidden_layers": case.layers,
        "num_key_value_heads": case.kv_heads,
        "rms_norm_eps": case.eps,
        "tie_word_embeddings": case.tied,
        "use_cache": True,
        "vocab_size": case.vocab,
    }
    if case.family != "qwen2":
        config["attention_bias"] = case.attention_bias
    else:
        del config["head_dim"]  # qwen2 always derives it
    if case.family == "llama":
        config["mlp_bias"] = case.mlp_bias
    if style == 4:
        config |= {"rope_theta": case.theta, "rope_scaling": case.rope, "torch_dtype": case.dtype}
        config["transformers_version"] = "4.57.1"
    else:
        config["rope_parameters"] = {"rope_type": "default"} | (case.rope or {}) | {"rope_theta": case.theta}
        config |= {"dtype": case.dtype, "transformers_version": "5.0.0"}
    config |= case.extra
    for key in case.drop:
        config.pop(key, None)
    return dict(sorted(config.items()))


def weight_shapes(case: Case) -> dict[str, tuple[tuple, float, float]]:
    """name -> (shape, mean, std). The stds make attention peaked and logits spread over several nats."""
    h, q, kv = case.hidden, case.heads * case.head_dim, case.kv_heads * case.head_dim
    shapes = {
        "model.embed_tokens.weight": ((case.vocab, h), 0.0, 2.0 / math.sqrt(h)),
        "model.norm.weight": ((h,), 1.0, 0.3),
    }
    if not case.tied:
        shapes["lm_head.weight"] = ((case.vocab, h), 0.0, 2.0 / math.sqrt(h))
    qkv_bias = case.family == "qwen2" or case.attention_bias
    for layer in range(case.layers):
        at = f"model.layers.{layer}."
        linears = [
            ("self_attn.q_proj", q, h, 1.5, qkv_bias),
            ("self_attn.k_proj", kv, h, 1.5, qkv_bias),
            ("self_attn.v_proj", kv, h, 1.2, qkv_bias),
            ("self_attn.o_proj", h, q, 1.2, case.attention_bias),
            ("mlp.gate_proj", case.inter, h, 1.2, case.mlp_bias),
            ("mlp.up_proj", case.inter, h, 1.2, case.mlp_bias),
            ("mlp.down_proj", h, case.inter, 1.5, case.mlp_bias),
        ]
        for name, rows, columns, gain, bias in linears:
            shapes[f"{at}{name}.weight"] = ((rows, columns), 0.0, gain / math.sqrt(columns))
            if bias:
                shapes[f"{at}{name}.bias"] = ((rows,), 0.0, 0.5)
        for name in ("input_layernorm", "post_attention_layernorm"):
            shapes[f"{at}{name}.weight"] = ((h,), 1.0, 0.3)
        if case.family == "qwen3":
            for name in ("self_attn.q_norm", "self_attn.k_norm"):
                shapes[f"{at}{name}.weight"] = ((case.head_dim,), 1.4, 0.4)
    return shapes


def seeded(*words: str) -> np.random.Generator:
    """A generator whose stream depends on the words only, so that adding a case moves no other."""
    return np.random.default_rng(list(hashlib.sha256("/".join(words).encode()).digest()))


def make_weights(case: Case) -> dict[str, torch.Tensor]:
    """Every tensor of the model, in the dtype it is stored in."""
    weights = {}
    for name, (shape, mean, std) in weight_shapes(case).items():
        values = seeded(case.name, name).normal(mean, std, shape).astype(np.float32)
        weights[name] = torch.from_numpy(values).to(DTYPES[case.dtype])
    return weights


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


def write_weights(case: Case, folder: Path) -> None:
    """model.safetensors, or as many shards as the case asks for with their index."""
    weights = make_weights(case)
    if case.shards == 1:
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        return
    names = sorted(weights)
    size = math.ceil(len(names) / case.shards)
    weight_map = {}
    for shard in range(case.shards):
        file = f"model-{shard + 1:05}-of-{case.shards:05}.safetensors"
        part = {name: weights[name] for name in names[shard * size : (shard + 1) * size]}
        save_file(part, folder / file, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(part, file)
    total = sum(w.numel() * w.element_size() for w in weights.values())
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


def load(folder: Path, dtype: torch.dtype = torch.float32) -> torch.nn.Module:
    """The model as transformers reads it from the folder, with nothing missing and nothing left over."""
    model, info = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype, attn_implementation="eager", output_loading_info=True
    )
    for what in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        assert not info[what], f"{folder.name}: {what} {info[what]}"
    return model.eval()


@torch.inference_mode()
def last_logits(model: torch.nn.Module, sequences: list[list[int]]) -> list[np.ndarray]:
    """The [vocab] logits at the last position of each sequence, each run alone and without a cache."""
    return [model(torch.tensor([ids]), use_cache=False).logits[0, -1].double().numpy() for ids in sequences]


@torch.inference_mode()
def check_sharpness(case: Case, model: torch.nn.Module, sequences: list[list[int]]) -> str:
    """Attention must be far from uniform and logits far from flat, or the goldens forgive mistakes."""
    ids = torch.tensor([sequences[-1]])
    out = model(ids, use_cache=False, output_attentions=True)
    last = torch.stack([a[0, :, -1] for a in out.attentions])  # [layers, heads, positions]
    entropy = -(last * last.clamp_min(1e-30).log()).sum(-1).mean().item()
    spread = out.logits[0].std(-1).mean().item()
    assert entropy < 0.8 * math.log(ids.shape[1]), (
        f"{case.name}: attention entropy {entropy:.2f} is near uniform"
    )
    assert 1.0 < spread < 6.0, f"{case.name}: logits have a standard deviation of {spread:.2f}"
    return f"attention {entropy:.2f} nats of {math.log(ids.shape[1]):.2f}, logits sd {spread:.2f}"


def check_rope_bands(case: Case, model: torch.nn.Module) -> None:
    """A llama3 case must keep, divide and blend frequencies."""
    rotary = model.model.rotary_emb
    plain, _ = rotary.compute_default_rope_parameters(model.config)
    ratio = rotary.inv_freq / plain
    kept, divided = (ratio == 1.0).sum(), torch.isclose(ratio, torch.tensor(1 / LLAMA3_ROPE["factor"])).sum()
    assert kept > 0 and divided > 0 and kept + divided < len(ratio), (
        f"{case.name}: a band is missing in {ratio}"
    )


def check_both_styles(case: Case, folder: Path, sequences: list[list[int]], logits: list[np.ndarray]) -> None:
    """The same weights under the other style of config.json must give the same logits, bit for bit."""
    with tempfile.TemporaryDirectory() as other:
        other = Path(shutil.copytree(folder, other, dirs_exist_ok=True))
        (other / "config.json").write_text(json.dumps(config_json(case, 9 - case.style)))
        for ours, theirs in zip(logits, last_logits(load(other), sequences), strict=True):
            assert np.array_equal(ours, theirs), f"{case.name}: the two config styles disagree"


def nine(x: float) -> float:
    """Nine significant digits: more than f32 holds."""
    return float(f"{x:.9g}")


def expected_json(sequences: list[list[int]], logits: list[np.ndarray]) -> str:
    """One line a row, so that a diff shows which sequence moved."""
    log_probs = [row - logsumexp(row) for row in logits]
    fields = {
        "sequences": sequences,
        "log_probs": [[nine(x) for x in row] for row in log_probs],
        "entropy": [nine(-np.sum(np.exp(row) * row)) for row in log_probs],
        "temperatures": TEMPERATURES,
        "log_sum_exp": [[nine(logsumexp(row / t)) for t in TEMPERATURES] for row in logits],
    }
    lines = []
    for key, rows in fields.items():
        body = ",\n".join("  " + json.dumps(row, separators=(",", ":")) for row in rows)
        lines.append(f' "{key}": [\n{body}\n ]')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def make(case: Case) -> None:
    folder = OUT / case.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config_json(case, case.style), indent=2) + "\n")
    write_weights(case, folder)

    sequences = make_sequences(case)
    model = load(folder)
    logits = last_logits(model, sequences)
    if case.rope:
        check_rope_bands(case, model)
    check_both_styles(case, folder, sequences, logits)
    sharpness = check_sharpness(case, model, sequences)
    exact = last_logits(load(folder, torch.float64), sequences)
    drift = max(np.abs(a - logsumexp(a) - b + logsumexp(b)).max() for a, b in zip(logits, exact, strict=True))
    assert drift < 2e-5, f"{case.name}: f32 and f64 differ by {drift:.1e}, too near the tests' tolerance"

    (folder / "expected.json").write_text(expected_json(sequences, logits))
    size = sum(file.stat().st_size for file in folder.iterdir())
    assert size < 200_000, f"{case.name}: {size} bytes"
    print(f"models/{case.name}: {size / 1000:.0f} kB, {sharpness}, f32 against f64 {drift:.1e}")


def main() -> None:
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    for case in CASES:
        make(case)
    total = sum(file.stat().st_size for file in OUT.rglob("*") if file.is_file())
    versions = f"transformers {transformers.__version__}, torch {torch.__version__}"
    print(f"{len(CASES)} models, {total / 1000:.0f} kB, {versions}")


if __name__ == "__main__":
    main()
