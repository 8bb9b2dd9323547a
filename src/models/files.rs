//! The files of a model that are small and read before anything is computed, or what a GGUF file has in their place. Touches no
//! weights, and does not look into a tokenizer.

use super::config::ModelConfig;
use super::folder::{ModelFolder, parse_json};
use super::gguf::{self, GgufFile, Metadata};
use super::sha256_hex;
use crate::error::{Error, Result};
use serde_json::{Value, json};

/// What is known of a model without its weights.
#[derive(Debug)]
pub struct ModelFiles {
    pub config: ModelConfig,
    pub tokenizer: TokenizerFile,
    /// `tokenizer_config.json`; an empty object where there is none.
    pub tokenizer_config: Value,
    /// `chat_template.jinja` as it is, which goes before a template inside `tokenizer_config.json`.
    pub template_file: Option<String>,
    pub config_sha256: String,
    pub tokenizer_sha256: String,
    pub tokenizer_config_sha256: String,
}

/// Where a tokenizer comes from.
#[derive(Debug)]
pub enum TokenizerFile {
    /// `tokenizer.json` as it is.
    Json(Vec<u8>),
    /// `tokenizer.model` as it is, where there is no `tokenizer.json`.
    Model(Vec<u8>),
    /// The metadata of a GGUF file.
    Gguf(Metadata),
}

impl TokenizerFile {
    /// The name of the file.
    pub fn name(&self) -> &'static str {
        match self {
            TokenizerFile::Json(_) | TokenizerFile::Gguf(_) => "tokenizer.json",
            TokenizerFile::Model(_) => "tokenizer.model",
        }
    }

    fn read(folder: &ModelFolder) -> Result<(Self, String)> {
        let model = || folder.read_small_if_present("tokenizer.model");
        if let Some(bytes) = folder.read_small_if_present("tokenizer.json")? {
            let sha256 = sha256_hex(&bytes);
            return Ok((TokenizerFile::Json(bytes), sha256));
        }
        match model()? {
            Some(bytes) => {
                let sha256 = sha256_hex(&bytes);
                Ok((TokenizerFile::Model(bytes), sha256))
            }
            // Says what is missing.
            None => Err(folder.open("tokenizer.json").err().unwrap_or_else(|| Error::model("no tokenizer"))),
        }
    }
}

impl ModelFiles {
    /// Reads the small files of a folder, or the metadata of a GGUF file.
    ///
    /// # Errors
    /// Kind `Model`, with the file that is absent, broken or unsupported.
    pub fn read(folder: &ModelFolder) -> Result<Self> {
        if let ModelFolder::Gguf(path) = folder {
            return Self::of_gguf(GgufFile::open(path)?);
        }
        let config_bytes = folder.read_small("config.json")?;
        let config = ModelConfig::parse(&config_bytes, &folder.describe("config.json"))?;
        let (tokenizer, tokenizer_sha256) = TokenizerFile::read(folder)?;
        let tokenizer_config_bytes = folder.read_small_if_present("tokenizer_config.json")?;
        let tokenizer_config = match &tokenizer_config_bytes {
            None => json!({}),
            Some(bytes) => parse_json(bytes, &folder.describe("tokenizer_config.json"))?,
        };
        let template_file = match folder.read_small_if_present("chat_template.jinja")? {
            None => None,
            Some(bytes) => Some(String::from_utf8(bytes).map_err(|source| {
                Error::model("not UTF-8 text").at(folder.describe("chat_template.jinja")).because(source)
            })?),
        };
        Ok(ModelFiles {
            config_sha256: sha256_hex(&config_bytes),
            tokenizer_sha256,
            tokenizer_config_sha256: sha256_hex(&tokenizer_config_bytes.unwrap_or_default()),
            config,
            tokenizer,
            tokenizer_config,
            template_file,
        })
    }

    /// All hashes but the weights' are those of the metadata that is there in a file's place.
    fn of_gguf(file: GgufFile) -> Result<Self> {
        let config = gguf::read_config(&file)?;
        let metadata = file.into_metadata();
        let is_template = |key: &str| key.starts_with("tokenizer.chat_template");
        let is_vocabulary = |key: &str| key.starts_with("tokenizer.") && !is_template(key);
        Ok(ModelFiles {
            config,
            tokenizer_config: json!({ "chat_template": metadata.get::<&str>("tokenizer.chat_template")? }),
            template_file: None,
            config_sha256: metadata.sha256(|key| !key.starts_with("tokenizer.")),
            tokenizer_sha256: metadata.sha256(is_vocabulary),
            tokenizer_config_sha256: metadata.sha256(is_template),
            tokenizer: TokenizerFile::Gguf(metadata),
        })
    }
}

impl ModelConfig {
    /// The config of a model, for those who need nothing else of it.
    ///
    /// # Errors
    /// Kind `Model`, with the file that is absent, broken or unsupported.
    pub fn read(folder: &ModelFolder) -> Result<Self> {
        match folder {
            ModelFolder::Gguf(path) => gguf::read_config(&GgufFile::open(path)?),
            _ => Self::parse(&folder.read_small("config.json")?, &folder.describe("config.json")),
        }
    }
}
