//! One pass over the branches of a run, or of its shard: each is prepared, what an earlier process noted of it is taken, what is left is computed, and
//! all but its rows is let go.

use super::census::Census;
use super::events::{Event, Stage, Stages, Stop};
use super::prepare::Prepared;
use super::reading::Reading;
use super::replay::OwnJournal;
use super::tables::Tables;
use super::{RunPlan, Speaker};
use crate::engine::{Decoder, DecoderConfig};
use crate::error::Result;
use crate::output::records::PackingCard;
use crate::packing::TriePart;
use std::ops::Range;

/// What is read by what.
pub struct Pass<'a> {
    pub plan: &'a RunPlan,
    pub speaker: &'a Speaker,
    pub decoder: &'a Decoder,
    pub part: &'a TriePart,
}

/// How far a pass has come.
#[derive(Debug, Clone, Copy)]
pub struct PassOutcome {
    /// False when it was asked to stop.
    pub is_whole: bool,
    /// There are by now, whichever process read them.
    pub readout_count: u64,
}

impl Pass<'_> {
    /// Reads the part. Without tables readouts are noted in the journal, and no more.
    ///
    /// # Errors
    /// The engine's; kind `Output` when something cannot be written, or the journal is of another run.
    pub fn read(
        &self,
        census: &mut Census,
        tables: &mut Option<Tables<'_>>,
        journal: &mut OwnJournal,
        packing: &mut PackingCard,
        stages: &mut Stages<'_>,
        stop: &Stop,
    ) -> Result<PassOutcome> {
        let config = self.decoder.config();
        let mut outcome = PassOutcome { is_whole: true, readout_count: 0 };
        let (mut done, mut total, events) = (0, self.part.token_count, stages.events);
        for (branch, cells) in census.branches.clone().into_iter().enumerate() {
            let Some(readouts) = self.part.readouts_of(branch) else { continue };
            let prepared =
                stages.within(Stage::Prompts, || census.prepared(branch, self.plan, self.speaker, stop))?;
            let is_own = stages.within(Stage::Trie, || own(&prepared, config, readouts));
            let mut left = stages.within(Stage::Trie, || prepared.trie(config, |number| is_own[number]));
            packing.segment_count += left.trie.segments().len() as u64;

            let mut reading = Reading::new(self.plan, branch, &prepared);
            let mut of_branch = tables.as_mut().map(|tables| tables.branch(&prepared, cells));
            let mut take = |number, logits| match &mut of_branch {
                Some(tables) => tables.take(number, logits),
                None => Ok(()),
            };
            if let Some(replay) = journal.replay() {
                reading.replay(replay, &mut take)?;
                packing.resumed_readout_count += reading.read_count();
            }
            if reading.read_count() > 0 {
                let planned = left.trie.token_count();
                let is_left = |number: usize| is_own[number] && !reading.is_read(number);
                left = stages.within(Stage::Trie, || prepared.trie(config, is_left));
                // What is there already is no progress of this process.
                total -= planned - left.trie.token_count();
            }
            if left.trie.token_count() > 0 {
                let mut advanced = |tokens| {
                    done += tokens;
                    events(Event::Advanced { stage: Stage::Prefill, done, total });
                };
                let listener = (&mut advanced as &mut dyn FnMut(u64), stop);
                outcome.is_whole = reading.compute(
                    self.decoder,
                    &left,
                    journal.writer()?,
                    packing,
                    listener,
                    &mut take,
                )?;
            }
            outcome.readout_count += reading.read_count();
            if !outcome.is_whole {
                return Ok(outcome);
            }
            if let Some(tables) = of_branch {
                tables.finish()?;
            }
        }
        Ok(outcome)
    }
}

/// For each readout of a branch whether it is one of a stretch of them in the order in which they are read.
fn own(prepared: &Prepared, config: &DecoderConfig, readouts: Range<usize>) -> Vec<bool> {
    let count = prepared.readout_count();
    if readouts == (0..usize::MAX) {
        return vec![true; count];
    }
    let whole = prepared.trie(config, |_| true);
    let mut is_own = vec![false; count];
    let stretch = whole.trie.sequences_in_order().skip(readouts.start).take(readouts.len());
    stretch.for_each(|sequence| is_own[whole.numbers[sequence as usize]] = true);
    is_own
}
