//! Where the time of a prefill goes: thread time by stage, counted always, since it costs nothing beside the work.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// What a thread was busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineStage {
    /// Matrix products of the layers, and what is folded into them.
    Linear,
    /// Keys, values, scores, mixed values.
    Attention,
    /// Norms, and laying rows out for the matrix products.
    Pointwise,
    /// Quantised weights made into values.
    Unpack,
    /// The readout matrix, and what is read of its products.
    Readout,
}

/// Nanoseconds of all threads together.
#[derive(Debug, Default)]
pub struct StageClock {
    nanoseconds: [AtomicU64; 5],
}

impl StageClock {
    pub fn time<R>(&self, stage: EngineStage, work: impl FnOnce() -> R) -> R {
        let start = Instant::now();
        let outcome = work();
        self.nanoseconds[stage as usize].fetch_add(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
        outcome
    }

    /// Times work that all threads do together, for each of them.
    pub fn time_all_threads<R>(&self, stage: EngineStage, work: impl FnOnce() -> R) -> R {
        let start = Instant::now();
        let outcome = work();
        let nanoseconds = start.elapsed().as_nanos() as u64 * rayon::current_num_threads() as u64;
        self.nanoseconds[stage as usize].fetch_add(nanoseconds, Ordering::Relaxed);
        outcome
    }

    pub fn thread_seconds(&self, stage: EngineStage) -> f64 {
        self.nanoseconds[stage as usize].load(Ordering::Relaxed) as f64 * 1e-9
    }
}
