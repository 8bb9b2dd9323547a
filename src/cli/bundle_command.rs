//! `respondent bundle`: a model, a study and its people in one file, for a machine without a network.

use super::args::EXIT_CODES;
use super::byte_progress::ByteProgress;
use super::slurm_scripts::quoted;
use super::streams::{print_json, print_out, printable};
use crate::bundle::{BundleReport, CreateBundle, create_bundle, open_bundle, verify_bundle};
use crate::error::Result;
use clap::Subcommand;
use indicatif::HumanBytes;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Carry a model, a study and its people to a machine without a network: one file, with the sha256 of everything in it.
///
/// A bundle is a tar archive that begins with bundle.json, the list of its files with their lengths and hashes, and the version of the
/// program that made it. The same inputs give the same bytes.
#[derive(Debug, clap::Args)]
pub struct BundleCommand {
    #[command(subcommand)]
    verb: BundleVerb,
}

#[derive(Debug, Subcommand)]
enum BundleVerb {
    #[command(after_help = EXIT_CODES)]
    Create(CreateCommand),
    #[command(after_help = EXIT_CODES)]
    Verify(VerifyCommand),
    #[command(after_help = EXIT_CODES)]
    Open(OpenCommand),
}

/// Make a bundle. What was ended goes on where it was: bytes that are there already are compared, not written again.
///
/// The built-in control and built-in studies travel with the program; a study is put in all the same, so that it stays what it is.
#[derive(Debug, clap::Args)]
struct CreateCommand {
    /// The file to write, e.g. study.tar; it must not exist.
    out: PathBuf,

    /// A model's folder, GGUF file, or name, as `respondent models list` tells them. By the name of a manifest, the manifest goes with it.
    #[arg(long)]
    model: Option<String>,

    /// A built-in study or a folder, with the people that it names.
    #[arg(long)]
    study: Option<String>,

    #[command(flatten)]
    told: Told,
}

/// Hold every file of a bundle against its list.
#[derive(Debug, clap::Args)]
struct VerifyCommand {
    file: PathBuf,

    #[command(flatten)]
    told: Told,
}

/// Put the files of a bundle into a folder, each whole or not at all; what is there already is kept.
#[derive(Debug, clap::Args)]
struct OpenCommand {
    file: PathBuf,

    /// The folder to put them in.
    #[arg(default_value = ".")]
    into: PathBuf,

    #[command(flatten)]
    told: Told,
}

#[derive(Debug, clap::Args)]
struct Told {
    /// Print one JSON object instead of lines.
    #[arg(long)]
    json: bool,

    /// No progress on stderr.
    #[arg(long, short)]
    quiet: bool,
}

pub fn execute(command: &BundleCommand) -> Result<()> {
    match &command.verb {
        BundleVerb::Create(create) => {
            let request = CreateBundle {
                model: create.model.clone(),
                study: create.study.clone(),
                out: create.out.clone(),
            };
            let report = with_progress("bundle", &create.told, |advanced| create_bundle(&request, advanced))?;
            tell(&report, &create.told, &created(&report))
        }
        BundleVerb::Verify(verify) => {
            let report =
                with_progress("verify", &verify.told, |advanced| verify_bundle(&verify.file, advanced))?;
            tell(&report, &verify.told, &format!("{}every file is as the list says\n", listed(&report)))
        }
        BundleVerb::Open(open) => {
            let report =
                with_progress("open", &open.told, |advanced| open_bundle(&open.file, &open.into, advanced))?;
            tell(&report, &open.told, &opened(&report))
        }
    }
}

fn with_progress<T>(
    verb: &'static str,
    told: &Told,
    work: impl FnOnce(&(dyn Fn(u64, Option<u64>) + Sync)) -> Result<T>,
) -> Result<T> {
    let progress = ByteProgress::new(verb, told.quiet);
    let outcome = work(&|bytes, total| progress.advance(bytes, total));
    progress.clear();
    outcome
}

fn tell(report: &BundleReport, told: &Told, text: &str) -> Result<()> {
    if told.json { print_json(report) } else { print_out(text) }
}

/// What a bundle holds, a line each.
fn listed(report: &BundleReport) -> String {
    let list = &report.list;
    let mut text = format!(
        "{} files, {}, made by respondent {}\n",
        list.files.len(),
        HumanBytes(list.size_bytes()),
        printable(&list.respondent)
    );
    let parts = [("model", &list.model), ("study", &list.study), ("people", &list.human_data)];
    for (name, place) in parts {
        if let Some(place) = place {
            let _ = writeln!(text, "{name:>7}  {}", printable(place));
        }
    }
    text
}

fn created(report: &BundleReport) -> String {
    let path = report.path.display().to_string();
    let listed = listed(report);
    format!("{}\n{listed}\nthere: respondent bundle open {} FOLDER\n", printable(&path), to_copy(&path))
}

/// A word of a command to be copied, which neither the shell nor the terminal takes for more than a word.
fn to_copy(word: &str) -> String {
    printable(&quoted(word))
}

fn opened(report: &BundleReport) -> String {
    let path = report.path.display().to_string();
    let mut text = format!("{}\n{}", printable(&path), listed(report));
    if report.kept_count > 0 {
        let _ = writeln!(text, "{} files were there already", report.kept_count);
    }
    if let Some(study) = &report.list.study {
        let model = report.list.model.as_ref();
        let model = model.map_or(String::new(), |model| format!(" --model {}", to_copy(model)));
        let study = to_copy(&format!("./{study}"));
        let _ = writeln!(text, "\nnext: cd {} && respondent run {study}{model}", to_copy(&path));
    }
    text
}
