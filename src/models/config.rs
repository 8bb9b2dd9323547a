//! `config.json`, as transformers 4 and 5 write it, to a decoder's description. What would change the mathematics and is not
//! supported is refused by name, never passed over.

use super::folder::parse_json;
use crate::engine::{DecoderConfig, Llama3Scaling, RopeConfig};
use crate::error::{Error, Result};
use serde::Deserialize;
use serde_json::Value;
use std::path::Path;

/// A family of decoders with one layout of weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    Llama,
    Qwen2,
    Qwen3,
}

impl Family {
    /// As `model_type` spells it.
    pub fn name(self) -> &'static str {
        match self {
            Family::Llama => "llama",
            Family::Qwen2 => "qwen2",
            Family::Qwen3 => "qwen3",
        }
    }
}

/// What `config.json` says.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelConfig {
    pub family: Family,
    pub decoder: DecoderConfig,
}

/// The fields read, by their names in the file.
#[derive(Debug, Deserialize)]
struct RawConfig {
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    rms_norm_eps: Option<f64>,
    rope_theta: Option<f64>,
    rope_scaling: Option<RawRope>,
    rope_parameters: Option<RawRope>,
    max_position_embeddings: Option<usize>,
    tie_word_embeddings: Option<bool>,
    attention_bias: Option<bool>,
    mlp_bias: Option<bool>,
    hidden_act: Option<String>,
    use_sliding_window: Option<bool>,
    layer_types: Option<Vec<String>>,
    partial_rotary_factor: Option<f64>,
    quantization_config: Option<Value>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct RawRope {
    rope_type: Option<String>,
    /// The name that `rope_type` had before.
    r#type: Option<String>,
    rope_theta: Option<f64>,
    factor: Option<f64>,
    low_freq_factor: Option<f64>,
    high_freq_factor: Option<f64>,
    original_max_position_embeddings: Option<f64>,
    partial_rotary_factor: Option<f64>,
}

impl ModelConfig {
    /// `path` is only named in errors.
    ///
    /// # Errors
    /// Kind `Model` for broken JSON, an unsupported family or feature, and sizes that contradict each other.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self> {
        let value: Value = parse_json(bytes, path)?;
        let refuse = |message: String| Error::model(message).at(path);
        let family = family_of(&value).map_err(refuse)?;
        let raw: RawConfig = serde_json::from_value(value)
            .map_err(|source| Error::model("not a config of a known layout").at(path).because(source))?;
        check_supported(&raw).map_err(refuse)?;
        let decoder = decoder_config(family, &raw).map_err(refuse)?;
        check_sizes(&decoder).map_err(refuse)?;
        Ok(ModelConfig { family, decoder })
    }
}

fn family_of(value: &Value) -> std::result::Result<Family, String> {
    match value.get("model_type").and_then(Value::as_str) {
        Some("llama") => Ok(Family::Llama),
        Some("qwen2") => Ok(Family::Qwen2),
        Some("qwen3") => Ok(Family::Qwen3),
        Some(other) => Err(format!("model_type `{other}` is not supported (supported: llama, qwen2, qwen3)")),
        None => Err("model_type is missing".to_owned()),
    }
}

fn check_supported(raw: &RawConfig) -> std::result::Result<(), String> {
    if raw.hidden_act.as_deref().is_some_and(|act| act != "silu" && act != "swish") {
        return Err(format!(
            "hidden_act `{}` is not supported",
            raw.hidden_act.as_deref().unwrap_or_default()
        ));
    }
    let windowed = raw.layer_types.iter().flatten().find(|kind| *kind != "full_attention");
    if let Some(kind) = windowed {
        return Err(format!("layer_types holds `{kind}`, which is not supported"));
    }
    // transformers 4 writes layer_types beside use_sliding_window; then the layers decide, and all are full.
    if raw.use_sliding_window == Some(true) && raw.layer_types.is_none() {
        return Err("use_sliding_window is not supported".to_owned());
    }
    let partial = raw.rope_parameters.as_ref().and_then(|rope| rope.partial_rotary_factor);
    if partial.or(raw.partial_rotary_factor).is_some_and(|factor| factor != 1.0) {
        return Err("partial_rotary_factor other than 1 is not supported".to_owned());
    }
    if raw.quantization_config.as_ref().is_some_and(|config| !config.is_null()) {
        return Err("quantized weights (quantization_config) are not supported".to_owned());
    }
    Ok(())
}

