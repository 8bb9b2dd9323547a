"""The random tensors of a case, under the names that published checkpoints of its family use.

Norms, biases and gates are random too, so that a norm, a bias or a head mix-up shows.
"""

import math

import numpy as np
import torch

from .case import Case, seeded
from .configs import GEMMAS, MOES

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

# name -> (shape, mean, std). The stds make attention peaked and logits spread over several nats.
Shapes = dict[str, tuple[tuple, float, float]]


def matrix(rows: int, columns: int, gain: float = 1.2) -> tuple[tuple, float, float]:
    """A linear layer's weight, [out, in], which multiplies the spread of its input by the gain."""
    return ((rows, columns), 0.0, gain / math.sqrt(columns))


def norm(case: Case, name: str, size: int, mean: float = 1.0, std: float = 0.3) -> Shapes:
    """A norm's weight, and its bias where the family has LayerNorms. Gemma stores weight - 1."""
    shapes = {f"{name}.weight": ((size,), mean - 1.0 if case.family in GEMMAS else mean, std)}
    if case.family in ("stablelm", "gpt2", "gpt_neox"):
        shapes[f"{name}.bias"] = ((size,), 0.0, 0.3)
    return shapes


def linear(name: str, rows: int, columns: int, gain: float, bias: bool) -> Shapes:
    shapes = {f"{name}.weight": matrix(rows, columns, gain)}
    return shapes | ({f"{name}.bias": ((rows,), 0.0, 0.5)} if bias else {})


def weight_shapes(case: Case) -> Shapes:
    if case.family == "gpt2":
        return gpt2_shapes(case)
    if case.family == "gpt_neox":
        return neox_shapes(case)
    # A gemma embedding is multiplied by sqrt(hidden), a granite one by a number of the config.
    table = ((case.vocab, case.hidden), 0.0, 2.0 / math.sqrt(case.hidden))
    shapes = {"model.embed_tokens.weight": table, **norm(case, "model.norm", case.hidden)}
    if not case.tied:
        shapes["lm_head.weight"] = table
    for layer in range(case.layers):
        at = f"model.layers.{layer}."
        shapes |= attention_shapes(case, at + "self_attn.")
        shapes |= (
            moe_shapes(case, at) if is_sparse(case, layer) else mlp_shapes(case, at + "mlp.", case.inter)
        )
        for name in layer_norms(case):
            shapes |= norm(case, at + name, case.hidden)
    if case.family == "gemma3":
        shapes = {gemma3_name(case, name): shape for name, shape in shapes.items()} | vision_shapes(case)
    return shapes


def layer_norms(case: Case) -> tuple:
    if case.family == "olmo2":
        return "post_attention_layernorm", "post_feedforward_layernorm"
    if case.family in ("gemma2", "gemma3_text", "gemma3"):
        outer = ("input_layernorm", "post_attention_layernorm")
        return *outer, "pre_feedforward_layernorm", "post_feedforward_layernorm"
    if case.extra.get("use_parallel_residual"):
        return ("input_layernorm",)
    return "input_layernorm", "post_attention_layernorm"


def attention_shapes(case: Case, at: str) -> Shapes:
    h, q, kv = case.hidden, case.heads * case.head_dim, case.kv_heads * case.head_dim
    qkv_bias = case.attention_bias or case.family == "qwen2"
    qkv_bias |= case.family == "qwen2_moe" and case.extra.get("qkv_bias", True)
    qkv_bias |= case.extra.get("use_qkv_bias", False)
    if case.family == "phi3":
        shapes = linear(at + "qkv_proj", q + 2 * kv, h, 1.4, False)
    else:
        shapes = linear(at + "q_proj", q, h, 1.5, qkv_bias) | linear(at + "k_proj", kv, h, 1.5, qkv_bias)
        shapes |= linear(at + "v_proj", kv, h, 1.2, qkv_bias)
    shapes |= linear(at + "o_proj", h, q, 1.2, case.attention_bias)
    if case.family in ("qwen3", "qwen3_moe", "gemma3_text", "gemma3"):
        for name in ("q_norm", "k_norm"):
            shapes |= norm(case, at + name, case.head_dim, 1.4, 0.4)
    if case.family == "olmo2":
        shapes |= norm(case, at + "q_norm", q, 1.4, 0.4) | norm(case, at + "k_norm", kv, 1.4, 0.4)
    if case.extra.get("qk_layernorm"):
        for name, heads in (("q_layernorm", case.heads), ("k_layernorm", case.kv_heads)):
            for head in range(heads):
                shapes[f"{at}{name}.norms.{head}.weight"] = ((case.head_dim,), 1.4, 0.4)
    return shapes


