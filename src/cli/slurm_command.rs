//! `respondent slurm`: a study on a cluster, as an array of shards and a merge.

use super::THREAD_COUNT_MAX;
use super::args::{Args, Command, RunOptions};
use super::progress::StageProgress;
use super::run_command::settings;
use super::slurm_scripts::{SlurmJob, quoted};
use super::streams::{print_out, printable};
use crate::error::{Error, Result};
use crate::evaluate::{RunPlan, Shard, Speaker, Stop, outlook};
use crate::models::ModelFolder;
use crate::output::ResultFolder;
use crate::partial_file::{PartialFile, partial_path};
use clap::Parser;
use clap::builder::NonEmptyStringValueParser;
use std::collections::BTreeSet;
use std::io::Write;
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
    #[arg(long, value_name = "COUNT", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=THREAD_COUNT_MAX as i64))]
    pub cpus: u16,

    /// GPUs of a shard's task; goes with `-- --device cuda:0`.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
    pub gpus: Option<u16>,

    /// Memory of a task, as Slurm has it, e.g. 16G. Default: what `respondent plan` expects of the whole run with as many threads as --cpus says, and 15 % more.
    #[arg(long, value_name = "SIZE", value_parser = memory_size)]
    pub mem: Option<String>,

    /// Time limit of a task, as Slurm has it, e.g. 4:00:00. Default: the partition's.
    #[arg(long, value_name = "TIME", value_parser = NonEmptyStringValueParser::new())]
    pub time: Option<String>,

    /// Partition. Default: the cluster's.
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub partition: Option<String>,

    /// Account to charge.
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub account: Option<String>,

    /// Most tasks at once. Default: as many as there is room for.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub at_once: Option<u32>,

    /// Another option of sbatch for every task, e.g. `--sbatch=--constraint=avx512`. May be repeated.
    #[arg(long, value_name = "OPTION", allow_hyphen_values = true, value_parser = sbatch_option)]
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
    let failed = |source| Error::output("this directory is not to be found").because(source);
    let working_directory = std::env::current_dir().map_err(failed)?;
    let program = std::env::current_exe().map_err(failed)?;
    let folder = working_directory.join(&command.out);
    let paths = [as_written(&program)?, as_written(&working_directory)?, as_written(&folder)?];
    let mut directives = directives(command);
    let words = [&command.study].into_iter().chain(&command.model).chain(&command.run_options);
    refuse_controls(words.chain(&directives).map(String::as_str).chain(paths))?;
    // Found out last, as it takes a while; told first, so that an option of --sbatch has the last word.
    let mem = match &command.mem {
        Some(mem) => mem.clone(),
        None => expected_memory(&plan, &options, command, stop)?,
    };
    directives.insert(0, format!("--mem={mem}"));
    let gpus = command.gpus.map(|count| format!("--gpus-per-task={count}"));
    let shard_directives: Vec<String> = directives.iter().cloned().chain(gpus).collect();
    let [program, working_directory, folder_name] = paths;
    let job = SlurmJob {
        program,
        working_directory,
        folder: folder_name,
        study: &command.study,
        models: &models,
        shard_count: command.shards,
        run_options: &command.run_options,
        shard_directives: &shard_directives,
        merge_directives: &directives,
        at_once: command.at_once,
    };
    let inner: Vec<&str> = models.iter().map(|(_, name)| name.as_str()).chain(["logs"]).collect();
    // What submits the others goes last: where it is, they are.
    let files = [("shards.sbatch", job.shards()), ("merge.sbatch", job.merge()), ("submit.sh", job.submit())];
    make_job(&folder, &inner, &files)?;
    print_out(&format!(
        "{} tasks in {}\nsubmit them with: bash {}\n",
        models.len() * command.shards,
        command.out.display(),
        quoted(&command.out.join("submit.sh").to_string_lossy())
    ))
}

/// What sbatch is told of every task, but for its memory.
fn directives(command: &SlurmCommand) -> Vec<String> {
    let named = [("time", &command.time), ("partition", &command.partition), ("account", &command.account)];
    let named = named.iter().filter_map(|(name, value)| Some(format!("--{name}={}", value.as_ref()?)));
    let cpus = format!("--cpus-per-task={}", command.cpus);
    [cpus].into_iter().chain(named).chain(command.sbatch.iter().cloned()).collect()
}

/// A path as a script has it, which is text: another would be put there for one that is not.
fn as_written(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| {
        Error::usage("this path is not UTF-8, and a script cannot name it").at(path).hint(
            "the program, the working directory and --out need names in UTF-8: rename it, or choose another",
        )
    })
}

/// A line break would end a directive, and what follows would be a command.
fn refuse_controls<'a>(mut words: impl Iterator<Item = &'a str>) -> Result<()> {
    match words.find(|word| word.chars().any(char::is_control)) {
        Some(word) => Err(Error::usage(format!(
            "a line break or another control character has no place in a script: {}",
            printable(word)
        ))
        .hint("write it without, or rename what is called so")),
        None => Ok(()),
    }
}

