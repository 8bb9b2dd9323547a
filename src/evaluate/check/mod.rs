//! Whether two packagings of one model are one model: the same prompts of a study through both, held against each other. First
//! what they are asked (text, token ids, tokens of the options), for all prompts; then what they say, for a sample.
//! Draws nothing on a terminal, and passes no verdict on numbers.

mod agreement;
mod numbers;
mod prompts;

use super::events::{Event, Stage, Stop};
use super::plan::BRANCH_PROMPT_COUNT;
use super::prepare::Prepared;
use super::{RunPlan, RunSettings, Selection, Speaker};
use crate::compare::ComparisonPlan;
use crate::engine::EngineDevice;
use crate::error::{Error, Result};
use crate::models::{LoadedModel, ModelFolder, load};
use crate::prompts::PromptSettings;
use crate::scoring::MassThresholds;
use serde::Serialize;
use std::time::Instant;

pub use agreement::{NumberAgreement, Spread};
pub use prompts::{PromptAgreement, PromptDifference};

/// Prompts of both sides are held at once.
const PROMPT_COUNT_MAX: usize = 1_000_000;

/// Logits of a whole vocabulary are held for every prompt of the sample: 150,000 of them are 0.6 MB.
pub const SAMPLE_COUNT_MAX: usize = 500;

/// How two packagings are held against each other.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckSettings {
    /// Prompts whose numbers are compared; 0 compares texts and token ids alone and reads no weights.
    pub sample_count: usize,
    pub seed: u64,
    pub token_budget: usize,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckReport {
    pub model: String,
    pub other: String,
    pub study: String,
    pub prompts: PromptAgreement,
    /// `None` when none were asked for, or none could be compared.
    pub numbers: Option<NumberAgreement>,
    /// Why numbers that were asked for are not there.
    pub not_compared: Option<String>,
}

/// One packaging.
pub struct Side<'a> {
    pub folder: &'a ModelFolder,
    pub speaker: &'a Speaker,
}

/// The plan of a run that asks what is to be compared, and that nobody runs.
///
/// # Errors
/// As [`RunPlan::new`].
pub fn check_plan(study: &str, full: bool, prompting: PromptSettings) -> Result<RunPlan> {
    RunPlan::new(RunSettings {
        study: study.to_owned(),
        selection: Selection { full, ..Selection::default() },
        temperatures: vec![1.0],
        thresholds: MassThresholds { low: 0.0, unusable: 0.0 },
        token_budget: 1,
        branch_prompt_count: BRANCH_PROMPT_COUNT,
        top_count: 0,
        prompting,
        certified_cell_count: Some(0),
        bootstrap_seed: 0,
        bootstrap_replicate_count: ComparisonPlan::DEFAULT_REPLICATE_COUNT,
    })
}

/// Compares `model` with `other` on the plan's prompts. Their weights are loaded one after the other.
///
/// # Errors
/// What a run of either would end with; kind `Usage` for a sample that is too large.
pub fn check(
    plan: &RunPlan,
    [model, other]: [Side<'_>; 2],
    device: &EngineDevice,
    settings: &CheckSettings,
    events: &(dyn Fn(Event) + Sync),
    stop: &Stop,
) -> Result<CheckReport> {
    if settings.token_budget == 0 {
        return Err(Error::usage("the token budget is 0").hint("2048 is usual"));
    }
    if settings.sample_count > SAMPLE_COUNT_MAX {
        let count = settings.sample_count;
        return Err(Error::usage(format!("a sample of {count} prompts is more than {SAMPLE_COUNT_MAX}")));
    }
    if plan.cells.prompt_count() > PROMPT_COUNT_MAX {
        return Err(Error::usage(format!(
            "{} prompts are more than the {PROMPT_COUNT_MAX} that are held side by side",
            plan.cells.prompt_count()
        ))
        .hint("a part of the study shows the same differences"));
    }
    let prepare = |side: &Side| {
        Prepared::new(plan, side.speaker, plan.cells.iter().collect(), &|| (), stop).map_err(|error| {
            Error::new(error.kind(), format!("as {} is asked", side.folder.name())).because(error)
        })
    };
    let prepared = [prepare(&model)?, prepare(&other)?];
    let prompts = PromptAgreement::new(plan, [&prepared[0], &prepared[1]], [model.speaker, other.speaker]);
    let mut report = CheckReport {
        model: model.folder.name(),
        other: other.folder.name(),
        study: plan.study.id.clone(),
        prompts,
        numbers: None,
        not_compared: None,
    };
    if settings.sample_count == 0 {
        return Ok(report);
    }
    let sample = numbers::sample([&prepared[0], &prepared[1]], [&model, &other], settings);
    if sample.is_empty() {
        report.not_compared = Some(format!("no prompt has ids that {} knows all of", report.other));
        return Ok(report);
    }
    let read = |side: &Side, own: &Prepared| {
        let loaded = load_side(side, device, events)?;
        numbers::read(&loaded.decoder, &prepared[0], own, &sample, settings, events, stop)
    };
    let said = [read(&model, &prepared[0])?, read(&other, &prepared[1])?];
    let ids = sample.iter().map(|&index| plan.cell_id(&prepared[0].prompts[index].cell)).collect();
    report.numbers = Some(NumberAgreement::new(ids, said, settings.seed, device)?);
    Ok(report)
}

fn load_side(side: &Side, device: &EngineDevice, events: &(dyn Fn(Event) + Sync)) -> Result<LoadedModel> {
    let config = &side.speaker.files.config;
    let total = config.decoder.layer_count() as u64;
    let start = Instant::now();
    events(Event::Started { stage: Stage::Weights, total });
    let loaded = load(side.folder, config, device, &|done, total| {
        events(Event::Advanced { stage: Stage::Weights, done, total })
    })?;
    events(Event::Finished { stage: Stage::Weights, wall_seconds: start.elapsed().as_secs_f64() });
    Ok(loaded)
}
