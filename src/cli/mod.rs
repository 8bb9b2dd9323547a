//! What was typed, and what is meant by it. Data goes to stdout or files, talk to stderr.

mod args;
mod bench_card;
mod bench_command;
mod bench_progress;
mod bundle_command;
mod byte_progress;
mod byte_size;
mod check_command;
mod compare_command;
#[cfg(feature = "hub")]
mod fetch_command;
#[cfg(not(feature = "hub"))]
#[path = "no_fetch_command.rs"]
mod fetch_command;
mod humans_command;
mod merge_command;
mod models_args;
mod models_command;
mod models_tables;
mod panics;
mod plan_command;
mod progress;
mod run_command;
mod score_command;
mod signals;
mod slurm_command;
mod slurm_scripts;
mod streams;
mod study_command;
mod study_import_command;
mod summary;
mod verify_command;

use crate::error::{Error, Result};
use crate::evaluate::Stop;
use args::{Args, Command, ReportCommand};
use clap::Parser;
use std::io::IsTerminal;
use std::process::ExitCode;
use streams::{print_out, tell};

pub use summary::summary_table;

static STOP: Stop = Stop::new();

/// More would only wait for each other.
const THREAD_COUNT_MAX: usize = 1024;

/// The whole program.
pub fn main() -> ExitCode {
    panics::explain_panics();
    let args = Args::parse();
    signals::listen(&STOP);
    match dispatch(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_error(&error);
            ExitCode::from(error.kind().exit_code())
        }
    }
}

fn dispatch(args: Args) -> Result<()> {
    match args.command {
        None => run_command::execute(None, &args.run, &STOP),
        Some(Command::Run(run)) => run_command::execute(run.study.as_deref(), &run.options, &STOP),
        Some(Command::Score(score)) => score_command::execute(&score, &STOP),
        Some(Command::Bench(bench)) => bench_command::execute(&bench, &STOP),
        Some(Command::Models(models)) => {
            // Files get their names once they are whole, and a download goes on where it ended: nothing is to be waited for.
            STOP.set_idle(true);
            models_command::execute(&models)
        }
        Some(Command::Bundle(bundle)) => {
            // What is half written is gone on with.
            STOP.set_idle(true);
            bundle_command::execute(&bundle)
        }
        Some(Command::Compare(compare)) => {
            // Nothing is written.
            STOP.set_idle(true);
            compare_command::execute(&compare)
        }
        Some(Command::Humans(humans)) => {
            // A data set is put in place whole: nothing is to be waited for.
            STOP.set_idle(true);
            humans_command::execute(&humans)
        }
        Some(Command::Study(study)) => {
            STOP.set_idle(true);
            study_command::execute(&study)
        }
        Some(Command::Verify(verify)) => verify_command::execute(&verify, &STOP),
        Some(Command::Plan(command)) => plan_command::execute(&command, &STOP),
        Some(Command::Merge(command)) => merge_command::execute(&command, &STOP),
        Some(Command::Slurm(command)) => slurm_command::execute(&command, &STOP),
        Some(Command::Report(report)) => {
            // The page gets its name once it is whole.
            STOP.set_idle(true);
            remake_report(&report)
        }
    }
}

fn remake_report(report: &ReportCommand) -> Result<()> {
    let path = crate::report::write_report(&report.folder)?;
    print_out(&format!("{}\n", path.display()))
}

fn print_error(error: &Error) {
    let (red, bold, reset) = match colours(std::io::stderr().is_terminal()) {
        true => ("\x1b[31;1m", "\x1b[1m", "\x1b[0m"),
        false => ("", "", ""),
    };
    tell(&format!("{red}error{reset}: {error}"));
    let full_disk = error.to_string().contains("No space left");
    let full_disk_hint = full_disk.then_some("free some space, and try again");
    if let Some(hint) = error.hint_text().or(full_disk_hint) {
        tell(&format!("{bold}hint{reset}: {hint}"));
    }
}

/// Colour only on a terminal, and not where the user has none of it (no-color.org).
fn colours(is_terminal: bool) -> bool {
    is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Sets the size of the pool that everything parallel runs on.
fn set_threads(thread_count: Option<usize>) -> Result<()> {
    let Some(count) = thread_count else { return Ok(()) };
    if !(1..=THREAD_COUNT_MAX).contains(&count) {
        return Err(Error::usage(format!("--threads must be from 1 to {THREAD_COUNT_MAX}, not {count}")));
    }
    rayon::ThreadPoolBuilder::new()
        .num_threads(count)
        .build_global()
        .map_err(|source| Error::usage(format!("{count} threads cannot be started")).because(source))
}