/// The job's folder with all that belongs in it, or none.
fn make_job(folder: &Path, inner: &[&str], files: &[(&str, String)]) -> Result<()> {
    let made = ResultFolder::claim(folder)?;
    let filled = fill_job(made.path(), inner, files);
    if filled.is_err() {
        // By name, and folders only once they are empty: what somebody else put there stays.
        for (name, _) in files {
            let path = folder.join(name);
            let _ = std::fs::remove_file(partial_path(&path));
            let _ = std::fs::remove_file(path);
        }
        for name in inner {
            let _ = std::fs::remove_dir(folder.join(name));
        }
        let _ = std::fs::remove_dir(folder);
    }
    filled
}

fn fill_job(folder: &Path, inner: &[&str], files: &[(&str, String)]) -> Result<()> {
    for name in inner {
        let path = folder.join(name);
        std::fs::create_dir(&path)
            .map_err(|source| Error::output("cannot be created").at(&path).because(source))?;
    }
    for (name, text) in files {
        let path = folder.join(name);
        let mut file = PartialFile::create(&path)?;
        file.write_all(text.as_bytes())
            .map_err(|source| Error::output("cannot be written").at(&path).because(source))?;
        file.finish()?;
    }
    Ok(())
}

/// As sbatch has it: a number, of MiB where no unit follows. 0 is all that a node has.
fn memory_size(text: &str) -> std::result::Result<String, String> {
    let number = text.strip_suffix(['K', 'M', 'G', 'T', 'k', 'm', 'g', 't']).unwrap_or(text);
    // A number could be parsed with a sign before it.
    match number.bytes().all(|byte| byte.is_ascii_digit()) && number.parse::<u64>().is_ok() {
        true => Ok(text.to_owned()),
        false => {
            Err("Slurm takes a whole number, with K, M, G or T behind it if need be, e.g. 16G".to_owned())
        }
    }
}

/// One option in one word, as it will be quoted as one.
fn sbatch_option(text: &str) -> std::result::Result<String, String> {
    let name = text.split_once('=').map_or(text, |(name, _)| name);
    let is_option = name.starts_with('-') && !name.trim_start_matches('-').is_empty();
    match is_option && !name.contains(char::is_whitespace) {
        true => Ok(text.to_owned()),
        false => Err("an option of sbatch in one word is meant, e.g. --constraint=avx512".to_owned()),
    }
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
    // As many as a task will have: each takes memory of its own, some of which is foretold and some measured.
    super::set_threads(Some(usize::from(command.cpus))).map_err(by_hand)?;
    let progress = StageProgress::new(options.quiet);
    let mut most = None;
    for model in &command.model {
        let model = ModelFolder::find(model)?;
        let speaker = Speaker::open(&model, &plan.settings.prompting)?;
        let wanted = (Some(command.shards), None);
        let found =
            outlook(plan, (&speaker, &model, &device), wanted, &|event| progress.on_event(event), stop)?;
        most = most.max(found.memory.map(|memory| memory.peak_bytes));
    }
    let most =
        most.ok_or_else(|| by_hand(Error::usage("this system does not tell how much memory is held")))?;
    // In 64 MiB, as schedulers like round numbers.
    Ok(format!("{}M", (most * 115 / 100).div_ceil(64 << 20) * 64))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_options_are_what_sbatch_could_mean() {
        for right in ["200", "16G", "512m", "0", "1T"] {
            assert_eq!(memory_size(right).as_deref(), Ok(right));
        }
        for wrong in ["", "G", "banana", "16GiB", "1.5G", "-1", "+1", "16 G", "99999999999999999999", "1G\n"]
        {
            assert!(memory_size(wrong).is_err(), "{wrong}");
        }
        for right in ["--constraint=avx512", "-C", "--exclusive", "--comment=two words", "-pall"] {
            assert_eq!(sbatch_option(right).as_deref(), Ok(right));
        }
        for wrong in ["", "-", "--", "--=x", "constraint=avx512", "--constraint avx512", "-p all"] {
            assert!(sbatch_option(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn controls_are_refused_and_told_escaped() {
        assert!(refuse_controls(["a b", "ä"].into_iter()).is_ok());
        let error = refuse_controls(["a", "b\nc"].into_iter()).unwrap_err();
        assert!(error.to_string().ends_with("b\\nc") && error.hint_text().is_some(), "{error}");
    }

    #[test]
    #[cfg(unix)]
    fn a_path_that_is_no_text_is_named() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        assert_eq!(as_written(Path::new("/caf\u{e9}")).unwrap(), "/caf\u{e9}");
        let error = as_written(Path::new(OsStr::from_bytes(b"/caf\xe9"))).unwrap_err();
        assert!(error.to_string().starts_with("/caf") && error.hint_text().is_some(), "{error}");
    }

    #[test]
    fn a_job_is_made_whole_or_not_at_all() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("job");
        let files = |last: &'static str| [("shards.sbatch", "1".to_owned()), (last, "2".to_owned())];
        let error = make_job(&folder, &["control", "logs"], &files("absent/submit.sh")).unwrap_err();
        assert!(error.to_string().contains("submit.sh") && !folder.exists(), "{error}");
        make_job(&folder, &["control", "logs"], &files("submit.sh")).unwrap();
        assert_eq!(std::fs::read(folder.join("submit.sh")).unwrap(), b"2");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 4);
        // What was there before is somebody else's.
        assert!(make_job(&folder, &["other"], &files("absent/submit.sh")).is_err());
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 4);
    }
}
