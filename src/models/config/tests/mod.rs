//! Both styles of config, every family's defaults, and every refusal.

mod features;
mod hostile;
mod refusals;

use super::*;
use crate::engine::{Activation, FeedForward, NormKind};
use serde_json::json;

/// A small config of a family.
fn small(family: &str) -> Value {
    let mut config = match family {
        "gpt2" => json!({"vocab_size": 64, "n_embd": 24, "n_layer": 4, "n_head": 4}),
        "gemma3" => json!({"text_config": {}}),
        _ => json!({
            "vocab_size": 64, "hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 4,
            "num_attention_heads": 4,
        }),
    };
    if !["gpt2", "gemma3", "gpt_neox"].contains(&family) {
        config["num_key_value_heads"] = 2.into();
    }
    config["model_type"] = family.into();
    config
}

fn with(mut object: Value, extra: &Value) -> Value {
    extra.as_object().unwrap().iter().for_each(|(key, value)| object[key] = value.clone());
    object
}

fn read(config: &Value) -> Result<ModelConfig> {
    ModelConfig::parse(config.to_string().as_bytes(), Path::new("config.json"))
}

/// The small config with these fields besides.
fn parse(family: &str, extra: Value) -> Result<ModelConfig> {
    read(&with(small(family), &extra))
}

fn without(family: &str, key: &str) -> Result<ModelConfig> {
    let mut config = small(family);
    config.as_object_mut().unwrap().remove(key);
    read(&config)
}

fn parsed(family: &str, extra: Value) -> ModelConfig {
    parse(family, extra).unwrap()
}

fn decoder(family: &str, extra: Value) -> DecoderConfig {
    parsed(family, extra).decoder
}

fn windows(family: &str, extra: Value) -> Vec<Option<usize>> {
    decoder(family, extra).layers.iter().map(|layer| layer.window).collect()
}

#[test]
fn both_styles_say_the_same() {
    let llama3 = json!({
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 32,
    });
    let lists = json!({"type": "longrope", "short_factor": [1.0, 2.0, 3.0], "long_factor": [4, 5, 6]});
    for (family, scaling, theta) in [
        ("llama", json!({}), json!(5e5)),
        ("llama", llama3, json!(500_000)),
        ("qwen3", json!({"type": "linear", "factor": 2.5}), json!(1e6)),
        ("qwen2", json!({"rope_type": "yarn", "factor": 4}), json!(1e6)),
        ("mistral", json!({"rope_type": "dynamic", "factor": 4}), json!(1e6)),
        ("phi3", lists, json!(1e4)),
    ] {
        let four = json!({"rope_theta": theta, "rope_scaling": scaling, "torch_dtype": "bfloat16"});
        let mut five = json!({"rope_parameters": scaling, "dtype": "bfloat16"});
        five["rope_parameters"]["rope_theta"] = theta.clone();
        let mut both = five.clone();
        both["rope_scaling"] = scaling.clone();
        assert_eq!(parsed(family, four.clone()), parsed(family, five), "{family} {scaling}");
        assert_eq!(parsed(family, four), parsed(family, both), "{family} {scaling}");
    }
    let partial = |extra| decoder("stablelm", extra).ropes;
    assert_eq!(
        partial(json!({"partial_rotary_factor": 0.7, "rope_theta": 200})),
        partial(json!({"rope_parameters": {"partial_rotary_factor": 0.7, "rope_theta": 200}})),
    );
    assert_eq!(
        decoder("gpt_neox", json!({"rotary_pct": 0.7, "rotary_emb_base": 200})),
        decoder("gpt_neox", json!({"rope_parameters": {"partial_rotary_factor": 0.7, "rope_theta": 200.0}})),
    );
    let full = json!({"rope_type": "linear", "factor": 8.0, "rope_theta": 1e5});
    let sliding = json!({"rope_type": "default", "rope_theta": 500.0});
    assert_eq!(
        decoder(
            "gemma3_text",
            json!({
                "rope_theta": 1e5, "rope_local_base_freq": 500.0, "rope_scaling": {"type": "linear", "factor": 8.0},
            })
        ),
        decoder(
            "gemma3_text",
            json!({"rope_parameters": {"full_attention": full, "sliding_attention": sliding}})
        ),
    );
}

