//! SentencePiece's Unigram model: the segmentation with the highest sum of scores. Knows no files.

use tokenizers::models::unigram::Unigram;

use super::pieces::{Piece, PieceKind, has_bytes};
use crate::error::{Error, Result};

pub(super) fn build(pieces: &[Piece], unk_id: u32) -> Result<Unigram> {
    let byte_fallback = has_bytes(pieces)?;
    let score = |piece: &Piece| match piece.kind {
        PieceKind::UserDefined => 0.0,
        _ if piece.is_made_from_text() => f64::from(piece.score),
        // The crate looks for every entry in the text. No segmentation that has another way takes one of these, and
        // there always is another: character by character.
        _ => f64::NEG_INFINITY,
    };
    let vocabulary = pieces.iter().map(|piece| (piece.text.clone(), score(piece))).collect();
    let mut model = Unigram::from(vocabulary, Some(unk_id as usize), byte_fallback)
        .map_err(|cause| Error::model("the vocabulary does not make a Unigram model").because(cause))?;
    // What an unknown character costs is counted from the worst normal piece.
    let normal = pieces.iter().filter(|piece| piece.kind == PieceKind::Normal);
    model.min_score = normal.map(|piece| f64::from(piece.score)).fold(f64::INFINITY, f64::min);
    match model.min_score.is_finite() {
        true => Ok(model),
        false => Err(Error::model("the vocabulary has no normal pieces")),
    }
}
