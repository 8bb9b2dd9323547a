//! What each family makes of the fields that only it has, or that it reads in a way of its own.

use super::*;
use crate::engine::{Experts, Llama3Scaling, LongRopeScaling, QueryKeyNorm, Residual, YarnScaling};

const NONE: Option<usize> = None;

#[test]
fn which_layers_have_a_window() {
    let eight = Some(8);
    for (family, extra, expected) in [
        ("mistral", json!({"sliding_window": 8}), [eight; 4]),
        ("mixtral", json!({"sliding_window": 8}), [eight; 4]),
        ("mixtral", json!({}), [NONE; 4]),
        ("phi3", json!({"sliding_window": 8}), [eight; 4]),
        ("phi3", json!({}), [NONE; 4]),
        ("llama", json!({"sliding_window": 8, "use_sliding_window": false}), [NONE; 4]),
        ("qwen2", json!({"sliding_window": 8}), [NONE; 4]),
        ("qwen2", json!({"sliding_window": 8, "use_sliding_window": true}), [NONE; 4]),
        (
            "qwen2",
            json!({"use_sliding_window": true, "max_window_layers": 3}),
            [NONE, NONE, NONE, Some(4096)],
        ),
        (
            "qwen3",
            json!({"sliding_window": 8, "use_sliding_window": true, "max_window_layers": 1}),
            [NONE, eight, eight, eight],
        ),
        (
            "qwen2_moe",
            json!({"sliding_window": 8, "use_sliding_window": true, "max_window_layers": 2}),
            [eight, NONE, NONE, NONE],
        ),
        (
            "qwen3_moe",
            json!({"sliding_window": 8, "use_sliding_window": true, "max_window_layers": 2}),
            [eight; 4],
        ),
        ("gemma2", json!({"sliding_window": 8}), [eight, NONE, eight, NONE]),
        ("gemma3_text", json!({"sliding_window": 8}), [eight; 4]),
        (
            "gemma3_text",
            json!({"sliding_window": 8, "sliding_window_pattern": 3}),
            [eight, eight, NONE, eight],
        ),
        ("smollm3", json!({"sliding_window": 8}), [NONE; 4]),
        ("smollm3", json!({"sliding_window": 8, "use_sliding_window": true}), [NONE, NONE, NONE, eight]),
    ] {
        assert_eq!(windows(family, extra.clone()), expected, "{family} {extra}");
    }
    let types = json!({
        "layer_types": ["full_attention", "sliding_attention", "sliding_attention", "full_attention"],
        "sliding_window": 8,
    });
    for family in ["gemma2", "gemma3_text", "smollm3"] {
        assert_eq!(windows(family, types.clone()), [NONE, eight, eight, NONE], "{family}");
    }
    for family in ["qwen2", "qwen3", "qwen2_moe", "smollm3"] {
        let types = with(types.clone(), &json!({"use_sliding_window": true}));
        assert_eq!(windows(family, types), [NONE, eight, eight, NONE], "{family}");
    }
}

#[test]
fn which_layers_have_which_rope() {
    let ropes =
        |family, extra| decoder(family, extra).layers.iter().map(|layer| layer.rope).collect::<Vec<_>>();
    assert_eq!(ropes("llama", json!({})), [Some(0); 4]);
    assert_eq!(ropes("gpt2", json!({})), [NONE; 4]);
    assert_eq!(ropes("smollm3", json!({})), [Some(0), Some(0), Some(0), None]);
    assert_eq!(ropes("smollm3", json!({"no_rope_layer_interval": 2})), [Some(0), None, Some(0), None]);
    assert_eq!(ropes("smollm3", json!({"no_rope_layers": [0, 1, 1, 0]})), [None, Some(0), Some(0), None]);
    let gemma3 = json!({"sliding_window_pattern": 2, "rope_scaling": {"rope_type": "linear", "factor": 8}});
    assert_eq!(ropes("gemma3_text", gemma3.clone()), [Some(1), Some(0), Some(1), Some(0)]);
    let two = decoder("gemma3_text", gemma3).ropes;
    assert_eq!((two[0].theta, &two[0].kind), (1e6, &RopeKind::Linear { factor: 8.0 }));
    assert_eq!((two[1].theta, &two[1].kind), (1e4, &RopeKind::Default));
}