fn decoder_config(family: Family, raw: &RawConfig) -> std::result::Result<DecoderConfig, String> {
    let head_count = raw.num_attention_heads;
    if head_count == 0 {
        return Err("num_attention_heads is 0".to_owned());
    }
    let kv_head_count = match (raw.num_key_value_heads, family) {
        (Some(count), _) => count,
        (None, Family::Llama) => head_count,
        (None, _) => return Err("num_key_value_heads is missing".to_owned()),
    };
    // transformers' own defaults where the file is silent.
    let (default_head_dim, default_positions) = match family {
        Family::Llama => (raw.hidden_size / head_count, 2048),
        Family::Qwen2 => (raw.hidden_size / head_count, 32_768),
        Family::Qwen3 => (128, 32_768),
    };
    let attention_bias = raw.attention_bias.unwrap_or(false);
    Ok(DecoderConfig {
        vocab_size: raw.vocab_size,
        hidden_size: raw.hidden_size,
        intermediate_size: raw.intermediate_size,
        layer_count: raw.num_hidden_layers,
        head_count,
        kv_head_count,
        head_dim: raw.head_dim.unwrap_or(default_head_dim),
        norm_eps: raw.rms_norm_eps.unwrap_or(1e-6),
        rope: rope_config(raw)?,
        position_count_max: raw.max_position_embeddings.unwrap_or(default_positions),
        qk_norm: family == Family::Qwen3,
        qkv_bias: if family == Family::Qwen2 { true } else { attention_bias },
        output_bias: if family == Family::Qwen2 { false } else { attention_bias },
        mlp_bias: family == Family::Llama && raw.mlp_bias.unwrap_or(false),
        tied_embeddings: raw.tie_word_embeddings.unwrap_or(false),
    })
}

fn rope_config(raw: &RawConfig) -> std::result::Result<RopeConfig, String> {
    // transformers' versions disagree on which of the two goes first.
    if let (Some(parameters), Some(scaling)) = (&raw.rope_parameters, &raw.rope_scaling) {
        let unlike_only_in_theta = RawRope { rope_theta: None, ..parameters.clone() };
        if unlike_only_in_theta != (RawRope { rope_theta: None, ..scaling.clone() }) {
            return Err("rope_parameters and rope_scaling contradict each other".to_owned());
        }
    }
    let rope = raw.rope_parameters.as_ref().or(raw.rope_scaling.as_ref());
    let theta = rope.and_then(|rope| rope.rope_theta).or(raw.rope_theta).unwrap_or(10_000.0);
    if !(theta.is_finite() && theta > 0.0) {
        return Err(format!("rope_theta is {theta}"));
    }
    let Some(rope) = rope else { return Ok(RopeConfig { theta, scaling: None }) };
    let scaling = match rope.rope_type.as_deref().or(rope.r#type.as_deref()) {
        None | Some("default") => None,
        Some("llama3") => {
            let need = |value: Option<f64>, name: &str| match value {
                Some(value) if value.is_finite() && value > 0.0 => Ok(value),
                _ => Err(format!("rope type llama3 needs a positive `{name}`")),
            };
            let scaling = Llama3Scaling {
                factor: need(rope.factor, "factor")?,
                low_freq_factor: need(rope.low_freq_factor, "low_freq_factor")?,
                high_freq_factor: need(rope.high_freq_factor, "high_freq_factor")?,
                original_position_count: need(
                    rope.original_max_position_embeddings,
                    "original_max_position_embeddings",
                )?,
            };
            if scaling.high_freq_factor <= scaling.low_freq_factor {
                return Err("rope type llama3 needs high_freq_factor above low_freq_factor".to_owned());
            }
            Some(scaling)
        }
        Some(other) => return Err(format!("rope type `{other}` is not supported")),
    };
    Ok(RopeConfig { theta, scaling })
}

