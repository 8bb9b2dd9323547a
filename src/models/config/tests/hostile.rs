//! Configs that no program wrote: whatever a field holds, it is read or refused, and what is read can be counted with.

use super::*;

const KEYS: &[&str] = &[
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "max_position_embeddings",
    "original_max_position_embeddings",
    "rms_norm_eps",
    "layer_norm_eps",
    "layer_norm_epsilon",
    "rope_theta",
    "rope_scaling",
    "rope_parameters",
    "rotary_pct",
    "rotary_emb_base",
    "partial_rotary_factor",
    "rope_local_base_freq",
    "sliding_window",
    "sliding_window_pattern",
    "use_sliding_window",
    "max_window_layers",
    "layer_types",
    "no_rope_layers",
    "no_rope_layer_interval",
    "num_experts",
    "num_local_experts",
    "num_experts_per_tok",
    "moe_intermediate_size",
    "shared_expert_intermediate_size",
    "decoder_sparse_step",
    "mlp_only_layers",
    "query_pre_attn_scalar",
    "attn_logit_softcapping",
    "final_logit_softcapping",
    "embedding_multiplier",
    "attention_multiplier",
    "logits_scaling",
    "hidden_act",
    "activation_function",
    "text_config",
    "n_embd",
    "n_layer",
    "n_head",
    "n_inner",
    "n_positions",
];

fn values() -> Vec<Value> {
    let ropes = ["default", "linear", "dynamic", "llama3", "yarn", "longrope"].into_iter().flat_map(|kind| {
        [json!(0), json!(1), json!(1e-300), json!(1e300), json!(u64::MAX), json!([0]), json!([1e300, 1, 2])]
            .into_iter()
            .map(move |value| {
                json!({
                    "rope_type": kind, "factor": value, "low_freq_factor": value, "high_freq_factor": 2,
                    "original_max_position_embeddings": value, "short_factor": value, "long_factor": [1, 1, 1],
                    "beta_fast": value, "mscale": value, "mscale_all_dim": 1,
                })
            })
    });
    let plain = [
        json!(null),
        json!(true),
        json!(-1),
        json!(0),
        json!(1),
        json!(3),
        json!(0.5),
        json!(1e-300),
        json!(1e300),
        json!(1u32 << 16),
        json!(1u32 << 28),
        json!(u64::MAX),
        json!("\u{1b}"),
        json!([]),
        json!([-1, 0, 1, u64::MAX]),
        json!(["sliding_attention"]),
        json!({}),
        json!({"full_attention": {"rope_type": "yarn", "factor": 0}, "sliding_attention": 3}),
    ];
    plain.into_iter().chain(ropes).collect()
}

#[test]
fn any_value_in_any_field_is_read_or_refused() {
    let values = values();
    let (mut read_count, mut refused_count) = (0, 0);
    for family in Family::ALL {
        for key in KEYS {
            for value in &values {
                match parse(family.name(), json!({*key: value})) {
                    Err(_) => refused_count += 1,
                    Ok(config) => {
                        read_count += 1;
                        let decoder = config.decoder;
                        assert!(decoder.parameter_count() < 1 << 50, "{family:?} {key} {value}");
                        assert!(decoder.position_count_max <= sizes::SIZE_MAX, "{family:?} {key} {value}");
                        assert!(decoder.layer_count() <= sizes::LAYER_COUNT_MAX);
                    }
                }
            }
        }
    }
    assert!(read_count > 1000 && refused_count > 1000, "{read_count} read, {refused_count} refused");
}