def mlp_shapes(case: Case, at: str, inter: int) -> Shapes:
    h = case.hidden
    if case.family == "phi3":
        gate_and_up = linear(at + "gate_up_proj", 2 * inter, h, 1.2, False)
    else:
        gate_and_up = linear(at + "gate_proj", inter, h, 1.2, case.mlp_bias)
        gate_and_up |= linear(at + "up_proj", inter, h, 1.2, case.mlp_bias)
    return gate_and_up | linear(at + "down_proj", h, inter, 1.5, case.mlp_bias)


def is_sparse(case: Case, layer: int) -> bool:
    """Whether a layer has experts."""
    if case.family not in MOES or layer in (case.extra.get("mlp_only_layers") or []):
        return False
    return (layer + 1) % case.extra.get("decoder_sparse_step", 1) == 0


def moe_shapes(case: Case, at: str) -> Shapes:
    h = case.hidden
    if case.family == "mixtral":
        at += "block_sparse_moe."
        shapes = {f"{at}gate.weight": matrix(case.extra["num_local_experts"], h)}
        for expert in range(case.extra["num_local_experts"]):
            for name in ("w1", "w3"):
                shapes[f"{at}experts.{expert}.{name}.weight"] = matrix(case.inter, h)
            shapes[f"{at}experts.{expert}.w2.weight"] = matrix(h, case.inter, 1.5)
        return shapes
    at += "mlp."
    shapes = {f"{at}gate.weight": matrix(case.extra["num_experts"], h)}
    for expert in range(case.extra["num_experts"]):
        shapes |= mlp_shapes(case, f"{at}experts.{expert}.", case.extra["moe_intermediate_size"])
    if case.family == "qwen2_moe":
        shapes |= mlp_shapes(case, f"{at}shared_expert.", case.extra["shared_expert_intermediate_size"])
        shapes[f"{at}shared_expert_gate.weight"] = matrix(1, h)
    return shapes


def gpt2_shapes(case: Case) -> Shapes:
    """GPT-2 stores its linear layers as [in, out]; published files have no `transformer.` in front."""
    h, inter = case.hidden, case.inter or 4 * case.hidden
    table = 2.0 / math.sqrt(h)
    shapes = {
        "wte.weight": ((case.vocab, h), 0.0, table),
        "wpe.weight": ((case.positions, h), 0.0, table / 2),
    }
    shapes |= norm(case, "ln_f", h)
    for layer in range(case.layers):
        at = f"h.{layer}."
        linears = [
            ("attn.c_attn", h, 3 * h, 1.3 if not case.extra.get("scale_attn_weights", True) else 1.8),
            ("attn.c_proj", h, h, 1.2),
            ("mlp.c_fc", h, inter, 1.2),
            ("mlp.c_proj", inter, h, 1.5),
        ]
        for name, columns, rows, gain in linears:
            shapes[f"{at}{name}.weight"] = ((columns, rows), 0.0, gain / math.sqrt(columns))
            shapes[f"{at}{name}.bias"] = ((rows,), 0.0, 0.5)
        shapes |= norm(case, at + "ln_1", h) | norm(case, at + "ln_2", h)
    if case.naming == "transformer":
        shapes = {f"transformer.{name}": shape for name, shape in shapes.items()}
    if not case.tied:
        shapes["lm_head.weight"] = ((case.vocab, h), 0.0, table)
    return shapes


