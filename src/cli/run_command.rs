//! `respondent run`: resolves what is meant, refuses what cannot be before anything is computed, runs it, tells the outcome.

use super::args::RunOptions;
use super::progress::StageProgress;
use super::streams::{print_json, print_out};
use super::summary::summary_table;
use crate::error::Result;
use crate::evaluate::{RunPlan, RunSettings, Selection, Speaker, Stop, run};
use crate::models::ModelFolder;
use crate::output::ResultFolder;
use crate::scoring::MassThresholds;
use std::path::Path;

const DEFAULT_STUDY: &str = "isear";

/// Where result folders go that were not given a name.
const RESULTS: &str = "results";

/// Runs a study; the built-in one when none is named.
pub fn execute(study: Option<&str>, options: &RunOptions, stop: &Stop) -> Result<()> {
    let plan = RunPlan::new(settings(study, options))?;
    let device = options.engine.open_device()?;
    let model = ModelFolder::find(&options.model)?;
    super::set_threads(options.engine.threads)?;
    let speaker = Speaker::open(&model, &plan.settings.prompting)?;
    let folder = match &options.out {
        Some(path) => ResultFolder::claim(path)?,
        None => {
            let stem = format!("{}-{}", plan.study.id, model.name());
            ResultFolder::claim_numbered(Path::new(RESULTS), &stem)?
        }
    };
    let progress = StageProgress::new(options.quiet);
    let outcome = run(&plan, &speaker, &model, &device, &folder, &|event| progress.on_event(event), stop);
    if outcome.is_err() {
        // A folder that nothing was written to is not left behind; remove_dir refuses any other.
        let _ = std::fs::remove_dir(folder.path());
    }
    let summary = outcome?;
    match options.json {
        true => print_json(&serde_json::json!({
            "folder": folder.path(),
            "report": summary.report_path,
            "manifest": summary.manifest,
        })),
        false => {
            let table = summary_table(&summary.manifest, &summary.group_rows);
            print_out(&format!("{table}report  {}\n", summary.report_path.display()))
        }
    }
}

fn settings(study: Option<&str>, options: &RunOptions) -> RunSettings {
    RunSettings {
        study: study.unwrap_or(DEFAULT_STUDY).to_owned(),
        selection: Selection {
            full: options.full,
            personas: options.personas.clone(),
            languages: options.languages.clone(),
            formats: options.formats.clone(),
            option_orders: options.option_orders.clone(),
        },
        temperatures: options.temperatures.clone(),
        thresholds: MassThresholds { low: options.low_mass, unusable: options.unusable_mass },
        token_budget: options.engine.token_budget,
        top_count: options.top,
        prompting: options.prompting.settings(),
        certified_cell_count: options.certify,
        bootstrap_seed: options.seed,
        bootstrap_replicate_count: options.replicates,
    }
}
