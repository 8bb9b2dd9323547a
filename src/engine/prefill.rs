//! Drives a decoder over a trie, batch by batch. Memory is bounded by the token budget and the trie's depth, whatever the
//! number of sequences: one batch of activations, one stack of keys and values, a few rows of logits.

use super::decoder::{Decoder, KvStack};
use super::readout::{ReadoutLogits, ReadoutSettings};
use crate::error::Result;
use crate::packing::{Batches, PackedBatch, PrefixTrie};
use rayon::prelude::*;

/// Values of logits held at once, so that a large vocabulary does not hold all readouts of a batch.
const LOGIT_COUNT_MAX: usize = 16 << 20;

/// Which ids are wanted where a sequence ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadoutRequest<'a> {
    /// Each below the vocabulary size.
    pub wanted: &'a [u32],
}

/// What one batch yields.
#[derive(Debug)]
pub struct BatchReadouts {
    pub token_count: usize,
    pub kv_row_count: usize,
    /// Sequence index and what was read at its end, in depth-first order.
    pub readouts: Vec<(usize, ReadoutLogits)>,
}

/// Iterator over the batches of a trie, each computed when it is asked for. Dropping it stops the work.
pub struct Prefill<'a> {
    decoder: &'a Decoder,
    batches: Batches<'a>,
    stack: KvStack,
    requests: &'a [ReadoutRequest<'a>],
    settings: &'a ReadoutSettings,
}

impl<'a> Prefill<'a> {
    /// `requests[i]` belongs to the trie's sequence `i`.
    ///
    /// # Panics
    /// If the token budget is 0.
    pub fn new(
        decoder: &'a Decoder,
        trie: &'a PrefixTrie,
        requests: &'a [ReadoutRequest<'a>],
        settings: &'a ReadoutSettings,
        token_budget: usize,
    ) -> Self {
        let batches = Batches::new(trie, token_budget);
        Prefill { decoder, batches, stack: KvStack::default(), requests, settings }
    }

    fn run(&mut self, batch: &PackedBatch) -> Result<BatchReadouts> {
        let mut readouts = Vec::with_capacity(batch.readouts.len());
        if let Some(hidden) = self.decoder.forward(batch, &mut self.stack)? {
            let vocab = self.decoder.config().vocab_size;
            let chunk = (LOGIT_COUNT_MAX / vocab).max(1);
            for (index, places) in batch.readouts.chunks(chunk).enumerate() {
                let logits = self.decoder.logits(&hidden.narrow(0, index * chunk, places.len())?)?;
                let logits = logits.flatten_all()?.to_vec1::<f32>()?;
                let read = places.par_iter().zip(logits.par_chunks(vocab)).map(|(place, row)| {
                    let wanted = self.requests[place.sequence].wanted;
                    Ok((place.sequence, ReadoutLogits::from_row(row, wanted, self.settings)?))
                });
                readouts.extend(read.collect::<Result<Vec<_>>>()?);
            }
        }
        Ok(BatchReadouts { token_count: batch.token_count(), kv_row_count: batch.kv_row_count(), readouts })
    }
}

impl Iterator for Prefill<'_> {
    type Item = Result<BatchReadouts>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.batches.next()?;
        Some(self.run(&batch))
    }
}
