//! The whole pipeline, and the only module that knows all of it: plan, prepare, prefill, compare, write.
//! Says what happens through [`Event`]s; draws nothing on a terminal.

mod alone;
mod begun;
mod cell_read;
mod cell_rows;
mod cells;
mod census;
mod certificate;
mod changes;
mod check;
mod compared;
mod events;
mod finish;
mod gathered;
mod human_set;
mod hypotheses;
mod identity;
mod journaled;
mod memory;
mod merge;
mod outlook;
mod over_orders;
mod pass;
mod plan;
mod prepare;
mod probes;
mod reading;
mod replay;
mod resume;
mod run;
mod score;
mod shard;
mod side_by_side;
mod speaker;
mod study_import;
mod study_summary;
mod tables;
mod verify;
mod vocabulary;
mod written;

pub use begun::{AskedRun, Begun};
pub use check::{
    CheckReport, CheckSettings, NumberAgreement, PromptAgreement, PromptDifference, Side, Spread, check,
    check_plan,
};
pub use events::{Event, Stage, Stop};
pub use human_set::{GroupSummary, HumanSet, human_set};
pub use identity::{device_for, is_repeatable, versions};
pub use merge::{MergeSettings, ShardSet, merge};
pub use outlook::{RunOutlook, outlook};
pub use plan::{BRANCH_PROMPT_COUNT, RunPlan, RunSettings, Selection};
pub use resume::{ResumedRun, RunRequest, RunStart};
pub use run::{RunOutcome, RunPlace, RunSummary, run};
pub use score::{ScoreListener, ScoreSettings, ScoreTally, Scorer};
pub use shard::{FoundShard, Shard};
pub use side_by_side::{
    DifferenceRow, RunCard, RunPair, SideBySide, SideBySideSettings, metric_names, side_by_side,
};
pub use speaker::Speaker;
pub use study_import::{
    ImportSource, LeftOut, LmEvalSettings, OpinionsSettings, StudyImportReport, import_study,
};
pub use study_summary::{ExamplePrompt, PeopleSummary, ScaleSummary, StudySummary, study_summary};
pub use verify::{SampleReport, VerifyReport, VerifySample, verify_files, verify_sample};
