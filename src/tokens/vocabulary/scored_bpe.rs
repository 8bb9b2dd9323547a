//! SentencePiece's BPE, where scores stand for merges. Knows no files.

use tokenizers::models::bpe::{BPE, Vocab};

use super::merges::{self, Mergeable};
use super::pieces::{Piece, has_bytes};
use crate::error::{Error, Result};

/// `unk_text` is what a character without a piece becomes where it cannot be spelled in bytes.
pub(super) fn build(pieces: &[Piece], unk_text: Option<&str>) -> Result<BPE> {
    let byte_fallback = has_bytes(pieces)?;
    let merges = merges::derive(&ranked(pieces))?;
    let ids: Vocab = pieces.iter().map(|piece| piece.text.clone()).zip(0..).collect();
    let mut builder =
        BPE::builder().vocab_and_merges(ids, merges).byte_fallback(byte_fallback).fuse_unk(true);
    if let Some(text) = unk_text {
        builder = builder.unk_token(text.to_owned());
    }
    builder.build().map_err(|cause| Error::model("the vocabulary does not make a BPE model").because(cause))
}

/// Ranks by falling score, equal scores alike.
fn ranked(pieces: &[Piece]) -> Vec<Mergeable<'_>> {
    let mut by_score: Vec<&Piece> = pieces.iter().filter(|piece| piece.is_made_from_text()).collect();
    by_score.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut ranked: Vec<Mergeable<'_>> = Vec::with_capacity(by_score.len());
    let mut last = (0, f32::INFINITY);
    for piece in by_score {
        if piece.score < last.1 {
            last = (last.0 + 1, piece.score);
        }
        ranked.push(Mergeable { text: &piece.text, rank: last.0 });
    }
    ranked
}
