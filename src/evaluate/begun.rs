//! What an earlier process left of a run, for a job that may be started again: nothing, a part, or all of it.

use super::changes::{as_json, refuse_changes};
use super::events::{Event, Stage, Stages};
use super::identity::{inputs, is_repeatable, kernel_for, versions};
use super::resume::{JournalHeader, ResumedRun, RunIdentity, RunRequest};
use super::{RunPlan, Speaker};
use crate::engine::{AUTO_KERNEL, EngineDevice};
use crate::error::{Error, Result};
use crate::models::{ModelFolder, weights_sha256};
use crate::output::records::Identity;
use crate::output::{FoundJournal, ResultFolder, UnbegunJournal, read_manifest, remove_journal};
use crate::report::write_report;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How far a run has come.
#[derive(Debug)]
pub enum Begun {
    /// The folder was claimed and nothing read: it is this process's now.
    Nothing(ResultFolder, UnbegunJournal),
    Unfinished(ResultFolder, Box<ResumedRun>),
    Finished(ResultFolder),
}

impl Begun {
    /// # Errors
    /// Kind `Usage` for a folder that something else was asked of, by whatever differs; kind `Output` when another process is at work on it, or it is no
    /// run's. And what keeps the model from being read.
    pub fn find(folder: ResultFolder, asked: &AskedRun<'_>) -> Result<Self> {
        let path = folder.path().to_owned();
        let same = |begun: Value, asked: Value| {
            refuse_changes(&begun, &asked, "another run is in this folder")
                .map_err(|error| error.at(&path).hint("choose another --out"))
        };
        let same_request = |header: &JournalHeader| {
            let budget = header.request.settings.token_budget;
            same(as_json(&header.request)?, as_json(&with_budget_of(asked.request, budget))?)
        };
        if folder.is_finished() {
            let (manifest, request) = (read_manifest(&folder)?, asked.request);
            let budget = manifest.plan["token_budget"].as_u64().unwrap_or(0);
            let settings = with_budget_of(request, budget as usize).settings;
            // The manifest does not know how model and device were asked for, but what they came to.
            let begun = json!({
                "model": manifest.model.name, "device": manifest.device, "dtype": manifest.dtype,
                "plan": manifest.plan, "shard": null,
            });
            let of_request = json!({
                "model": asked.model.name(), "device": request.device, "dtype": request.dtype.to_string(),
                "plan": settings, "shard": request.shard.map(|shard| shard.to_string()),
            });
            same(begun, of_request)?;
            same(
                made_from(&manifest.identity, &manifest.kernel, &manifest.versions)?,
                asked.made_from(&manifest.kernel)?,
            )?;
            leave_nothing_undone(&folder)?;
            return Ok(Begun::Finished(folder));
        }
        if folder.shard_path().is_file() {
            let header = JournalHeader::of(&FoundJournal::open_to_read(&folder.journal_path())?)?;
            same_request(&header)?;
            let RunIdentity { inputs, kernel, versions, .. } = &header.identity;
            same(made_from(inputs, kernel, versions)?, asked.made_from(kernel)?)?;
            return Ok(Begun::Finished(folder));
        }
        if folder.journal_path().is_file() {
            let resumed = ResumedRun::open(&folder)?;
            same_request(&resumed.header)?;
            return Ok(Begun::Unfinished(folder, Box::new(resumed)));
        }
        if !folder.holds_nothing_finished()? {
            return Err(Error::output("this folder is not that of a run")
                .at(path)
                .hint("choose another --out"));
        }
        let unbegun = UnbegunJournal::claim(&folder.journal_path())?;
        Ok(Begun::Nothing(folder, unbegun))
    }
}

/// A run that is asked for, and what is here to make it from.
pub struct AskedRun<'a> {
    pub request: &'a RunRequest,
    pub plan: &'a RunPlan,
    pub model: &'a ModelFolder,
    pub device: &'a EngineDevice,
    pub events: &'a (dyn Fn(Event) + Sync),
}

impl AskedRun<'_> {
    /// Reads all of the weights, for their hash. `kernel` is that of the run that is here.
    fn made_from(&self, kernel: &str) -> Result<Value> {
        let speaker = Speaker::open(self.model, &self.plan.settings.prompting)?;
        let weights_sha256 =
            Stages::new(self.events).run(Stage::Hash, 0, |_| weights_sha256(self.model, self.device))?;
        let here = self.device.kernel_name();
        // Asked for as whatever is best somewhere, any that `auto` comes to does: never candle's on a CPU.
        let is_any = self.request.kernel == AUTO_KERNEL && is_repeatable(kernel) == is_repeatable(&here);
        let asked = if is_any { kernel } else { kernel_for(kernel, &here) };
        made_from(&inputs(self.plan, &speaker, &weights_sha256), asked, &versions())
    }
}

/// What numbers come of besides settings.
fn made_from(inputs: &Identity, kernel: &str, versions: &BTreeMap<String, String>) -> Result<Value> {
    Ok(json!({ "inputs": as_json(inputs)?, "kernel": kernel, "versions": versions }))
}

/// What comes after the manifest, should the process that wrote it have ended right there.
fn leave_nothing_undone(folder: &ResultFolder) -> Result<()> {
    if folder.journal_path().is_file() {
        remove_journal(&folder.journal_path())?;
    }
    if !folder.report_path().is_file() {
        write_report(folder.path())?;
    }
    Ok(())
}

/// A token budget that was chosen to fit a limit of memory stays what it was.
fn with_budget_of(request: &RunRequest, begun: usize) -> RunRequest {
    let mut request = request.clone();
    if request.memory_limit_bytes.is_some() {
        request.settings.token_budget = begun;
    }
    request
}
