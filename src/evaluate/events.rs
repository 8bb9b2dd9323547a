//! What a run tells whoever listens, and how it is told to stop.

use crate::error::Result;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// The steps of a run, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Cells to token ids; counted in prompts.
    Prompts,
    /// Token ids to the prefix trie.
    Trie,
    /// Reading the weights; counted in layers.
    Weights,
    /// The forward passes; counted in tokens.
    Prefill,
    /// What shards have read; counted in cells.
    Merge,
    /// Some cells once more, another way; counted in cells.
    Certificate,
    /// Distances to people.
    Compare,
    /// Contrasts that the study predicts.
    Hypotheses,
    /// The page.
    Report,
    /// The weights to their sha256, which a finished run was made from or not.
    Hash,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Stage::Prompts => "prompts",
            Stage::Trie => "trie",
            Stage::Weights => "weights",
            Stage::Prefill => "prefill",
            Stage::Merge => "merge",
            Stage::Certificate => "certify",
            Stage::Compare => "compare",
            Stage::Hypotheses => "contrasts",
            Stage::Report => "report",
            Stage::Hash => "hash",
        })
    }
}

/// Progress of one stage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Event {
    /// `total` in the stage's own unit; 0 where it is not counted.
    Started {
        stage: Stage,
        total: u64,
    },
    /// `done` of `total` so far. May come from any thread, and out of order.
    Advanced {
        stage: Stage,
        done: u64,
        total: u64,
    },
    Finished {
        stage: Stage,
        wall_seconds: f64,
    },
}

/// Times stages and passes their events on.
pub struct Stages<'a> {
    pub events: &'a (dyn Fn(Event) + Sync),
    /// In the order in which they began.
    pub wall_seconds: Vec<(String, f64)>,
}

impl<'a> Stages<'a> {
    pub fn new(events: &'a (dyn Fn(Event) + Sync)) -> Self {
        Stages { events, wall_seconds: Vec::new() }
    }

    /// # Errors
    /// The work's.
    pub fn run<T>(
        &mut self,
        stage: Stage,
        total: u64,
        work: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        (self.events)(Event::Started { stage, total });
        self.add(stage, 0.0);
        let (start, others) = (Instant::now(), self.all_seconds());
        let outcome = work(self)?;
        let wall_seconds = start.elapsed().as_secs_f64() - (self.all_seconds() - others);
        self.add(stage, wall_seconds);
        (self.events)(Event::Finished { stage, wall_seconds });
        Ok(outcome)
    }

    /// Times what is done within another stage and is not its own. Nobody is told.
    pub fn within<T>(&mut self, stage: Stage, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let outcome = work();
        self.add(stage, start.elapsed().as_secs_f64());
        outcome
    }

    fn add(&mut self, stage: Stage, seconds: f64) {
        let name = stage.to_string();
        match self.wall_seconds.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known += seconds,
            None => self.wall_seconds.push((name, seconds)),
        }
    }

    fn all_seconds(&self) -> f64 {
        self.wall_seconds.iter().map(|(_, seconds)| seconds).sum()
    }

    /// Of one that has ended; 0 of one that has not.
    pub fn wall_seconds_of(&self, stage: Stage) -> f64 {
        let name = stage.to_string();
        self.wall_seconds.iter().filter(|(of, _)| *of == name).map(|(_, seconds)| seconds).sum()
    }
}

/// A request to stop, checked between batches.
#[derive(Debug, Default)]
pub struct Stop {
    requested: AtomicBool,
    idle: AtomicBool,
}

impl Stop {
    pub const fn new() -> Self {
        Stop { requested: AtomicBool::new(false), idle: AtomicBool::new(false) }
    }

    pub fn request(&self) {
        self.requested.store(true, Ordering::Relaxed);
    }

    pub fn is_requested(&self) -> bool {
        self.requested.load(Ordering::Relaxed)
    }

    /// Says that nothing is under way but waiting for input, so that there is nothing to finish first.
    pub fn set_idle(&self, is_idle: bool) {
        self.idle.store(is_idle, Ordering::Relaxed);
    }

    pub fn is_idle(&self) -> bool {
        self.idle.load(Ordering::Relaxed)
    }
}
