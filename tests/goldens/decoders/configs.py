"""config.json of a case, as transformers 4 or 5 writes it.

Knows which keys each family's config has, and nothing about weights.
"""

from .case import Case, kind_of

ARCHITECTURES = {
    "llama": "LlamaForCausalLM",
    "mistral": "MistralForCausalLM",
    "mixtral": "MixtralForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "qwen2_moe": "Qwen2MoeForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
    "qwen3_moe": "Qwen3MoeForCausalLM",
    "gemma": "GemmaForCausalLM",
    "gemma2": "Gemma2ForCausalLM",
    "gemma3_text": "Gemma3ForCausalLM",
    "gemma3": "Gemma3ForConditionalGeneration",
    "phi3": "Phi3ForCausalLM",
    "smollm3": "SmolLM3ForCausalLM",
    "olmo2": "Olmo2ForCausalLM",
    "granite": "GraniteForCausalLM",
    "stablelm": "StableLmForCausalLM",
    "gpt2": "GPT2LMHeadModel",
    "gpt_neox": "GPTNeoXForCausalLM",
}
GEMMAS = ("gemma", "gemma2", "gemma3_text", "gemma3")
MOES = ("mixtral", "qwen2_moe", "qwen3_moe")
WITHOUT_HEAD_DIM = (
    "qwen2",
    "qwen2_moe",
    "phi3",
    "smollm3",
    "olmo2",
    "granite",
    "stablelm",
    "gpt2",
    "gpt_neox",
)
WITH_ATTENTION_BIAS = ("llama", "qwen3", "qwen3_moe", *GEMMAS, "smollm3", "olmo2", "granite", "gpt_neox")
WITH_MLP_BIAS = ("llama", "smollm3", "granite")


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
        "max_position_embeddings": case.positions,
        "model_type": case.family,
        "num_attention_heads": case.heads,
        "num_hidden_layers": case.layers,
        "num_key_value_heads": case.kv_heads,
        "rms_norm_eps": case.eps,
        "tie_word_embeddings": case.tied,
        "use_cache": True,
        "vocab_size": case.vocab,
    }
    if case.family in WITHOUT_HEAD_DIM:
        del config["head_dim"]
    if case.family in WITH_ATTENTION_BIAS:
        config["attention_bias"] = case.attention_bias
    if case.family in WITH_MLP_BIAS:
        config["mlp_bias"] = case.mlp_bias
    if case.family in GEMMAS:
        del config["hidden_act"]
        config["hidden_act" if case.family == "gemma" else "hidden_activation"] = "gelu_pytorch_tanh"
    if case.family in ("stablelm", "gpt_neox"):
        config["layer_norm_eps"] = config.pop("rms_norm_eps")
    if case.family == "gpt_neox":
        del config["num_key_value_heads"]
        config["hidden_act"] = "gelu"
    if case.family == "phi3":
        config |= {"embd_pdrop": 0.0, "resid_pdrop": 0.0, "pad_token_id": 0}
    if case.family == "smollm3":
        config["pad_token_id"] = 0
    if case.family == "gpt2":
        config = gpt2_config(config)
    config |= rope_keys(case, style)
    config |= {"torch_dtype": case.dtype} if style == 4 else {"dtype": case.dtype}
    config["transformers_version"] = "4.57.1" if style == 4 else "5.0.0"
    config |= case.extra | case.only.get(style, {})
    for key in case.drop:
        config.pop(key, None)
    if case.family == "gemma3":
        config = multimodal(config)
    return dict(sorted(config.items()))


def rope_keys(case: Case, style: int) -> dict:
    """How the rotary embedding is told: scattered over the config in style 4, in one place in style 5."""
    if case.family == "gpt2":
        return {}
    gemma3 = case.family in ("gemma3", "gemma3_text")
    if style == 5:
        kind = kind_of(case.rope) if case.rope else "default"
        details = {key: value for key, value in (case.rope or {}).items() if key != "type"}
        parameters = {"rope_type": kind} | details | {"rope_theta": case.theta}
        if case.partial is not None:
            parameters["partial_rotary_factor"] = case.partial
        if gemma3:
            local = {"rope_type": "default", "rope_theta": case.extra["rope_local_base_freq"]}
            parameters = {"full_attention": parameters, "sliding_attention": local}
        return {"rope_parameters": parameters}
    theta, partial = "rope_theta", "partial_rotary_factor"
    if case.family == "gpt_neox":
        theta, partial = "rotary_emb_base", "rotary_pct"
    keys = {theta: case.theta, "rope_scaling": case.rope}
    return keys if case.partial is None else keys | {partial: case.partial}


def gpt2_config(config: dict) -> dict:
    """GPT-2 has names of its own for the shapes."""
    names = {
        "hidden_size": "n_embd",
        "max_position_embeddings": "n_positions",
        "num_attention_heads": "n_head",
        "num_hidden_layers": "n_layer",
        "intermediate_size": "n_inner",
        "rms_norm_eps": "layer_norm_epsilon",
    }
    dropped = ("attention_dropout", "hidden_act", "num_key_value_heads")
    kept = {names.get(key, key): value for key, value in config.items() if key not in dropped}
    return kept | {
        "activation_function": "gelu_new",
        "attn_pdrop": 0.1,
        "embd_pdrop": 0.1,
        "resid_pdrop": 0.1,
        "summary_type": "cls_index",
    }


def multimodal(text: dict) -> dict:
    """A gemma3 config: the text model's keys one level down, and a vision tower that text never enters."""
    outer = (
        "architectures",
        "model_type",
        "transformers_version",
        "torch_dtype",
        "dtype",
        "tie_word_embeddings",
    )
    config = {key: text.pop(key) for key in outer if key in text}
    vision = {
        "hidden_size": 8,
        "image_size": 4,
        "intermediate_size": 8,
        "model_type": "siglip_vision_model",
        "num_attention_heads": 2,
        "num_hidden_layers": 1,
        "patch_size": 2,
        "vision_use_head": False,
    }
    text["model_type"] = "gemma3_text"
    return config | {
        "boi_token_index": 4,
        "eoi_token_index": 5,
        "image_token_index": 6,
        "mm_tokens_per_image": 4,
        "text_config": dict(sorted(text.items())),
        "vision_config": vision,
    }