def neox_shapes(case: Case) -> Shapes:
    h = case.hidden
    table = ((case.vocab, h), 0.0, 2.0 / math.sqrt(h))
    shapes = {"gpt_neox.embed_in.weight": table, **norm(case, "gpt_neox.final_layer_norm", h)}
    if not case.tied:
        shapes["lm_head.weight" if case.naming == "lm_head" else "embed_out.weight"] = table
    for layer in range(case.layers):
        at = f"gpt_neox.layers.{layer}."
        shapes |= linear(at + "attention.query_key_value", 3 * h, h, 1.4, case.attention_bias)
        shapes |= linear(at + "attention.dense", h, h, 1.2, case.attention_bias)
        shapes |= linear(at + "mlp.dense_h_to_4h", case.inter, h, 1.2, True)
        shapes |= linear(at + "mlp.dense_4h_to_h", h, case.inter, 1.5, True)
        shapes |= norm(case, at + "input_layernorm", h) | norm(case, at + "post_attention_layernorm", h)
    return shapes


def gemma3_name(case: Case, name: str) -> str:
    """Published files have `language_model.` in front; those of a later naming, `model.language_model.`."""
    if case.naming == "model.language_model":
        return name.replace("model.", "model.language_model.", 1)
    return f"language_model.{name}"


def vision_shapes(case: Case) -> Shapes:
    """The vision tower that goes with `configs.multimodal`. A text reader must pass it over."""
    h = 8
    shapes = {
        "vision_tower.vision_model.embeddings.patch_embedding.weight": ((h, 3, 2, 2), 0.0, 0.3),
        "vision_tower.vision_model.embeddings.patch_embedding.bias": ((h,), 0.0, 0.3),
        "vision_tower.vision_model.embeddings.position_embedding.weight": ((4, h), 0.0, 0.3),
        "multi_modal_projector.mm_input_projection_weight": ((h, case.hidden), 0.0, 0.3),
        "multi_modal_projector.mm_soft_emb_norm.weight": ((h,), 0.0, 0.3),
    }
    at = "vision_tower.vision_model.encoder.layers.0."
    for name in (
        "self_attn.q_proj",
        "self_attn.k_proj",
        "self_attn.v_proj",
        "self_attn.out_proj",
        "mlp.fc1",
        "mlp.fc2",
    ):
        shapes |= linear(at + name, h, h, 1.0, True)
    for name in (at + "layer_norm1", at + "layer_norm2", "vision_tower.vision_model.post_layernorm"):
        shapes |= {f"{name}.weight": ((h,), 1.0, 0.3), f"{name}.bias": ((h,), 0.0, 0.3)}
    if case.naming == "model.language_model":
        shapes = {f"model.{name}": shape for name, shape in shapes.items()}
    return shapes


def make_weights(case: Case) -> dict[str, torch.Tensor]:
    """Every tensor of the model, in the dtype it is stored in."""
    weights = {}
    for name, (shape, mean, std) in weight_shapes(case).items():
        values = seeded(case.name, name).normal(mean, std, shape).astype(np.float32)
        weights[name] = torch.from_numpy(values).to(DTYPES[case.dtype])
    return weights | old_buffers(case)


def old_buffers(case: Case) -> dict[str, torch.Tensor]:
    """Causal masks and frequencies that old checkpoints carry: no weights, and not to be used."""
    buffers = {}
    if case.naming != "with buffers":
        return buffers
    for layer in range(case.layers):
        at = f"h.{layer}.attn." if case.family == "gpt2" else f"gpt_neox.layers.{layer}.attention."
        mask = torch.ones(case.positions, case.positions, dtype=torch.uint8).tril()
        buffers[at + "bias"] = mask[None, None].contiguous()
        if case.family == "gpt_neox":
            buffers[at + "masked_bias"] = torch.tensor(-1e9)
            buffers[at + "rotary_emb.inv_freq"] = torch.full((2,), 0.5)
    return buffers
