//! The part of a layer behind its attention, on a block of rows, on one thread: gated, plain, or a few of many experts. Knows
//! rows that are normed and laid out, not where they come from.

use super::super::kernels::pointwise::{add_scaled, write_tile};
use super::super::kernels::{AlignedWords, Kernel, PackedRows};
use super::super::{
    DecoderConfig, Experts, FeedForward, FeedForwardWeights, GatedWeights, Projection, SharedExpert,
};
use super::layer::{Bring, into_tiles};
use super::matrix::PackedMatrix;
use crate::elementary::exp_f32;
use crate::error::{Error, Result};

/// Weights packed for one kernel.
#[derive(Debug)]
pub enum PackedFeedForward {
    Gated(PackedGated),
    Plain { up: PackedMatrix, down: PackedMatrix, intermediate_size: usize },
    Experts(Box<PackedExperts>),
}

#[derive(Debug)]
pub struct PackedGated {
    gate_up: PackedMatrix,
    down: PackedMatrix,
    intermediate_size: usize,
}

#[derive(Debug)]
pub struct PackedExperts {
    shape: Experts,
    router: PackedMatrix,
    experts: Vec<PackedGated>,
    shared: Option<(PackedMatrix, PackedGated)>,
}

/// What a thread needs of memory for one block.
#[derive(Debug)]
pub struct FeedForwardScratch {
    inner: PackedRows,
    gathered: PackedRows,
    /// `[rows, experts]`.
    shares: Vec<f32>,
    /// `[rows, hidden]` of one expert, and of all.
    one: Vec<f32>,
    all: Vec<f32>,
}

impl FeedForwardScratch {
    pub fn new(kernel: Kernel) -> Self {
        let rows = || PackedRows::new(kernel);
        let (shares, one, all) = (Vec::new(), Vec::new(), Vec::new());
        FeedForwardScratch { inner: rows(), gathered: rows(), shares, one, all }
    }
}

/// The large matrices, unpacked where they are quantised and stay unpacked for many blocks.
#[derive(Debug, Default)]
pub struct UnpackedFeedForward {
    inner: AlignedWords,
    down: AlignedWords,
}

impl PackedFeedForward {
    pub fn new(kernel: Kernel, shape: &FeedForward, weights: &FeedForwardWeights) -> Result<Self> {
        Ok(match (shape, weights) {
            (FeedForward::Gated { intermediate_size }, FeedForwardWeights::Gated(weights)) => {
                PackedFeedForward::Gated(PackedGated::new(kernel, *intermediate_size, weights)?)
            }
            (FeedForward::Plain { intermediate_size }, FeedForwardWeights::Plain { up, down }) => {
                PackedFeedForward::Plain {
                    up: PackedMatrix::stacked(kernel, &[up])?,
                    down: PackedMatrix::stacked(kernel, &[down])?,
                    intermediate_size: *intermediate_size,
                }
            }
            (FeedForward::Experts(shape), FeedForwardWeights::Experts { router, experts, shared }) => {
                let gated = |weights| PackedGated::new(kernel, shape.intermediate_size, weights);
                let alone = |weight| PackedMatrix::stacked(kernel, &[&Projection { weight, bias: None }]);
                let shared = match (shared, shape.shared_intermediate_size) {
                    (Some(SharedExpert { share, weights }), Some(width)) => {
                        Some((alone(share.clone())?, PackedGated::new(kernel, width, weights)?))
                    }
                    _ => None,
                };
                PackedFeedForward::Experts(Box::new(PackedExperts {
                    shape: shape.clone(),
                    router: alone(router.clone())?,
                    experts: experts.iter().map(gated).collect::<Result<_>>()?,
                    shared,
                }))
            }
            _ => return Err(Error::model("a layer's weights are not of the kind that its config says")),
        })
    }

    /// Unpacks what many blocks need, where it is quantised. Experts are unpacked panel by panel when they are used.
    pub fn unpack(&self, unpacked: &mut UnpackedFeedForward) {
        match self {
            PackedFeedForward::Gated(gated) => {
                gated.gate_up.unpack(&mut unpacked.inner);
                gated.down.unpack(&mut unpacked.down);
            }
            PackedFeedForward::Plain { up, down, .. } => {
                up.unpack(&mut unpacked.inner);
                down.unpack(&mut unpacked.down);
            }
            PackedFeedForward::Experts(_) => {}
        }
    }

    /// Brings the outcome for the normed rows to `out`, `[rows, hidden]`.
    pub fn forward(
        &self,
        config: &DecoderConfig,
        rows: &PackedRows,
        unpacked: &UnpackedFeedForward,
        scratch: &mut FeedForwardScratch,
        out: &mut [f32],
        bring: Bring,
    ) {
        match self {
            PackedFeedForward::Gated(gated) => {
                gated.enter(config, rows, Some(&unpacked.inner), &mut scratch.inner);
                into_tiles(&gated.down, Some(&unpacked.down), &scratch.inner, out, bring);
            }
            PackedFeedForward::Plain { up, down, intermediate_size } => {
                let inner = &mut scratch.inner;
                inner.reshape(rows.row_count(), *intermediate_size);
                let columns = up.kernel().columns();
                up.multiply(rows, 0..up.panel_count(), Some(&unpacked.inner), |panel, first_row, sums| {
                    inner.set_activated(config.activation, first_row, sums, up.bias(panel), panel * columns);
                });
                into_tiles(down, Some(&unpacked.down), inner, out, bring);
            }
            PackedFeedForward::Experts(experts) => experts.forward(config, rows, scratch, out, bring),
        }
    }
}

