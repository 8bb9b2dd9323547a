//! What an earlier process left of a run, for a job that may be started again: nothing, a part, or all of it.

use super::resume::{JournalHeader, ResumedRun, RunRequest, differences};
use crate::error::{Error, Result};
use crate::output::{FoundJournal, ResultFolder, read_manifest};
use serde_json::{Value, json};

/// How far a run has come.
#[derive(Debug)]
pub enum Begun {
    /// The folder was claimed and nothing read, and is taken away.
    Nothing,
    Unfinished(ResultFolder, Box<ResumedRun>),
    Finished(ResultFolder),
}

impl Begun {
    /// # Errors
    /// Kind `Usage` for a folder that something else was asked of; kind `Output` when another process is at work on it, or it is no run's.
    pub fn find(folder: ResultFolder, request: &RunRequest, model_name: &str) -> Result<Self> {
        let path = folder.path().to_owned();
        // A budget that was chosen to fit a limit stays what it was.
        let budget = |begun: usize| match request.memory_limit_bytes {
            Some(_) => begun,
            None => request.settings.token_budget,
        };
        let asked = |header: &JournalHeader| {
            let mut request = request.clone();
            request.settings.token_budget = budget(header.request.settings.token_budget);
            as_json(&request)
        };
        if folder.is_finished() {
            let manifest = read_manifest(&folder)?;
            // The manifest does not know how device and model were asked for, but what they came to.
            let begun =
                json!({ "model": manifest.model.name, "dtype": manifest.dtype, "plan": manifest.plan });
            let mut settings = request.settings.clone();
            let begun_budget = manifest.plan["token_budget"].as_u64().unwrap_or(0);
            settings.token_budget = budget(begun_budget as usize);
            let settings = as_json(&settings)?;
            let asked = json!({ "model": model_name, "dtype": request.dtype.to_string(), "plan": settings });
            same(&begun, &asked).map_err(|error| error.at(&path))?;
            return Ok(Begun::Finished(folder));
        }
        if folder.shard_path().is_file() {
            let header = JournalHeader::of(&FoundJournal::open_to_read(&folder.journal_path())?)?;
            same(&as_json(&header.request)?, &asked(&header)?).map_err(|error| error.at(&path))?;
            return Ok(Begun::Finished(folder));
        }
        if folder.journal_path().is_file() {
            let resumed = ResumedRun::open(&folder)?;
            same(&as_json(&resumed.header.request)?, &asked(&resumed.header)?)
                .map_err(|error| error.at(&path))?;
            return Ok(Begun::Unfinished(folder, Box::new(resumed)));
        }
        folder.remove_if_nothing_was_finished();
        match path.exists() {
            false => Ok(Begun::Nothing),
            true => {
                Err(Error::output("this folder is not that of a run").at(path).hint("choose another --out"))
            }
        }
    }
}

fn as_json(value: &impl serde::Serialize) -> Result<Value> {
    serde_json::to_value(value)
        .map_err(|source| Error::output("the run cannot be written as JSON").because(source))
}

fn same(begun: &Value, asked: &Value) -> Result<()> {
    let mut changed = Vec::new();
    differences("", begun, asked, &mut changed);
    match changed.is_empty() {
        true => Ok(()),
        false => Err(Error::usage(format!("another run is in this folder: {}", changed.join("; ")))
            .hint("choose another --out")),
    }
}
