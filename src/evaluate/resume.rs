//! How a run begins: anew, or where an earlier process ended. What was begun and what is to go on must be one run, to the last hash.

use super::RunSettings;
use super::changes::refuse_changes;
use super::identity::kernel_for;
use super::shard::Shard;
use crate::engine::EngineDtype;
use crate::error::{Error, Result};
use crate::output::records::{FORMAT_VERSION, Identity};
use crate::output::{FoundJournal, ResultFolder, UnbegunJournal};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What was asked for, as far as it has to be asked for again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRequest {
    pub settings: RunSettings,
    /// As `--model` had it.
    pub model: String,
    pub device: String,
    pub dtype: EngineDtype,
    /// As `--kernel` had it.
    pub kernel: String,
    /// The part of the run that is to be computed; all of it where there is none.
    pub shard: Option<Shard>,
    /// Main memory that the run was to keep within; the token budget in `settings` is what came of it.
    pub memory_limit_bytes: Option<u64>,
}

/// What numbers depend on: as long as it is the same, two processes compute the same ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunIdentity {
    pub format_version: u32,
    pub inputs: Identity,
    pub parameter_count: u64,
    /// dtype of the weights on disk.
    pub stored_dtype: String,
    pub plan: Value,
    pub device: String,
    pub dtype: String,
    /// The one that computes, whatever was asked for.
    pub kernel: String,
    pub versions: BTreeMap<String, String>,
    pub cell_count: usize,
    pub readout_count: u64,
}

/// The first record of a run's journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JournalHeader {
    pub request: RunRequest,
    pub identity: RunIdentity,
}

impl JournalHeader {
    /// What a journal says of its run.
    ///
    /// # Errors
    /// Kind `Output` for another version's.
    pub fn of(journal: &FoundJournal) -> Result<Self> {
        // Another version's header need not even have the fields.
        let version = serde_json::from_slice::<Value>(journal.header())
            .ok()
            .and_then(|header| header["identity"]["format_version"].as_u64());
        if version != Some(u64::from(FORMAT_VERSION)) {
            return Err(Error::output("another version of respondent began this run")
                .at(journal.path())
                .hint("go on with that version, or start the run again"));
        }
        serde_json::from_slice(journal.header()).map_err(|source| {
            Error::output("the journal does not say what run it is").at(journal.path()).because(source)
        })
    }

    /// # Errors
    /// Kind `Output`; never for what runs are made of.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self)
            .map_err(|source| Error::output("the run cannot be written as JSON").because(source))
    }
}

/// How a run begins.
#[derive(Debug)]
pub enum RunStart {
    Anew(Box<RunRequest>, UnbegunJournal),
    Resumed(Box<ResumedRun>),
}

impl RunStart {
    /// Notes the budget that a limit of memory came to; a run that goes on has its own.
    pub fn set_token_budget(&mut self, token_budget: usize) {
        if let RunStart::Anew(request, _) = self {
            request.settings.token_budget = token_budget;
        }
    }

    /// The limit of a run that begins within one; one that goes on has its token budget.
    pub fn memory_limit_bytes(&self) -> Option<u64> {
        match self {
            RunStart::Anew(request, _) => request.memory_limit_bytes,
            RunStart::Resumed(_) => None,
        }
    }

    /// The part that is computed; all of the run where there is none.
    pub fn shard(&self) -> Option<Shard> {
        match self {
            RunStart::Anew(request, _) => request.shard,
            RunStart::Resumed(resumed) => resumed.header.request.shard,
        }
    }
}

/// A run that an earlier process began, held by this one.
#[derive(Debug)]
pub struct ResumedRun {
    pub header: JournalHeader,
    pub journal: FoundJournal,
}

impl ResumedRun {
    /// # Errors
    /// Kind `Usage` when the run is finished, kind `Output` when there is nothing to go on with or another process is at it.
    pub fn open(folder: &ResultFolder) -> Result<Self> {
        if folder.is_finished() {
            return Err(Error::usage("this run is finished: there is nothing to go on with")
                .at(folder.path())
                .hint(format!("`respondent report {}` makes its page again", folder.path().display())));
        }
        if folder.shard_path().is_file() {
            return Err(Error::usage("this shard is finished: there is nothing to go on with")
                .at(folder.path())
                .hint("`respondent merge` makes a run of all shards"));
        }
        let journal = FoundJournal::open(&folder.journal_path())?;
        Ok(ResumedRun { header: JournalHeader::of(&journal)?, journal })
    }

    /// # Errors
    /// Kind `Usage` that names what is not as it was.
    pub fn check(&self, identity: &RunIdentity) -> Result<()> {
        let begun = &self.header.identity;
        let kernel = kernel_for(&begun.kernel, &identity.kernel).to_owned();
        let now = RunIdentity { kernel, ..identity.clone() };
        refuse_changes(begun, &now, "this is no longer the run that was begun")
            .map_err(|error| error.hint("bring it back as it was, or start the run again with another --out"))
    }
}
