//! `config.json`, as transformers 4 and 5 write it, to a decoder's description. What would change the mathematics and is not
//! supported is refused by name, never passed over.

mod fields;
mod gemma;
mod gpt;
mod llama;
mod qwen;
mod rope;
mod sizes;
#[cfg(test)]
mod tests;
mod usual;

use super::folder::parse_json;
use crate::engine::{DecoderConfig, RopeKind};
use crate::error::{Error, Result};
use fields::{Checked, Fields};
use serde_json::{Map, Value};
pub use sizes::{LAYER_COUNT_MAX, check_sizes};
use std::path::Path;

/// A family of decoders with one config and one layout of weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    Llama,
    Mistral,
    Mixtral,
    Qwen2,
    Qwen2Moe,
    Qwen3,
    Qwen3Moe,
    Gemma,
    Gemma2,
    /// The text part of a model that also sees.
    Gemma3,
    Gemma3Text,
    Phi3,
    SmolLm3,
    Olmo2,
    Granite,
    StableLm,
    Gpt2,
    GptNeox,
}

impl Family {
    pub const ALL: [Family; 18] = [
        Family::Llama,
        Family::Mistral,
        Family::Mixtral,
        Family::Qwen2,
        Family::Qwen2Moe,
        Family::Qwen3,
        Family::Qwen3Moe,
        Family::Gemma,
        Family::Gemma2,
        Family::Gemma3,
        Family::Gemma3Text,
        Family::Phi3,
        Family::SmolLm3,
        Family::Olmo2,
        Family::Granite,
        Family::StableLm,
        Family::Gpt2,
        Family::GptNeox,
    ];

    /// As `model_type` spells it.
    pub fn name(self) -> &'static str {
        match self {
            Family::Llama => "llama",
            Family::Mistral => "mistral",
            Family::Mixtral => "mixtral",
            Family::Qwen2 => "qwen2",
            Family::Qwen2Moe => "qwen2_moe",
            Family::Qwen3 => "qwen3",
            Family::Qwen3Moe => "qwen3_moe",
            Family::Gemma => "gemma",
            Family::Gemma2 => "gemma2",
            Family::Gemma3 => "gemma3",
            Family::Gemma3Text => "gemma3_text",
            Family::Phi3 => "phi3",
            Family::SmolLm3 => "smollm3",
            Family::Olmo2 => "olmo2",
            Family::Granite => "granite",
            Family::StableLm => "stablelm",
            Family::Gpt2 => "gpt2",
            Family::GptNeox => "gpt_neox",
        }
    }
}

/// What `config.json` says.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelConfig {
    pub family: Family,
    pub decoder: DecoderConfig,
    pub layout: TensorLayout,
}

/// Which tensors there are besides those that the family and the decoder tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TensorLayout {
    pub qkv_bias: bool,
    pub output_bias: bool,
    pub feed_forward_bias: bool,
}

/// What the reader of a family gives.
type Described = (DecoderConfig, TensorLayout);

impl ModelConfig {
    /// `path` is only named in errors.
    ///
    /// # Errors
    /// Kind `Model` for broken JSON, an unsupported family, a field that is unknown or not supported, and sizes that
    /// contradict each other.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self> {
        let object: Map<String, Value> = parse_json(bytes, path)?;
        read(&object).map_err(|message| Error::model(message).at(path))
    }
}

fn read(object: &Map<String, Value>) -> Checked<ModelConfig> {
    let family = family_of(object)?;
    if object.get("quantization_config").is_some_and(|config| !config.is_null()) {
        return Err("quantized weights (quantization_config) are not supported: take the model's own weights, or a GGUF file of it".to_owned());
    }
    let fields = Fields::new(object, "");
    let (mut decoder, layout) = match family {
        Family::Gemma3 => {
            let text = gemma::gemma3_text_part(&fields)?;
            described(Family::Gemma3Text, &Fields::new(&text, "text_config."))?
        }
        _ => describe(family, &fields)?,
    };
    fields.refuse_unknown()?;
    sizes::check_sizes(&decoder)?;
    extend_positions(&mut decoder);
    Ok(ModelConfig { family, decoder, layout })
}

/// All fields of an object, read by its family.
fn described(family: Family, fields: &Fields) -> Checked<Described> {
    let described = describe(family, fields)?;
    fields.refuse_unknown()?;
    Ok(described)
}

fn describe(family: Family, fields: &Fields) -> Checked<Described> {
    match family {
        Family::Llama => llama::llama(fields),
        Family::Mistral => llama::mistral(fields),
        Family::Mixtral => qwen::mixtral(fields),
        Family::Qwen2 => qwen::qwen2(fields),
        Family::Qwen2Moe => qwen::qwen2_moe(fields),
        Family::Qwen3 => qwen::qwen3(fields),
        Family::Qwen3Moe => qwen::qwen3_moe(fields),
        Family::Gemma => gemma::gemma(fields),
        Family::Gemma2 => gemma::gemma2(fields),
        Family::Gemma3 | Family::Gemma3Text => gemma::gemma3_text(fields),
        Family::Phi3 => llama::phi3(fields),
        Family::SmolLm3 => llama::smollm3(fields),
        Family::Olmo2 => llama::olmo2(fields),
        Family::Granite => llama::granite(fields),
        Family::StableLm => llama::stablelm(fields),
        Family::Gpt2 => gpt::gpt2(fields),
        Family::GptNeox => gpt::gpt_neox(fields),
    }
}

fn family_of(object: &Map<String, Value>) -> Checked<Family> {
    let name = object.get("model_type").and_then(Value::as_str).ok_or("model_type is missing")?;
    Family::ALL.into_iter().find(|family| family.name() == name).ok_or_else(|| {
        let supported = Family::ALL.map(Family::name).join(", ");
        format!("model_type `{name}` is not supported (supported: {supported})")
    })
}

/// Two kinds of rope are there to go beyond `max_position_embeddings`.
pub fn extend_positions(decoder: &mut DecoderConfig) {
    let count = decoder.position_count_max;
    let reach = |kind: &RopeKind| match kind {
        RopeKind::Dynamic { factor, position_count } => (factor * *position_count as f64) as usize,
        RopeKind::Yarn(scaling) => (scaling.factor * scaling.original_position_count) as usize,
        _ => count,
    };
    let reach = decoder.ropes.iter().map(|rope| reach(&rope.kind)).max().unwrap_or(count);
    decoder.position_count_max = reach.clamp(count, sizes::SIZE_MAX);
}
