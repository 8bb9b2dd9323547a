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

impl WorkingSet {
    /// Walks the batches of a trie, each of whose readouts is ranked.
    pub fn estimate(
        config: &DecoderConfig,
        trie: &PrefixTrie,
        token_budget: usize,
        thread_count: usize,
    ) -> Self {
        let (mut kv_row_count, mut row_count, mut readout_count) = (0, 0, 0);
        for batch in Batches::new(trie, token_budget) {
            kv_row_count = kv_row_count.max(batch.kv_row_count());
            row_count = row_count.max(batch.token_count());
            readout_count = readout_count.max(batch.readouts.len());
        }
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
