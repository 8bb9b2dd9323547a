//! What a `tokenizer_config.json` adds to a `tokenizer.model`: tokens beyond the vocabulary, what goes around a text,
//! and how a leading space is made. Knows neither format of vocabulary.

use serde_json::Value;
use tokenizers::{AddedToken, Tokenizer};

use super::pieces::{Piece, PieceKind};
use crate::error::{Error, Result};
use crate::prompts::special_token_text;

/// A tokenizer and its beginning-of-sequence token.
pub(super) struct Built {
    pub tokenizer: Tokenizer,
    pub bos_id: Option<u32>,
}

#[derive(Debug, Default)]
pub(super) struct ModelConfig {
    pub bos_text: Option<String>,
    pub eos_text: Option<String>,
    /// Whether a BOS goes in front. `None` where neither the config nor the kind of tokenizer says.
    pub adds_bos: Option<bool>,
    pub adds_eos: Option<bool>,
    /// `legacy`: a leading space before each stretch of text between added tokens, not only at the start. So does plain
    /// SentencePiece, and every class but Llama's where the config does not say.
    pub is_legacy: bool,
    /// `add_prefix_space`, where it is said.
    pub adds_space: Option<bool>,
    /// By id.
    pub added: Vec<(u32, AddedToken)>,
}

impl ModelConfig {
    /// # Errors
    /// When an entry of the config has a type or a value that it cannot have.
    pub(super) fn read(config: &Value) -> Result<Self> {
        let class = config["tokenizer_class"].as_str().unwrap_or_default().trim_end_matches("Fast");
        let (adds_bos, adds_eos) = framing_of_class(class);
        Ok(ModelConfig {
            bos_text: token_text(config, "bos_token")?,
            eos_text: token_text(config, "eos_token")?,
            adds_bos: flag(config, "add_bos_token")?.or(adds_bos),
            adds_eos: flag(config, "add_eos_token")?.or(adds_eos),
            is_legacy: flag(config, "legacy")?.unwrap_or(!LLAMA_CLASSES.contains(&class)),
            adds_space: flag(config, "add_prefix_space")?,
            added: added_tokens(&config["added_tokens_decoder"])?,
        })
    }

    /// Puts the config's tokens behind `pieces`; those that are there already must be the same.
    ///
    /// # Errors
    /// When an id is taken by another text, or leaves a gap.
    pub(super) fn extend(&self, pieces: &mut Vec<Piece>) -> Result<()> {
        for (id, token) in &self.added {
            let index = *id as usize;
            let misplaced = |has: &str| {
                Error::model(format!(
                    "the config adds {:?} with id {id}, but the vocabulary has {has}",
                    token.content
                ))
            };
            match pieces.get(index) {
                Some(piece) if piece.text == token.content => {}
                Some(piece) => return Err(misplaced(&format!("{:?} there", piece.text))),
                None if index == pieces.len() => {
                    let kind = if token.special { PieceKind::Control } else { PieceKind::UserDefined };
                    pieces.push(Piece { text: token.content.clone(), score: 0.0, kind });
                }
                None => return Err(misplaced(&format!("{} entries", pieces.len()))),
            }
        }
        Ok(())
    }
}

const LLAMA_CLASSES: [&str; 2] = ["LlamaTokenizer", "CodeLlamaTokenizer"];

/// Whether a BOS goes in front and an EOS behind in transformers' classes, where the config does not say.
fn framing_of_class(class: &str) -> (Option<bool>, Option<bool>) {
    match class {
        "LlamaTokenizer" | "CodeLlamaTokenizer" | "GemmaTokenizer" => (Some(true), Some(false)),
        "T5Tokenizer" => (Some(false), Some(true)),
        _ => (None, None),
    }
}

fn flag(config: &Value, key: &str) -> Result<Option<bool>> {
    match &config[key] {
        Value::Null => Ok(None),
        Value::Bool(flag) => Ok(Some(*flag)),
        other => Err(Error::model(format!("{key} of the tokenizer config is {other}, not true or false"))),
    }
}

fn token_text(config: &Value, key: &str) -> Result<Option<String>> {
    let entry = &config[key];
    if entry.is_null() {
        return Ok(None);
    }
    let text = special_token_text(entry).ok_or_else(|| {
        Error::model(format!("{key} of the tokenizer config is neither a string nor an object with content"))
    })?;
    Ok(Some(text.to_owned()))
}

/// Tokens that transformers looks for in the text as it stands, before anything is normalised.
fn added_tokens(decoder: &Value) -> Result<Vec<(u32, AddedToken)>> {
    let broken = || Error::model("added_tokens_decoder of the tokenizer config does not list tokens by id");
    let entries = match decoder {
        Value::Null => return Ok(Vec::new()),
        Value::Object(entries) => entries,
        _ => return Err(broken()),
    };
    let mut added = Vec::with_capacity(entries.len());
    for (id, entry) in entries {
        let id = id.parse().map_err(|_| broken())?;
        let content = entry["content"].as_str().ok_or_else(broken)?;
        let set = |key: &str| entry[key].as_bool().unwrap_or(false);
        let token = AddedToken::from(content, set("special"))
            .normalized(false)
            .lstrip(set("lstrip"))
            .rstrip(set("rstrip"))
            .single_word(set("single_word"));
        added.push((id, token));
    }
    added.sort_by_key(|&(id, _)| id);
    Ok(added)
}
