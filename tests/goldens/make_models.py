"""Writes models/<name>/: tiny random decoders and the log-probs that transformers reads off them.

Knows nothing about the Rust engine. Weights come from a seeded numpy generator, with random norms and biases,
so that a norm, a bias or a head mix-up shows. Each expected.json holds, at the last position of every
sequence, the whole log-softmax row (natural log), its entropy (nats) and log-sum-exp(logits / T).

    python make_models.py [name or family ...]
"""

import json
import math
import shutil
import sys
from pathlib import Path

import numpy as np
import torch
import transformers
from decoders import cases_gemma, cases_gpt, cases_llama, cases_mistral, cases_others, cases_qwen, reference
from decoders.case import Case, make_sequences
from decoders.configs import config_json
from decoders.reference import nine
from decoders.tensors import make_weights
from safetensors.torch import save_file
from scipy.special import logsumexp

OUT = Path(__file__).parent / "models"
TEMPERATURES = [0.25, 1.0, 2.0]
MODULES = [cases_llama, cases_qwen, cases_mistral, cases_gemma, cases_others, cases_gpt]
CASES = [case for module in MODULES for case in module.CASES]


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
    model = reference.load(folder)
    logits = reference.last_logits(model, sequences)
    reference.check_rope_bands(case, model)
    reference.check_routing(case, model, sequences)
    reference.check_both_styles(case, folder, sequences, logits)
    sharpness = reference.check_sharpness(case, model, sequences)
    weakest = reference.check_options_matter(case, folder, sequences, logits)
    exact = reference.last_logits(reference.load(folder, torch.float64), sequences)
    drift = reference.difference(logits, exact)
    assert drift < 2e-5, f"{case.name}: f32 and f64 differ by {drift:.1e}, too near the tests' tolerance"

    (folder / "expected.json").write_text(expected_json(sequences, logits))
    if rope := reference.rope_json(case, reference.load(folder), sequences):
        (folder / "rope.json").write_text(rope)
    size = sum(file.stat().st_size for file in folder.iterdir())
    assert size < 200_000, f"{case.name}: {size} bytes"
    print(f"models/{case.name}: {size / 1000:.0f} kB, {sharpness}, f32 against f64 {drift:.1e}{weakest}")


def main() -> None:
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    assert len({case.name for case in CASES}) == len(CASES), "two models of one name"
    wanted = sys.argv[1:]
    for case in CASES:
        if not wanted or case.name in wanted or case.family in wanted:
            make(case)
    total = sum(file.stat().st_size for file in OUT.rglob("*") if file.is_file())
    versions = f"transformers {transformers.__version__}, torch {torch.__version__}"
    print(f"{len(CASES)} models, {total / 1000:.0f} kB, {versions}")


if __name__ == "__main__":
    main()
