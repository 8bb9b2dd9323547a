//! What an earlier process noted, branch by branch in the order in which it was read, and where to go on writing. Knows records and branches,
//! not what was read.

use super::journaled::{BranchReadouts, decode};
use crate::error::{Error, Result};
use crate::output::{FoundJournal, Journal};

/// A journal that is read to its end.
pub struct Replay {
    journal: FoundJournal,
    /// Read already, and of a branch that is not yet asked for.
    ahead: Option<BranchReadouts>,
    /// Behind the last whole record nothing is one, whatever it looks like.
    is_ended: bool,
}

impl Replay {
    pub fn new(journal: FoundJournal) -> Self {
        Replay { journal, ahead: None, is_ended: false }
    }

    pub fn journal(&self) -> &FoundJournal {
        &self.journal
    }

    /// The next batch of a branch; `None` when there is none, or none yet.
    ///
    /// # Errors
    /// Kind `Output` for records that are none, or of a branch that was asked for before.
    pub fn next_of(&mut self, branch: usize) -> Result<Option<BranchReadouts>> {
        if self.ahead.is_none() && !self.is_ended {
            match self.journal.next_record()? {
                Some(record) => {
                    self.ahead = Some(decode(&record).map_err(|error| error.at(self.journal.path()))?);
                }
                None => self.is_ended = true,
            }
        }
        match &self.ahead {
            Some(ahead) if ahead.branch < branch => Err(self.of_another_run()),
            Some(ahead) if ahead.branch == branch => Ok(self.ahead.take()),
            _ => Ok(None),
        }
    }

    /// Whether all of it was read and asked for.
    pub fn is_ended(&self) -> bool {
        self.is_ended && self.ahead.is_none()
    }

    fn go_on(self) -> Result<Journal> {
        match self.ahead {
            Some(_) => Err(self.of_another_run()),
            None => self.journal.go_on(),
        }
    }

    pub fn of_another_run(&self) -> Error {
        Error::output("a record of the journal is of another run")
            .at(self.journal.path())
            .hint("start the run again with another --out")
    }
}

/// A run's own journal: first what an earlier process wrote, then what this one does.
#[derive(Default)]
pub struct OwnJournal {
    found: Option<Replay>,
    written: Option<Journal>,
}

impl OwnJournal {
    pub fn begun(journal: Journal) -> Self {
        OwnJournal { found: None, written: Some(journal) }
    }

    pub fn found(journal: FoundJournal) -> Self {
        OwnJournal { found: Some(Replay::new(journal)), written: None }
    }

    /// What is still to be read.
    pub fn replay(&mut self) -> Option<&mut Replay> {
        self.found.as_mut()
    }

    /// To write to: what was found has been read by then.
    ///
    /// # Errors
    /// Kind `Output` when the file cannot be written, or there is something else in it than was read.
    pub fn writer(&mut self) -> Result<&mut Journal> {
        if let Some(replay) = self.found.take() {
            self.written = Some(replay.go_on()?);
        }
        self.written.as_mut().ok_or_else(|| Error::output("the journal is closed"))
    }

    /// To be taken away once the run is sealed.
    ///
    /// # Errors
    /// As [`OwnJournal::writer`].
    pub fn into_written(mut self) -> Result<Option<Journal>> {
        self.writer()?;
        Ok(self.written)
    }
}
