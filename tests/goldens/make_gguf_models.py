"""Writes gguf_models/: some models of models/ as GGUF files, by the rules of llama.cpp's converter (conversion/*.py).

Knows nothing about the Rust code. Matrices keep their numbers, and vectors become f32. Tensor names come from the gguf package's own table. What a GGUF file cannot say of a model
is changed in its config first; gguf_models/changes.json tells what, and
expected.json what transformers then computes.

    python make_gguf_models.py
"""

import json
import math
import shutil
import string
import tempfile
from pathlib import Path

import gguf
import numpy as np
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

HERE = Path(__file__).parent
OUT = HERE / "gguf_models"

# Model, architecture, and what is changed in its config.
MODELS = {
    "llama_falcon3": ("llama", {}),
    "llama_rope3_parameters": ("llama", {}),
    "llama_linear_parameters": ("llama", {}),
    "mixtral_no_window": ("llama", {}),
    "qwen2_yarn": ("qwen2", {}),
    "qwen2_moe_shared": ("qwen2moe", {}),
    # Windows are not told of.
    "qwen3_window": ("qwen3", {"use_sliding_window": False}),
    # The router's shares are always divided by their sum.
    "qwen3_moe_window": ("qwen3moe", {"norm_topk_prob": True, "use_sliding_window": False}),
    "gemma_head_dim": ("gemma", {}),
    # The scale follows from the width of a head.
    "gemma2_caps": ("gemma2", {"query_pre_attn_scalar": 8}),
    "gemma3_text_pattern": ("gemma3", {"query_pre_attn_scalar": 8}),
    "phi3_window": ("phi3", {}),
    "phi3_longrope": ("phi3", {}),
    "smollm3_interval": ("smollm3", {}),
    "olmo2_gqa": ("olmo2", {}),
    "granite_multipliers": ("granite", {}),
    # A scale of 1 is not what is meant where none is told.
    "granite_bias": ("granite", {"attention_multiplier": 1.0}),
    "stablelm_bias": ("stablelm", {}),
    "stablelm_parallel": ("stablelm", {}),
    # Scores are always scaled.
    "gpt2_unscaled": ("gpt2", {"scale_attn_weights": True}),
}
# Through the converter's LlamaModel, which permutes queries and keys.
PERMUTED = {"llama", "granite", "smollm3"}
STACKED = {"mixtral": ("block_sparse_moe", ("w1", "w2", "w3")), "qwen": ("mlp", ("gate_proj", "up_proj", "down_proj"))}
TEMPLATE = "{{ bos_token }}{% for message in messages %}{{ message['role'] + ' ' + message['content'] + ' ' }}{% endfor %}{% if add_generation_prompt %}{{ 'assistant ' }}{% endif %}"


def rope_parameters(config: dict) -> dict:
    rope = dict(config.get("rope_scaling") or config.get("rope_parameters") or {})
    rope.setdefault("rope_theta", config.get("rope_theta"))
    rope["rope_type"] = rope.get("rope_type") or rope.get("type") or "default"
    top = config.get("original_max_position_embeddings")
    rope["original"] = top or rope.get("original_max_position_embeddings") or config.get("max_position_embeddings")
    rope["partial"] = rope.get("partial_rotary_factor") or config.get("partial_rotary_factor")
    return rope


def add_sizes(writer: gguf.GGUFWriter, arch: str, config: dict) -> None:
    hidden = config.get("hidden_size") or config["n_embd"]
    heads = config.get("num_attention_heads") or config["n_head"]
    writer.add_block_count(config.get("num_hidden_layers") or config["n_layer"])
    writer.add_context_length(config.get("max_position_embeddings") or config["n_positions"])
    writer.add_embedding_length(hidden)
    writer.add_feed_forward_length(config.get("intermediate_size") or config.get("n_inner") or 4 * hidden)
    writer.add_head_count(heads)
    if arch != "gpt2":
        writer.add_head_count_kv(config.get("num_key_value_heads") or heads)
    if "rms_norm_eps" in config:
        writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    else:
        writer.add_layer_norm_eps(config.get("layer_norm_eps") or config["layer_norm_epsilon"])
    if config.get("head_dim"):
        writer.add_key_length(config["head_dim"])
        writer.add_value_length(config["head_dim"])
    experts = config.get("num_local_experts") or config.get("num_experts")
    if experts:
        writer.add_expert_count(experts)
        writer.add_expert_used_count(config["num_experts_per_tok"])
    if config.get("moe_intermediate_size"):
        writer.add_expert_feed_forward_length(config["moe_intermediate_size"])
    if config.get("shared_expert_intermediate_size"):
        writer.add_expert_shared_feed_forward_length(config["shared_expert_intermediate_size"])


