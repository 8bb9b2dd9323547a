//! What a model is, from its config and the headers of its weight files. No weights are read.

use super::config::ModelConfig;
use super::folder::{ModelFolder, parse_json};
use super::safetensors::SafetensorsFile;
use super::weights::{padded_count, weight_file_names};
use crate::engine::{RopeConfig, RopeKind};
use crate::error::Result;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The numbers of a model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelCard {
    pub family: &'static str,
    pub parameter_count: u64,
    /// Parameters by the dtype that they have on disk.
    pub dtypes: BTreeMap<String, u64>,
    pub layer_count: usize,
    pub hidden_size: usize,
    pub head_count: usize,
    pub kv_head_count: usize,
    pub head_dim: usize,
    /// Positions that the model was made for.
    pub context_length: usize,
    pub vocab_size: usize,
    /// One for each kind of layer that turns; empty with learned positions.
    pub ropes: Vec<RopeCard>,
    pub tied_embeddings: bool,
    /// Of the weights once they are loaded; what a run holds besides depends on its token budget.
    pub weights_memory_bytes: MemoryCard,
    pub weight_files: Vec<String>,
}

/// Rotary positions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RopeCard {
    /// As `rope_type` spells it.
    pub kind: &'static str,
    pub theta: f64,
    /// By which the context is stretched.
    pub factor: Option<f64>,
}

/// Bytes by `--dtype`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MemoryCard {
    pub f32: u64,
    pub bf16: u64,
}

impl ModelCard {
    /// # Errors
    /// Kind `Model`: an unsupported or broken config, no weights, or a weight file whose header is broken.
    pub fn read(folder: &ModelFolder) -> Result<Self> {
        let config = ModelConfig::parse(&folder.read_small("config.json")?, &folder.describe("config.json"))?;
        let weight_files = weight_file_names(folder)?;
        let (mut dtypes, mut packed_count) = (BTreeMap::new(), 0_u64);
        for name in &weight_files {
            let file = SafetensorsFile::open(folder, name)?;
            for (_, info) in file.tensors().filter(|(name, _)| !name.ends_with("rotary_emb.inv_freq")) {
                // A header holds sizes against the file's length only where none of them is 0.
                if info.shape.contains(&0) {
                    continue;
                }
                *dtypes.entry(format!("{:?}", info.dtype).to_lowercase()).or_default() +=
                    info.shape.iter().product::<usize>() as u64;
                packed_count += padded_count(&info.shape);
            }
        }
        let decoder = &config.decoder;
        Ok(ModelCard {
            family: config.family.name(),
            parameter_count: dtypes.values().sum(),
            dtypes,
            layer_count: decoder.layer_count(),
            hidden_size: decoder.hidden_size,
            head_count: decoder.head_count,
            kv_head_count: decoder.kv_head_count,
            head_dim: decoder.head_dim,
            context_length: decoder.position_count_max,
            vocab_size: decoder.vocab_size,
            ropes: decoder.ropes.iter().map(RopeCard::new).collect(),
            tied_embeddings: decoder.tied_embeddings,
            weights_memory_bytes: MemoryCard { f32: packed_count * 4, bf16: packed_count * 2 },
            weight_files,
        })
    }

    /// dtypes joined by `+`, the most used first.
    pub fn dtype(&self) -> String {
        let mut dtypes: Vec<(&String, &u64)> = self.dtypes.iter().collect();
        dtypes.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        dtypes.into_iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join("+")
    }
}

impl RopeCard {
    fn new(rope: &RopeConfig) -> Self {
        let (kind, factor) = match &rope.kind {
            RopeKind::Default => ("default", None),
            RopeKind::Linear { factor } => ("linear", Some(*factor)),
            RopeKind::Dynamic { factor, .. } => ("dynamic", Some(*factor)),
            RopeKind::Llama3(scaling) => ("llama3", Some(scaling.factor)),
            RopeKind::Yarn(scaling) => ("yarn", Some(scaling.factor)),
            RopeKind::LongRope(_) => ("longrope", None),
            RopeKind::Divided { .. } => ("divided", None),
        };
        RopeCard { kind, theta: rope.theta, factor }
    }
}

/// The text side of a model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TextCard {
    /// The kind that `tokenizer.json` names, or the file that stands in its place; `None` without any.
    pub tokenizer: Option<String>,
    /// The file that has the chat template; `None`: prompts are plain text.
    pub chat_template: Option<&'static str>,
}

/// As much of `tokenizer.json` as says what it is.
#[derive(Deserialize)]
struct TokenizerFile {
    model: TokenizerModel,
}

#[derive(Deserialize)]
struct TokenizerModel {
    r#type: Option<String>,
    merges: Option<serde::de::IgnoredAny>,
}

/// As much of `tokenizer_config.json`.
#[derive(Deserialize)]
struct TokenizerConfig {
    chat_template: Option<serde::de::IgnoredAny>,
}

impl TextCard {
    /// # Errors
    /// Kind `Model` for files that are not what their names say.
    pub fn read(folder: &ModelFolder) -> Result<Self> {
        let tokenizer = match folder.read_small_if_present("tokenizer.json")? {
            Some(bytes) => {
                let file: TokenizerFile = parse_json(&bytes, &folder.describe("tokenizer.json"))?;
                // Older files name no kind; merges are BPE's.
                let unnamed = if file.model.merges.is_some() { "BPE" } else { "of no named kind" };
                Some(file.model.r#type.unwrap_or_else(|| unnamed.to_owned()))
            }
            None => folder.open_if_present("tokenizer.model")?.map(|_| "tokenizer.model".to_owned()),
        };
        let chat_template = match folder.open_if_present("chat_template.jinja")? {
            Some(_) => Some("chat_template.jinja"),
            None => match folder.read_small_if_present("tokenizer_config.json")? {
                None => None,
                Some(bytes) => {
                    let path = folder.describe("tokenizer_config.json");
                    let config: TokenizerConfig = parse_json(&bytes, &path)?;
                    config.chat_template.map(|_| "tokenizer_config.json")
                }
            },
        };
        Ok(TextCard { tokenizer, chat_template })
    }
}
