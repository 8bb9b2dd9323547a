//! What a run tells whoever listens, and how it is told to stop.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

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
    /// Some cells once more, another way; counted in cells.
    Certificate,
    /// Distances to people.
    Compare,
    /// Contrasts that the study predicts.
    Hypotheses,
    /// The page.
    Report,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Stage::Prompts => "prompts",
            Stage::Trie => "trie",
            Stage::Weights => "weights",
            Stage::Prefill => "prefill",
            Stage::Certificate => "certify",
            Stage::Compare => "compare",
            Stage::Hypotheses => "contrasts",
            Stage::Report => "report",
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
