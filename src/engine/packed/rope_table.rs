//! Cosines and sines of positions, computed when a position is first met. The angles are f32 products, as in transformers.

use super::super::RopeConfig;
use super::super::kernels::Isa;
use super::super::kernels::pointwise::{rotate, scale};
use super::super::rope::{Frequencies, frequencies};
use crate::elementary::{cos_f32, sin_f32};
use std::collections::BTreeMap;

/// One rotary embedding: a table for each group of lengths that was met (see [`RopeConfig::length_group`]).
#[derive(Debug)]
pub struct RopeTable {
    config: RopeConfig,
    groups: BTreeMap<u32, Table>,
}

/// Rows of `dim / 2` for positions from 0 on.
#[derive(Debug)]
struct Table {
    frequencies: Frequencies,
    cos: Vec<f32>,
    sin: Vec<f32>,
}

impl RopeTable {
    pub fn new(config: &RopeConfig) -> Self {
        RopeTable { config: config.clone(), groups: BTreeMap::new() }
    }

    /// Makes sure of all of these positions, each in its group of lengths.
    pub fn extend_to(&mut self, positions: impl Iterator<Item = (u32, u32)>) {
        let mut counts: BTreeMap<u32, u32> = BTreeMap::new();
        for (group, position) in positions {
            let count = counts.entry(group).or_default();
            *count = (*count).max(position + 1);
        }
        for (group, count) in counts {
            let new =
                || Table { frequencies: frequencies(&self.config, group), cos: Vec::new(), sin: Vec::new() };
            self.groups.entry(group).or_insert_with(new).extend_to(count);
        }
    }

    /// Turns the first dimensions of a head by a position that is there, and multiplies the whole head by `factor`.
    pub fn turn(&self, isa: Isa, head: &mut [f32], group: u32, position: u32, factor: f32) {
        let table = &self.groups[&group];
        let half = table.frequencies.radians.len();
        let range = position as usize * half..(position as usize + 1) * half;
        let (turned, rest) = head.split_at_mut(2 * half);
        rotate(isa, turned, &table.cos[range.clone()], &table.sin[range], factor);
        if !rest.is_empty() {
            scale(isa, rest, factor);
        }
    }
}

impl Table {
    fn extend_to(&mut self, count: u32) {
        let Frequencies { radians, attention_factor } = &self.frequencies;
        let known = self.cos.len() / radians.len();
        for position in known..count as usize {
            let angles = radians.iter().map(|radians| position as f32 * radians);
            self.cos.extend(angles.clone().map(|angle| cos_f32(angle) * attention_factor));
            self.sin.extend(angles.map(|angle| sin_f32(angle) * attention_factor));
        }
    }
}
