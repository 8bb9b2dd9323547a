//! The shards of a run to the run: proves that all of them are there, once each, of one plan, and writes what one process would have written.

use super::changes::{as_json, changes, refuse_changes};
use super::events::{Event, Stage, Stages, Stop};
use super::finish::{ReadRun, finish};
use super::identity::{inputs, is_repeatable, kernel_for, versions};
use super::prepare::Prepared;
use super::reading::{Reading, Take};
use super::replay::Replay;
use super::resume::RunIdentity;
use super::run::RunSummary;
use super::shard::{FoundShard, Shard};
use super::tables::Tables;
use super::{RunPlan, Speaker};
use crate::error::{Error, ErrorKind, Result};
use crate::models::ModelFolder;
use crate::output::ResultFolder;
use crate::output::records::{FORMAT_VERSION, PackingCard, ShardCard};
use serde_json::Value;

/// All shards of one run, in their order.
#[derive(Debug)]
pub struct ShardSet {
    shards: Vec<FoundShard>,
}

/// What a merge computes besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MergeSettings {
    /// Whether the model is loaded for the certificate.
    pub certifies: bool,
}

impl ShardSet {
    /// # Errors
    /// Kind `Usage` that names a shard that is missing, there twice, or of another run.
    pub fn new(mut shards: Vec<FoundShard>) -> Result<Self> {
        shards.sort_by_key(|found| found.shard.index());
        let Some(first) = shards.first() else {
            return Err(Error::usage("there are no shards to merge"));
        };
        let count = first.shard.count();
        for found in &shards {
            let (of_first, of_this) = (&first.header.identity, &found.header.identity);
            let mut changed = changes(&numbers_of(of_first, of_first)?, &numbers_of(of_this, of_first)?)?;
            if found.shard.count() != count {
                changed.insert(0, format!("it is one of {} shards, not of {count}", found.shard.count()));
            }
            if !changed.is_empty() {
                return Err(Error::usage(format!(
                    "shard {} is of another run than shard {}: {}",
                    found.shard,
                    first.shard,
                    changed.join("; ")
                ))
                .at(found.folder.path()));
            }
        }
        if let Some(pair) = shards.windows(2).find(|pair| pair[0].shard == pair[1].shard) {
            let other = pair[0].folder.path().display();
            return Err(Error::usage(format!("shard {} is here twice, also as {other}", pair[1].shard))
                .at(pair[1].folder.path()));
        }
        let missing: Vec<String> = (1..=count)
            .filter(|index| shards.binary_search_by_key(index, |found| found.shard.index()).is_err())
            .map(|index| format!("{index}/{count}"))
            .collect();
        match missing.is_empty() {
            true => Ok(ShardSet { shards }),
            false => Err(Error::usage(format!("shards are missing: {}", listed(&missing)))
                .hint("name the folders of all shards")),
        }
    }

    /// The settings that all of them were begun with, and their model as it was named.
    pub fn first(&self) -> &FoundShard {
        &self.shards[0]
    }

    fn identity(&self) -> &RunIdentity {
        &self.first().header.identity
    }

    /// What this machine has must be what the shards were computed from, but for weights and kernel, which nothing here depends on.
    fn check(&self, plan: &RunPlan, speaker: &Speaker) -> Result<()> {
        let of_shards = self.identity();
        let here = RunIdentity {
            format_version: FORMAT_VERSION,
            inputs: inputs(plan, speaker, &of_shards.inputs.weights_sha256),
            plan: as_json(&plan.settings)?,
            versions: versions(),
            cell_count: plan.cells.len(),
            ..of_shards.clone()
        };
        refuse_changes(of_shards, &here, "this is not what the shards were computed from")
            .map_err(|error| error.hint("merge where study, people and tokenizer are those of the shards"))
    }
}

/// What the numbers of a shard depend on. Where it is all the same what shares a batch, each may have a token budget of its own, as `--memory` chooses them;
/// and machines may have other vectors, as long as numbers are those of the first shard's.
fn numbers_of(identity: &RunIdentity, of_first: &RunIdentity) -> Result<Value> {
    let mut of_shard = as_json(identity)?;
    of_shard["kernel"] = kernel_for(&of_first.kernel, &identity.kernel).into();
    if is_repeatable(&identity.kernel) {
        of_shard["plan"]["token_budget"] = Value::Null;
    }
    Ok(of_shard)
}

fn listed(ids: &[String]) -> String {
    const SHOWN_COUNT: usize = 8;
    match ids.len().checked_sub(SHOWN_COUNT).filter(|more| *more > 0) {
        None => ids.join(", "),
        Some(more) => format!("{} and {more} more", ids[..SHOWN_COUNT].join(", ")),
    }
}

