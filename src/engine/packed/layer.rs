//! One layer's linear maps on a block of rows, on one thread: norm into packing, products into their places. Knows nothing of
//! attention or of other rows.

use super::super::kernels::pointwise::{add_tile, rms_norm, write_tile};
use super::super::kernels::{AlignedWords, Isa, Kernel, PackedRows};
use super::super::stages::{EngineStage, StageClock};
use super::super::{DecoderConfig, LayerWeights};
use super::matrix::PackedMatrix;
use super::session::{BlockScratch, UnpackedLayer};
use crate::error::Result;
use candle_core::{DType, Tensor};

/// A layer packed for one kernel.
#[derive(Debug)]
pub struct PackedLayer {
    attention_norm: Vec<f32>,
    pub qkv: PackedMatrix,
    pub query_norm: Option<Vec<f32>>,
    pub key_norm: Option<Vec<f32>>,
    output: PackedMatrix,
    mlp_norm: Vec<f32>,
    gate_up: PackedMatrix,
    down: PackedMatrix,
}

/// A tensor's values as f32.
pub fn floats(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(tensor.to_dtype(DType::F32)?.to_vec1()?)
}

impl PackedLayer {
    pub fn new(kernel: Kernel, weights: &LayerWeights) -> Result<Self> {
        Ok(PackedLayer {
            attention_norm: floats(&weights.attention_norm)?,
            qkv: PackedMatrix::stacked(kernel, &[&weights.query, &weights.key, &weights.value])?,
            query_norm: weights.query_norm.as_ref().map(floats).transpose()?,
            key_norm: weights.key_norm.as_ref().map(floats).transpose()?,
            output: PackedMatrix::stacked(kernel, &[&weights.output])?,
            mlp_norm: floats(&weights.mlp_norm)?,
            gate_up: PackedMatrix::gated(kernel, &weights.gate, &weights.up)?,
            down: PackedMatrix::stacked(kernel, &[&weights.down])?,
        })
    }

    /// Unpacks what [`Self::finish`] needs, where it is quantised.
    pub fn unpack(&self, unpacked: &mut UnpackedLayer) {
        self.output.unpack(&mut unpacked.output);
        self.gate_up.unpack(&mut unpacked.gate_up);
        self.down.unpack(&mut unpacked.down);
    }

    /// Normed rows `x` into raw queries, keys and values.
    pub fn project(
        &self,
        config: &DecoderConfig,
        x: &[f32],
        qkv: &mut [f32],
        unpacked: &UnpackedLayer,
        scratch: &mut BlockScratch,
        clock: &StageClock,
    ) {
        let BlockScratch { outer, normed, .. } = scratch;
        clock.time(EngineStage::Pointwise, || pack_normed(config, x, &self.attention_norm, outer, normed));
        clock.time(EngineStage::Linear, || into_tiles(&self.qkv, &unpacked.qkv, outer, qkv, write_tile));
    }

    /// Output projection of the mixed values, and MLP, each added to the rows `x`.
    pub fn finish(
        &self,
        config: &DecoderConfig,
        mixed: &[f32],
        x: &mut [f32],
        unpacked: &UnpackedLayer,
        scratch: &mut BlockScratch,
        clock: &StageClock,
    ) {
        let BlockScratch { outer, inner, normed } = scratch;
        let width = config.query_size();
        clock.time(EngineStage::Pointwise, || {
            outer.reshape(mixed.len() / width, width);
            mixed.chunks(width).enumerate().for_each(|(row, values)| outer.set(row, 0, values));
        });
        clock.time(EngineStage::Linear, || into_tiles(&self.output, &unpacked.output, outer, x, add_tile));
        clock.time(EngineStage::Pointwise, || pack_normed(config, x, &self.mlp_norm, outer, normed));
        clock.time(EngineStage::Linear, || {
            inner.reshape(outer.row_count(), config.intermediate_size);
            let half = self.gate_up.kernel().columns() / 2;
            let panels = 0..self.gate_up.panel_count();
            self.gate_up.multiply(outer, panels, Some(&unpacked.gate_up), |panel, first_row, sums| {
                inner.set_gated(first_row, sums, self.gate_up.bias(panel), panel * half);
            });
            into_tiles(&self.down, &unpacked.down, inner, x, add_tile);
        });
    }
}

/// Norms rows `[rows, hidden]` and lays them out for the kernel.
pub fn pack_normed(
    config: &DecoderConfig,
    x: &[f32],
    weight: &[f32],
    rows: &mut PackedRows,
    normed: &mut Vec<f32>,
) {
    let hidden = config.hidden_size;
    rows.reshape(x.len() / hidden, hidden);
    normed.resize(hidden, 0.0);
    for (row, x) in x.chunks(hidden).enumerate() {
        rms_norm(rows.kernel().isa(), x, weight, config.norm_eps as f32, normed);
        rows.set(row, 0, normed);
    }
}

/// Multiplies rows with a whole matrix and brings each tile with its bias to its place in `out`, `[rows, outputs]`.
pub fn into_tiles(
    matrix: &PackedMatrix,
    unpacked: &AlignedWords,
    rows: &PackedRows,
    out: &mut [f32],
    bring: impl Fn(Isa, &[f32], usize, &[f32], &mut [f32], usize),
) {
    let (columns, width) = (matrix.kernel().columns(), matrix.output_len());
    matrix.multiply(rows, 0..matrix.panel_count(), Some(unpacked), |panel, first_row, sums| {
        let first = panel * columns;
        let bias = &matrix.bias(panel)[..columns.min(width - first)];
        let out = &mut out[first_row * width + first..];
        bring(matrix.kernel().isa(), sums, columns, bias, out, width);
    });
}
