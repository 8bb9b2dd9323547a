//! A run shared out among machines that do not know each other: each computes one part of the tries and keeps what it read in a journal.
//! Which readouts a part has is decided by the plan alone, so that all come to the same parts.

use super::resume::JournalHeader;
use crate::error::{Error, Result};
use crate::output::records::ShardCard;
use crate::output::{FoundJournal, ResultFolder, read_shard_card};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// More files would be a burden to whoever merges them.
const SHARD_COUNT_MAX: usize = 10_000;

/// One part of a run, as `I/N`; the first is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    index: usize,
    count: usize,
}

impl Shard {
    /// # Errors
    /// Kind `Usage` unless `1 <= index <= count <= 10000`.
    pub fn new(index: usize, count: usize) -> Result<Self> {
        match (1..=count).contains(&index) && count <= SHARD_COUNT_MAX {
            true => Ok(Shard { index, count }),
            false => Err(Error::usage(format!("`{index}/{count}` is no shard of a run"))
                .hint(format!("I/N with I from 1 to N, N at most {SHARD_COUNT_MAX}"))),
        }
    }

    /// From 1.
    pub fn index(&self) -> usize {
        self.index
    }

    pub fn count(&self) -> usize {
        self.count
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let parts =
            text.split_once('/').and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
        let (index, count) = parts.ok_or("a shard is I/N, e.g. 3/8")?;
        Shard::new(index, count).map_err(|error| match error.hint_text() {
            Some(hint) => format!("{error}: {hint}"),
            None => error.to_string(),
        })
    }
}

/// What an earlier process computed of a run.
#[derive(Debug)]
pub struct FoundShard {
    pub folder: ResultFolder,
    pub header: JournalHeader,
    pub journal: FoundJournal,
    pub shard: Shard,
    pub card: ShardCard,
}

impl FoundShard {
    /// # Errors
    /// Kind `Output` when it is no shard, another process is at work on it, or it is unfinished.
    pub fn open(folder: ResultFolder) -> Result<Self> {
        let journal = FoundJournal::open_to_read(&folder.journal_path()).map_err(|error| {
            match folder.is_finished() {
                true => Error::output("this is a whole run, not the shard of one").at(folder.path()),
                false => error,
            }
        })?;
        let header = JournalHeader::of(&journal)?;
        let shard = header.request.shard.ok_or_else(|| {
            Error::output("this is an unfinished run, not the shard of one")
                .at(folder.path())
                .hint(format!("`respondent run --resume {}` goes on with it", folder.path().display()))
        })?;
        if !folder.shard_path().is_file() {
            return Err(Error::output(format!("shard {shard} is not finished"))
                .at(folder.path())
                .hint(format!("`respondent run --resume {}` goes on with it", folder.path().display())));
        }
        let card = read_shard_card(&folder)?;
        Ok(FoundShard { folder, header, journal, shard, card })
    }
}
