//! One layer's linear maps on a block of rows, on one thread: norm into packing, products into their places. Knows nothing of
//! attention or of other rows.

use super::super::kernels::pointwise::{add_scaled, add_tile, write_tile};
use super::super::kernels::{AlignedWords, Isa, Kernel, PackedRows};
use super::super::stages::{EngineStage, StageClock};
use super::super::{DecoderConfig, LayerConfig, LayerWeights, Residual};
use super::feed_forward::{FeedForwardScratch, PackedFeedForward, UnpackedFeedForward};
use super::matrix::PackedMatrix;
use super::norm::{PackedNorm, PackedQueryKeyNorm};
use crate::error::Result;
use candle_core::{DType, Tensor};

/// A layer packed for one kernel.
#[derive(Debug)]
pub struct PackedLayer {
    attention_norm: Option<PackedNorm>,
    pub qkv: PackedMatrix,
    query_key_norm: Option<PackedQueryKeyNorm>,
    output: PackedMatrix,
    attention_post_norm: Option<PackedNorm>,
    feed_forward_norm: Option<PackedNorm>,
    feed_forward: PackedFeedForward,
    feed_forward_post_norm: Option<PackedNorm>,
}

/// What a thread works in while it takes a block of rows through a layer.
#[derive(Debug)]
pub struct BlockScratch {
    outer: PackedRows,
    /// The feed-forward's input, where it is laid out before `outer` is free.
    second: PackedRows,
    feed_forward: FeedForwardScratch,
    row: Vec<f32>,
    /// `[rows, hidden]`: a branch that is not simply added.
    branch: Vec<f32>,
}

impl BlockScratch {
    pub fn new(kernel: Kernel) -> Self {
        let rows = || PackedRows::new(kernel);
        let feed_forward = FeedForwardScratch::new(kernel);
        BlockScratch { outer: rows(), second: rows(), feed_forward, row: Vec::new(), branch: Vec::new() }
    }
}

/// The matrices of a layer's rows step, unpacked where they are quantised.
#[derive(Debug, Default)]
pub struct UnpackedLayer {
    output: AlignedWords,
    feed_forward: UnpackedFeedForward,
    /// Of the layer that comes next.
    pub qkv: AlignedWords,
}

/// How a tile of sums `[rows, columns]` plus a bias comes into `out`, whose rows are a stride apart: see [`write_tile`] and
/// [`add_tile`].
pub type Bring = fn(Isa, &[f32], usize, &[f32], &mut [f32], usize);

/// A tensor's values as f32.
pub fn floats(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?)
}

impl PackedLayer {
    pub fn new(
        kernel: Kernel,
        config: &DecoderConfig,
        layer: &LayerConfig,
        weights: &LayerWeights,
    ) -> Result<Self> {
        let norm = |weights: &Option<_>| PackedNorm::optional(config, weights.as_ref());
        let (query_norm, key_norm) = (weights.query_norm.as_ref(), weights.key_norm.as_ref());
        Ok(PackedLayer {
            attention_norm: norm(&weights.attention_norm)?,
            qkv: PackedMatrix::stacked(kernel, &[&weights.query, &weights.key, &weights.value])?,
            query_key_norm: PackedQueryKeyNorm::new(config, query_norm, key_norm)?,
            output: PackedMatrix::stacked(kernel, &[&weights.output])?,
            attention_post_norm: norm(&weights.attention_post_norm)?,
            feed_forward_norm: norm(&weights.feed_forward_norm)?,
            feed_forward: PackedFeedForward::new(kernel, &layer.feed_forward, &weights.feed_forward)?,
            feed_forward_post_norm: norm(&weights.feed_forward_post_norm)?,
        })
    }

    /// Unpacks what [`Self::finish`] needs, where it is quantised.
    pub fn unpack(&self, unpacked: &mut UnpackedLayer) {
        self.output.unpack(&mut unpacked.output);
        self.feed_forward.unpack(&mut unpacked.feed_forward);
    }

    /// Normed rows `x` into queries, keys and values, not yet turned.
    pub fn project(
        &self,
        config: &DecoderConfig,
        x: &[f32],
        qkv: &mut [f32],
        unpacked: &UnpackedLayer,
        scratch: &mut BlockScratch,
        clock: &StageClock,
    ) {
        let BlockScratch { outer, row, .. } = scratch;
        clock.time(EngineStage::Pointwise, || {
            pack_normed(config, x, self.attention_norm.as_ref(), outer, row)
        });
        clock.time(EngineStage::Linear, || {
            into_tiles(&self.qkv, Some(&unpacked.qkv), outer, qkv, write_tile);
        });
        if let Some(norm) = &self.query_key_norm {
            clock.time(EngineStage::Pointwise, || {
                for qkv in qkv.chunks_exact_mut(config.qkv_size()) {
                    let (queries, rest) = qkv.split_at_mut(config.query_size());
                    norm.apply(outer.kernel().isa(), queries, &mut rest[..config.kv_size()], row);
                }
            });
        }
    }

