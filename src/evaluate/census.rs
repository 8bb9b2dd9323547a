//! What a run comes to, found before any weight is read: every branch of its cells is rendered, encoded and put into a trie, counted, and let go.
//! So whatever a prompt can be refused for is refused at once, and memory goes with a branch and not with the run.

use super::events::{Event, Stage, Stages, Stop};
use super::prepare::Prepared;
use super::shard::Shard;
use super::{RunPlan, Speaker};
use crate::engine::{BatchShape, DecoderConfig, PrefillFlops};
use crate::error::{Error, Result};
use crate::packing::{Cuts, PrefixTrie, TriePart};
use crate::system_memory::resident_bytes;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// Places where a branch may be cut, for each shard that it falls to; and the fewest.
const CUTS_OF_SHARD: usize = 256;
const CUTS_OF_BRANCH: usize = 64;

/// What is to be found out besides.
#[derive(Debug, Clone, Default)]
pub struct CensusSettings {
    /// Those whose batches are to be told.
    pub token_budgets: Vec<usize>,
    /// Into how many shards the run may be cut.
    pub shard_count: Option<usize>,
}

/// Sums over all branches.
#[derive(Default)]
pub struct Census {
    /// Stretches of cells, in the order in which they are read.
    pub branches: Vec<Range<usize>>,
    pub prompt_count: u64,
    pub readout_count: u64,
    pub flat_token_count: u64,
    pub trie_token_count: u64,
    pub segment_count: u64,
    pub flop_count: u64,
    /// Tokens of the longest path.
    pub depth: u32,
    /// The largest batches there are with each token budget.
    pub batches: BTreeMap<usize, BatchShape>,
    /// The most that was held with a branch; `None` where the system does not say.
    pub resident_bytes: Option<u64>,
    cuts: Cuts,
    /// Of a run of one branch.
    only: Option<Prepared>,
}

impl Census {
    /// Goes through all branches of a plan.
    ///
    /// # Errors
    /// The first failing cell's, with its id; kind `Interrupted` when asked to stop.
    pub fn take(
        plan: &RunPlan,
        speaker: &Speaker,
        settings: &CensusSettings,
        stages: &mut Stages<'_>,
        stop: &Stop,
    ) -> Result<Self> {
        let total = plan.cells.len() as u64;
        let (done, events) = (AtomicU64::new(0), stages.events);
        let advanced = || {
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            events(Event::Advanced { stage: Stage::Prompts, done, total });
        };
        let branches = plan.branches();
        let cuts_of_branch = settings.shard_count.map(|shards| {
            let all = if branches.len() == 1 { usize::MAX } else { CUTS_OF_BRANCH };
            all.max(CUTS_OF_SHARD * shards.div_ceil(branches.len()))
        });
        let mut census = Census::default();
        let config = &speaker.files.config.decoder;
        stages.run(Stage::Prompts, total, |stages| {
            for cells in &branches {
                let prepared = Prepared::branch(plan, speaker, cells.clone(), &advanced, stop)?;
                let whole = stages.within(Stage::Trie, || prepared.trie(config, |_| true).trie);
                census.add(config, &prepared, &whole, settings);
                if let Some(count) = cuts_of_branch {
                    census.cuts.push(&whole, count);
                }
                census.only = (branches.len() == 1).then_some(prepared);
            }
            Ok(())
        })?;
        census.branches = branches;
        Ok(census)
    }

    fn add(
        &mut self,
        config: &DecoderConfig,
        prepared: &Prepared,
        whole: &PrefixTrie,
        settings: &CensusSettings,
    ) {
        self.prompt_count += prepared.prompts.len() as u64;
        self.readout_count += prepared.readout_count() as u64;
        self.flat_token_count += prepared.flat_token_count();
        self.trie_token_count += whole.token_count();
        self.segment_count += whole.segments().len() as u64;
        self.flop_count += PrefillFlops::foretold(config, whole).total();
        let ends =
            whole.segments().iter().map(|segment| segment.start_position + segment.tokens.len() as u32);
        self.depth = self.depth.max(ends.max().unwrap_or(0));
        for &token_budget in &settings.token_budgets {
            let known = self.batches.entry(token_budget).or_default();
            *known = known.largest(BatchShape::of(whole, token_budget));
        }
        self.resident_bytes = self.resident_bytes.max(resident_bytes());
    }

    /// A branch once more; of a run of one branch what was prepared already.
    ///
    /// # Errors
    /// As [`Census::take`].
    pub fn prepared(
        &mut self,
        index: usize,
        plan: &RunPlan,
        speaker: &Speaker,
        stop: &Stop,
    ) -> Result<Prepared> {
        match self.only.take() {
            Some(prepared) => Ok(prepared),
            None => Prepared::branch(plan, speaker, self.branches[index].clone(), &|| (), stop),
        }
    }

    /// All shards of the run, of as many as the census was asked to cut it into.
    ///
    /// # Errors
    /// Kind `Usage` when the run has fewer readouts than shards.
    pub fn parts(&self, count: usize) -> Result<Vec<TriePart>> {
        self.cuts.parts(count).ok_or_else(|| {
            let readouts = self.readout_count;
            Error::usage(format!("the run has {readouts} readouts, too few for {count} shards"))
                .hint("take fewer shards")
        })
    }

    /// What one process reads: a shard, or all of the run.
    ///
    /// # Errors
    /// As [`Census::parts`].
    pub fn part(&self, shard: Option<Shard>) -> Result<TriePart> {
        match shard {
            Some(shard) => Ok(self.parts(shard.count())?.swap_remove(shard.index() - 1)),
            None => Ok(TriePart::whole(self.branches.len(), self.trie_token_count)),
        }
    }
}
