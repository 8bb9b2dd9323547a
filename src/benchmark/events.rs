//! What a benchmark tells whoever listens.

use std::fmt;

/// The steps of a benchmark, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BenchmarkStep {
    /// The machine's peak.
    Peak,
    /// Log-probs by candle's operations in f32; counted in prompts.
    Reference,
    /// Reading or making the weights; counted in layers.
    Weights,
    /// The whole workload once, compared with the reference; counted in tokens.
    Verify,
    /// A small prefill that is not timed.
    WarmUp,
    /// A timed run of the workload, numbered from 1; counted in tokens.
    Repeat(usize),
}

impl fmt::Display for BenchmarkStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BenchmarkStep::Peak => f.pad("peak"),
            BenchmarkStep::Reference => f.pad("reference"),
            BenchmarkStep::Weights => f.pad("weights"),
            BenchmarkStep::Verify => f.pad("verify"),
            BenchmarkStep::WarmUp => f.pad("warm-up"),
            BenchmarkStep::Repeat(number) => f.pad(&format!("repeat {number}")),
        }
    }
}

/// Progress of one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum BenchmarkEvent {
    /// `total` in the step's own unit; 0 where it is not counted.
    Started {
        step: BenchmarkStep,
        total: u64,
    },
    Advanced {
        done: u64,
    },
    Finished {
        step: BenchmarkStep,
        wall_seconds: f64,
    },
}
