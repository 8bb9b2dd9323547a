//! `respondent study import`: a study from a table of opinions, or from a benchmark's task.

use super::args::EXIT_CODES;
use super::streams::{print_json, print_out, printable};
use crate::error::Result;
use crate::evaluate::{ImportSource, LmEvalSettings, OpinionsSettings, StudyImportReport, import_study};
use clap::Subcommand;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Rows that are told one by one.
const SHOWN_COUNT: usize = 5;

/// Make a study from a file of another program.
///
/// A row that cannot be asked (options that cannot be told apart, a group that was not asked) is left out and told with its line. The
/// study is a folder of TOML like any other: read it through, and change it.
#[derive(Debug, clap::Args)]
pub struct ImportStudyCommand {
    #[command(subcommand)]
    pub from: ImportFrom,
}

#[derive(Debug, Subcommand)]
pub enum ImportFrom {
    #[command(after_help = EXIT_CODES)]
    Opinions(OpinionsCommand),
    #[command(after_help = EXIT_CODES)]
    LmEval(LmEvalCommand),
}

#[derive(Debug, clap::Args)]
pub struct Made {
    /// The study's folder, which is made.
    #[arg(long, value_name = "DIR")]
    pub into: PathBuf,

    /// Id of the study and of its people; else the folder's name.
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,

    /// Print one JSON object instead of lines.
    #[arg(long)]
    pub json: bool,
}

/// A table of opinions with the shares of each group, as GlobalOpinionQA has them: a CSV with the columns question, options, selections.
///
/// Makes the study and, in human_data/, its people. Such a table says shares and not of how many people: --people says what to take,
/// intervals and noise floors are as wide as that makes them, and everything shows that the number was assumed.
#[derive(Debug, clap::Args)]
pub struct OpinionsCommand {
    /// The CSV.
    pub file: PathBuf,

    /// Groups whose responses are taken; a question that one of them was not asked is left out. Without, the error lists the groups.
    #[arg(long, value_name = "GROUP,..", value_delimiter = ',')]
    pub groups: Vec<String>,

    /// How many people each group's shares are taken to be of.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(2..))]
    pub people: u32,

    /// Options that are no response, such as "Don't know"; the others share what is left.
    #[arg(long, value_name = "OPTION")]
    pub missing: Vec<String>,

    /// What to cite, for the report.
    #[arg(long, value_name = "TEXT", default_value = "none stated")]
    pub citation: String,

    /// Folder that data sets lie in; studies find them in human_data/.
    #[arg(long, value_name = "DIR", default_value = "human_data")]
    pub humans_into: PathBuf,

    #[command(flatten)]
    pub made: Made,
}

/// A multiple-choice task of lm-evaluation-harness: its YAML, and its documents as JSON lines.
///
/// doc_to_text and doc_to_choice say what is asked, as templates or as names of fields. Functions in Python, other output types and
/// included files are refused. Right answers are not part of a study, and no examples are shown before a question.
#[derive(Debug, clap::Args)]
pub struct LmEvalCommand {
    /// The task's YAML.
    pub task: PathBuf,

    /// The documents, JSON lines.
    #[arg(long, value_name = "FILE")]
    pub docs: PathBuf,

    #[command(flatten)]
    pub made: Made,
}

pub fn execute(command: &ImportStudyCommand) -> Result<()> {
    let (source, made) = match &command.from {
        ImportFrom::Opinions(opinions) => {
            let settings = OpinionsSettings {
                file: opinions.file.clone(),
                groups: distinct(&opinions.groups),
                people_count: opinions.people,
                missing: opinions.missing.clone(),
                humans_folder: opinions.humans_into.clone(),
                citation: opinions.citation.clone(),
            };
            (ImportSource::Opinions(settings), &opinions.made)
        }
        ImportFrom::LmEval(task) => {
            let settings = LmEvalSettings { task: task.task.clone(), documents: task.docs.clone() };
            (ImportSource::LmEval(settings), &task.made)
        }
    };
    let report = import_study(&source, &made.into, made.id.as_deref())?;
    if made.json { print_json(&report) } else { print_out(&lines(&report)) }
}

/// As given, each once.
fn distinct(groups: &[String]) -> Vec<String> {
    let first = |(index, group): &(usize, &String)| !groups[..*index].contains(group);
    groups.iter().enumerate().filter(first).map(|(_, group)| group.clone()).collect()
}

fn lines(report: &StudyImportReport) -> String {
    let folder = report.folder.display().to_string();
    let mut text = format!("made {}: {} questions\n", printable(&folder), report.question_count);
    if let Some(people) = &report.human_data {
        let _ = writeln!(text, "made {}", printable(&people.display().to_string()));
    }
    for row in report.left_out.iter().take(SHOWN_COUNT) {
        let _ = writeln!(text, "left out: line {}, {}", row.line, printable(&row.reason));
    }
    if report.left_out.len() > SHOWN_COUNT {
        let _ = writeln!(text, "left out: {} more; --json tells all", report.left_out.len() - SHOWN_COUNT);
    }
    let _ = writeln!(text, "\nnext: respondent study check {0}, and respondent run {0}", printable(&folder));
    text
}