    /// Output projection of the mixed values, and feed-forward, each added to the rows `x`.
    pub fn finish(
        &self,
        config: &DecoderConfig,
        mixed: &[f32],
        x: &mut [f32],
        unpacked: &UnpackedLayer,
        scratch: &mut BlockScratch,
        clock: &StageClock,
    ) {
        let BlockScratch { outer, second, feed_forward, row, branch } = scratch;
        let width = config.query_size();
        let is_parallel = config.residual == Residual::Parallel;
        clock.time(EngineStage::Pointwise, || {
            if is_parallel {
                // From the rows as they were before attention.
                let norm = self.feed_forward_norm.as_ref().or(self.attention_norm.as_ref());
                pack_normed(config, x, norm, second, row);
            }
            outer.reshape(mixed.len() / width, width);
            mixed.chunks(width).enumerate().for_each(|(row, values)| outer.set(row, 0, values));
        });
        let post_norm = self.attention_post_norm.as_ref();
        clock.time(EngineStage::Linear, || {
            add_branch(config, outer.kernel().isa(), x, post_norm, branch, row, |out, bring| {
                into_tiles(&self.output, Some(&unpacked.output), outer, out, bring);
            });
        });
        let rows = if is_parallel {
            second
        } else {
            let norm = self.feed_forward_norm.as_ref();
            clock.time(EngineStage::Pointwise, || pack_normed(config, x, norm, outer, row));
            outer
        };
        let post_norm = self.feed_forward_post_norm.as_ref();
        clock.time(EngineStage::Linear, || {
            add_branch(config, rows.kernel().isa(), x, post_norm, branch, row, |out, bring| {
                self.feed_forward.forward(config, rows, &unpacked.feed_forward, feed_forward, out, bring);
            });
        });
    }
}

/// Adds a branch to the rows `x`: tile by tile where nothing comes between, otherwise by way of `branch`.
fn add_branch(
    config: &DecoderConfig,
    isa: Isa,
    x: &mut [f32],
    post_norm: Option<&PackedNorm>,
    branch: &mut Vec<f32>,
    row: &mut Vec<f32>,
    compute: impl FnOnce(&mut [f32], Bring),
) {
    if post_norm.is_none() && config.residual_multiplier == 1.0 {
        return compute(x, add_tile);
    }
    branch.resize(x.len(), 0.0);
    compute(branch, write_tile);
    let width = config.hidden_size;
    row.resize(width, 0.0);
    for (x, values) in x.chunks_exact_mut(width).zip(branch.chunks_exact(width)) {
        let values = match post_norm {
            None => values,
            Some(norm) => {
                norm.apply(isa, values, &mut row[..width]);
                &row[..width]
            }
        };
        add_scaled(isa, values, config.residual_multiplier as f32, x);
    }
}

/// Norms rows `[rows, hidden]`, where there is a norm, and lays them out for the kernel.
pub fn pack_normed(
    config: &DecoderConfig,
    x: &[f32],
    norm: Option<&PackedNorm>,
    rows: &mut PackedRows,
    normed: &mut Vec<f32>,
) {
    let hidden = config.hidden_size;
    rows.reshape(x.len() / hidden, hidden);
    normed.resize(hidden, 0.0);
    for (row, x) in x.chunks(hidden).enumerate() {
        match norm {
            None => rows.set(row, 0, x),
            Some(norm) => {
                norm.apply(rows.kernel().isa(), x, &mut normed[..hidden]);
                rows.set(row, 0, &normed[..hidden]);
            }
        }
    }
}

/// Multiplies rows with a whole matrix and brings each tile with its bias to its place in `out`, `[rows, outputs]`.
pub fn into_tiles(
    matrix: &PackedMatrix,
    unpacked: Option<&AlignedWords>,
    rows: &PackedRows,
    out: &mut [f32],
    bring: Bring,
) {
    let (columns, width) = (matrix.kernel().columns(), matrix.output_len());
    matrix.multiply(rows, 0..matrix.panel_count(), unpacked, |panel, first_row, sums| {
        let first = panel * columns;
        let bias = &matrix.bias(panel)[..columns.min(width - first)];
        let out = &mut out[first_row * width + first..];
        bring(matrix.kernel().isa(), sums, columns, bias, out, width);
    });
}
