//! `respondent run`: resolves what is meant, refuses what cannot be before anything is computed, runs it, tells the outcome.

use super::args::RunOptions;
use super::progress::StageProgress;
use super::streams::{print_json, print_out, tell};
use super::summary::summary_table;
use crate::error::{Error, ErrorKind, Result};
use crate::evaluate::{
    AskedRun, Begun, ResumedRun, RunOutcome, RunPlace, RunPlan, RunRequest, RunSettings, RunStart,
    RunSummary, Selection, Speaker, Stop, device_for, is_repeatable, run,
};
use crate::models::ModelFolder;
use crate::output::{ResultFolder, UnbegunJournal};
use crate::scoring::MassThresholds;
use std::borrow::Cow;
use std::path::Path;

const DEFAULT_STUDY: &str = "isear";

/// Where result folders go that were not given a name.
const RESULTS: &str = "results";

/// Runs a study, the built-in one when none is named; or goes on with a run.
pub fn execute(study: Option<&str>, options: &RunOptions, stop: &Stop) -> Result<()> {
    match &options.resume {
        Some(_) if study.is_some() => {
            Err(Error::usage("a run that goes on has its study already").hint("leave the study out"))
        }
        Some(folder) => {
            let folder = ResultFolder::open(folder)?;
            resume(&folder, ResumedRun::open(&folder)?, options, stop)
        }
        None => begin(study, options, stop),
    }
}

fn begin(study: Option<&str>, options: &RunOptions, stop: &Stop) -> Result<()> {
    let plan = RunPlan::new(settings(study, options))?;
    let device = options.engine.open_device()?;
    if options.shard.is_some() {
        let kernel = device.kernel_name();
        if options.memory.is_some() && !is_repeatable(&kernel) {
            return Err(Error::usage(format!("{kernel} rounds with its batches, and --memory would choose each shard others"))
                .hint("`respondent plan STUDY --memory SIZE` tells the token budget that fits: give it to every shard with --token-budget"));
        }
    }
    let model = ModelFolder::find(&options.model)?;
    let request = RunRequest {
        settings: plan.settings.clone(),
        model: options.model.clone(),
        device: options.engine.device.clone(),
        dtype: device.dtype(),
        kernel: options.engine.kernel.clone(),
        shard: options.shard,
        memory_limit_bytes: options.memory.map(|size| size.0),
    };
    let mut taken_over = None;
    if let Some(path) = options.out.as_deref().filter(|path| options.or_resume && path.is_dir()) {
        let progress = StageProgress::new(options.quiet);
        let events = |event| progress.on_event(event);
        let asked =
            AskedRun { request: &request, plan: &plan, model: &model, device: &device, events: &events };
        match Begun::find(ResultFolder::open(path)?, &asked)? {
            Begun::Nothing(folder, unbegun) => taken_over = Some((folder, unbegun)),
            Begun::Unfinished(folder, resumed) => return resume(&folder, *resumed, options, stop),
            Begun::Finished(folder) => return tell_finished(&folder, options),
        }
    }
    if options.shard.is_some() {
        warn_of_rounding(&device.kernel_name());
    }
    super::set_threads(options.engine.threads)?;
    let speaker = Speaker::open(&model, &plan.settings.prompting)?;
    let part = options.shard.map(|shard| format!("-shard-{}-of-{}", shard.index(), shard.count()));
    let stem = format!("{}-{}{}", plan.study.id, model.name(), part.unwrap_or_default());
    let (folder, unbegun) = match taken_over {
        Some(taken_over) => taken_over,
        None => {
            let folder = claim(options.out.as_deref(), &stem)?;
            let unbegun = UnbegunJournal::claim(&folder.journal_path())?;
            (folder, unbegun)
        }
    };
    let place = RunPlace { speaker: &speaker, model: &model, device: &device, folder: &folder };
    let outcome = carry_out(plan, place, RunStart::Anew(Box::new(request), unbegun), options, stop);
    if outcome.is_err() && !folder.journal_path().exists() {
        // Nothing was read yet, so nothing is lost with what was opened.
        folder.remove_if_nothing_was_finished();
    }
    outcome
}

fn tell_finished(folder: &ResultFolder, options: &RunOptions) -> Result<()> {
    match options.json {
        true => print_json(&serde_json::json!({ "folder": named(folder.path()), "finished": true })),
        false => print_out(&format!("finished already  {}\n", folder.path().display())),
    }
}

