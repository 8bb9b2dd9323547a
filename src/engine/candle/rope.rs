//! Rotary position embedding in candle operations: cosines and sines of a batch's rows, computed in f32 as transformers does.

use super::super::RopeConfig;
use super::super::rope::{Frequencies, frequencies};
use super::parts::Place;
use crate::error::Result;
use crate::packing::PackedBatch;
use candle_core::Tensor;
use std::collections::BTreeMap;

#[derive(Debug)]
pub struct Rope {
    config: RopeConfig,
}

impl Rope {
    pub fn new(config: &RopeConfig) -> Self {
        Rope { config: config.clone() }
    }

    /// `cos` and `sin` of the batch's rows: two `[T, dim / 2]`.
    pub fn at(&self, batch: &PackedBatch, place: &Place) -> Result<(Tensor, Tensor)> {
        let mut groups: BTreeMap<u32, Frequencies> = BTreeMap::new();
        let (mut angles, mut factors) = (Vec::new(), Vec::new());
        for (&group, &position) in batch.length_groups.iter().zip(&batch.position_ids) {
            let found = groups.entry(group).or_insert_with(|| frequencies(&self.config, group));
            angles.extend(found.radians.iter().map(|radians| position as f32 * radians));
            factors.push(found.attention_factor);
        }
        let shape = (batch.token_count(), self.config.dim / 2);
        let angles = Tensor::from_vec(angles, shape, &place.device)?;
        let factors = Tensor::from_vec(factors, (batch.token_count(), 1), &place.device)?;
        let put =
            |values: Tensor| -> Result<Tensor> { Ok(values.broadcast_mul(&factors)?.to_dtype(place.dtype)?) };
        Ok((put(angles.cos()?)?, put(angles.sin()?)?))
    }
}
