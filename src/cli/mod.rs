//! What was typed, and what is meant by it. Data goes to stdout or files, talk to stderr.

mod args;
mod progress;
mod run_command;
mod score_command;
mod summary;

use crate::error::{Error, Result};
use crate::evaluate::Stop;
use args::{Args, Command, ReportCommand};
use clap::Parser;
use std::io::IsTerminal;
use std::process::ExitCode;

pub use summary::summary_table;

static STOP: Stop = Stop::new();

/// The whole program.
pub fn main() -> ExitCode {
    let args = Args::parse();
    listen_for_interrupt();
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
        Some(Command::Report(report)) => remake_report(&report),
    }
}

fn remake_report(report: &ReportCommand) -> Result<()> {
    let path = crate::report::write_report(&report.folder)?;
    println!("{}", path.display());
    Ok(())
}

/// The first Ctrl-C ends the run after the current batch, the second at once.
fn listen_for_interrupt() {
    let listening = ctrlc::set_handler(|| {
        if STOP.is_requested() {
            std::process::exit(130);
        }
        STOP.request();
        eprintln!("\nstopping after this batch (Ctrl-C again to stop at once)");
    });
    if let Err(error) = listening {
        eprintln!("warning: Ctrl-C will not be handled gently: {error}");
    }
}

fn print_error(error: &Error) {
    let (red, bold, reset) = match colours(std::io::stderr().is_terminal()) {
        true => ("\x1b[31;1m", "\x1b[1m", "\x1b[0m"),
        false => ("", "", ""),
    };
    eprintln!("{red}error{reset}: {error}");
    if let Some(hint) = error.hint_text() {
        eprintln!("{bold}hint{reset}: {hint}");
    }
}

/// Colour only on a terminal, and not where the user has none of it (no-color.org).
fn colours(is_terminal: bool) -> bool {
    is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Sets the size of the pool that everything parallel runs on.
fn set_threads(thread_count: Option<usize>) -> Result<()> {
    let Some(count) = thread_count else { return Ok(()) };
    if count == 0 {
        return Err(Error::usage("--threads must be at least 1"));
    }
    rayon::ThreadPoolBuilder::new()
        .num_threads(count)
        .build_global()
        .map_err(|source| Error::usage(format!("{count} threads cannot be started")).because(source))
}
