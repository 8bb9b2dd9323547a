//! The whole pipeline, and the only module that knows all of it: plan, prepare, prefill, compare, write.
//! Says what happens through [`Event`]s; draws nothing on a terminal.

mod compared;
mod events;
mod plan;
mod prepare;
mod probes;
mod run;
mod score;
mod speaker;
mod vocabulary;
mod written;

pub use events::{Event, Stage, Stop};
pub use plan::{RunPlan, RunSettings, Selection};
pub use run::{RunSummary, run, versions};
pub use score::{ScoreListener, ScoreSettings, ScoreTally, Scorer};
pub use speaker::Speaker;
