//! Drives a decoder over a trie, batch by batch. Memory is bounded by the token budget and the trie's depth, whatever the
//! number of sequences: one batch of activations, one stack of keys and values, a stretch of logits.

#[cfg(doc)]
use super::DecoderConfig;
use super::decoder::{Decoder, Session};
use super::readout::{ReadoutLogits, ReadoutSettings};
use super::stages::EngineStage;
use crate::error::Result;
use crate::packing::{Batches, PackedBatch, PrefixTrie};
use std::time::{Duration, Instant};

/// What is asked where a sequence ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReadoutRequest<'a> {
    /// Ids whose logits are wanted, each below the vocabulary size.
    pub wanted: &'a [u32],
    /// How many of the most probable ids to name.
    pub top_count: usize,
    /// In 0..=1: also rank the vocabulary, and count the ids that hold this much. Costs a row of logits in memory.
    pub nucleus_mass: Option<f64>,
}

impl<'a> ReadoutRequest<'a> {
    pub const fn new(wanted: &'a [u32]) -> Self {
        ReadoutRequest { wanted, top_count: 0, nucleus_mass: None }
    }

    pub const fn naming(self, top_count: usize) -> Self {
        ReadoutRequest { top_count, ..self }
    }

    pub const fn ranked(self, nucleus_mass: Option<f64>) -> Self {
        ReadoutRequest { nucleus_mass, ..self }
    }
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
    session: Session,
    requests: &'a [ReadoutRequest<'a>],
    settings: &'a ReadoutSettings,
    packing_time: Duration,
}

impl<'a> Prefill<'a> {
    /// `requests[i]` belongs to the trie's sequence `i`, made by [`DecoderConfig::sequence`].
    ///
    /// # Panics
    /// If the token budget is 0, or a sequence is not in the group of lengths that the decoder asks for.
    pub fn new(
        decoder: &'a Decoder,
        trie: &'a PrefixTrie,
        requests: &'a [ReadoutRequest<'a>],
        settings: &'a ReadoutSettings,
        token_budget: usize,
    ) -> Self {
        for segment in trie.segments() {
            for readout in trie.segment_readouts(segment) {
                let len = segment.start_position + readout.offset + 1;
                let group = decoder.config().length_group(len as usize);
                assert_eq!(segment.length_group, group, "sequences are made by the decoder's config");
            }
        }
        Prefill {
            decoder,
            batches: Batches::new(trie, token_budget),
            session: decoder.session(),
            requests,
            settings,
            packing_time: Duration::ZERO,
        }
    }

    /// Seconds that all threads together have spent in a stage; `None` where the path of the device is not timed.
    pub fn thread_seconds(&self, stage: EngineStage) -> Option<f64> {
        self.session.thread_seconds(stage)
    }

    /// Seconds spent in cutting batches, on one thread.
    pub fn packing_wall_seconds(&self) -> f64 {
        self.packing_time.as_secs_f64()
    }

    fn run(&mut self, batch: &PackedBatch) -> Result<BatchReadouts> {
        let read = self.decoder.run(batch, &mut self.session, self.requests, self.settings)?;
        let sequences = batch.readouts.iter().map(|readout| readout.sequence);
        Ok(BatchReadouts {
            token_count: batch.token_count(),
            kv_row_count: batch.kv_row_count(),
            readouts: sequences.zip(read).collect(),
        })
    }
}

impl Iterator for Prefill<'_> {
    type Item = Result<BatchReadouts>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = Instant::now();
        let batch = self.batches.next();
        self.packing_time += start.elapsed();
        let batch = batch?;
        Some(self.run(&batch))
    }
}
