//! Which of two formats a file named `tokenizer.model` is in. Knows only how each begins.

use super::protobuf::{Fields, Wire};
use crate::error::{Error, Result};

/// What a `tokenizer.model` can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenizerModelFormat {
    /// A protobuf message: Llama 2, Mistral, Gemma, Phi-3, T5.
    SentencePiece,
    /// Lines of a token in base64 and its rank: Llama 3 as Meta publishes it.
    TiktokenRanks,
}

impl TokenizerModelFormat {
    /// # Errors
    /// Kind `Model` when the bytes begin like neither.
    pub fn detect(bytes: &[u8]) -> Result<Self> {
        let first_line = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
        if super::tiktoken::parse_line(first_line).is_some() {
            return Ok(Self::TiktokenRanks);
        }
        // Pieces come first, as field 1. A text cannot begin so: the byte is a line feed, and what follows is checked.
        let first_piece = match Fields::new(bytes).next() {
            Some(Ok((1, Wire::Bytes(piece)))) => Fields::new(piece).next(),
            _ => None,
        };
        if matches!(first_piece, Some(Ok((1, Wire::Bytes(_))))) {
            return Ok(Self::SentencePiece);
        }
        let error = Error::model("neither a SentencePiece model nor tiktoken ranks");
        Err(match bytes.starts_with(b"version https://git-lfs") {
            true => error.hint("this is a Git LFS pointer; fetch the file itself (git lfs pull)"),
            false => error,
        })
    }
}