fn resume(folder: &ResultFolder, resumed: ResumedRun, options: &RunOptions, stop: &Stop) -> Result<()> {
    if !resumed.journal.is_locked() {
        tell(
            "warning: this file system has no locks: make sure that no other process is at work on this folder",
        );
    }
    let request = resumed.header.request.clone();
    let elsewhere = |error: Error| match error.hint_text() {
        Some(_) => error,
        None => error.hint("names and paths are those of the directory in which the run was begun"),
    };
    let plan = RunPlan::new(request.settings).map_err(elsewhere)?;
    // Whatever `auto` comes to here, it goes on as it was begun.
    let device = device_for(&request.device, request.dtype, &resumed.header.identity.kernel)
        .map_err(|error| error.at(folder.path()).hint("go on on a machine like the one that began it"))?;
    warn_of_rounding(&device.kernel_name());
    let model = ModelFolder::find(&request.model).map_err(elsewhere)?;
    super::set_threads(options.engine.threads)?;
    let speaker = Speaker::open(&model, &plan.settings.prompting)?;
    let place = RunPlace { speaker: &speaker, model: &model, device: &device, folder };
    carry_out(plan, place, RunStart::Resumed(Box::new(resumed)), options, stop)
}

fn carry_out(
    plan: RunPlan,
    place: RunPlace<'_>,
    start: RunStart,
    options: &RunOptions,
    stop: &Stop,
) -> Result<()> {
    let progress = StageProgress::new(options.quiet);
    let outcome = run(plan, place, start, &|event| progress.on_event(event), stop);
    let folder = place.folder;
    let outcome = outcome.map_err(|error| match error.hint_text() {
        None if folder.journal_path().exists() => {
            let mended = if error.kind() == ErrorKind::Interrupted { "" } else { " once this is mended" };
            let folder = folder.path().display();
            error.hint(format!("what was read is kept: `respondent run --resume {folder}` goes on{mended}"))
        }
        _ => error,
    })?;
    match outcome {
        RunOutcome::Whole(summary) => tell_summary(folder, &summary, options.json),
        RunOutcome::Shard(card) if options.json => {
            print_json(&serde_json::json!({ "folder": named(folder.path()), "shard": card }))
        }
        RunOutcome::Shard(card) => print_out(&format!(
            "shard {}/{}: {} readouts, {} tokens  {}\n",
            card.index,
            card.count,
            card.readout_count,
            card.token_count,
            folder.path().display()
        )),
    }
}

/// A path as JSON can have it: not all bytes of a name are text.
fn named(path: &Path) -> Cow<'_, str> {
    path.to_string_lossy()
}

/// Where parts of a run are put together that did not share their batches.
pub fn warn_of_rounding(kernel: &str) {
    if !is_repeatable(kernel) {
        tell(&format!(
            "warning: {kernel} rounds otherwise in other batches: a run that is gone on with or shared out can differ from one in one piece in the last \
             digits. The other kernels of a CPU do not"
        ));
    }
}

/// The end of a run, or of a merge.
pub fn tell_summary(folder: &ResultFolder, summary: &RunSummary, as_json: bool) -> Result<()> {
    match as_json {
        true => print_json(&serde_json::json!({
            "folder": named(folder.path()),
            "report": named(&summary.report_path),
            "manifest": summary.manifest,
            "peak_memory_bytes": crate::system_memory::peak_bytes(),
        })),
        false => {
            let table = summary_table(&summary.manifest, &summary.group_rows);
            print_out(&format!("{table}report  {}\n", summary.report_path.display()))
        }
    }
}

/// The folder that was asked for, or else the next free one of a name.
pub fn claim(out: Option<&Path>, stem: &str) -> Result<ResultFolder> {
    match out {
        Some(path) => ResultFolder::claim(path),
        None => ResultFolder::claim_numbered(Path::new(RESULTS), stem),
    }
}

/// What a command line asks for.
pub fn settings(study: Option<&str>, options: &RunOptions) -> RunSettings {
    RunSettings {
        study: study.unwrap_or(DEFAULT_STUDY).to_owned(),
        selection: Selection {
            full: options.full,
            personas: options.personas.clone(),
            languages: options.languages.clone(),
            formats: options.formats.clone(),
            option_orders: options.option_orders.clone(),
            item_wordings: options.item_wordings.clone(),
        },
        temperatures: options.temperatures.clone(),
        thresholds: MassThresholds { low: options.low_mass, unusable: options.unusable_mass },
        token_budget: options.engine.token_budget,
        branch_prompt_count: options.branch_prompts,
        top_count: options.top,
        prompting: options.prompting.settings(),
        certified_cell_count: options.certify,
        bootstrap_seed: options.seed,
        bootstrap_replicate_count: options.replicates,
    }
}
