"""The survey workload through transformers on a GPU, flat and as a hand-written trie, random weights of a named shape.

    python transformers_gpu.py SHAPE

Prints one JSON object with the seconds of each way, the medians of three runs after a warm-up.
"""

import json
import statistics
import sys
import time
from pathlib import Path

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM, DynamicCache

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "peers"))

from shapes import SHAPES  # noqa: E402
from workload import make_survey, tree  # noqa: E402

FLAT_BATCH = 48
RUN_COUNT = 3
# as meta-llama/Llama-3.1-8B's config.json has it
LLAMA_8B = {
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "head_dim": 128,
    "tie_word_embeddings": False,
}


def config(shape):
    if shape == "llama-3.1-8b":
        values = SHAPES["llama-3.2-1b"] | LLAMA_8B
        values["rope_scaling"] = values["rope_scaling"] | {"factor": 8.0}
    else:
        values = dict(SHAPES[shape])
    return AutoConfig.for_model(values.pop("model_type"), **values)


def forward(model, ids, cache=None, use_cache=True):
    ids = torch.tensor(ids, device=model.device)
    output = model(ids, past_key_values=cache, use_cache=use_cache, logits_to_keep=1)
    return output.logits[:, -1], output.past_key_values


def read(logits, wanted):
    return logits.float().log_softmax(-1)[:, wanted].cpu()


def branches(cache, row, count):
    children = DynamicCache(
        [(layer.keys[row : row + 1], layer.values[row : row + 1]) for layer in cache.layers]
    )
    for layer in children.layers:
        layer.keys = layer.keys.expand(count, -1, -1, -1)
        layer.values = layer.values.expand(count, -1, -1, -1)
    return children


def flat(model, prompts):
    for start in range(0, len(prompts), FLAT_BATCH):
        batch = prompts[start : start + FLAT_BATCH]
        logits, _ = forward(model, [prompt.input_ids for prompt in batch], use_cache=False)
        read(logits, batch[0].wanted)


def trie(model, prompts):
    wanted = prompts[0].wanted
    for persona, situations in tree(prompts):
        _, persona_cache = forward(model, [persona])
        children = branches(persona_cache, 0, len(situations))
        _, situation_cache = forward(model, [ids for ids, _ in situations], children)
        for row, (_, items) in enumerate(situations):
            children = branches(situation_cache, row, len(items))
            read(forward(model, [ids for ids, _ in items], children)[0], wanted)


def seconds(way, model, prompts):
    def once():
        torch.cuda.synchronize()
        start = time.perf_counter()
        way(model, prompts)
        torch.cuda.synchronize()
        return time.perf_counter() - start

    once()
    return statistics.median(once() for _ in range(RUN_COUNT))


@torch.inference_mode()
def main():
    shape = sys.argv[1]
    torch.manual_seed(1)
    with torch.device("cuda"):
        model = AutoModelForCausalLM.from_config(config(shape), dtype=torch.bfloat16).eval()
    prompts = make_survey(quick=False)
    found = {way.__name__ + "_wall_seconds": seconds(way, model, prompts) for way in (flat, trie)}
    versions = {"transformers": transformers.__version__, "torch": torch.__version__}
    gpu = torch.cuda.get_device_name()
    print(json.dumps({"shape": shape, "dtype": "bf16", "gpu": gpu, **found, "versions": versions}))


if __name__ == "__main__":
    main()
