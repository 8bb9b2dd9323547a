//! Vocabularies of every kind against the programs of their makers, and against hostile files.

mod gguf_file;
mod goldens;
mod hostile;
mod llama_cpp;
mod refused;

use std::path::Path;

use super::*;
use crate::tokens::text_tokenizer::encode_ids;

/// Ids of a text, special tokens in it recognised, none added.
fn ids(tokenizer: &TextTokenizer, text: &str) -> Vec<u32> {
    encode_ids(&tokenizer.tokenizer, text).unwrap()
}

fn decoded(tokenizer: &TextTokenizer, ids: &[u32]) -> String {
    tokenizer.tokenizer.decode(ids, false).unwrap()
}

fn from_metadata(metadata: VocabularyMetadata) -> TextTokenizer {
    TextTokenizer::from_vocabulary(metadata, 1 << 20, Path::new("m.gguf")).unwrap()
}

fn from_model(
    bytes: &[u8],
    config: &serde_json::Value,
    family: Option<RanksFamily>,
) -> Result<TextTokenizer> {
    TextTokenizer::from_tokenizer_model(bytes, config, family, 1 << 20, Path::new("tokenizer.model"))
}
