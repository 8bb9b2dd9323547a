//! Attention along the path: the rows of a piece attend to the rows of its ancestors and causally to their own.
//! Nothing else is multiplied. `dense_attention.rs` is the same under a mask, and the oracle.

use super::super::DecoderConfig;
use crate::error::Result;
use crate::packing::PackedBatch;
use candle_core::{D, Device, Tensor};
use candle_nn::ops::softmax_last_dim;
use rayon::prelude::*;
use std::collections::HashMap;

/// What every layer needs to know of one piece, as tensors made once per batch.
struct PiecePath {
    first_row: usize,
    row_count: usize,
    /// Stack rows of path and piece, root first: u32 `[L]`.
    stack_rows: Tensor,
    /// Added to scores, `[row_count, L]`; `None` for a single row, which sees all of its path.
    mask: Option<Tensor>,
}

/// What a layer does to scores.
#[derive(Debug, Clone, Copy)]
pub struct ScoreSettings {
    pub scale: f64,
    pub soft_cap: Option<f64>,
}

impl ScoreSettings {
    /// From raw products; what is hidden is hidden behind this.
    pub fn apply(&self, products: &Tensor) -> Result<Tensor> {
        let scores = (products * self.scale)?;
        Ok(match self.soft_cap {
            None => scores,
            Some(cap) => ((scores / cap)?.tanh()? * cap)?,
        })
    }
}

/// The attention pattern of one batch, shared by all layers with one window.
pub struct PathAttention {
    pieces: Vec<PiecePath>,
    group_count: usize,
    kv_head_count: usize,
    head_dim: usize,
}

impl PathAttention {
    pub fn new(
        batch: &PackedBatch,
        config: &DecoderConfig,
        window: Option<usize>,
        device: &Device,
    ) -> Result<Self> {
        let kept = batch.kept_rows.len();
        let mut masks: HashMap<(usize, usize), Tensor> = HashMap::new();
        let mut pieces = Vec::with_capacity(batch.pieces.len());
        for piece in &batch.pieces {
            let own = kept + piece.rows.start..kept + piece.rows.end;
            let rows: Vec<u32> =
                piece.path.iter().cloned().chain([own]).flatten().map(|row| row as u32).collect();
            let (row_count, len) = (piece.rows.len(), rows.len());
            let mask = match (row_count, window) {
                (1, None) => None,
                _ => Some(match masks.entry((row_count, len)) {
                    std::collections::hash_map::Entry::Occupied(known) => known.get().clone(),
                    std::collections::hash_map::Entry::Vacant(new) => {
                        new.insert(causal_mask(row_count, len, window, device)?).clone()
                    }
                }),
            };
            let stack_rows = Tensor::from_vec(rows, len, device)?;
            pieces.push(PiecePath { first_row: piece.rows.start, row_count, stack_rows, mask });
        }
        Ok(PathAttention {
            pieces,
            group_count: config.head_count / config.kv_head_count,
            kv_head_count: config.kv_head_count,
            head_dim: config.head_dim,
        })
    }

    /// `q`: `[T, heads, D]`; `k`, `v`: the whole stack `[S, kv_heads, D]`. Returns `[T, heads * D]`.
    pub fn forward(&self, q: &Tensor, k: &Tensor, v: &Tensor, settings: ScoreSettings) -> Result<Tensor> {
        // Pieces are small and many: they are the unit of parallel work.
        let outputs: Vec<Tensor> = self
            .pieces
            .par_iter()
            .map(|piece| self.piece(piece, q, k, v, settings))
            .collect::<Result<_>>()?;
        Ok(Tensor::cat(&outputs, 0)?)
    }

    fn piece(
        &self,
        piece: &PiecePath,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        settings: ScoreSettings,
    ) -> Result<Tensor> {
        let (heads, groups, dim) = (self.kv_head_count, self.group_count, self.head_dim);
        let rows = piece.row_count;
        let len = piece.stack_rows.dim(0)?;
        let q = q
            .narrow(0, piece.first_row, rows)?
            .reshape((rows, heads, groups, dim))?
            .permute((1, 2, 0, 3))? // [kv_heads, groups, rows, D]
            .reshape((heads, groups * rows, dim))?;
        let k = k.index_select(&piece.stack_rows, 0)?.transpose(0, 1)?; // [kv_heads, L, D]
        let v = v.index_select(&piece.stack_rows, 0)?.transpose(0, 1)?.contiguous()?;
        let scores = settings.apply(&q.matmul(&k.transpose(1, 2)?.contiguous()?)?)?;
        let scores = match &piece.mask {
            None => scores,
            Some(mask) => scores.reshape((heads * groups, rows, len))?.broadcast_add(mask)?.reshape((
                heads,
                groups * rows,
                len,
            ))?,
        };
        let mixed = softmax_last_dim(&scores)?.matmul(&v)?; // [kv_heads, groups * rows, D]
        Ok(mixed
            .reshape((heads, groups, rows, dim))?
            .permute((2, 0, 1, 3))?
            .reshape((rows, heads * groups * dim))?)
    }
}

/// `[row_count, len]`: row r may see everything but the own rows behind it and what its window leaves out.
fn causal_mask(row_count: usize, len: usize, window: Option<usize>, device: &Device) -> Result<Tensor> {
    let before = len - row_count;
    let mask: Vec<f32> = (0..row_count)
        .flat_map(|row| {
            let end = before + row + 1;
            let seen = window.map_or(0, |window| end.saturating_sub(window))..end;
            (0..len).map(move |column| if seen.contains(&column) { 0.0 } else { f32::NEG_INFINITY })
        })
        .collect();
    Ok(Tensor::from_vec(mask, (row_count, len), device)?)
}

/// Rotates the halves of each head's first dimensions against each other. `x`: `[T, heads, D]`; `cos`, `sin`:
/// `[T, turned / 2]`.
pub fn rotate(x: &Tensor, cos: &Tensor, sin: &Tensor) -> Result<Tensor> {
    let (dim, turned) = (x.dim(D::Minus1)?, 2 * cos.dim(1)?);
    let first = x.narrow(D::Minus1, 0, turned)?.contiguous()?;
    let first = candle_nn::rotary_emb::rope_thd(&first.unsqueeze(0)?, cos, sin)?.squeeze(0)?;
    if turned == dim {
        return Ok(first);
    }
    Ok(Tensor::cat(&[first, x.narrow(D::Minus1, turned, dim - turned)?.contiguous()?], D::Minus1)?)
}
