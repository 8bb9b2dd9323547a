//! Well-known shapes of decoders by name: what `config.json` says in the model that was published under it, as far as it bears
//! on speed.

use super::ModelConfig;
use crate::error::{Error, Result};
use std::path::Path;

/// Names, what a generation of models has in common, and what each has of its own, which goes first.
const SHAPES: &[(&str, &str, &str)] = &[
    (
        "tiny",
        QWEN2,
        r#""vocab_size": 1024, "hidden_size": 128, "intermediate_size": 384, "num_hidden_layers": 2,
           "num_attention_heads": 4, "num_key_value_heads": 2"#,
    ),
    (
        "qwen2.5-0.5b",
        QWEN2,
        r#""hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24,
           "num_attention_heads": 14, "num_key_value_heads": 2"#,
    ),
    (
        "qwen2.5-1.5b",
        QWEN2,
        r#""hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 28,
           "num_attention_heads": 12, "num_key_value_heads": 2"#,
    ),
    (
        "qwen2.5-3b",
        QWEN2,
        r#""hidden_size": 2048, "intermediate_size": 11008, "num_hidden_layers": 36,
           "num_attention_heads": 16, "num_key_value_heads": 2"#,
    ),
    (
        "qwen2.5-7b",
        QWEN2,
        r#""vocab_size": 152064, "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28,
           "num_attention_heads": 28, "num_key_value_heads": 4, "tie_word_embeddings": false"#,
    ),
    (
        "qwen3-4b",
        QWEN2,
        r#""model_type": "qwen3", "hidden_size": 2560, "intermediate_size": 9728, "num_hidden_layers": 36,
           "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128"#,
    ),
    (
        "llama-3.2-1b",
        LLAMA3_2,
        r#""hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 32"#,
    ),
    (
        "llama-3.2-3b",
        LLAMA3_2,
        r#""hidden_size": 3072, "intermediate_size": 8192, "num_hidden_layers": 28, "num_attention_heads": 24"#,
    ),
    (
        "llama-3.1-8b",
        LLAMA3_1,
        r#""hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32"#,
    ),
    (
        "mistral-7b",
        r#""model_type": "mistral", "rms_norm_eps": 1e-5, "rope_theta": 10000, "sliding_window": 4096"#,
        r#""vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
           "num_attention_heads": 32, "num_key_value_heads": 8"#,
    ),
    (
        "gemma-2-2b",
        r#""model_type": "gemma2", "rms_norm_eps": 1e-6, "rope_theta": 10000, "sliding_window": 4096,
           "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0, "query_pre_attn_scalar": 256"#,
        r#""vocab_size": 256000, "hidden_size": 2304, "intermediate_size": 9216, "num_hidden_layers": 26,
           "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256"#,
    ),
    // Without the factors of its longrope, on which speed does not depend.
    (
        "phi-3.5-mini",
        r#""model_type": "phi3", "rms_norm_eps": 1e-5, "rope_theta": 10000"#,
        r#""vocab_size": 32064, "hidden_size": 3072, "intermediate_size": 8192, "num_hidden_layers": 32,
           "num_attention_heads": 32, "num_key_value_heads": 32"#,
    ),
];

const QWEN2: &str =
    r#""model_type": "qwen2", "vocab_size": 151936, "tie_word_embeddings": true, "rope_theta": 1000000"#;

const LLAMA3_1: &str = r#""model_type": "llama", "vocab_size": 128256, "num_key_value_heads": 8, "rms_norm_eps": 1e-5,
    "rope_theta": 500000, "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
    "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}"#;

const LLAMA3_2: &str = r#""model_type": "llama", "vocab_size": 128256, "num_key_value_heads": 8, "rms_norm_eps": 1e-5,
    "rope_theta": 500000, "rope_scaling": {"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0,
    "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}, "tie_word_embeddings": true"#;

/// Names of the shapes there are.
pub fn shape_names() -> impl Iterator<Item = &'static str> {
    SHAPES.iter().map(|(name, ..)| *name)
}

/// The config of a named shape, for up to 32768 positions.
///
/// # Errors
/// Kind `Usage` for another name.
pub fn shape_config(name: &str) -> Result<ModelConfig> {
    let Some((_, common, own)) = SHAPES.iter().find(|(known, ..)| *known == name) else {
        return Err(Error::usage(format!("unknown shape `{name}`"))
            .hint(format!("there are {}", shape_names().collect::<Vec<_>>().join(", "))));
    };
    // Of a field that comes twice the last counts.
    let json = format!(r#"{{{common}, "max_position_embeddings": 32768, {own}}}"#);
    ModelConfig::parse(json.as_bytes(), Path::new(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values in the matrices of each, as published, to the precision that is told.
    #[test]
    fn every_shape_has_as_many_parameters_as_its_name_says() {
        let billions = [
            ("tiny", 0.000524),
            ("qwen2.5-0.5b", 0.494),
            ("qwen2.5-1.5b", 1.54),
            ("qwen2.5-3b", 3.09),
            ("qwen2.5-7b", 7.61),
            ("qwen3-4b", 4.02),
            ("llama-3.2-1b", 1.24),
            ("llama-3.2-3b", 3.21),
            ("llama-3.1-8b", 8.03),
            ("mistral-7b", 7.24),
            ("gemma-2-2b", 2.61),
            ("phi-3.5-mini", 3.82),
        ];
        assert!(shape_names().eq(billions.iter().map(|(name, _)| *name)));
        for (name, billions) in billions {
            let count = shape_config(name).unwrap().decoder.parameter_count() as f64 / 1e9;
            assert!((count / billions - 1.0).abs() < 0.01, "{name} has {count}");
        }
        assert!(shape_config("gpt-5").unwrap_err().to_string().starts_with("unknown shape"));
    }
}
