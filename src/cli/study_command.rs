//! `respondent study`: what a study is, and whether it can be run.

use super::args::EXIT_CODES;
use super::streams::{print_json, print_out, printable};
use crate::error::Result;
use crate::evaluate::{StudySummary, study_summary};
use clap::Subcommand;
use indicatif::HumanCount;
use std::fmt::Write as _;

/// Studies: check one before it is run.
#[derive(Debug, clap::Args)]
pub struct StudyCommand {
    #[command(subcommand)]
    pub verb: StudyVerb,
}

#[derive(Debug, Subcommand)]
pub enum StudyVerb {
    #[command(after_help = EXIT_CODES)]
    Check(CheckCommand),
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
    let StudyVerb::Check(check) = &command.verb;
    let summary = study_summary(&check.study)?;
    if check.json { print_json(&summary) } else { print_out(&lines(&summary)) }
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
    let temperatures: Vec<String> = study.temperatures.iter().map(ToString::to_string).collect();
    row("temperatures", listed(&temperatures));
    row("hypotheses", listed(&study.hypotheses));
    row(
        "people",
        study.people.as_ref().map_or("none".to_owned(), |people| {
            let (least, most) = (people.n_least, people.n_most);
            format!("{}: {} groups, {least:.0} to {most:.0} people an item", people.id, people.group_count)
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
