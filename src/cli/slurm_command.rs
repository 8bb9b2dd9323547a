//! `respondent slurm`: a study on a cluster, as an array of shards and a merge.

use super::args::{Args, Command, RunOptions};
use super::progress::StageProgress;
use super::run_command::settings;
use super::slurm_scripts::{SlurmJob, quoted};
use super::streams::print_out;
use crate::error::{Error, Result};
use crate::evaluate::{RunPlan, Shard, Speaker, Stop, outlook};
use crate::models::ModelFolder;
use crate::output::ResultFolder;
use clap::Parser;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Write the scripts that put a study to one or more models on a Slurm cluster: an array of shards, and a merge for when all are done.
///
/// Makes a folder with shards.sbatch, merge.sbatch and submit.sh, to be looked at and changed; nothing is submitted. `bash DIR/submit.sh` submits both. The
/// results are in DIR/MODEL/run, the logs in DIR/logs. A task that was killed, preempted or ran out of time goes on where it ended when Slurm
/// requeues it or submit.sh is run again. docs/cluster.md tells it all.
#[derive(Debug, clap::Args)]
pub struct SlurmCommand {
    /// A built-in study, or a folder.
    pub study: String,

    /// The models, each by a name or path that the nodes know too. Several become rows of one array.
    #[arg(long, value_name = "MODEL,..", value_delimiter = ',', required = true)]
    pub model: Vec<String>,

    /// Shards of each model.
    #[arg(long, value_name = "N")]
    pub shards: usize,

    /// The folder to make, on a file system that the nodes share.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,

    /// CPUs of a task, and its threads.
    #[arg(long, value_name = "COUNT", default_value_t = 8)]
    pub cpus: usize,

    /// GPUs of a shard's task; goes with `-- --device cuda:0`.
    #[arg(long, value_name = "COUNT")]
    pub gpus: Option<usize>,

    /// Memory of a task, as Slurm has it, e.g. 16G. Default: what `respondent plan` expects of the whole run, and 15 % more.
    #[arg(long, value_name = "SIZE")]
    pub mem: Option<String>,

    /// Time limit of a task, as Slurm has it, e.g. 4:00:00. Default: the partition's.
    #[arg(long, value_name = "TIME")]
    pub time: Option<String>,

    /// Partition. Default: the cluster's.
    #[arg(long, value_name = "NAME")]
    pub partition: Option<String>,

    /// Account to charge.
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,

    /// Most tasks at once. Default: as many as there is room for.
    #[arg(long, value_name = "COUNT")]
    pub at_once: Option<usize>,

    /// Another option of sbatch for every task, e.g. `--sbatch=--constraint=avx512`. May be repeated.
    #[arg(long, value_name = "OPTION", allow_hyphen_values = true)]
    pub sbatch: Vec<String>,

    /// Options of `respondent run`, behind `--`.
    #[arg(last = true, value_name = "RUN OPTIONS")]
    pub run_options: Vec<String>,
}

pub fn execute(command: &SlurmCommand, stop: &Stop) -> Result<()> {
    Shard::new(1, command.shards)?;
    let options = run_options(command)?;
    let plan = RunPlan::new(settings(Some(&command.study), &options))?;
    let models = named_models(&command.model)?;
    let mem = match &command.mem {
        Some(mem) => mem.clone(),
        None => expected_memory(&plan, &options, command, stop)?,
    };
    let failed = |source| Error::output("this directory is not to be found").because(source);
    let working_directory = std::env::current_dir().map_err(failed)?;
    let program = std::env::current_exe().map_err(failed)?;
    let folder = working_directory.join(&command.out);
    let mut directives = vec![format!("--cpus-per-task={}", command.cpus)];
    directives.push(format!("--mem={mem}"));
    let named = [("time", &command.time), ("partition", &command.partition), ("account", &command.account)];
    directives.extend(named.iter().filter_map(|(name, value)| Some(format!("--{name}={}", value.as_ref()?))));
    directives.extend(command.sbatch.iter().cloned());
    let gpus = command.gpus.map(|count| format!("--gpus-per-task={count}"));
    let shard_directives: Vec<String> = directives.iter().cloned().chain(gpus).collect();
    let job = SlurmJob {
        program: &program,
        working_directory: &working_directory,
        folder: &folder,
        study: &command.study,
        models: &models,
        shard_count: command.shards,
        run_options: &command.run_options,
        shard_directives: &shard_directives,
        merge_directives: &directives,
        at_once: command.at_once,
    };
    let files = [("shards.sbatch", job.shards()), ("merge.sbatch", job.merge()), ("submit.sh", job.submit())];
    let words =
        [&command.study].into_iter().chain(&command.model).chain(&command.run_options).chain(&directives);
    let paths = [&program, &folder].map(|path| path.to_string_lossy().into_owned());
    if words.chain(&paths).any(|word| word.chars().any(char::is_control)) {
        return Err(Error::usage("a line break or another control character has no place in a script"));
    }
    let made = ResultFolder::claim(&folder)?;
    for name in models.iter().map(|(_, name)| name.as_str()).chain(["logs"]) {
        make_folder(&made.path().join(name))?;
    }
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::write(&path, text)
            .map_err(|source| Error::output("cannot be written").at(&path).because(source))?;
    }
    print_out(&format!(
        "{} tasks in {}\nsubmit them with: bash {}\n",
        models.len() * command.shards,
        command.out.display(),
        quoted(&command.out.join("submit.sh").to_string_lossy())
    ))
}

