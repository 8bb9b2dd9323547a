//! Attention of one block of rows, all heads: queries are turned and laid into panels, mixed values laid back into rows.
//! Knows a layer's projections as rows of numbers, not how they were made.

use super::super::DecoderConfig;
use super::super::kernels::pointwise::scale;
use super::super::kernels::{AlignedWords, Isa, QueryPanel, attend};
use super::plan::QueryBlock;
use super::rope_table::RopeTable;
use super::stack::KvStack;
use crate::packing::PackedBatch;
use std::ops::Range;

/// What is the same for all blocks of a layer.
pub struct LayerAttention<'a> {
    pub isa: Isa,
    pub config: &'a DecoderConfig,
    pub layer: usize,
    pub stack: &'a KvStack,
    /// `None`: queries are not turned.
    pub rope: Option<&'a RopeTable>,
    pub batch: &'a PackedBatch,
    /// Rows of queries, keys and values, not yet turned, as wide as all of them.
    pub qkv: &'a [f32],
}

/// Buffers of one thread.
#[derive(Debug, Default)]
pub struct AttentionScratch {
    queries: AlignedWords,
    scores: AlignedWords,
    mixed: AlignedWords,
    head: Vec<f32>,
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
        let window = config.layers[self.layer].window;
        let seen = |query: usize| block.visible(query / group, window);
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
            soft_cap: config.attention_soft_cap.map(|cap| cap as f32),
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

    /// A row's query of one head, turned and scaled, into `scratch.head`.
    fn query(&self, row: usize, head: usize, scratch: &mut AttentionScratch) {
        let config = self.config;
        let dim = config.head_dim;
        let raw = &self.qkv[row * config.qkv_size() + head * dim..][..dim];
        scratch.head.clear();
        scratch.head.extend_from_slice(raw);
        let factor = config.layers[self.layer].attention_scale as f32;
        match self.rope {
            None => scale(self.isa, &mut scratch.head, factor),
            Some(rope) => {
                let (group, position) = (self.batch.length_groups[row], self.batch.position_ids[row]);
                rope.turn(self.isa, &mut scratch.head, group, position, factor);
            }
        }
    }
}