#[test]
fn families_fill_in_what_transformers_fills_in() {
    // positions, head_dim, tied, theta, eps, activation, norm
    use {Activation::*, NormKind::*};
    for (family, positions, head_dim, tied, theta, eps, activation, norm) in [
        ("llama", 2048, 6, false, 1e4, 1e-6, Silu, Rms),
        ("mistral", 131_072, 6, false, 1e4, 1e-6, Silu, Rms),
        ("mixtral", 131_072, 6, false, 1e6, 1e-5, Silu, Rms),
        ("qwen2", 32_768, 6, false, 1e4, 1e-6, Silu, Rms),
        ("qwen2_moe", 32_768, 6, false, 1e4, 1e-6, Silu, Rms),
        ("qwen3", 32_768, 128, false, 1e4, 1e-6, Silu, Rms),
        ("qwen3_moe", 32_768, 6, false, 1e4, 1e-6, Silu, Rms),
        ("gemma", 8192, 256, true, 1e4, 1e-6, GeluTanh, Rms),
        ("gemma2", 8192, 256, true, 1e4, 1e-6, GeluTanh, Rms),
        ("gemma3", 131_072, 256, true, 1e6, 1e-6, GeluTanh, Rms),
        ("gemma3_text", 131_072, 256, true, 1e6, 1e-6, GeluTanh, Rms),
        ("phi3", 4096, 6, false, 1e4, 1e-5, Silu, Rms),
        ("smollm3", 32_768, 6, true, 2e6, 1e-6, Silu, Rms),
        ("olmo2", 2048, 6, false, 1e4, 1e-5, Silu, Rms),
        ("granite", 2048, 6, false, 1e4, 1e-6, Silu, Rms),
        ("stablelm", 4096, 6, false, 1e4, 1e-5, Silu, Layer),
        ("gpt2", 1024, 6, true, 0.0, 1e-5, GeluTanh, Layer),
        ("gpt_neox", 2048, 6, false, 1e4, 1e-5, GeluErf, Layer),
    ] {
        // A quarter of six dimensions would be one.
        let extra = match family {
            "stablelm" => json!({"partial_rotary_factor": 1.0}),
            "gpt_neox" => json!({"rotary_pct": 1.0}),
            _ => json!({}),
        };
        let config = parsed(family, extra);
        let decoder = &config.decoder;
        assert_eq!(config.family.name(), family);
        assert_eq!((decoder.position_count_max, decoder.head_dim), (positions, head_dim), "{family}");
        assert_eq!((decoder.tied_embeddings, decoder.norm_eps), (tied, eps), "{family}");
        assert_eq!((decoder.activation, decoder.norm), (activation, norm), "{family}");
        assert_eq!(decoder.ropes.first().map_or(0.0, |rope| rope.theta), theta, "{family}");
        assert!(decoder.ropes.iter().all(|rope| rope.kind == RopeKind::Default), "{family}");
    }
    let eight = json!({"num_attention_heads": 3, "num_key_value_heads": 3});
    assert_eq!(decoder("stablelm", eight).ropes[0].dim, 2);
    let eight = json!({"num_attention_heads": 3});
    assert_eq!(decoder("gpt_neox", eight).ropes[0].dim, 2);
}

#[test]
fn what_is_absent_and_what_is_null() {
    let key = "num_key_value_heads";
    let null = |family: &str, key: &str| parse(family, json!({key: null}));
    for family in ["llama", "phi3", "olmo2", "granite"] {
        for config in [without(family, key), null(family, key)] {
            assert_eq!(config.unwrap().decoder.kv_head_count, 4, "{family}");
        }
    }
    for family in ["mistral", "mixtral", "qwen2", "qwen3", "smollm3"] {
        assert_eq!(null(family, key).unwrap().decoder.kv_head_count, 4, "{family}");
        assert!(without(family, key).is_err(), "{family}");
    }
    assert!(null("gemma", key).is_err() && without("gemma", key).is_err());
    assert_eq!(null("qwen3", "head_dim").unwrap().decoder.head_dim, 6);
    assert_eq!(windows("mistral", json!({})), [Some(4096); 4]);
    assert_eq!(null("mistral", "sliding_window").unwrap().decoder.layers[0].window, None);
    let caps = |decoder: &DecoderConfig| (decoder.attention_soft_cap, decoder.logit_soft_cap);
    assert_eq!(caps(&decoder("gemma2", json!({}))), (Some(50.0), Some(30.0)));
    assert_eq!(caps(&null("gemma2", "attn_logit_softcapping").unwrap().decoder), (None, Some(30.0)));
    assert_eq!(caps(&null("gemma2", "final_logit_softcapping").unwrap().decoder), (Some(50.0), None));
}

#[test]
fn the_text_part_of_gemma3_has_defaults_of_its_own() {
    let model = decoder("gemma3", json!({}));
    assert_eq!((model.vocab_size, model.hidden_size, model.layer_count()), (262_208, 2304, 26));
    assert_eq!((model.head_count, model.kv_head_count), (8, 4));
    assert_eq!(model.layers[0].feed_forward, FeedForward::Gated { intermediate_size: 9216 });
    let text = json!({"text_config": {"hidden_size": 32, "final_logit_softcapping": 9.0}});
    assert_eq!(decoder("gemma3", text.clone()).logit_soft_cap, None);
    assert_eq!(decoder("gemma3_text", json!({"final_logit_softcapping": 9.0})).logit_soft_cap, Some(9.0));
    let mut untied = text;
    untied["tie_word_embeddings"] = false.into();
    assert!(!decoder("gemma3", untied).tied_embeddings);
}
