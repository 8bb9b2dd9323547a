"""The shapes of published models, as the config.json they are published with. Knows nothing about weights."""

SEED = 1
QUICK_LAYER_COUNT = 2


def _qwen2(hidden, inner, layers, heads, kv_heads, positions):
    return {
        "architectures": ["Qwen2ForCausalLM"],
        "attention_dropout": 0.0,
        "bos_token_id": 151643,
        "eos_token_id": 151643,
        "hidden_act": "silu",
        "hidden_size": hidden,
        "initializer_range": 0.02,
        "intermediate_size": inner,
        "max_position_embeddings": positions,
        "max_window_layers": layers,
        "model_type": "qwen2",
        "num_attention_heads": heads,
        "num_hidden_layers": layers,
        "num_key_value_heads": kv_heads,
        "rms_norm_eps": 1e-06,
        "rope_theta": 1000000.0,
        "sliding_window": positions,
        "tie_word_embeddings": True,
        "torch_dtype": "bfloat16",
        "use_cache": True,
        "use_sliding_window": False,
        "vocab_size": 151936,
    }


def _llama32(hidden, inner, layers, heads, kv_heads):
    return {
        "architectures": ["LlamaForCausalLM"],
        "attention_bias": False,
        "attention_dropout": 0.0,
        "bos_token_id": 128000,
        "eos_token_id": 128001,
        "head_dim": 64,
        "hidden_act": "silu",
        "hidden_size": hidden,
        "initializer_range": 0.02,
        "intermediate_size": inner,
        "max_position_embeddings": 131072,
        "mlp_bias": False,
        "model_type": "llama",
        "num_attention_heads": heads,
        "num_hidden_layers": layers,
        "num_key_value_heads": kv_heads,
        "pretraining_tp": 1,
        "rms_norm_eps": 1e-05,
        "rope_scaling": {
            "factor": 32.0,
            "high_freq_factor": 4.0,
            "low_freq_factor": 1.0,
            "original_max_position_embeddings": 8192,
            "rope_type": "llama3",
        },
        "rope_theta": 500000.0,
        "tie_word_embeddings": True,
        "torch_dtype": "bfloat16",
        "use_cache": True,
        "vocab_size": 128256,
    }


SHAPES = {
    "qwen2.5-0.5b": _qwen2(hidden=896, inner=4864, layers=24, heads=14, kv_heads=2, positions=32768),
    "qwen2.5-1.5b": _qwen2(hidden=1536, inner=8960, layers=28, heads=12, kv_heads=2, positions=131072),
    "llama-3.2-1b": _llama32(hidden=2048, inner=8192, layers=16, heads=32, kv_heads=8),
}


def config(shape, quick):
    """The config.json of a shape; `quick` keeps its width and vocabulary and cuts its depth."""
    values = dict(SHAPES[shape])
    if quick:
        values["num_hidden_layers"] = QUICK_LAYER_COUNT
        if "max_window_layers" in values:
            values["max_window_layers"] = QUICK_LAYER_COUNT
    return values


def folder_name(shape, quick):
    """Names what the weights depend on, so that a cached model is never taken for another."""
    layers = config(shape, quick)["num_hidden_layers"]
    return f"{shape}-{layers}layers-seed{SEED}"


def head_dim(values):
    return values.get("head_dim", values["hidden_size"] // values["num_attention_heads"])