#[test]
fn every_kind_of_rope() {
    let kind = |family, extra: Value| decoder(family, extra).ropes[0].kind.clone();
    assert_eq!(
        kind("llama", json!({"rope_scaling": {"type": "linear", "factor": 2}})),
        RopeKind::Linear { factor: 2.0 }
    );
    let dynamic = json!({"max_position_embeddings": 32, "rope_scaling": {"type": "dynamic", "factor": 2.5}});
    assert_eq!(kind("llama", dynamic.clone()), RopeKind::Dynamic { factor: 2.5, position_count: 32 });
    assert_eq!(decoder("llama", dynamic).position_count_max, 80);
    let llama3 = json!({
        "max_position_embeddings": 64,
        "rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4},
    });
    let scaling = Llama3Scaling {
        factor: 8.0,
        low_freq_factor: 1.0,
        high_freq_factor: 4.0,
        original_position_count: 64.0,
    };
    assert_eq!(kind("llama", llama3), RopeKind::Llama3(scaling));
}

#[test]
fn yarn_with_its_defaults() {
    let yarn = |extra: Value| {
        let fields = json!({"rope_type": "yarn", "factor": 4, "original_max_position_embeddings": 32});
        let fields = with(fields, &extra);
        let config = decoder("llama", json!({"max_position_embeddings": 64, "rope_scaling": fields}));
        let RopeKind::Yarn(scaling) = config.ropes[0].kind.clone() else { panic!("another kind") };
        (scaling, config.position_count_max)
    };
    let stretched = |by: f64, factor: f64| 0.1 * by * factor.ln() + 1.0;
    let expected = YarnScaling {
        factor: 4.0,
        original_position_count: 32.0,
        beta_fast: 32.0,
        beta_slow: 1.0,
        truncate: true,
        attention_factor: stretched(1.0, 4.0),
    };
    assert_eq!(yarn(json!({"beta_fast": null, "beta_slow": 0, "finetuned": true})), (expected.clone(), 128));
    let (both, _) = yarn(json!({"mscale": 1.5, "mscale_all_dim": 0.5, "truncate": false}));
    assert_eq!(both.attention_factor, stretched(1.5, 4.0) / stretched(0.5, 4.0));
    assert!(!both.truncate);
    assert_eq!(yarn(json!({"mscale": 1.5})).0, expected);
    assert_eq!(
        yarn(json!({"mscale": 1.5, "mscale_all_dim": 1, "attention_factor": 0.8})).0.attention_factor,
        0.8
    );
    let (by_ratio, position_count) = yarn(json!({"factor": null}));
    assert_eq!((by_ratio.factor, position_count), (2.0, 64));
}

