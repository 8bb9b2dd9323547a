//! A run from plan to report: the pipeline as one readable function.

use super::census::{Census, CensusSettings};
use super::events::{Event, Stage, Stages, Stop};
use super::finish::{ReadRun, SealedRun, finish};
use super::identity::{inputs, run_identity};
use super::memory::{MemoryOutlook, Part, token_budgets};
use super::pass::Pass;
use super::replay::OwnJournal;
use super::resume::{JournalHeader, RunStart};
use super::shard::Shard;
use super::tables::Tables;
use super::{RunPlan, Speaker};
use crate::engine::EngineDevice;
use crate::error::{Error, ErrorKind, Result};
use crate::models::{ModelFolder, load};
use crate::output::records::{ComparisonRow, MemoryEstimate, PackingCard, RunManifest, ShardCard};
use crate::output::{ResultFolder, write_shard_card};
use crate::report::write_report;
use crate::system_memory::peak_bytes;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// What there is to tell at the end.
#[derive(Debug)]
pub struct RunSummary {
    pub manifest: RunManifest,
    /// Rows of level `group`, for a table.
    pub group_rows: Vec<ComparisonRow>,
    pub report_path: PathBuf,
}

impl RunSummary {
    /// Makes the page of a run. Nothing that the run was computed with should be held by then: the page reads the tables back.
    pub(super) fn with_report(
        run: SealedRun,
        folder: &ResultFolder,
        stages: &mut Stages<'_>,
    ) -> Result<Self> {
        let report_path = stages.run(Stage::Report, 0, |_| write_report(folder.path())).map_err(|error| {
            error.hint(format!(
                "the results are complete; `respondent report {}` makes the page",
                folder.path().display()
            ))
        })?;
        Ok(RunSummary { manifest: run.manifest, group_rows: run.group_rows, report_path })
    }
}

/// What has been done: a run, or the part of one.
#[derive(Debug)]
pub enum RunOutcome {
    Whole(Box<RunSummary>),
    Shard(ShardCard),
}

/// Where a run is computed, and where its results go.
#[derive(Clone, Copy)]
pub struct RunPlace<'a> {
    pub speaker: &'a Speaker,
    pub model: &'a ModelFolder,
    pub device: &'a EngineDevice,
    pub folder: &'a ResultFolder,
}