/// The journals of all shards, one behind the other.
struct ShardReplay {
    shards: Vec<(Shard, ShardCard, Replay)>,
    /// The one that is read, and how many readouts of it were.
    at: usize,
    read_count: u64,
}

impl ShardReplay {
    fn new(shards: Vec<FoundShard>) -> Self {
        let replay = |found: FoundShard| (found.shard, found.card, Replay::new(found.journal));
        ShardReplay { shards: shards.into_iter().map(replay).collect(), at: 0, read_count: 0 }
    }

    /// Takes what there is of a branch, from as many shards as have any.
    fn replay(&mut self, reading: &mut Reading<'_>, take: &mut Take<'_>) -> Result<()> {
        while let Some((shard, card, replay)) = self.shards.get_mut(self.at) {
            let before = reading.read_count();
            reading.replay(replay, take)?;
            self.read_count += reading.read_count() - before;
            if !replay.is_ended() {
                return Ok(());
            }
            let (read, stated) = (std::mem::take(&mut self.read_count), card.readout_count);
            if read != stated {
                return Err(Error::output(format!(
                    "shard {shard} holds {read} whole readouts of {stated}: its journal was cut or altered"
                ))
                .at(replay.journal().path())
                .hint("remove shard.json there, and `respondent run --resume` computes what is missing"));
            }
            self.at += 1;
        }
        Ok(())
    }

    /// Nothing is left.
    fn finish(self) -> Result<()> {
        match self.shards.get(self.at) {
            None => Ok(()),
            Some((_, _, replay)) => Err(replay.of_another_run()),
        }
    }
}

/// Merges shards into a folder that has been claimed for it: the tables are, byte for byte, those of a run in one piece, but for
/// kernels that round with their batches.
///
/// # Errors
/// Kind `Usage` for shards of something else than plan and speaker, kind `Output` for a shard that has not all that it should, and what the rest
/// of a run ends with.
pub fn merge(
    set: ShardSet,
    plan: &RunPlan,
    (speaker, model): (&Speaker, &ModelFolder),
    folder: &ResultFolder,
    settings: MergeSettings,
    events: &(dyn Fn(Event) + Sync),
    stop: &Stop,
) -> Result<RunSummary> {
    let mut stages = Stages::new(events);
    set.check(plan, speaker)?;
    let cards: Vec<_> = set.shards.iter().map(|found| found.card.clone()).collect();
    let mut packing = PackingCard {
        token_budget: plan.settings.token_budget as u64,
        branch_count: plan.branches().len() as u64,
        batch_count: cards.iter().map(|card| card.batch_count).sum(),
        resumed_readout_count: cards.iter().map(|card| card.resumed_readout_count).sum(),
        kv_row_count_max: cards.iter().map(|card| card.kv_row_count_max).max().unwrap_or(0),
        ..Default::default()
    };
    let mut tables = Tables::create(plan, speaker, folder)?;
    let identity = set.identity().clone();
    let total = plan.cells.len() as u64;
    let (mut source, mut readout_count) = (ShardReplay::new(set.shards), 0);
    stages.run(Stage::Merge, total, |stages| {
        for (branch, cells) in plan.branches().into_iter().enumerate() {
            let done = cells.end as u64;
            let prepared = stages
                .within(Stage::Prompts, || Prepared::branch(plan, speaker, cells.clone(), &|| (), stop))?;
            let whole =
                stages.within(Stage::Trie, || prepared.trie(&speaker.files.config.decoder, |_| true).trie);
            packing.flat_token_count += prepared.flat_token_count();
            packing.trie_token_count += whole.token_count();
            packing.segment_count += whole.segments().len() as u64;
            let mut reading = Reading::new(plan, branch, &prepared);
            let mut of_branch = tables.branch(&prepared, cells);
            source.replay(&mut reading, &mut |number, logits| of_branch.take(number, logits))?;
            readout_count += reading.read_count();
            if reading.read_count() < prepared.readout_count() as u64 {
                return Err(Error::output(format!(
                    "the shards hold {readout_count} of {} readouts",
                    identity.readout_count
                )));
            }
            of_branch.finish()?;
            (stages.events)(Event::Advanced { stage: Stage::Merge, done, total });
            if stop.is_requested() {
                return Err(Error::new(ErrorKind::Interrupted, "stopped while shards were merged")
                    .hint("the shards are as they were: merge them again"));
            }
        }
        source.finish()
    })?;
    let uncertified_because = (!settings.certifies).then_some("the merge was asked not to load the model");
    let run = ReadRun {
        plan,
        speaker,
        model,
        tables,
        identity,
        packing,
        shards: cards,
        uncertified_because,
        memory_estimate: None,
    };
    let sealed = finish(run, folder, None, &mut stages, stop)?;
    RunSummary::with_report(sealed, folder, &mut stages)
}
