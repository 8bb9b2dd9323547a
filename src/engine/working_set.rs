//! What a prefill holds besides the weights, foretold from the shape of the work: to be known before anything is loaded.

use super::DecoderConfig;
use crate::packing::{Batches, PrefixTrie};

/// Logits that are stored at once for ranking: 64 MiB.
pub(super) const STORED_LOGIT_COUNT_MAX: usize = 16 << 20;

/// Rows of its own that each thread works in: a block of them through the widest part of a layer.
const BLOCK_ROW_COUNT: usize = 64;

/// Bytes, estimated for the packed path of a CPU, whose numbers between layers are f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkingSet {
    /// Keys and values of the most rows that are held at once.
    pub kv_bytes: u64,
    /// Rows of a batch, and what threads make of them.
    pub batch_bytes: u64,
    /// Rows of logits that are ranked together.
    pub logit_bytes: u64,
}

/// The most that batches of a trie have at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BatchShape {
    pub kv_row_count: usize,
    pub row_count: usize,
    pub readout_count: usize,
}

impl BatchShape {
    /// Walks the batches of a trie.
    pub fn of(trie: &PrefixTrie, token_budget: usize) -> Self {
        Batches::new(trie, token_budget).fold(BatchShape::default(), |largest, batch| {
            largest.largest(BatchShape {
                kv_row_count: batch.kv_row_count(),
                row_count: batch.token_count(),
                readout_count: batch.readouts.len(),
            })
        })
    }

    /// Of two the larger in each.
    pub fn largest(self, other: Self) -> Self {
        BatchShape {
            kv_row_count: self.kv_row_count.max(other.kv_row_count),
            row_count: self.row_count.max(other.row_count),
            readout_count: self.readout_count.max(other.readout_count),
        }
    }
}

impl WorkingSet {
    /// Of batches whose readouts are ranked.
    pub fn estimate(config: &DecoderConfig, batches: BatchShape, thread_count: usize) -> Self {
        let BatchShape { kv_row_count, row_count, readout_count } = batches;
        let float = size_of::<f32>();
        let row = config.hidden_size + config.qkv_size() + config.query_size();
        // Rows behind which is read are copied out, and stretches of their logits are kept until all are there.
        let read_rows = readout_count * config.hidden_size;
        let widest = config.layers.iter().map(|layer| layer.feed_forward.width()).max().unwrap_or(0);
        let blocks = thread_count * BLOCK_ROW_COUNT * (2 * widest + 2 * config.hidden_size);
        let ranked = readout_count.min((STORED_LOGIT_COUNT_MAX / config.vocab_size).max(1));
        WorkingSet {
            kv_bytes: (kv_row_count * config.layer_count() * 2 * config.kv_size() * float) as u64,
            batch_bytes: ((row_count * row + read_rows + blocks) * float) as u64,
            logit_bytes: (ranked * config.vocab_size * float) as u64,
        }
    }

    pub fn bytes(&self) -> u64 {
        self.kv_bytes + self.batch_bytes + self.logit_bytes
    }
}