#[test]
fn longrope_and_where_its_border_is_told() {
    let longrope = |family, top: Value, fields: Value| {
        let lists = json!({"type": "longrope", "short_factor": [1, 2, 3], "long_factor": [4, 5, 6.5]});
        let rope = json!({"max_position_embeddings": 64, "rope_scaling": with(lists, &fields)});
        match decoder(family, with(rope, &top)).ropes[0].kind.clone() {
            RopeKind::LongRope(scaling) => scaling,
            other => panic!("{other:?}"),
        }
    };
    let by = |factor: f64, original: f64| (1.0 + factor.ln() / original.ln()).sqrt();
    let original = |count: usize| json!({"original_max_position_embeddings": count});
    let expected = LongRopeScaling {
        short_divisors: vec![1.0, 2.0, 3.0],
        long_divisors: vec![4.0, 5.0, 6.5],
        original_position_count: 16,
        attention_factor: by(4.0, 16.0),
    };
    assert_eq!(longrope("phi3", original(16), json!({})), expected);
    assert_eq!(longrope("phi3", original(16), original(8)), expected);
    assert_eq!(longrope("phi3", original(16), json!({"type": "su"})), expected);
    assert_eq!(longrope("phi3", original(16), json!({"type": "yarn"})), expected);
    assert_eq!(longrope("llama", original(16), original(8)), expected);
    assert_eq!(longrope("llama", json!({}), original(16)), expected);
    // Phi-3 does not look for it among the rope's fields; with its default, nothing is extended.
    let by_default = longrope("phi3", json!({}), original(16));
    assert_eq!((by_default.original_position_count, by_default.attention_factor), (4096, 1.0));
    assert_eq!(longrope("llama", original(16), json!({"factor": 3})).attention_factor, by(3.0, 16.0));
    assert_eq!(longrope("llama", original(16), json!({"attention_factor": 1.5})).attention_factor, 1.5);
}

#[test]
fn which_layers_have_experts() {
    let experts = |family, extra: Value| -> Vec<Option<Experts>> {
        let of = |feed_forward: &FeedForward| match feed_forward {
            FeedForward::Experts(experts) => Some(experts.clone()),
            _ => None,
        };
        decoder(family, extra).layers.iter().map(|layer| of(&layer.feed_forward)).collect()
    };
    let qwen3 = Experts {
        expert_count: 128,
        chosen_count: 8,
        intermediate_size: 768,
        normalised: false,
        shared_intermediate_size: None,
    };
    let qwen2 = Experts {
        expert_count: 60,
        chosen_count: 4,
        intermediate_size: 1408,
        shared_intermediate_size: Some(5632),
        ..qwen3.clone()
    };
    let mixtral = Experts {
        expert_count: 8,
        chosen_count: 2,
        intermediate_size: 40,
        normalised: true,
        ..qwen3.clone()
    };
    let all = |experts: &Experts| vec![Some(experts.clone()); 4];
    assert_eq!(experts("mixtral", json!({})), all(&mixtral));
    assert_eq!(experts("qwen2_moe", json!({})), all(&qwen2));
    assert_eq!(experts("qwen3_moe", json!({})), all(&qwen3));
    let few = Experts { expert_count: 9, normalised: true, ..qwen3 };
    let steps = json!({
        "num_local_experts": 9, "norm_topk_prob": true, "decoder_sparse_step": 2, "mlp_only_layers": [3],
    });
    assert_eq!(experts("qwen3_moe", steps), [None, Some(few), None, None]);
    assert_eq!(experts("qwen3_moe", json!({"num_experts": 0})), [const { None }; 4]);
}

