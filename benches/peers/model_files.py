"""Writes a random-weight model in Hugging Face layout: config, bf16 safetensors, a tokenizer that opens.

Matrices and biases are normal(0, 0.02), norms 1 + normal(0, 0.02), so that a lost bias or norm shows in the
log-probs. Every tensor has a generator of its own, seeded by its name. Speed does not depend on the values.
"""

import json
import zlib

import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers

from files import whole
from shapes import SEED, config, folder_name, head_dim

STANDARD_DEVIATION = 0.02


def tensor_shapes(values):
    """(name, shape) of every tensor of the checkpoint; all shapes here tie the output to the embedding."""
    hidden, inner = values["hidden_size"], values["intermediate_size"]
    query = values["num_attention_heads"] * head_dim(values)
    key = values["num_key_value_heads"] * head_dim(values)
    yield "model.embed_tokens.weight", (values["vocab_size"], hidden)
    for layer in range(values["num_hidden_layers"]):
        prefix = f"model.layers.{layer}"
        for part, rows in [("q", query), ("k", key), ("v", key)]:
            yield f"{prefix}.self_attn.{part}_proj.weight", (rows, hidden)
            if values["model_type"] == "qwen2":
                yield f"{prefix}.self_attn.{part}_proj.bias", (rows,)
        yield f"{prefix}.self_attn.o_proj.weight", (hidden, query)
        yield f"{prefix}.mlp.gate_proj.weight", (inner, hidden)
        yield f"{prefix}.mlp.up_proj.weight", (inner, hidden)
        yield f"{prefix}.mlp.down_proj.weight", (hidden, inner)
        yield f"{prefix}.input_layernorm.weight", (hidden,)
        yield f"{prefix}.post_attention_layernorm.weight", (hidden,)
    yield "model.norm.weight", (hidden,)


def random_tensor(name, shape):
    generator = np.random.default_rng([SEED, zlib.crc32(name.encode())])
    drawn = generator.standard_normal(shape, dtype=np.float32)
    drawn *= STANDARD_DEVIATION
    if name.endswith("norm.weight"):
        drawn += 1.0
    return torch.from_numpy(drawn).to(torch.bfloat16)


def write_tokenizer(folder, vocab_size):
    """One word per id ("t0", "t1", ...): no engine is measured on its tokenizer."""
    words = {f"t{index}": index for index in range(vocab_size)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="t0"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "t0", "unk_token": "t0"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2))


def make_model(shape, quick, work_dir):
    """The folder of the model, made if it is not there yet."""
    folder = work_dir / "models" / folder_name(shape, quick)
    if folder.exists():
        return folder
    values = config(shape, quick)
    with whole(folder) as partial:
        partial.mkdir()
        (partial / "config.json").write_text(json.dumps(values, indent=2))
        write_tokenizer(partial, values["vocab_size"])
        tensors = {name: random_tensor(name, size) for name, size in tensor_shapes(values)}
        save_file(tensors, partial / "model.safetensors", metadata={"format": "pt"})
    return folder