def add_rope(writer: gguf.GGUFWriter, arch: str, config: dict) -> None:
    rope = rope_parameters(config)
    head_dim = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    if rope["rope_theta"] is not None:
        writer.add_rope_freq_base(rope["rope_theta"])
    if arch == "stablelm":
        writer.add_rope_dimension_count(int((rope["partial"] or 0.25) * head_dim))
    elif arch == "phi3":
        writer.add_rope_dimension_count(int((rope["partial"] or 1.0) * config["hidden_size"]) // config["num_attention_heads"])
        writer.add_rope_scaling_orig_ctx_len(rope["original"])
    elif arch in PERMUTED:
        writer.add_rope_dimension_count(head_dim)
    if rope["rope_type"] == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(rope["factor"])
    elif rope["rope_type"] == "yarn":
        writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        writer.add_rope_scaling_factor(rope["factor"])
        writer.add_rope_scaling_orig_ctx_len(rope["original"])
    elif rope["rope_type"] == "llama3":
        writer.add_tensor("rope_freqs.weight", llama3_factors(rope, head_dim))
    elif rope["rope_type"] == "longrope":
        scale = config["max_position_embeddings"] / rope["original"]
        writer.add_rope_scaling_attn_factors(math.sqrt(1 + math.log(scale) / math.log(rope["original"])))
        for length in ["long", "short"]:
            writer.add_tensor(f"rope_factors_{length}.weight", np.array(rope[f"{length}_factor"], dtype=np.float32))


def llama3_factors(rope: dict, dim: int) -> np.ndarray:
    frequencies = 1.0 / rope["rope_theta"] ** (torch.arange(0, dim, 2, dtype=torch.float32) / dim)
    factor, low, high, original = (rope[key] for key in ["factor", "low_freq_factor", "high_freq_factor", "original"])
    factors = []
    for wavelength in (2 * math.pi / frequencies).tolist():
        smooth = (original / wavelength - low) / (high - low)
        blended = 1 / ((1 - smooth) / factor + smooth)
        factors.append(1 if wavelength < original / high else factor if wavelength > original / low else blended)
    return np.array(factors, dtype=np.float32)


def add_peculiarities(writer: gguf.GGUFWriter, arch: str, config: dict) -> None:
    if arch in ["gemma2", "phi3"] or arch == "gemma3":
        writer.add_sliding_window(config.get("sliding_window") or 0)
    if arch == "gemma2":
        writer.add_attn_logit_softcapping(config["attn_logit_softcapping"])
        writer.add_final_logit_softcapping(config["final_logit_softcapping"])
    if arch == "gemma3":
        writer.add_uint32("gemma3.attention.sliding_window_pattern", config["sliding_window_pattern"])
        writer.add_float32("gemma3.rope.freq_base_swa", config["rope_local_base_freq"])
    if arch == "granite":
        writer.add_attention_scale(config["attention_multiplier"])
        writer.add_embedding_scale(config.get("embedding_multiplier", 1.0))
        writer.add_residual_scale(config.get("residual_multiplier", 1.0))
        writer.add_logit_scale(config.get("logits_scaling", 1.0))
    if arch == "stablelm":
        writer.add_parallel_residual(config.get("use_parallel_residual", False))


def permuted(weight: torch.Tensor, heads: int) -> torch.Tensor:
    halves = weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:])
    return halves.swapaxes(1, 2).reshape(weight.shape)


def stacked(tensors: dict[str, torch.Tensor], config: dict) -> dict[str, torch.Tensor]:
    """Experts, and norms of heads, in one tensor each."""
    layers = config.get("num_hidden_layers") or config["n_layer"]
    place, parts = STACKED["mixtral" if config["model_type"] == "mixtral" else "qwen"]
    for layer in range(layers):
        for part in parts:
            names = [f"model.layers.{layer}.{place}.experts.{index}.{part}.weight" for index in range(64)]
            names = [name for name in names if name in tensors]
            if names:
                where = f"layers.{layer}.feed_forward.experts" if place != "mlp" else f"model.layers.{layer}.mlp.experts"
                tensors[f"{where}.{part}.weight"] = torch.stack([tensors.pop(name) for name in names])
        for norm in ["q_layernorm", "k_layernorm"]:
            prefix = f"model.layers.{layer}.self_attn.{norm}"
            names = [f"{prefix}.norms.{head}.weight" for head in range(64) if f"{prefix}.norms.{head}.weight" in tensors]
            if names:
                tensors[f"{prefix}.weight"] = torch.stack([tensors.pop(name) for name in names])
    return tensors