fn check_sizes(config: &DecoderConfig) -> std::result::Result<(), String> {
    let positive = [
        ("vocab_size", config.vocab_size),
        ("hidden_size", config.hidden_size),
        ("intermediate_size", config.intermediate_size),
        ("num_hidden_layers", config.layer_count),
        ("num_key_value_heads", config.kv_head_count),
        ("head_dim", config.head_dim),
        ("max_position_embeddings", config.position_count_max),
    ];
    // Sizes are multiplied with each other later on: a lying one must not overflow.
    if let Some((name, size)) = positive.iter().find(|(_, size)| *size == 0 || *size > 1 << 28) {
        return Err(format!("{name} is {size}"));
    }
    if config.head_count > 1 << 16 || config.layer_count > 1 << 16 || config.head_dim > 1 << 16 {
        return Err("num_attention_heads, num_hidden_layers or head_dim is beyond reason".to_owned());
    }
    if !config.head_count.is_multiple_of(config.kv_head_count) {
        return Err(format!(
            "{} attention heads cannot share {} key/value heads evenly",
            config.head_count, config.kv_head_count
        ));
    }
    if !config.head_dim.is_multiple_of(2) {
        return Err(format!("head_dim {} is odd; rotary positions need pairs", config.head_dim));
    }
    if !(config.norm_eps.is_finite() && config.norm_eps >= 0.0) {
        return Err(format!("rms_norm_eps is {}", config.norm_eps));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(extra: Value) -> Result<ModelConfig> {
        let mut config = serde_json::json!({
            "model_type": "llama", "vocab_size": 64, "hidden_size": 24, "intermediate_size": 40,
            "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
        });
        for (key, value) in extra.as_object().unwrap() {
            config[key] = value.clone();
        }
        ModelConfig::parse(config.to_string().as_bytes(), Path::new("config.json"))
    }

    fn refusal(extra: Value) -> String {
        parse(extra).unwrap_err().to_string()
    }

    #[test]
    fn both_styles_of_rope_say_the_same() {
        let scaling = serde_json::json!({
            "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 32,
        });
        let four = parse(serde_json::json!({"rope_theta": 5e5, "rope_scaling": scaling})).unwrap();
        let mut parameters = scaling.clone();
        parameters["rope_theta"] = 5e5.into();
        let five = parse(serde_json::json!({"rope_parameters": parameters, "dtype": "bfloat16"})).unwrap();
        assert_eq!(four, five);
        assert_eq!(four.decoder.rope.scaling.unwrap().factor, 8.0);
    }

    #[test]
    fn what_changes_the_mathematics_is_refused_by_name() {
        for (extra, named) in [
            (serde_json::json!({"model_type": "mamba"}), "`mamba`"),
            (serde_json::json!({"hidden_act": "gelu"}), "`gelu`"),
            (serde_json::json!({"rope_scaling": {"rope_type": "yarn", "factor": 2.0}}), "`yarn`"),
            (serde_json::json!({"rope_scaling": {"type": "linear", "factor": 2.0}}), "`linear`"),
            (
                serde_json::json!({
                    "rope_parameters": {"rope_type": "default", "rope_theta": 1e4},
                    "rope_scaling": {"rope_type": "llama3", "factor": 8.0},
                }),
                "contradict each other",
            ),
            (serde_json::json!({"use_sliding_window": true}), "use_sliding_window"),
            (
                serde_json::json!({"layer_types": ["full_attention", "sliding_attention"]}),
                "`sliding_attention`",
            ),
            (serde_json::json!({"partial_rotary_factor": 0.5}), "partial_rotary_factor"),
            (serde_json::json!({"quantization_config": {"bits": 4}}), "quantization_config"),
            (serde_json::json!({"num_key_value_heads": 3}), "3 key/value heads"),
            (serde_json::json!({"head_dim": 7}), "head_dim 7"),
            (serde_json::json!({"vocab_size": 0}), "vocab_size is 0"),
        ] {
            let message = refusal(extra);
            assert!(message.starts_with("config.json: ") && message.contains(named), "{message}");
        }
    }
}
