//! `respondent bench`: refuses what cannot be before anything is measured, measures, tells.

use super::args::BenchCommand;
use super::bench_card::bench_card;
use super::bench_progress::BenchProgress;
use super::streams::{print_json, print_out};
use crate::benchmark::{BenchmarkModel, BenchmarkSettings, Workload, WorkloadSource, run_benchmark};
use crate::error::{Error, Result};
use crate::evaluate::{Stop, versions};
use crate::models::ModelFolder;
use crate::partial_file::PartialFile;
use std::io::Write;

const REPEAT_COUNT_MAX: usize = 1000;

/// Measures.
pub fn execute(command: &BenchCommand, stop: &Stop) -> Result<()> {
    let device = command.engine.open_device()?;
    // Before the config is read: of a GGUF file that reads a tensor too, and the pool would be there.
    super::set_threads(command.engine.threads)?;
    let settings = settings(command)?;
    // Made first, so that a bad place is known before the time is spent.
    let log_probs_file = command.log_probs.as_deref().map(PartialFile::create).transpose()?;
    let progress = BenchProgress::new(command.quiet);
    let events = |event| progress.on_event(event);
    let outcome = run_benchmark(&settings, &device, &events, &|| stop.is_requested());
    progress.clear();
    let outcome = match (outcome, log_probs_file) {
        (Ok(outcome), Some(file)) => {
            write_log_probs(file, &outcome.log_probs)?;
            outcome
        }
        (outcome, file) => {
            file.into_iter().for_each(PartialFile::discard);
            outcome?
        }
    };
    match command.json {
        false => print_out(&bench_card(&outcome.record)),
        true => print_json(&outcome.record),
    }
}

fn settings(command: &BenchCommand) -> Result<BenchmarkSettings> {
    if command.engine.token_budget == 0 {
        return Err(Error::usage("the token budget is 0").hint("2048 is usual"));
    }
    if !(1..=REPEAT_COUNT_MAX).contains(&command.repeat) {
        let message = format!("--repeat must be from 1 to {REPEAT_COUNT_MAX}, not {}", command.repeat);
        return Err(Error::usage(message));
    }
    let model = match &command.model {
        Some(name) => BenchmarkModel::Folder(ModelFolder::find(name)?),
        None => BenchmarkModel::Shape(command.shape.clone()),
    };
    let source = WorkloadSource::from_name(&command.workload);
    Ok(BenchmarkSettings {
        quantisation: command.quantise.map(Into::into),
        workload: Workload::new(&source, &model.config()?, command.seed)?,
        model,
        token_budget: command.engine.token_budget,
        repeat_count: command.repeat,
        readout_scope: command.readout.into(),
        seed: command.seed,
        verify: command.verify,
        versions: versions(),
    })
}

fn write_log_probs(mut file: PartialFile, log_probs: &[Vec<f64>]) -> Result<()> {
    for log_probs in log_probs {
        writeln!(file, "{}", serde_json::json!({ "log_probs": log_probs }))
            .map_err(|source| Error::output("log-probs cannot be written").because(source))?;
    }
    file.finish()?;
    Ok(())
}