def add_tensors(
    writer: gguf.GGUFWriter, arch: str, config: dict, tensors: dict[str, torch.Tensor], plain: bool
) -> None:
    kind = next(kind for kind, name in gguf.MODEL_ARCH_NAMES.items() if name == arch)
    table = gguf.get_tensor_name_map(kind, config.get("num_hidden_layers") or config["n_layer"])
    tied = config.get("tie_word_embeddings", arch in ["gemma", "gemma2", "gemma3", "smollm3", "gpt2"])
    for name, weight in sorted(stacked(tensors, config).items()):
        if name.endswith((".attn.bias", ".attn.masked_bias")) or (tied and name == "lm_head.weight"):
            continue
        if arch in PERMUTED and name.endswith(("q_proj.weight", "q_proj.bias")):
            weight = permuted(weight, config["num_attention_heads"])
        if arch in PERMUTED and name.endswith(("k_proj.weight", "k_proj.bias")):
            weight = permuted(weight, config.get("num_key_value_heads") or config["num_attention_heads"])
        if arch.startswith("gemma") and name.endswith("norm.weight"):
            weight = weight.float() + 1
        if arch == "gpt2" and name.endswith((".c_attn.weight", ".c_proj.weight", ".c_fc.weight")):
            weight = weight.T
        new_name = table.get_name(name, try_suffixes=(".weight", ".bias"))
        assert new_name, name
        # Routers of shared experts are vectors.
        weight = weight.squeeze(0) if new_name.endswith("ffn_gate_inp_shexp.weight") else weight
        if weight.ndim == 1 or "norm" in new_name or "ffn_gate_inp" in new_name or plain:
            writer.add_tensor(new_name, weight.float().contiguous().numpy())
        elif weight.dtype == torch.bfloat16:
            bits = weight.contiguous().view(torch.int16).numpy().view(np.uint8)
            writer.add_tensor(new_name, bits, raw_dtype=gguf.GGMLQuantizationType.BF16)
        else:
            writer.add_tensor(new_name, weight.contiguous().numpy())


def add_vocabulary(writer: gguf.GGUFWriter, size: int) -> None:
    """Letters, some words of two tokens and more, and names for the rest of the rows."""
    tokens = ["<unk>", "<s>", "</s>", "▁", *string.ascii_lowercase, "▁a", "▁b", "▁th", "▁the", "th", "he", "in", "an", "▁c"]
    tokens = (tokens + [f"<unused{index}>" for index in range(size)])[:size]
    kinds = {"<unk>": gguf.TokenType.UNKNOWN, "<s>": gguf.TokenType.CONTROL, "</s>": gguf.TokenType.CONTROL}
    unused = gguf.TokenType.UNUSED
    types = [kinds.get(token, unused if token.startswith("<unused") else gguf.TokenType.NORMAL) for token in tokens]
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_scores([-float(index) for index in range(size)])
    writer.add_token_types(types)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(True)
    writer.add_chat_template(TEMPLATE)


def make(
    name: str, arch: str, changes: dict, out: Path = OUT, plain: bool = False, tensors_per_file: int = 0
) -> None:
    """All tensors in f32 where they are to be plain; in several files where each is to hold so many tensors."""
    folder = HERE / "models" / name
    config = json.loads((folder / "config.json").read_text()) | changes
    tensors = {}
    for path in sorted(folder.glob("*.safetensors")):
        tensors |= load_file(path)
    writer = gguf.GGUFWriter(out / f"{name}.gguf", arch, split_max_tensors=tensors_per_file)
    writer.add_name(name)
    add_sizes(writer, arch, config)
    if arch != "gpt2":
        add_rope(writer, arch, config)
    add_peculiarities(writer, arch, config)
    writer.add_vocab_size(config["vocab_size"])
    add_vocabulary(writer, config["vocab_size"])
    add_tensors(writer, arch, config, tensors, plain)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def log_probs(name: str, changes: dict) -> list[list[float]]:
    """What transformers computes of the changed model, for each of its golden sequences alone."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(HERE / "models" / name, folder, dirs_exist_ok=True)
        config = Path(folder) / "config.json"
        config.write_text(json.dumps(json.loads(config.read_text()) | changes))
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    sequences = json.loads((HERE / "models" / name / "expected.json").read_text())["sequences"]
    with torch.no_grad():
        rows = [model(torch.tensor([ids]), use_cache=False).logits[0, -1].double().log_softmax(-1) for ids in sequences]
    return [[round(value, 8) for value in row.tolist()] for row in rows]


if __name__ == "__main__":
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    for name, (arch, changes) in MODELS.items():
        make(name, arch, changes)
    (OUT / "split").mkdir()
    make("llama_falcon3", "llama", {}, OUT / "split", tensors_per_file=8)
    changes = {name: changes for name, (_, changes) in MODELS.items()}
    (OUT / "changes.json").write_text(json.dumps(changes, indent=1) + "\n")
    expected = {name: log_probs(name, fields) for name, fields in changes.items() if fields}
    (OUT / "expected.json").write_text(json.dumps(expected) + "\n")
