//! Inference throughput: a workload of token ids through a decoder, several times, held against the machine's own peak.
//! Knows no text, no surveys and no terminal.

mod events;
mod machine;
mod model;
mod record;
mod repeat;
mod run;
mod verify;
mod workload;

pub use events::{BenchmarkEvent, BenchmarkStep};
pub use model::BenchmarkModel;
pub use record::{
    BenchmarkRecord, FlopsCard, MachineCard, StageCard, StageTimes, VerificationCard, WorkloadCard,
};
pub use run::{BenchmarkOutcome, BenchmarkSettings, run_benchmark};
pub use workload::{Workload, WorkloadSource};
