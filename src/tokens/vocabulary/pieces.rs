//! Vocabulary entries with a score and a kind, as SentencePiece models and GGUF files both list them.
//! Knows neither file.

use std::collections::HashSet;

use crate::error::{Error, Result};

/// What an entry is for. SentencePiece and GGUF number the kinds alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PieceKind {
    Normal,
    Unknown,
    /// Steers the model, such as `<s>`; never made from text that merely looks like it by merging.
    Control,
    /// Found in text as a whole, before anything else is.
    UserDefined,
    Unused,
    /// One byte of a character that has no piece of its own, spelled `<0xE2>`.
    Byte,
}

impl PieceKind {
    pub(super) fn from_code(code: i64) -> Result<Self> {
        match code {
            // 0 is llama.cpp's "undefined", which it matches like a normal entry.
            0 | 1 => Ok(Self::Normal),
            2 => Ok(Self::Unknown),
            3 => Ok(Self::Control),
            4 => Ok(Self::UserDefined),
            5 => Ok(Self::Unused),
            6 => Ok(Self::Byte),
            _ => Err(Error::model(format!("{code} is no kind of vocabulary entry"))),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Piece {
    pub text: String,
    pub score: f32,
    pub kind: PieceKind,
}

impl Piece {
    /// Whether text can become this piece by merging or by segmentation.
    pub(super) fn is_made_from_text(&self) -> bool {
        matches!(self.kind, PieceKind::Normal | PieceKind::Unused) && byte_of(&self.text).is_none()
    }
}

/// The byte that a piece like `<0xE2>` stands for.
fn byte_of(text: &str) -> Option<u8> {
    let digits = text.strip_prefix("<0x")?.strip_suffix('>')?;
    let is_upper_hex = digits.len() == 2 && digits.bytes().all(|c| matches!(c, b'0'..=b'9' | b'A'..=b'F'));
    is_upper_hex.then(|| u8::from_str_radix(digits, 16).ok()).flatten()
}

/// Refuses what no vocabulary can mean: none at all, one text twice, a score that cannot be compared.
pub(super) fn check(pieces: &[Piece]) -> Result<()> {
    if pieces.is_empty() {
        return Err(Error::model("the vocabulary is empty"));
    }
    if u32::try_from(pieces.len()).is_err() {
        return Err(Error::model(format!("a vocabulary of {} entries has no 32-bit ids", pieces.len())));
    }
    let mut seen = HashSet::with_capacity(pieces.len());
    for piece in pieces {
        if !seen.insert(piece.text.as_str()) {
            return Err(Error::model(format!("the vocabulary has {:?} twice", piece.text)));
        }
        if !piece.score.is_finite() {
            return Err(Error::model(format!("the score of {:?} is {}", piece.text, piece.score)));
        }
    }
    Ok(())
}

/// Whether characters without a piece are spelled in bytes.
///
/// # Errors
/// When some bytes have a piece and some have none: half of the characters would be lost.
pub(super) fn has_bytes(pieces: &[Piece]) -> Result<bool> {
    match pieces.iter().filter(|piece| byte_of(&piece.text).is_some()).count() {
        0 => Ok(false),
        256 => Ok(true),
        count => Err(Error::model(format!("the vocabulary spells only {count} of the 256 bytes (<0x00>)"))),
    }
}