/// Runs a plan, or its shard, into a folder that has been claimed for it, or goes on with what an earlier process did there.
///
/// # Errors
/// Whatever stops it. What was read until then stays in the folder's journal, and [`super::ResumedRun`] goes on with it. Asked to stop, it makes
/// the cells finished so far readable and returns kind `Interrupted`. A folder without `manifest.json`, or `shard.json`, is unfinished.
pub fn run(
    mut plan: RunPlan,
    place: RunPlace<'_>,
    mut start: RunStart,
    events: &(dyn Fn(Event) + Sync),
    stop: &Stop,
) -> Result<RunOutcome> {
    let RunPlace { speaker, model, device, folder } = place;
    let (mut stages, shard) = (Stages::new(events), start.shard());
    let settings = CensusSettings {
        token_budgets: token_budgets(plan.settings.token_budget, start.memory_limit_bytes()),
        shard_count: shard.map(|shard| shard.count()),
    };
    let mut census = Census::take(&plan, speaker, &settings, &mut stages, stop)?;
    let part = census.part(shard)?;
    let memory_estimate = memory_estimate(&plan, place, &start, &census)?;
    if let Some(estimate) = &memory_estimate {
        plan.settings.token_budget = estimate.token_budget as usize;
        start.set_token_budget(plan.settings.token_budget);
    }
    let plan = &plan;
    let layers = speaker.files.config.decoder.layer_count() as u64;
    let loaded = stages.run(Stage::Weights, layers, |_| {
        load(model, &speaker.files.config, device, &|done, total| {
            events(Event::Advanced { stage: Stage::Weights, done, total })
        })
    })?;
    let inputs = inputs(plan, speaker, &loaded.weights_sha256);
    let mut identity = run_identity(plan, device, census.readout_count, inputs, &loaded)?;
    if let RunStart::Resumed(resumed) = &start {
        resumed.check(&identity).map_err(|error| error.at(folder.path()))?;
        // Its kernel is the one that began it, whichever stands in for it here.
        identity.clone_from(&resumed.header.identity);
    }
    let tables = match shard {
        None => Some(Tables::create(plan, speaker, folder)?),
        Some(_) => None,
    };
    let journal = match start {
        RunStart::Anew(request, unbegun) => {
            let header = JournalHeader { request: *request, identity: identity.clone() };
            OwnJournal::begun(unbegun.begin(&header.to_bytes()?)?)
        }
        RunStart::Resumed(resumed) => OwnJournal::found(resumed.journal),
    };
    let packing = PackingCard {
        flat_token_count: census.flat_token_count,
        trie_token_count: part.token_count,
        token_budget: plan.settings.token_budget as u64,
        ..Default::default()
    };
    let (token_count, decoder) = (part.token_count, &loaded.decoder);
    let mut pass = Pass { plan, speaker, decoder, part, tables, journal, packing, readout_count: 0 };
    let is_whole = stages.run(Stage::Prefill, token_count, |stages| pass.read(&mut census, stages, stop))?;
    let Pass { tables, journal, packing, readout_count, .. } = pass;
    drop(census);
    drop(loaded);
    match (tables, shard) {
        (Some(tables), _) if !is_whole => Err(tables.stopped()),
        (Some(tables), _) => {
            let read = ReadRun {
                memory_estimate,
                plan,
                speaker,
                model,
                tables,
                identity,
                packing,
                shards: Vec::new(),
                uncertified_because: None,
            };
            let sealed = finish(read, folder, journal.into_written()?, &mut stages, stop)?;
            let summary = RunSummary::with_report(sealed, folder, &mut stages)?;
            Ok(RunOutcome::Whole(Box::new(summary)))
        }
        (None, Some(shard)) if is_whole => {
            // Whatever is left in it is not of this run.
            journal.into_written()?;
            let card = shard_card(shard, identity.kernel, &packing, readout_count, &stages);
            write_shard_card(folder, &card)?;
            Ok(RunOutcome::Shard(card))
        }
        (None, _) => {
            Err(Error::new(ErrorKind::Interrupted, format!("stopped after {readout_count} readouts"))
                .at(folder.path())
                .hint(format!("`respondent run --resume {}` goes on", folder.path().display())))
        }
    }
}

/// What memory the run will take; of one that begins within a limit, with the token budget that keeps it there.
fn memory_estimate(
    plan: &RunPlan,
    place: RunPlace<'_>,
    start: &RunStart,
    census: &Census,
) -> Result<Option<MemoryEstimate>> {
    let config = &place.speaker.files.config.decoder;
    let part = if start.shard().is_some() { Part::Shard } else { Part::Whole };
    let outlook = MemoryOutlook::new(plan, (place.model, place.device), config, census, part)?;
    match (outlook, start.memory_limit_bytes()) {
        (Some(outlook), Some(limit)) => outlook.fitting(limit).map(Some),
        (Some(outlook), None) => Ok(Some(outlook.estimate(plan.settings.token_budget))),
        (None, None) => Ok(None),
        (None, Some(_)) => Err(Error::usage("this system does not tell how much memory is held")
            .hint("leave --memory out, and choose a --token-budget")),
    }
}

fn shard_card(
    shard: Shard,
    kernel: String,
    packing: &PackingCard,
    readout_count: u64,
    stages: &Stages<'_>,
) -> ShardCard {
    ShardCard {
        index: shard.index(),
        count: shard.count(),
        kernel,
        readout_count,
        token_count: packing.trie_token_count,
        resumed_readout_count: packing.resumed_readout_count,
        batch_count: packing.batch_count,
        kv_row_count_max: packing.kv_row_count_max,
        thread_count: rayon::current_num_threads(),
        prefill_wall_seconds: stages.wall_seconds_of(Stage::Prefill),
        memory_peak_bytes: peak_bytes(),
        finished_at: seconds_since_epoch(),
    }
}

/// By this machine's clock.
pub(super) fn seconds_since_epoch() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