/// The most that any of the models is expected to take, and some more, in Slurm's `M`.
fn expected_memory(
    plan: &RunPlan,
    options: &RunOptions,
    command: &SlurmCommand,
    stop: &Stop,
) -> Result<String> {
    let by_hand = |error: Error| {
        error.hint("what a task takes cannot be worked out on this machine: say it with --mem")
    };
    let device = options.engine.open_device().map_err(by_hand)?;
    let progress = StageProgress::new(options.quiet);
    let mut most = None;
    for model in &command.model {
        let model = ModelFolder::find(model)?;
        let speaker = Speaker::open(&model, &plan.settings.prompting)?;
        let wanted = (Some(command.shards), options.memory.map(|size| size.0));
        let found =
            outlook(plan, (&speaker, &model, &device), wanted, &|event| progress.on_event(event), stop)?;
        most = most.max(found.memory.map(|memory| memory.peak_bytes));
    }
    let most =
        most.ok_or_else(|| by_hand(Error::usage("this system does not tell how much memory is held")))?;
    // In 64 MiB, as schedulers like round numbers.
    Ok(format!("{}M", (most * 115 / 100).div_ceil(64 << 20) * 64))
}

fn make_folder(path: &Path) -> Result<()> {
    std::fs::create_dir(path).map_err(|source| Error::output("cannot be created").at(path).because(source))
}

/// What a shard's task will be asked, so that what it would refuse is refused here.
fn run_options(command: &SlurmCommand) -> Result<RunOptions> {
    let shard = format!("1/{}", command.shards);
    let own = ["respondent", "run", &command.study, "--model", &command.model[0], "--shard", &shard];
    let fixed = ["--out", "out", "--or-resume", "--threads", "1", "--quiet"];
    let words = own.into_iter().chain(fixed).chain(command.run_options.iter().map(String::as_str));
    let args = Args::try_parse_from(words).map_err(|error| {
        // clap's own text begins with the same word that ours does.
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        Error::usage(format!("behind `--`: {first}"))
            .hint("options of `respondent run` that tasks do not set themselves")
    })?;
    match args.command {
        Some(Command::Run(run)) => Ok(run.options),
        _ => Err(Error::usage("behind `--` stand options of `respondent run`")),
    }
}

/// Each model with a name for its folder that no other has.
fn named_models(models: &[String]) -> Result<Vec<(String, String)>> {
    let mut taken = BTreeSet::from(["logs".to_owned()]);
    let name = |model: &String| {
        let safe = |c: char| if c.is_alphanumeric() || "._-".contains(c) { c } else { '-' };
        let stem: String = ModelFolder::find(model)?.name().chars().map(safe).collect();
        let stem = stem.trim_start_matches(['.', '-']).to_owned();
        let numbered = (2..).map(|number| format!("{stem}-{number}"));
        let free = std::iter::once(stem.clone()).chain(numbered).find(|name| taken.insert(name.clone()));
        Ok((model.clone(), free.unwrap_or(stem)))
    };
    models.iter().map(name).collect()
}
