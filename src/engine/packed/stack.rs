//! Keys and values of the rows on the stack, head by head, so that a path's rows are read where they lie. Knows rows, not
//! which tokens they were.

use super::super::kernels::HeadRows;
use rayon::prelude::*;

/// One head's rows.
#[derive(Debug, Default, Clone)]
struct HeadStack {
    /// `[rows, head_dim]`.
    keys: Vec<f32>,
    values: Vec<f32>,
}

/// All layers' rows.
#[derive(Debug)]
pub struct KvStack {
    head_dim: usize,
    /// Layer after layer, head after head.
    heads: Vec<HeadStack>,
    head_count: usize,
}

impl KvStack {
    pub fn new(layer_count: usize, head_count: usize, head_dim: usize) -> Self {
        KvStack { head_dim, heads: vec![HeadStack::default(); layer_count * head_count], head_count }
    }

    /// Leaves only the given rows of every layer. They ascend, so each moves towards the start.
    pub fn keep(&mut self, rows: &[u32]) {
        debug_assert!(rows.is_sorted_by(|a, b| a < b), "kept rows ascend");
        let dim = self.head_dim;
        self.heads.par_iter_mut().for_each(|head| {
            for rows_of in [&mut head.keys, &mut head.values] {
                for (to, &from) in rows.iter().enumerate() {
                    let from = from as usize;
                    if from != to {
                        rows_of.copy_within(from * dim..(from + 1) * dim, to * dim);
                    }
                }
                rows_of.truncate(rows.len() * dim);
            }
        });
    }

    /// Puts rows on top of one layer. Keys and then values of all heads stand in `raw` from `start` on, rows `stride` apart;
    /// `finish(row, key)` turns a raw key into the one that is kept.
    pub fn push(
        &mut self,
        layer: usize,
        raw: &[f32],
        stride: usize,
        start: usize,
        finish: impl Fn(usize, &mut [f32]) + Sync,
    ) {
        let (dim, head_count) = (self.head_dim, self.head_count);
        let layer = &mut self.heads[layer * head_count..(layer + 1) * head_count];
        layer.par_iter_mut().enumerate().for_each(|(index, head)| {
            for (row, raw) in raw.chunks(stride).enumerate() {
                let key = &raw[start + index * dim..][..dim];
                let value = &raw[start + (head_count + index) * dim..][..dim];
                head.keys.extend_from_slice(key);
                let at = head.keys.len() - dim;
                finish(row, &mut head.keys[at..]);
                head.values.extend_from_slice(value);
            }
        });
    }

    pub fn head(&self, layer: usize, head: usize) -> HeadRows<'_> {
        let head = &self.heads[layer * self.head_count + head];
        HeadRows { keys: &head.keys, values: &head.values, head_dim: self.head_dim }
    }
}
