//! Tokenizers from vocabularies that are not a `tokenizer.json`: GGUF metadata, SentencePiece models, tiktoken ranks.
//! Knows bytes and plain lists; reads no files and knows no container format of model weights.
//!
//! All of them become a `tokenizers::Tokenizer`. What such a file does not say, or says in a way that the crate cannot
//! carry out exactly, is refused by name. The files are untrusted: what is allocated is bounded by their size times a
//! constant, and what the crate may still panic on runs guarded.

mod assemble;
mod byte_level;
mod detect;
mod gguf;
mod merges;
mod model_config;
mod pieces;
mod pre_tokenizers;
mod protobuf;
mod scored_bpe;
mod sentencepiece;
#[cfg(test)]
mod tests;
mod tiktoken;
mod unigram;
mod whitespace;

use std::path::Path;

use super::TextTokenizer;
use super::guard::guarded;
use crate::error::Result;
pub use detect::TokenizerModelFormat;
pub use gguf::VocabularyMetadata;
pub use tiktoken::RanksFamily;

impl TextTokenizer {
    /// Builds the tokenizer that GGUF metadata describes, for a model with `vocab_size` rows in its embedding.
    ///
    /// Text goes the way that llama.cpp defines for `tokenizer.ggml.model` and `tokenizer.ggml.pre`. Where llama.cpp
    /// only approximates what the model's makers run (letter case beyond ASCII, Unicode composition), theirs is run.
    ///
    /// # Errors
    /// Kind `Model`, naming `path`: a model kind or pre-tokenizer that is not known, lists that contradict each other,
    /// merges that cannot be ordered, or as in [`Self::from_bytes`].
    pub fn from_vocabulary(metadata: VocabularyMetadata, vocab_size: usize, path: &Path) -> Result<Self> {
        let bos_id = metadata.named_bos_id();
        let build = || guarded(|| metadata.build()).and_then(|tokenizer| tokenizer);
        let tokenizer = build().map_err(|error| error.at(path))?;
        let mut tokenizer = Self::from_tokenizer(tokenizer, vocab_size, path)?;
        tokenizer.bos_id = bos_id;
        Ok(tokenizer)
    }

    /// Builds the tokenizer of a `tokenizer.model`: a SentencePiece model or tiktoken ranks.
    ///
    /// `config` is the parsed `tokenizer_config.json` beside it, or null: it says which tokens were added, which go in
    /// front and behind, and how a leading space is made. Ranks alone do not say how text is cut before they apply, so
    /// they need a `family`.
    ///
    /// # Errors
    /// Kind `Model`, naming `path`: bytes in neither format, a model type or setting that is not supported, ranks
    /// without a family, a config that does not fit, or as in [`Self::from_bytes`].
    pub fn from_tokenizer_model(
        bytes: &[u8],
        config: &serde_json::Value,
        family: Option<RanksFamily>,
        vocab_size: usize,
        path: &Path,
    ) -> Result<Self> {
        let build = || match TokenizerModelFormat::detect(bytes)? {
            TokenizerModelFormat::SentencePiece => sentencepiece::build(bytes, config),
            TokenizerModelFormat::TiktokenRanks => tiktoken::build(bytes, config, family),
        };
        let built = guarded(build).and_then(|built| built).map_err(|error| error.at(path))?;
        let mut tokenizer = Self::from_tokenizer(built.tokenizer, vocab_size, path)?;
        tokenizer.bos_id = built.bos_id;
        Ok(tokenizer)
    }
}
