//! What an earlier process left of a run, for a job that may be started again: nothing, a part, or all of it.

use super::changes::{as_json, refuse_changes};
use super::resume::{JournalHeader, ResumedRun, RunRequest};
use crate::error::{Error, Result};
use crate::output::{FoundJournal, ResultFolder, UnbegunJournal, read_manifest, remove_journal};
use crate::report::write_report;
use serde_json::{Value, json};

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
    /// Kind `Usage` for a folder that something else was asked of; kind `Output` when another process is at work on it, or it is no run's.
    pub fn find(folder: ResultFolder, request: &RunRequest, model_name: &str) -> Result<Self> {
        let path = folder.path().to_owned();
        let same = |begun: Value, asked: Value| {
            refuse_changes(&begun, &asked, "another run is in this folder")
                .map_err(|error| error.at(&path).hint("choose another --out"))
        };
        let same_request = |header: &JournalHeader| {
            same(
                as_json(&header.request)?,
                as_json(&with_budget_of(request, header.request.settings.token_budget))?,
            )
        };
        if folder.is_finished() {
            let manifest = read_manifest(&folder)?;
            let budget = manifest.plan["token_budget"].as_u64().unwrap_or(0);
            let settings = with_budget_of(request, budget as usize).settings;
            // The manifest does not know how model and device were asked for, but what they came to.
            let begun = json!({
                "model": manifest.model.name, "device": manifest.device, "dtype": manifest.dtype,
                "plan": manifest.plan, "shard": null,
            });
            let asked = json!({
                "model": model_name, "device": request.device, "dtype": request.dtype.to_string(),
                "plan": settings, "shard": request.shard.map(|shard| shard.to_string()),
            });
            same(begun, asked)?;
            leave_nothing_undone(&folder)?;
            return Ok(Begun::Finished(folder));
        }
        if folder.shard_path().is_file() {
            same_request(&JournalHeader::of(&FoundJournal::open_to_read(&folder.journal_path())?)?)?;
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