#[test]
fn scales_multipliers_and_activations() {
    let scales = |family, extra| {
        decoder(family, extra).layers.iter().map(|layer| layer.attention_scale).collect::<Vec<_>>()
    };
    let by_head = 1.0 / 6f64.sqrt();
    assert_eq!(scales("llama", json!({})), [by_head; 4]);
    assert_eq!(scales("gemma2", json!({"query_pre_attn_scalar": 16})), [0.25; 4]);
    assert_eq!(scales("gemma3_text", json!({})), [0.0625; 4]);
    assert_eq!(scales("granite", json!({})), [1.0; 4]);
    assert_eq!(scales("gpt2", json!({"scale_attn_weights": false})), [1.0; 4]);
    let by_layer = json!({"scale_attn_by_inverse_layer_idx": true});
    assert_eq!(scales("gpt2", by_layer), [by_head, by_head / 2.0, by_head / 3.0, by_head / 4.0]);
    let granite = decoder(
        "granite",
        json!({
            "embedding_multiplier": 12.0, "residual_multiplier": 0.25, "logits_scaling": 8,
            "attention_multiplier": 0.5,
        }),
    );
    let multipliers = (granite.embedding_multiplier, granite.residual_multiplier, granite.logit_divisor);
    assert_eq!((multipliers, granite.layers[0].attention_scale), ((12.0, 0.25, 8.0), 0.5));
    assert_eq!(decoder("gemma", json!({"hidden_size": 36})).embedding_multiplier, 6.0);
    for (family, extra, expected) in [
        ("gemma", json!({"hidden_act": "gelu"}), Activation::GeluTanh),
        (
            "gemma",
            json!({"hidden_activation": "gelu_pytorch_tanh", "hidden_act": "gelu"}),
            Activation::GeluTanh,
        ),
        ("gemma", json!({"hidden_act": "silu"}), Activation::Silu),
        ("gemma2", json!({"hidden_activation": "gelu"}), Activation::GeluErf),
        ("gemma2", json!({"hidden_act": "silu"}), Activation::GeluTanh),
        ("gpt2", json!({"activation_function": "gelu"}), Activation::GeluErf),
        ("llama", json!({"hidden_act": "gelu_fast"}), Activation::GeluTanh),
        ("llama", json!({"hidden_act": "swish"}), Activation::Silu),
    ] {
        assert_eq!(decoder(family, extra.clone()).activation, expected, "{family} {extra}");
    }
}

#[test]
fn norms_residuals_and_biases() {
    for (family, extra, expected) in [
        ("qwen3", json!({}), Some(QueryKeyNorm::HeadRms)),
        ("qwen3_moe", json!({}), Some(QueryKeyNorm::HeadRms)),
        ("gemma3_text", json!({}), Some(QueryKeyNorm::HeadRms)),
        ("olmo2", json!({}), Some(QueryKeyNorm::WholeRms)),
        (
            "stablelm",
            json!({"partial_rotary_factor": 1, "qk_layernorm": true}),
            Some(QueryKeyNorm::HeadLayer),
        ),
        ("stablelm", json!({"partial_rotary_factor": 1}), None),
        ("qwen2", json!({}), None),
    ] {
        assert_eq!(decoder(family, extra).query_key_norm, expected, "{family}");
    }
    let residual = |family, extra| decoder(family, extra).residual;
    assert_eq!(residual("gpt_neox", json!({"rotary_pct": 1})), Residual::Parallel);
    let apart = json!({"rotary_pct": 1, "use_parallel_residual": false});
    assert_eq!(residual("gpt_neox", apart), Residual::Sequential);
    let parallel = json!({"partial_rotary_factor": 1, "use_parallel_residual": true});
    assert_eq!(residual("stablelm", parallel), Residual::Parallel);
    // Biases of queries, keys and values, of the output, of the feed-forward.
    for (family, extra, qkv_bias, output_bias, feed_forward_bias) in [
        ("llama", json!({}), false, false, false),
        ("llama", json!({"attention_bias": true, "mlp_bias": true}), true, true, true),
        ("qwen2", json!({}), true, false, false),
        ("qwen2_moe", json!({}), true, false, false),
        ("qwen2_moe", json!({"qkv_bias": false}), false, false, false),
        ("qwen3", json!({"attention_bias": true}), true, true, false),
        ("gemma", json!({"attention_bias": true}), true, true, false),
        ("olmo2", json!({"attention_bias": true}), true, true, false),
        ("stablelm", json!({"partial_rotary_factor": 1, "use_qkv_bias": true}), true, false, false),
        ("gpt2", json!({}), true, true, true),
        ("gpt_neox", json!({"rotary_pct": 1}), true, true, true),
        ("gpt_neox", json!({"rotary_pct": 1, "attention_bias": false}), false, false, true),
    ] {
        let expected = TensorLayout { qkv_bias, output_bias, feed_forward_bias };
        assert_eq!(parsed(family, extra).layout, expected, "{family}");
    }
}
