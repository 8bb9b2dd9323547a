//! What is refused, and how it is named.

use super::*;

fn check_refusals(cases: Vec<(&str, Value, &str)>) {
    for (family, extra, named) in cases {
        let message = match parse(family, extra.clone()) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("{family} with {extra} is not refused"),
        };
        assert!(message.starts_with("config.json: ") && message.contains(named), "{message}");
    }
}

#[test]
fn what_changes_the_mathematics() {
    check_refusals(vec![
        ("mamba", json!({}), "`mamba` is not supported (supported: llama, mistral, "),
        ("llama", json!({"hidden_act": "relu"}), "hidden_act `relu`"),
        ("llama", json!({"quantization_config": {"bits": 4}}), "quantization_config"),
        ("llama", json!({"use_sliding_window": true}), "use_sliding_window"),
        ("llama", json!({"sliding_window": 4096}), "`sliding_window` (4096)"),
        ("llama", json!({"partial_rotary_factor": 0.5}), "partial_rotary_factor"),
        ("llama", json!({"rope_parameters": {"partial_rotary_factor": 0.5}}), "partial_rotary_factor"),
        ("llama", json!({"rope_interleaved": true}), "`rope_interleaved`"),
        ("llama", json!({"num_experts_per_tok": 2}), "`num_experts_per_tok`"),
        ("qwen3_moe", json!({"shared_expert_intermediate_size": 8}), "`shared_expert_intermediate_size` (8)"),
        ("qwen3_moe", json!({"use_qk_norm": 0}), "`use_qk_norm` (0)"),
        ("llama", json!({"is_encoder_decoder": true}), "`is_encoder_decoder`"),
        ("qwen2", json!({"dual_chunk_attention_config": {"chunk_size": 9}}), "`dual_chunk_attention_config`"),
        ("qwen2", json!({"attention_bias": true}), "`attention_bias`"),
        ("mistral", json!({"mlp_bias": true}), "`mlp_bias`"),
        ("gemma", json!({"use_bidirectional_attention": true}), "`use_bidirectional_attention`"),
        ("gemma3", json!({"text_config": {"head_scale": 2}}), "`text_config.head_scale` (2)"),
        ("gemma3", json!({"text_config": {"model_type": "llama"}}), "in text_config is not supported"),
        ("gemma3", json!({"hidden_scale": 2}), "`hidden_scale`"),
        ("gpt2", json!({"add_cross_attention": true}), "`add_cross_attention`"),
        ("gpt_neox", json!({"rope_theta": 5000.0, "rotary_pct": 1}), "`rope_theta` (5000.0)"),
        ("phi3", json!({"full_attn_mod": 2}), "`full_attn_mod`"),
        (
            "llama",
            json!({"layer_types": ["full_attention", "chunked_attention", "a", "b"]}),
            "`chunked_attention`",
        ),
    ]);
    // What is off or empty changes nothing.
    parsed("llama", json!({"rope_interleaved": false, "mlp_only_layers": [], "adapter": {}, "note": ""}));
    // Fields of published configs that say nothing, though they are neither: GPT-2's, GPT-NeoX's, Dolly's, Qwen3-Coder's.
    for (family, fields) in [
        ("gpt2", json!({"n_special": 0, "predict_special_tokens": true, "output_past": true})),
        ("gpt_neox", json!({"hidden_dropout_prob": 0, "attention_probs_dropout_prob": 0})),
        ("gpt_neox", json!({"custom_pipelines": {"text-generation": {"impl": "a.B"}}})),
        ("qwen3_moe", json!({"shared_expert_intermediate_size": 0, "use_qk_norm": true, "qkv_bias": false})),
    ] {
        let plain = if family == "gpt_neox" { json!({"rotary_pct": 1}) } else { json!({}) };
        assert_eq!(parsed(family, with(plain.clone(), &fields)), parsed(family, plain), "{fields}");
    }
}

#[test]
fn what_contradicts_itself() {
    let four = |kind: &str| json!([kind, kind, kind, kind]);
    check_refusals(vec![
        (
            "llama",
            json!({
                "rope_parameters": {"rope_type": "default", "rope_theta": 1e4},
                "rope_scaling": {"rope_type": "llama3", "factor": 8.0},
            }),
            "rope_parameters and rope_scaling contradict each other",
        ),
        ("llama", json!({"rope_theta": 2, "rope_parameters": {"rope_theta": 3}}), "rope_theta is 2"),
        ("llama", json!({"rope_scaling": {"type": "linear", "rope_type": "yarn"}}), "contradict each other"),
        ("llama", json!({"layer_types": four("sliding_attention")}), "`sliding_attention`"),
        ("llama", json!({"layer_types": ["full_attention"]}), "layer_types has 1 entries for 4 layers"),
        ("qwen2", json!({"layer_types": four("sliding_attention")}), "`sliding_attention`"),
        ("mistral", json!({"layer_types": four("full_attention")}), "`full_attention`"),
        ("mistral", json!({"use_sliding_window": false}), "use_sliding_window is false"),
        ("gemma", json!({"hidden_act": "gelu", "hidden_activation": "silu"}), "contradict each other"),
        ("gemma2", json!({"sliding_window": 8, "sliding_window_size": 9}), "`sliding_window_size`"),
        (
            "gemma3",
            json!({"tie_word_embeddings": false, "text_config": {"tie_word_embeddings": true}}),
            "tie_word_embeddings is false, and true in text_config",
        ),
        ("gpt2", json!({"hidden_size": 32}), "n_embd 24 and hidden_size 32 contradict each other"),
        ("qwen3_moe", json!({"num_experts": 4, "num_local_experts": 5}), "contradict each other"),
    ]);
}

