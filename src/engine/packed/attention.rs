//! Attention of one block of rows, all heads: queries are turned and laid into panels, mixed values laid back into rows.
//! Knows a layer's projections as rows of numbers, not how they were made.

use super::super::DecoderConfig;
use super::super::kernels::pointwise::{rms_norm, rotate};
use super::super::kernels::{AlignedWords, Isa, QueryPanel, attend};
use super::plan::QueryBlock;
use super::rope_table::RopeTable;
use super::stack::KvStack;
use std::ops::Range;

/// What is the same for all blocks of a layer.
pub struct LayerAttention<'a> {
    pub isa: Isa,
    pub config: &'a DecoderConfig,
    pub layer: usize,
    pub stack: &'a KvStack,
    pub rope: &'a RopeTable,
    pub position_ids: &'a [u32],
    /// Rows of raw queries, keys and values, as wide as all of them.
    pub qkv: &'a [f32],
    pub query_norm: Option<&'a [f32]>,
}

/// Buffers of one thread.
#[derive(Debug, Default)]
pub struct AttentionScratch {
    queries: AlignedWords,
    scores: AlignedWords,
    mixed: AlignedWords,
    head: Vec<f32>,
    normed: Vec<f32>,
}

impl LayerAttention<'_> {
    /// Writes the mixed values of the block's rows, `[rows, heads * head_dim]`.
    pub fn block(&self, block: &QueryBlock, scratch: &mut AttentionScratch, out: &mut [f32]) {
        let lanes = self.isa.columns();
        let group = self.config.head_count / self.config.kv_head_count;
        let query_count = block.rows.len() * group;
        for kv_head in 0..self.config.kv_head_count {
            for first in (0..query_count).step_by(lanes) {
                let queries = first..query_count.min(first + lanes);
                self.panel(block, kv_head, queries, scratch, out);
            }
        }
    }

    /// One panel of queries of one key/value head. Query i is that of row `i / group` and of the head's group member
    /// `i % group`.
    fn panel(
        &self,
        block: &QueryBlock,
        kv_head: usize,
        queries: Range<usize>,
        scratch: &mut AttentionScratch,
        out: &mut [f32],
    ) {
        let config = self.config;
        let (lanes, dim) = (self.isa.columns(), config.head_dim);
        let group = config.head_count / config.kv_head_count;
        let seen = |query: usize| block.visible(query / group);
        let keys = seen(queries.start).start..seen(queries.end - 1).end;
        let mut visible = vec![0..keys.len(); lanes];
        scratch.queries.ensure(dim * lanes);
        scratch.mixed.ensure(dim * lanes);
        scratch.queries.floats_mut()[..dim * lanes].fill(0.0);
        for (lane, query) in queries.clone().enumerate() {
            let seen = seen(query);
            visible[lane] = seen.start - keys.start..seen.end - keys.start;
            let row = block.rows.start + query / group;
            self.query(row, kv_head * group + query % group, scratch);
            let panel = scratch.queries.floats_mut();
            for (at, &value) in scratch.head.iter().enumerate() {
                panel[at * lanes + lane] = value;
            }
        }
        let path = block.path_within(keys);
        let panel = QueryPanel {
            queries: &scratch.queries.floats()[..dim * lanes],
            path: &path,
            visible: &visible,
            soft_cap: None,
        };
        let mixed = &mut scratch.mixed.floats_mut()[..dim * lanes];
        attend(self.isa, self.stack.head(self.layer, kv_head), &panel, &mut scratch.scores, mixed);
        for (lane, query) in queries.enumerate() {
            let start = query / group * config.query_size() + (kv_head * group + query % group) * dim;
            for (at, out) in out[start..start + dim].iter_mut().enumerate() {
                *out = mixed[at * lanes + lane];
            }
        }
    }

    /// A row's query of one head, normed, turned and scaled, into `scratch.head`.
    fn query(&self, row: usize, head: usize, scratch: &mut AttentionScratch) {
        let config = self.config;
        let dim = config.head_dim;
        let raw = &self.qkv[row * config.qkv_size() + head * dim..][..dim];
        scratch.head.clear();
        scratch.head.extend_from_slice(raw);
        if let Some(weight) = self.query_norm {
            scratch.normed.resize(dim, 0.0);
            rms_norm(self.isa, &scratch.head, weight, config.norm_eps as f32, &mut scratch.normed);
            std::mem::swap(&mut scratch.head, &mut scratch.normed);
        }
        let (cos, sin) = self.rope.at(self.position_ids[row]);
        rotate(self.isa, &mut scratch.head, cos, sin, config.attention_scale() as f32);
    }
}
