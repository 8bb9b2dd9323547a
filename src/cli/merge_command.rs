//! `respondent merge`: of all shards of a run, the run.

use super::progress::StageProgress;
use super::run_command::{claim, tell_summary, warn_of_rounding};
use crate::error::{Error, Result};
use crate::evaluate::{FoundShard, MergeSettings, RunPlan, ShardSet, Speaker, Stop, merge};
use crate::models::ModelFolder;
use crate::output::{ResultFolder, UnbegunJournal};
use std::path::PathBuf;

/// Merge the shards of a run, computed with `run --shard I/N`, wherever each of them was.
///
/// All of them have to be there, once each, finished, and of one plan, one model and kernels that come to the same bits: what is missing or other is named. The tables are byte for byte
/// those of a run in one piece. Study, people and model are looked for as the shards had them; shards stay as they are.
#[derive(Debug, clap::Args)]
pub struct MergeCommand {
    /// The folders of all shards, in any order.
    #[arg(required = true, value_name = "DIR")]
    pub shards: Vec<PathBuf>,

    /// Result folder to create; it must not exist. Default: the next free results/STUDY-MODEL-NNN.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// The model, where it is now; its tokenizer and config have to be those of the shards. Default: as they named it.
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,

    /// Do not load the model's weights, as on a small login node: no cell is computed again, and the result says that it was not certified.
    #[arg(long)]
    pub no_certificate: bool,

    /// Worker threads. Default: all cores.
    #[arg(long, value_name = "COUNT")]
    pub threads: Option<usize>,

    /// Print one JSON object instead of the table.
    #[arg(long)]
    pub json: bool,

    /// No progress on stderr.
    #[arg(long, short)]
    pub quiet: bool,
}

/// Where the run will be, and the right to be at it, which one process has. What a merge that was killed left there is taken over.
fn place(command: &MergeCommand, stem: &str) -> Result<(ResultFolder, UnbegunJournal)> {
    let left = match &command.out {
        Some(path) if path.is_dir() => Some(ResultFolder::open(path)?),
        _ => None,
    };
    let folder = match left {
        Some(folder) if folder.holds_an_unsealed_merge()? => folder,
        _ => claim(command.out.as_deref(), stem)?,
    };
    let right = UnbegunJournal::claim(&folder.journal_path())?;
    Ok((folder, right))
}

pub fn execute(command: &MergeCommand, stop: &Stop) -> Result<()> {
    let open = |path: &PathBuf| FoundShard::open(ResultFolder::open(path)?);
    let set = ShardSet::new(command.shards.iter().map(open).collect::<Result<Vec<_>>>()?)?;
    let request = set.first().header.request.clone();
    let elsewhere = |error: Error| match error.hint_text() {
        Some(_) => error,
        None => error.hint("names and paths are those of the directory in which the shards were begun"),
    };
    let plan = RunPlan::new(request.settings).map_err(elsewhere)?;
    let model = ModelFolder::find(command.model.as_ref().unwrap_or(&request.model)).map_err(elsewhere)?;
    super::set_threads(command.threads)?;
    let speaker = Speaker::open(&model, &plan.settings.prompting)?;
    warn_of_rounding(&set.first().header.identity.kernel);
    let (folder, right) = place(command, &format!("{}-{}", plan.study.id, model.name()))?;
    let progress = StageProgress::new(command.quiet);
    let settings = MergeSettings { certifies: !command.no_certificate };
    let listen = |event| progress.on_event(event);
    let outcome = merge(set, &plan, (&speaker, &model), &folder, settings, &listen, stop);
    match outcome {
        Ok(summary) => {
            right.give_up();
            tell_summary(&folder, &summary, command.json)
        }
        Err(error) => {
            if !folder.is_finished() {
                // The shards have all that was in it.
                folder.remove_unsealed();
            }
            Err(error)
        }
    }
}
