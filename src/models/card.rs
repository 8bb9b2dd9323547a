//! What a model is, from its config and the headers of its weight files. No weights are read.

use super::config::ModelConfig;
use super::folder::{ModelFolder, parse_json};
use super::gguf::GgufFile;
use super::safetensors::SafetensorsFile;
use super::shards::{padded_count, weight_file_names};
use crate::engine::{EngineDevice, RopeConfig, RopeKind};
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
        let config = ModelConfig::read(folder)?;
        let stored = match folder {
            ModelFolder::Gguf(path) => Stored::in_gguf(&GgufFile::open(path)?, folder)?,
            _ => Stored::in_safetensors(folder)?,
        };
        let decoder = &config.decoder;
        Ok(ModelCard {
            family: config.family.name(),
            parameter_count: stored.dtypes.values().sum(),
            dtypes: stored.dtypes,
            layer_count: decoder.layer_count(),
            hidden_size: decoder.hidden_size,
            head_count: decoder.head_count,
            kv_head_count: decoder.kv_head_count,
            head_dim: decoder.head_dim,
            context_length: decoder.position_count_max,
            vocab_size: decoder.vocab_size,
            ropes: decoder.ropes.iter().map(RopeCard::new).collect(),
            tied_embeddings: decoder.tied_embeddings,
            weights_memory_bytes: stored.memory,
            weight_files: stored.files,
        })
    }

    /// dtypes joined by `+`, the most used first.
    pub fn dtype(&self) -> String {
        let mut dtypes: Vec<(&String, &u64)> = self.dtypes.iter().collect();
        dtypes.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        dtypes.into_iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join("+")
    }
}

/// What the headers of weight files say.
struct Stored {
    dtypes: BTreeMap<String, u64>,
    memory: MemoryCard,
    files: Vec<String>,
}

impl Stored {
    fn in_gguf(file: &GgufFile, folder: &ModelFolder) -> Result<Self> {
        let device = EngineDevice::from_name("cpu")?;
        let (mut dtypes, mut f32, mut bf16) = (BTreeMap::new(), 0.0, 0.0);
        for tensor in file.tensors() {
            let count = tensor.row_count() as f64 * tensor.row_len() as f64;
            *dtypes.entry(tensor.kind().to_string().to_lowercase()).or_default() += count as u64;
            // What stays quantised takes the same in both.
            let wide = tensor.kind().format().map_or(4.0, |format| device.bytes_per_value_of(format));
            f32 += count * wide;
            bf16 += count * if wide == 4.0 { 2.0 } else { wide };
        }
        let files = folder.files()?.into_iter().map(|(name, _)| name).collect();
        Ok(Stored { dtypes, memory: MemoryCard { f32: f32 as u64, bf16: bf16 as u64 }, files })
    }

    fn in_safetensors(folder: &ModelFolder) -> Result<Self> {
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
        let memory = MemoryCard { f32: packed_count * 4, bf16: packed_count * 2 };
        Ok(Stored { dtypes, memory, files: weight_files })
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
        if let ModelFolder::Gguf(path) = folder {
            return Self::of_gguf(&GgufFile::open(path)?);
        }
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

    fn of_gguf(file: &GgufFile) -> Result<Self> {
        let metadata = file.metadata();
        // `no_vocab` is how converters say that they were given no tokenizer.
        let kind = metadata.get::<&str>("tokenizer.ggml.model")?.filter(|kind| *kind != "no_vocab");
        let pre = metadata.get::<&str>("tokenizer.ggml.pre")?.map(|pre| format!(" ({pre})"));
        let chat_template = metadata.contains("tokenizer.chat_template").then_some("tokenizer.chat_template");
        Ok(TextCard { tokenizer: kind.map(|kind| kind.to_owned() + &pre.unwrap_or_default()), chat_template })
    }
}
