//! Cosines and sines of positions, computed when a position is first met. The angles are f32 products, as in transformers.

use super::super::RopeConfig;
use super::super::rope::inverse_frequencies;

/// Rows of `head_dim / 2` for positions from 0 on.
#[derive(Debug)]
pub struct RopeTable {
    frequencies: Vec<f32>,
    cos: Vec<f32>,
    sin: Vec<f32>,
}

impl RopeTable {
    pub fn new(config: &RopeConfig, head_dim: usize) -> Self {
        RopeTable { frequencies: inverse_frequencies(config, head_dim), cos: Vec::new(), sin: Vec::new() }
    }

    /// Makes sure of all of these positions.
    pub fn extend_to(&mut self, position_ids: &[u32]) {
        let count = position_ids.iter().max().map_or(0, |&last| last as usize + 1);
        let known = self.cos.len() / self.frequencies.len();
        for position in known..count {
            let angles = self.frequencies.iter().map(|frequency| position as f32 * frequency);
            self.cos.extend(angles.clone().map(f32::cos));
            self.sin.extend(angles.map(f32::sin));
        }
    }

    /// Cosines and sines of a position that is there.
    pub fn at(&self, position: u32) -> (&[f32], &[f32]) {
        let half = self.frequencies.len();
        let range = position as usize * half..(position as usize + 1) * half;
        (&self.cos[range.clone()], &self.sin[range])
    }
}