#[test]
fn ropes_that_are_not_what_they_should_be() {
    let scaling = |fields: Value| json!({"rope_scaling": fields});
    let lists = |short: Value, long: Value| {
        scaling(json!({"rope_type": "longrope", "short_factor": short, "long_factor": long}))
    };
    check_refusals(vec![
        ("llama", scaling(json!({"rope_type": "mrope"})), "rope type `mrope`"),
        (
            "llama",
            scaling(json!({"rope_type": "default", "mrope_section": [1]})),
            "`rope_parameters.mrope_section`",
        ),
        ("llama", scaling(json!({"rope_type": "linear"})), "linear needs a positive `factor`"),
        ("llama", scaling(json!({"rope_type": "linear", "factor": -1})), "linear needs a positive `factor`"),
        ("llama", scaling(json!({"rope_type": "yarn", "factor": 2, "beta_fast": -1})), "`beta_fast`"),
        (
            "llama",
            scaling(json!({"rope_type": "yarn", "factor": 2, "attn_factor": 2})),
            "`attention_factor`, the whole factor",
        ),
        (
            "llama",
            json!({"rope_theta": 1, "rope_scaling": {"rope_type": "yarn", "factor": 2}}),
            "not defined",
        ),
        (
            "llama",
            json!({"head_dim": 2, "rope_scaling": {"rope_type": "dynamic", "factor": 2}}),
            "not defined",
        ),
        (
            "llama",
            scaling(json!({"rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 1})),
            "high_freq_factor above low_freq_factor",
        ),
        (
            "llama",
            scaling(json!({"rope_type": "llama3", "factor": 8})),
            "llama3 needs a positive `low_freq_factor`",
        ),
        ("llama", scaling(json!({"rope_type": "longrope"})), "longrope needs `short_factor`"),
        ("phi3", lists(json!([1, 2]), json!([1, 2, 3])), "short_factor has 2 numbers for 3 pairs"),
        ("phi3", lists(json!([1, 2, 3]), json!([1, 0, 3])), "longrope needs a positive `long_factor`"),
        ("phi3", scaling(json!({"rope_type": "linear", "factor": 2})), "rope type `linear`"),
        ("llama", json!({"rope_theta": -1}), "rope_theta is -1"),
        ("llama", json!({"rope_theta": "x"}), "rope_theta is \"x\", not a number"),
        ("stablelm", json!({}), "1 of 6 dimensions cannot be turned in pairs"),
        ("stablelm", json!({"partial_rotary_factor": 1.5}), "partial_rotary_factor is 1.5"),
    ]);
}

#[test]
fn sizes_that_cannot_be() {
    let huge = 1u64 << 40;
    check_refusals(vec![
        ("llama", json!({"vocab_size": null}), "vocab_size is missing"),
        ("llama", json!({"hidden_size": -24}), "hidden_size is -24, not a whole number"),
        ("llama", json!({"vocab_size": 0}), "vocab_size is 0"),
        ("llama", json!({"vocab_size": "many"}), "vocab_size is \"many\", not a whole number"),
        ("llama", json!({"hidden_size": huge}), "hidden_size is 1099511627776"),
        ("llama", json!({"num_hidden_layers": huge}), "num_hidden_layers is"),
        ("llama", json!({"num_hidden_layers": u64::MAX}), "num_hidden_layers is"),
        ("llama", json!({"num_attention_heads": huge}), "num_attention_heads"),
        ("llama", json!({"num_attention_heads": 0}), "num_attention_heads is 0"),
        ("llama", json!({"num_key_value_heads": 3}), "3 key/value heads"),
        ("llama", json!({"num_key_value_heads": 0}), "num_key_value_heads is 0"),
        ("llama", json!({"head_dim": 7}), "head_dim 7"),
        ("llama", json!({"rms_norm_eps": -1}), "eps is -1"),
        ("gemma", json!({"num_key_value_heads": null}), "num_key_value_heads is missing"),
        ("mistral", json!({"sliding_window": 0}), "sliding_window is 0"),
        ("mixtral", json!({"num_local_experts": 0}), "the number of experts is 0"),
        ("mixtral", json!({"num_local_experts": 2, "num_experts_per_tok": 3}), "num_experts_per_tok is 3"),
        ("mixtral", json!({"num_experts_per_tok": 0}), "num_experts_per_tok is 0"),
        ("mixtral", json!({"num_local_experts": 1u32 << 20}), "the number of experts is"),
        ("qwen3_moe", json!({"decoder_sparse_step": 0}), "decoder_sparse_step is 0"),
        ("qwen2_moe", json!({"shared_expert_intermediate_size": 0}), "shared_expert_intermediate_size is 0"),
        (
            "mixtral",
            json!({"num_local_experts": 1u32 << 16, "intermediate_size": 1u32 << 28, "hidden_size": 1u32 << 28, "head_dim": 8}),
            "beyond reason",
        ),
        ("gemma2", json!({"query_pre_attn_scalar": 0}), "query_pre_attn_scalar is 0"),
        ("gemma2", json!({"final_logit_softcapping": 0}), "final_logit_softcapping is 0"),
        ("gemma3_text", json!({"sliding_window_pattern": 0}), "sliding_window_pattern is 0"),
        ("smollm3", json!({"no_rope_layer_interval": 0}), "no_rope_layer_interval is 0"),
        ("smollm3", json!({"no_rope_layers": [1, 0]}), "no_rope_layers has 2 entries for 4 layers"),
        ("granite", json!({"logits_scaling": 0}), "logits_scaling is 0"),
        ("gpt2", json!({"n_head": 5}), "n_embd 24 cannot be split over 5 heads"),
        ("gpt_neox", json!({"num_attention_heads": 5}), "hidden_size 24 cannot be split over 5 heads"),
    ]);
}