impl PackedGated {
    fn new(kernel: Kernel, intermediate_size: usize, weights: &GatedWeights) -> Result<Self> {
        Ok(PackedGated {
            gate_up: PackedMatrix::gated(kernel, &weights.gate, &weights.up)?,
            down: PackedMatrix::stacked(kernel, &[&weights.down])?,
            intermediate_size,
        })
    }

    /// `activation(gate) · up` into `inner`.
    fn enter(
        &self,
        config: &DecoderConfig,
        rows: &PackedRows,
        unpacked: Option<&AlignedWords>,
        inner: &mut PackedRows,
    ) {
        inner.reshape(rows.row_count(), self.intermediate_size);
        let half = self.gate_up.kernel().columns() / 2;
        let panels = 0..self.gate_up.panel_count();
        self.gate_up.multiply(rows, panels, unpacked, |panel, first_row, sums| {
            inner.set_gated(config.activation, first_row, sums, self.gate_up.bias(panel), panel * half);
        });
    }
}

impl PackedExperts {
    /// Experts one after the other by ascending index, each on the rows that chose it: a row's sum has an order of its own,
    /// whoever shares the block.
    fn forward(
        &self,
        config: &DecoderConfig,
        rows: &PackedRows,
        scratch: &mut FeedForwardScratch,
        out: &mut [f32],
        bring: Bring,
    ) {
        let (row_count, width) = (rows.row_count(), config.hidden_size);
        let isa = rows.kernel().isa();
        let FeedForwardScratch { inner, gathered, shares, one, all } = scratch;
        shares.resize(row_count * self.shape.expert_count, 0.0);
        into_tiles(&self.router, None, rows, shares, write_tile);
        shares.chunks_exact_mut(self.shape.expert_count).for_each(|row| self.shape.share_out(row));
        all.clear();
        all.resize(row_count * width, 0.0);
        for (index, expert) in self.experts.iter().enumerate() {
            let share = |row: usize| shares[row * self.shape.expert_count + index];
            let chosen: Vec<usize> = (0..row_count).filter(|&row| share(row) != 0.0).collect();
            if chosen.is_empty() {
                continue;
            }
            gathered.gather(rows, &chosen);
            expert.enter(config, gathered, None, inner);
            one.resize(chosen.len() * width, 0.0);
            into_tiles(&expert.down, None, inner, one, write_tile);
            for (values, &row) in one.chunks_exact(width).zip(&chosen) {
                add_scaled(isa, values, share(row), &mut all[row * width..][..width]);
            }
        }
        if let Some((share, expert)) = &self.shared {
            shares.resize(row_count, 0.0);
            into_tiles(share, None, rows, &mut shares[..row_count], write_tile);
            expert.enter(config, rows, None, inner);
            one.resize(row_count * width, 0.0);
            into_tiles(&expert.down, None, inner, one, write_tile);
            for (row, values) in one.chunks_exact(width).take(row_count).enumerate() {
                let share = 1.0 / (1.0 + exp_f32(-shares[row]));
                add_scaled(isa, values, share, &mut all[row * width..][..width]);
            }
        }
        // As one tile as wide as the rows, without a bias.
        bring(isa, all, width, &vec![0.0; width], out, width);
    }
}

impl Experts {
    /// A row of router logits to the shares of the experts: 0 for those that are not chosen. Ties go to the smaller index.
    pub fn share_out(&self, logits: &mut [f32]) {
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weights: Vec<f32> = logits.iter().map(|logit| exp_f32(logit - largest)).collect();
        let total: f32 = weights.iter().sum();
        let mut order: Vec<usize> = (0..logits.len()).collect();
        order.sort_by(|&a, &b| weights[b].total_cmp(&weights[a]).then(a.cmp(&b)));
        let chosen = &order[..self.chosen_count];
        let whole = if self.normalised { chosen.iter().map(|&index| weights[index]).sum() } else { total };
        logits.fill(0.0);
        for &index in chosen {
            logits[index] = weights[index] / whole;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(normalised: bool) -> Experts {
        Experts {
            expert_count: 4,
            chosen_count: 2,
            intermediate_size: 1,
            normalised,
            shared_intermediate_size: None,
        }
    }

    #[test]
    fn the_most_probable_share_and_ties_go_to_the_first() {
        // Softmax of these is 1/8, 1/2, 1/8, 1/4.
        let logits = [1f32, 4.0, 1.0, 2.0].map(f32::ln);
        for (normalised, expected) in
            [(false, [0.0, 0.5, 0.0, 0.25]), (true, [0.0, 2.0 / 3.0, 0.0, 1.0 / 3.0])]
        {
            let mut shares = logits;
            shape(normalised).share_out(&mut shares);
            for (found, expected) in shares.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-6, "{shares:?}");
            }
        }
        let mut tied = [0.5; 4];
        shape(true).share_out(&mut tied);
        assert_eq!(tied, [0.5, 0.5, 0.0, 0.0]);
    }
}
