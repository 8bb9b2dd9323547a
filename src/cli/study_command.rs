//! `respondent study`: which studies there are, a new one, and whether one can be run.

use super::args::EXIT_CODES;
use super::humans_command::fewest_to_most;
use super::streams::{print_json, print_out, printable};
use super::study_import_command::{self, ImportStudyCommand};
use crate::error::Result;
use crate::evaluate::{StudySummary, study_summary};
use crate::human_data::codebook_schema;
use crate::prompts::{StudyEntry, create_study, list_studies, study_schema, wording_schema};
use clap::Subcommand;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use indicatif::HumanCount;
use serde_json::json;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Studies: list, make a new one or import one, check one before it is run.
///
/// A study is a folder of TOML files: study.toml says what is asked of whom, and a file for each language says it in words.
/// docs/studies.md takes one from a spreadsheet to a report; prompts/README.md describes every field.
#[derive(Debug, clap::Args)]
pub struct StudyCommand {
    #[command(subcommand)]
    pub verb: StudyVerb,
}

#[derive(Debug, Subcommand)]
pub enum StudyVerb {
    /// Tell what studies there are, built in, here and in prompts/, and why some cannot be used.
    #[command(after_help = EXIT_CODES)]
    List(StudyListCommand),
    #[command(after_help = EXIT_CODES)]
    New(NewCommand),
    Import(ImportStudyCommand),
    #[command(after_help = EXIT_CODES)]
    Check(CheckCommand),
    #[command(after_help = EXIT_CODES)]
    Schema(SchemaCommand),
}

#[derive(Debug, clap::Args)]
pub struct StudyListCommand {
    /// Print one JSON object instead of the table.
    #[arg(long)]
    pub json: bool,
}

/// Make a folder with a small study that runs as it is, to be changed into one's own.
///
/// Its comments say what each part is for. It has two personas, two variables about three situations, two formats, a hypothesis, and
/// is held against the built-in people of isear. What is there already is never written over.
#[derive(Debug, clap::Args)]
pub struct NewCommand {
    /// The folder to make.
    pub folder: PathBuf,

    /// The study's id; else the folder's name.
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
}

/// Print a JSON Schema, for editors that check while one types.
///
/// What a schema cannot say (that ids agree, that options can be told apart) `respondent study check` does. In an editor that reads
/// TOML by Taplo a first line `#:schema ./study.schema.json` points to it.
#[derive(Debug, clap::Args)]
pub struct SchemaCommand {
    /// Of which file.
    #[arg(value_enum, default_value = "study")]
    pub file: SchemaOf,
}

/// A file that people write.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum SchemaOf {
    /// study.toml.
    Study,
    /// A study's LANGUAGE.toml.
    Wording,
    /// The codebook of `humans import`.
    Codebook,
}

/// Read a study whole, with its people, and tell what it asks; no model is needed.
///
/// Every prompt is made once, so `run` refuses what passes here only for its model. A fault is told with its file and line. What is
/// legal but hardly meant (hypotheses about people where there are none, a --full that no run takes) is a warning.
/// prompts/README.md describes every field.
#[derive(Debug, clap::Args)]
pub struct CheckCommand {
    /// A built-in study (isear, social_emotions), or a folder with a study.toml.
    pub study: String,

    /// Print one JSON object instead of lines.
    #[arg(long)]
    pub json: bool,
}

pub fn execute(command: &StudyCommand) -> Result<()> {
    match &command.verb {
        StudyVerb::List(list) => {
            let studies = list_studies();
            if list.json { print_json(&json!({ "studies": studies })) } else { print_out(&table(&studies)) }
        }
        StudyVerb::New(new) => {
            let files = create_study(&new.folder, new.id.as_deref())?;
            let folder = new.folder.display();
            let made: String = files.iter().map(|path| format!("made {}\n", path.display())).collect();
            print_out(&format!(
                "{made}\nnext: respondent study check {folder}, and respondent run {folder}\n"
            ))
        }
        StudyVerb::Import(import) => study_import_command::execute(import),
        StudyVerb::Check(check) => {
            let summary = study_summary(&check.study)?;
            if check.json { print_json(&summary) } else { print_out(&lines(&summary)) }
        }
        StudyVerb::Schema(schema) => print_json(&match schema.file {
            SchemaOf::Study => study_schema(),
            SchemaOf::Wording => wording_schema(),
            SchemaOf::Codebook => codebook_schema(),
        }),
    }
}

fn table(studies: &[StudyEntry]) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["study", "title", "items", "personas", "languages", "people"]);
    for study in studies {
        let problem = study.problem.as_ref().map(|problem| format!("cannot be used: {problem}"));
        let title = problem.as_ref().or(study.title.as_ref()).map_or("", String::as_str);
        table.add_row([
            printable(&study.name),
            printable(title),
            study.item_count.to_string(),
            study.persona_count.to_string(),
            study.languages.join(" "),
            study.human_data.clone().unwrap_or("none".to_owned()),
        ]);
    }
    for index in [2, 3] {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    format!("{table}\n")
}

fn lines(study: &StudySummary) -> String {
    let mut text =
        format!("{} ({})\nsha256 {}\n\n", printable(&study.title), printable(&study.id), study.sha256);
    let mut row = |name: &str, value: String| {
        let _ = writeln!(text, "{name:>12}  {}", printable(&value));
    };
    row("items", format!("{}, of {} variables", study.item_count, study.variable_count));
    for scale in &study.scales {
        let values: Vec<String> = scale.values.iter().map(ToString::to_string).collect();
        row("scale", format!("{}: {}", scale.id, values.join(" ")));
    }
    row("personas", listed(&study.personas));
    row("languages", listed(&study.languages));
    row("formats", listed(&study.elicitation_formats));
    row("orders", listed(&study.option_orders));
    if study.item_wordings.len() > 1 {
        row("wordings", listed(&study.item_wordings));
    }
    let temperatures: Vec<String> = study.temperatures.iter().map(ToString::to_string).collect();
    row("temperatures", listed(&temperatures));
    row("hypotheses", listed(&study.hypotheses));
    row(
        "people",
        study.people.as_ref().map_or("none".to_owned(), |people| {
            let n = fewest_to_most((people.n_least, people.n_most));
            format!("{}: {} groups, {n} people an item", people.id, people.group_count)
        }),
    );
    let cells = |count: usize| HumanCount(count as u64);
    let full = study.full_cell_count.map_or("too many".to_owned(), |count| cells(count).to_string());
    row("cells", format!("{}, with --full {}", cells(study.default_cell_count), full));
    for warning in &study.warnings {
        let _ = writeln!(text, "\nwarning: {}", printable(warning));
    }
    let _ = writeln!(text, "\n{}, before a chat template:", printable(&study.example.cell_id));
    for message in &study.example.messages {
        let _ = writeln!(text, "  [{}]", printable(&message.role));
        for line in message.content.lines() {
            let _ = writeln!(text, "  {}", printable(line));
        }
    }
    let _ = writeln!(text, "  [answer] {}▮", printable(&study.example.answer_prefix));
    text
}

/// Up to eight by name.
fn listed(ids: &[String]) -> String {
    const SHOWN_COUNT: usize = 8;
    match ids.len() {
        0 => "none".to_owned(),
        count if count <= SHOWN_COUNT => ids.join(", "),
        count => format!("{}, ... ({count})", ids[..SHOWN_COUNT].join(", ")),
    }
}
