//! Reads what a run, or its shard, has to read of one branch, and notes it in the journal; what becomes of a readout is its caller's.

use super::RunPlan;
use super::events::Stop;
use super::journaled::{BranchReadouts, NumberedReadout, encode};
use super::prepare::{Prepared, ReadoutTrie};
use super::replay::Replay;
use crate::engine::{Decoder, Prefill, ReadoutLogits, ReadoutScope, ReadoutSettings};
use crate::error::Result;
use crate::output::Journal;
use crate::output::records::PackingCard;

/// What becomes of a readout, by its number.
pub type Take<'t> = dyn FnMut(usize, ReadoutLogits) -> Result<()> + 't;

/// Which readouts of a branch there are so far.
pub struct Reading<'a> {
    plan: &'a RunPlan,
    branch: usize,
    prepared: &'a Prepared,
    is_read: Vec<bool>,
    read_count: u64,
}

impl<'a> Reading<'a> {
    /// Nothing yet.
    pub fn new(plan: &'a RunPlan, branch: usize, prepared: &'a Prepared) -> Self {
        Reading { plan, branch, prepared, is_read: vec![false; prepared.readout_count()], read_count: 0 }
    }

    /// Takes what a journal holds of the branch, in its order, which is that in which it was computed.
    ///
    /// # Errors
    /// Kind `Output` for records that are not of this run, and what the taker ends with.
    pub fn replay(&mut self, journal: &mut Replay, take: &mut Take<'_>) -> Result<()> {
        while let Some(batch) = journal.next_of(self.branch)? {
            for (number, logits) in batch.readouts {
                if !self.fits(number, &logits) {
                    return Err(journal.of_another_run());
                }
                self.mark(number);
                take(number, logits)?;
            }
        }
        Ok(())
    }

    fn fits(&self, number: usize, logits: &ReadoutLogits) -> bool {
        let Some(wanted) = self.prepared.wanted(number) else { return false };
        let (temperatures, ids) = (self.plan.settings.temperatures.len(), wanted.wanted.len());
        !self.is_read[number]
            && logits.wanted.len() == ids
            && [logits.log_sum_exp.len(), logits.entropies.len()] == [temperatures; 2]
            && logits.ranking.is_some() == wanted.nucleus_mass.is_some()
            && logits.ranking.as_ref().is_none_or(|ranking| {
                ranking.nucleus_sizes.len() == temperatures && ranking.wanted_ranks.len() == ids
            })
    }

    fn mark(&mut self, number: usize) {
        self.is_read[number] = true;
        self.read_count += 1;
    }

    pub fn is_read(&self, number: usize) -> bool {
        self.is_read[number]
    }

    pub fn read_count(&self) -> u64 {
        self.read_count
    }

    /// Computes what is left, in depth-first order whatever the token budget, and tells the tokens of each batch. What a batch has read is in the
    /// journal before it counts. False when it was asked to stop.
    ///
    /// # Errors
    /// The engine's and the taker's; kind `Output` when the journal cannot be written.
    pub fn compute(
        &mut self,
        decoder: &Decoder,
        left: &ReadoutTrie<'_>,
        journal: &mut Journal,
        packing: &mut PackingCard,
        (advanced, stop): (&mut dyn FnMut(u64), &Stop),
        take: &mut Take<'_>,
    ) -> Result<bool> {
        let settings = &self.plan.settings;
        let readout_settings =
            ReadoutSettings { scope: ReadoutScope::Vocabulary, temperatures: settings.temperatures.clone() };
        for batch in
            Prefill::new(decoder, &left.trie, &left.requests, &readout_settings, settings.token_budget)
        {
            let batch = batch?;
            packing.batch_count += 1;
            packing.kv_row_count_max = packing.kv_row_count_max.max(batch.kv_row_count as u64);
            let readouts: Vec<NumberedReadout> =
                batch.readouts.into_iter().map(|(index, logits)| (left.numbers[index], logits)).collect();
            let noted = BranchReadouts { branch: self.branch, readouts };
            if !noted.readouts.is_empty() {
                journal.append(&encode(&noted))?;
            }
            for (number, logits) in noted.readouts {
                self.mark(number);
                take(number, logits)?;
            }
            advanced(batch.token_count as u64);
            if stop.is_requested() {
                journal.sync()?;
                return Ok(false);
            }
        }
        journal.sync()?;
        Ok(true)
    }
}
