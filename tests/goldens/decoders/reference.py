"""What transformers makes of a model folder, and the checks that make it worth comparing with.

Knows nothing about how the folder was written.
"""

import copy
import json
import math
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers
from scipy.special import logsumexp

from .case import DROP, Case, kind_of
from .configs import MOES, config_json

VISIBLE = 1e-2  # nats by which a log-prob must move for an option to count as mattering
MARGIN = 1e-5  # of router probability between the last expert chosen and the first left out


def load(folder: Path, dtype: torch.dtype = torch.float32, strict: bool = True) -> torch.nn.Module:
    """The model as transformers reads it from the folder, with nothing missing and nothing left over."""
    options = {"experts_implementation": "eager"} if config_of(folder)["model_type"] in MOES else {}
    model, info = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype, attn_implementation="eager", output_loading_info=True, **options
    )
    for what in ("missing_keys", "mismatched_keys", "unexpected_keys")[: 3 if strict else 2]:
        assert not info[what], f"{folder.name}: {what} {info[what]}"
    return model.eval()


def config_of(folder: Path) -> dict:
    return json.loads((folder / "config.json").read_text())


@torch.inference_mode()
def last_logits(model: torch.nn.Module, sequences: list[list[int]]) -> list[np.ndarray]:
    """The [vocab] logits at the last position of each sequence, each run alone and without a cache."""
    rows = []
    for ids in sequences:
        out = fresh_if_dynamic(model)(torch.tensor([ids]), use_cache=False)
        rows.append(out.logits[0, -1].double().numpy())
    return rows


def fresh_if_dynamic(model: torch.nn.Module) -> torch.nn.Module:
    """A dynamic rope remembers the longest sequence seen: each sequence then needs a model of its own."""
    dynamic = "dynamic" in str(getattr(rotary(model), "rope_type", ""))
    return copy.deepcopy(model) if dynamic else model


def difference(a: list[np.ndarray], b: list[np.ndarray]) -> float:
    """The largest difference between the log-probs of two lists of logits."""
    return max(np.abs(x - logsumexp(x) - y + logsumexp(y)).max() for x, y in zip(a, b, strict=True))


@torch.inference_mode()
def check_sharpness(case: Case, model: torch.nn.Module, sequences: list[list[int]]) -> str:
    """Attention must be far from uniform and logits far from flat, or the goldens forgive mistakes."""
    ids = torch.tensor([sequences[-1]])
    out = model(ids, use_cache=False, output_attentions=True)
    entropies, widest = [], []
    for attention in out.attentions:
        last = attention[0, :, -1]  # [heads, positions]
        entropies.append(-(last * last.clamp_min(1e-30).log()).sum(-1).mean().item())
        widest.append(math.log((attention[0, 0, -1] > 0).sum().item()))
    entropy, uniform = np.mean(entropies), np.mean(widest)
    spread = out.logits[0].std(-1).mean().item()
    assert entropy < 0.8 * uniform, (
        f"{case.name}: attention entropy {entropy:.2f} of {uniform:.2f} is near uniform"
    )
    assert 1.0 < spread < 6.0, f"{case.name}: logits have a standard deviation of {spread:.2f}"
    return f"attention {entropy:.2f} nats of {uniform:.2f}, logits sd {spread:.2f}"


def rotary(model: torch.nn.Module) -> torch.nn.Module | None:
    for module in model.modules():
        if type(module).__name__.endswith("RotaryEmbedding"):
            return module
    return None


def check_rope_bands(case: Case, model: torch.nn.Module) -> None:
    """A llama3 or yarn rope must keep, divide and blend frequencies."""
    if not case.rope or kind_of(case.rope) not in ("llama3", "yarn"):
        return
    embedding = rotary(model)
    plain, _ = embedding.compute_default_rope_parameters(model.config)
    ratio = embedding.inv_freq / plain
    kept = torch.isclose(ratio, torch.tensor(1.0)).sum()
    divided = torch.isclose(ratio, torch.tensor(1 / case.rope["factor"])).sum()
    assert kept > 0 and divided > 0 and kept + divided < len(ratio), (
        f"{case.name}: a band is missing in {ratio}"
    )


