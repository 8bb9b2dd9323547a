//! Attention of all rows to the whole stack under an ancestor mask: a few large operations, no copy of a prefix for each child.
//! It multiplies what it then hides, which a GPU does faster than many small operations; on a CPU `attention.rs` does not.

use super::super::DecoderConfig;
use super::attention::ScoreSettings;
use crate::error::Result;
use crate::packing::PackedBatch;
use candle_core::{DType, Device, Tensor};
use candle_nn::ops::softmax_last_dim;

/// Scores held at once.
const SCORE_COUNT_MAX: usize = 64 << 20;

/// The mask of one batch, shared by all layers with one window.
pub struct DenseAttention {
    /// `[rows, stack rows]`: 0 where a row sees, −∞ elsewhere; a few rows at a time.
    masks: Vec<Tensor>,
    group_count: usize,
    kv_head_count: usize,
    head_dim: usize,
}

impl DenseAttention {
    pub fn new(
        batch: &PackedBatch,
        config: &DecoderConfig,
        window: Option<usize>,
        device: &Device,
    ) -> Result<Self> {
        let (row_count, stack_count) = (batch.token_count(), batch.kv_row_count());
        let mut mask = vec![f32::NEG_INFINITY; row_count * stack_count];
        let kept = batch.kept_rows.len();
        for piece in &batch.pieces {
            for row in piece.rows.clone() {
                let own = kept + piece.rows.start..kept + row + 1;
                let path = piece.path.iter().cloned().chain([own]).flatten();
                let hidden_count =
                    window.map_or(0, |window| (batch.position_ids[row] as usize + 1).saturating_sub(window));
                for seen in path.skip(hidden_count) {
                    mask[row * stack_count + seen] = 0.0;
                }
            }
        }
        let mask = Tensor::from_vec(mask, (row_count, stack_count), device)?;
        let rows_at_once = (SCORE_COUNT_MAX / (config.head_count * stack_count)).max(1);
        let masks = (0..row_count)
            .step_by(rows_at_once)
            .map(|start| Ok(mask.narrow(0, start, rows_at_once.min(row_count - start))?.contiguous()?));
        Ok(DenseAttention {
            masks: masks.collect::<Result<_>>()?,
            group_count: config.head_count / config.kv_head_count,
            kv_head_count: config.kv_head_count,
            head_dim: config.head_dim,
        })
    }

    /// `q`: `[T, heads, D]`; `k`, `v`: the whole stack `[S, kv_heads, D]`. Returns `[T, heads * D]`.
    pub fn forward(&self, q: &Tensor, k: &Tensor, v: &Tensor, settings: ScoreSettings) -> Result<Tensor> {
        let keys = k.permute((1, 2, 0))?.contiguous()?; // [kv_heads, D, S]
        let values = v.transpose(0, 1)?.contiguous()?; // [kv_heads, S, D]
        let mut start = 0;
        let mut mixed = Vec::with_capacity(self.masks.len());
        for mask in &self.masks {
            let rows = mask.dim(0)?;
            mixed.push(self.rows(&q.narrow(0, start, rows)?, &keys, &values, mask, settings)?);
            start += rows;
        }
        Ok(Tensor::cat(&mixed, 0)?)
    }

    fn rows(
        &self,
        q: &Tensor,
        keys: &Tensor,
        values: &Tensor,
        mask: &Tensor,
        settings: ScoreSettings,
    ) -> Result<Tensor> {
        let (heads, groups, dim) = (self.kv_head_count, self.group_count, self.head_dim);
        let (rows, stack_count) = mask.dims2()?;
        let q = q.reshape((rows, heads, groups, dim))?.permute((1, 2, 0, 3))?; // [kv_heads, groups, rows, D]
        let scores = q.reshape((heads, groups * rows, dim))?.contiguous()?.matmul(keys)?;
        // Softmax in f32, whatever the products are made in.
        let scores = settings.apply(&scores.to_dtype(DType::F32)?)?;
        let scores = scores.reshape((heads * groups, rows, stack_count))?.broadcast_add(mask)?;
        let weights = softmax_last_dim(&scores)?.to_dtype(values.dtype())?;
        let mixed = weights.reshape((heads, groups * rows, stack_count))?.matmul(values)?;
        Ok(mixed
            .reshape((heads, groups, rows, dim))?
            .permute((2, 0, 1, 3))?
            .reshape((rows, heads * groups * dim))?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::attention::PathAttention;
    use super::*;
    use crate::engine::{RopeConfig, RopeKind, UniformSizes};
    use crate::packing::{Batches, PrefixTrie, TokenSequence};
    use proptest::prelude::*;

    fn config() -> DecoderConfig {
        let sizes = UniformSizes {
            vocab_size: 8,
            hidden_size: 8,
            intermediate_size: 8,
            layer_count: 1,
            head_count: 4,
            kv_head_count: 2,
            head_dim: 6,
            position_count_max: 64,
        };
        DecoderConfig::uniform(sizes, 1e-6, RopeConfig { dim: 6, theta: 1e4, kind: RopeKind::Default }, true)
    }

    proptest! {
        #[test]
        fn it_is_the_attention_along_the_path(
            sequences in prop::collection::vec(prop::collection::vec(0u32..3, 1..12), 1..12),
            token_budget in 1usize..20, window in prop::option::of(1usize..6), soft_cap in prop::option::of(0.5f64..3.0),
        ) {
            let (config, device) = (config(), Device::Cpu);
            let settings = ScoreSettings { scale: 0.4, soft_cap };
            let views: Vec<_> = sequences.iter().map(|ids| TokenSequence::new(ids, &[])).collect();
            let trie = PrefixTrie::new(&views);
            for batch in Batches::new(&trie, token_budget) {
                let random = |rows: usize, heads: usize| Tensor::randn(0f32, 1.0, (rows, heads, 6), &device).unwrap();
                let q = random(batch.token_count(), 4);
                let (k, v) = (random(batch.kv_row_count(), 2), random(batch.kv_row_count(), 2));
                let path = PathAttention::new(&batch, &config, window, &device).unwrap().forward(&q, &k, &v, settings).unwrap();
                let dense = DenseAttention::new(&batch, &config, window, &device).unwrap().forward(&q, &k, &v, settings).unwrap();
                let worst = (path - dense).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
                prop_assert!(worst < 1e-5, "{worst}");
            }
        }
    }
}
