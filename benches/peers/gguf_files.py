"""Writes the GGUF of a model folder from the same bf16 weights, and lets llama.cpp quantise it.

bf16 is kept bit for bit; norms and biases become f32, which loses nothing. Quantising is llama.cpp's own
(`llama_model_quantize`), so rows that a K format does not fit fall back to another format as its users
know it.
"""

import json
import math
from collections import Counter

import llama_cpp
import numpy as np
import torch
from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter, LlamaFileType
from safetensors import safe_open

from files import whole
from shapes import head_dim

FTYPES = {
    "q8_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0,
    "q6_k": llama_cpp.LLAMA_FTYPE_MOSTLY_Q6_K,
    "q4_k": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_K_M,
}
LAYER_NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
OUTER_NAMES = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}


def gguf_name(name):
    if name in OUTER_NAMES:
        return OUTER_NAMES[name]
    layer, rest = name.removeprefix("model.layers.").split(".", 1)
    part, kind = rest.rsplit(".", 1)
    return f"blk.{layer}.{LAYER_NAMES[part]}.{kind}"


def interleaved(tensor, head_count):
    """llama.cpp rotates neighbouring rows of a llama's heads, Hugging Face those half a head apart."""
    halves = tensor.reshape(head_count, 2, tensor.shape[0] // head_count // 2, *tensor.shape[1:])
    return halves.swapaxes(1, 2).reshape(tensor.shape)


def llama3_factors(values):
    """What llama.cpp divides each rotation frequency by, from a config's llama3 rope scaling."""
    scaling, size = values["rope_scaling"], head_dim(values)
    low = scaling["original_max_position_embeddings"] / scaling["low_freq_factor"]
    high = scaling["original_max_position_embeddings"] / scaling["high_freq_factor"]
    factors = []
    for index in range(0, size, 2):
        wavelength = 2 * math.pi * values["rope_theta"] ** (index / size)
        smooth = (low / wavelength - 1) / (low / high - 1)
        smooth = min(max(smooth, 0.0), 1.0)
        factors.append(1 / ((1 - smooth) / scaling["factor"] + smooth))
    return np.array(factors, dtype=np.float32)


def add_metadata(writer, values):
    writer.add_context_length(values["max_position_embeddings"])
    writer.add_embedding_length(values["hidden_size"])
    writer.add_feed_forward_length(values["intermediate_size"])
    writer.add_block_count(values["num_hidden_layers"])
    writer.add_head_count(values["num_attention_heads"])
    writer.add_head_count_kv(values["num_key_value_heads"])
    writer.add_rope_freq_base(values["rope_theta"])
    writer.add_rope_dimension_count(head_dim(values))
    writer.add_layer_norm_rms_eps(values["rms_norm_eps"])
    writer.add_vocab_size(values["vocab_size"])
    writer.add_tokenizer_model("no_vocab")
    writer.add_file_type(LlamaFileType.MOSTLY_BF16)


def add_tensor(writer, name, tensor, values):
    if values["model_type"] == "llama" and name.endswith(("q_proj.weight", "k_proj.weight")):
        query = name.endswith("q_proj.weight")
        tensor = interleaved(tensor, values["num_attention_heads" if query else "num_key_value_heads"])
    if tensor.dim() == 1:
        writer.add_tensor(gguf_name(name), tensor.float().numpy())
        return
    raw = tensor.contiguous().view(torch.uint8).numpy()
    writer.add_tensor(gguf_name(name), raw, raw_dtype=GGMLQuantizationType.BF16)


def write_bf16(folder, path):
    values = json.loads((folder / "config.json").read_text())
    with whole(path) as partial:
        writer = GGUFWriter(partial, values["model_type"])
        add_metadata(writer, values)
        if "rope_scaling" in values:
            writer.add_tensor("rope_freqs.weight", llama3_factors(values))
        with safe_open(folder / "model.safetensors", framework="pt") as weights:
            for name in weights.keys():  # noqa: SIM118 (no mapping)
                add_tensor(writer, name, weights.get_tensor(name), values)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


def quantise(source, precision, path, threads):
    settings = llama_cpp.llama_model_quantize_default_params()
    settings.ftype = FTYPES[precision]
    settings.nthread = threads
    with whole(path) as partial:
        status = llama_cpp.llama_model_quantize(str(source).encode(), str(partial).encode(), settings)
        if status != 0:
            raise RuntimeError(f"llama_model_quantize gave {status} for {path.name}")


def make_gguf(folder, precision, threads):
    """The GGUF of a model folder in a precision, beside the folder, made if it is not there yet."""
    path = folder.with_name(f"{folder.name}.{precision}.gguf")
    if path.exists():
        return path
    if precision == "bf16":
        write_bf16(folder, path)
    else:
        quantise(make_gguf(folder, "bf16", threads), precision, path, threads)
    return path


def matrix_formats(path):
    """How many matrices are stored in each format, such as {"Q5_0": 132, "Q8_0": 13}."""
    tensors = GGUFReader(path).tensors
    return dict(Counter(tensor.tensor_type.name for tensor in tensors if len(tensor.shape) > 1))
