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
use crate::error::{ErrorKind, Result};
use crate::output::records::PackingCard;
use crate::packing::TriePart;
use std::ops::Range;

/// What is read by what, and where it goes.
pub struct Pass<'a, 'd> {
    pub plan: &'a RunPlan,
    pub speaker: &'a Speaker,
    pub decoder: &'d Decoder,
    pub part: TriePart,
    /// Without tables readouts are noted in the journal, and no more.
    pub tables: Option<Tables<'a>>,
    pub journal: OwnJournal,
    pub packing: PackingCard,
    /// There are by now, whichever process read them.
    pub readout_count: u64,
}

/// Tokens that this process has computed, and those that it has to.
struct Progress {
    done: u64,
    total: u64,
}

impl Pass<'_, '_> {
    /// Reads the part. False when it was asked to stop.
    ///
    /// # Errors
    /// The engine's; kind `Output` when something cannot be written, or the journal is of another run.
    pub fn read(&mut self, census: &mut Census, stages: &mut Stages<'_>, stop: &Stop) -> Result<bool> {
        let mut progress = Progress { done: 0, total: self.part.token_count };
        for branch in 0..census.branches.len() {
            let cells = census.branches[branch].clone();
            let Some(readouts) = self.part.readouts_of(branch) else { continue };
            let prepared =
                stages.within(Stage::Prompts, || census.prepared(branch, self.plan, self.speaker, stop));
            let prepared = match prepared {
                Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(false),
                other => other?,
            };
            if !self.read_branch(branch, &prepared, (cells, readouts), &mut progress, stages, stop)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn read_branch(
        &mut self,
        branch: usize,
        prepared: &Prepared,
        (cells, readouts): (Range<usize>, Range<usize>),
        progress: &mut Progress,
        stages: &mut Stages<'_>,
        stop: &Stop,
    ) -> Result<bool> {
        let config = self.decoder.config();
        let is_own = stages.within(Stage::Trie, || own(prepared, config, readouts));
        let mut left = stages.within(Stage::Trie, || prepared.trie(config, |number| is_own[number]));
        self.packing.branch_count += 1;
        self.packing.segment_count += left.trie.segments().len() as u64;
        let mut reading = Reading::new(self.plan, branch, prepared);
        let mut tables = self.tables.as_mut().map(|tables| tables.branch(prepared, cells));
        let mut take = |number, logits| match &mut tables {
            Some(tables) => tables.take(number, logits),
            None => Ok(()),
        };
        if let Some(replay) = self.journal.replay() {
            reading.replay(replay, &mut take)?;
            self.packing.resumed_readout_count += reading.read_count();
        }
        if reading.read_count() > 0 {
            let planned = left.trie.token_count();
            let is_left = |number: usize| is_own[number] && !reading.is_read(number);
            left = stages.within(Stage::Trie, || prepared.trie(config, is_left));
            // What is there already is no progress of this process.
            progress.total -= planned - left.trie.token_count();
        }
        let mut is_whole = true;
        if left.trie.token_count() > 0 {
            let mut advanced = |tokens| {
                progress.done += tokens;
                let Progress { done, total } = *progress;
                (stages.events)(Event::Advanced { stage: Stage::Prefill, done, total });
            };
            let (journal, packing) = (self.journal.writer()?, &mut self.packing);
            let listener = (&mut advanced as &mut dyn FnMut(u64), stop);
            is_whole = reading.compute(self.decoder, &left, journal, packing, listener, &mut take)?;
        }
        self.readout_count += reading.read_count();
        match tables {
            Some(tables) if is_whole => tables.finish()?,
            _ => (),
        }
        Ok(is_whole)
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