@torch.inference_mode()
def check_routing(case: Case, model: torch.nn.Module, sequences: list[list[int]]) -> None:
    """No choice of experts may hang on rounding, and the chosen ones must differ between tokens."""
    margins, chosen = [], set()

    def watch(router: torch.nn.Module, _: tuple, out: tuple) -> None:
        probs = out[0].double().softmax(-1).sort(-1, descending=True).values
        margins.append((probs[:, router.top_k - 1] - probs[:, router.top_k]).min().item())
        chosen.update(map(tuple, out[2].sort(-1).values.tolist()))

    hooks = [
        m.register_forward_hook(watch) for m in model.modules() if type(m).__name__.endswith("TopKRouter")
    ]
    last_logits(model, sequences)
    for hook in hooks:
        hook.remove()
    assert bool(hooks) == (case.family in MOES), f"{case.name}: {len(hooks)} routers"
    if hooks:
        assert min(margins) > MARGIN, f"{case.name}: experts are chosen by a margin of {min(margins):.1e}"
        assert len(chosen) > 2, f"{case.name}: only {chosen} are ever chosen"


def merged(config: dict, changes: dict) -> dict:
    """The config with some keys changed, dropped, or changed within."""
    config = dict(config)
    for key, value in changes.items():
        if value is DROP:
            config.pop(key)
        elif isinstance(value, dict) and isinstance(config.get(key), dict):
            config[key] = merged(config[key], value)
        else:
            config[key] = value
    return config


def logits_under(config: dict, folder: Path, sequences: list[list[int]]) -> list[np.ndarray]:
    """What the folder's weights give under another config."""
    with tempfile.TemporaryDirectory() as other:
        other = Path(shutil.copytree(folder, other, dirs_exist_ok=True))
        (other / "config.json").write_text(json.dumps(config))
        return last_logits(load(other, strict=False), sequences)


def check_both_styles(case: Case, folder: Path, sequences: list[list[int]], logits: list[np.ndarray]) -> None:
    """The same weights under the other style of config.json must give the same logits, bit for bit."""
    others = logits_under(config_json(case, 9 - case.style), folder, sequences)
    assert all(map(np.array_equal, logits, others)), f"{case.name}: the two config styles disagree"


def check_options_matter(
    case: Case, folder: Path, sequences: list[list[int]], logits: list[np.ndarray]
) -> str:
    """Each option that the case is there for must move some log-prob visibly when changed, or none at all."""
    moved = []
    for what, changes in case.matters.items():
        others = logits_under(merged(config_of(folder), changes), folder, sequences)
        moved.append((difference(logits, others), what))
        assert moved[-1][0] > VISIBLE, (
            f"{case.name}: without {what} log-probs move by {moved[-1][0]:.1e} only"
        )
    for what, changes in case.inert.items():
        others = logits_under(merged(config_of(folder), changes), folder, sequences)
        assert all(map(np.array_equal, logits, others)), f"{case.name}: {what} has an effect"
    return f", weakest option {min(moved)[1]} {min(moved)[0]:.2f}" if moved else ""


@torch.inference_mode()
def rope_json(case: Case, model: torch.nn.Module, sequences: list[list[int]]) -> str | None:
    """The rope frequencies that each sequence was run with, where they aren't the default ones."""
    if not case.rope:
        return None
    rows, scalings = [], set()
    for ids in sequences if case.depends_on_length else sequences[-1:]:
        fresh = fresh_if_dynamic(model)
        fresh(torch.tensor([ids]), use_cache=False)
        embedding = rotary(fresh)
        at = "full_attention_" if hasattr(embedding, "full_attention_inv_freq") else ""
        rows.append([nine(x) for x in getattr(embedding, at + "inv_freq").tolist()])
        scalings.add(float(getattr(embedding, at + "attention_scaling")))
    distinct = len({tuple(row) for row in rows})
    assert (distinct > 1) == case.depends_on_length, f"{case.name}: {distinct} sets of frequencies"
    (scaling,) = scalings
    body = ",\n".join("  " + json.dumps(row, separators=(",", ":")) for row in rows)
    depends = json.dumps(case.depends_on_length)
    return (
        f'{{\n "depends_on_sequence_length": {depends},\n "attention_scaling": {nine(scaling)},\n'
        f' "inv_freq": [\n{body}\n ]\n}}\n'
    )


def nine(x: float) -> float:
    """Nine significant digits: more than f32 holds."""
    return float(f"{x:.9g}")
