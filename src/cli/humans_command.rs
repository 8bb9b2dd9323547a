//! `respondent humans`: data sets of people, and how a file of participants becomes one.

use super::args::EXIT_CODES;
use super::byte_progress::ByteProgress;
use super::streams::{print_json, print_out, printable, tell};
use crate::error::Result;
use crate::evaluate::{HumanSet, human_set};
use crate::human_data::{HumanEntry, ImportReport, ImportSettings, import_people, list_human_data};
use clap::Subcommand;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use indicatif::HumanCount;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Bad rows that are told one by one; all of them are in bad_rows.tsv.
const SHOWN_BAD_ROW_COUNT: usize = 5;

/// People's responses: list, inspect, import.
///
/// A data set is a folder of counts with their provenance, as human_data/README.md describes it; a study names one by id. They
/// lie in human_data/ of the working directory; `isear` is built in.
#[derive(Debug, clap::Args)]
pub struct HumansCommand {
    #[command(subcommand)]
    pub verb: HumansVerb,
}

#[derive(Debug, Subcommand)]
pub enum HumansVerb {
    /// Tell what data sets there are, and why some cannot be used.
    #[command(after_help = EXIT_CODES)]
    List(ListCommand),
    /// Tell what a data set is: groups, items, people, caveats, where it comes from. Its hash is verified.
    #[command(after_help = EXIT_CODES)]
    Inspect(InspectCommand),
    #[command(after_help = EXIT_CODES)]
    Import(ImportCommand),
}

#[derive(Debug, clap::Args)]
pub struct ListCommand {
    /// Print one JSON object instead of the table.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub struct InspectCommand {
    /// An id that `list` tells, or a folder.
    pub name: String,

    /// Print one JSON object instead of lines.
    #[arg(long)]
    pub json: bool,
}

/// Count a file of participants, or take a table of counts or of means, into a data set, as a codebook says.
///
/// The file is CSV or TSV, a row for each participant (wide) or each response (long), or a table of counts that somebody made
/// already. The codebook, a TOML file, says which column is what: participants, weights, groups (a column or an expression), items
/// with their scales, reversed items, what stands for no response; human_data/README.md has all of it. Of a table of means and SDs people are reconstructed, and marked so everywhere. A row that cannot be read so is left out whole, and told with its line in
/// bad_rows.tsv; more than 5 % of such rows are refused. Participants' names and texts stay in the file: counts leave it, with the
/// file's sha256, and with `keep = true` each one's responses without the name, so that people can be drawn whole. Weighted people count as shares times their effective number (Kish).
#[derive(Debug, clap::Args)]
pub struct ImportCommand {
    /// A CSV or TSV file of participants, of counts, or of means and SDs.
    pub file: PathBuf,

    /// The codebook.
    #[arg(long, value_name = "FILE")]
    pub codebook: PathBuf,

    /// Folder that data sets lie in; studies find them in human_data/.
    #[arg(long, value_name = "DIR", default_value = "human_data")]
    pub into: PathBuf,

    /// Put it in the place of a data set of the same id.
    #[arg(long)]
    pub force: bool,

    /// Refuse the file for a single bad row.
    #[arg(long)]
    pub strict: bool,

    /// Print one JSON object instead of lines.
    #[arg(long)]
    pub json: bool,

    /// No progress on stderr.
    #[arg(long, short)]
    pub quiet: bool,
}

pub fn execute(command: &HumansCommand) -> Result<()> {
    match &command.verb {
        HumansVerb::List(list) => {
            let entries = list_human_data();
            if list.json { print_json(&entries) } else { print_out(&list_table(&entries)) }
        }
        HumansVerb::Inspect(inspect) => {
            let set = human_set(&inspect.name)?;
            if inspect.json { print_json(&set) } else { print_out(&set_lines(&set)) }
        }
        HumansVerb::Import(import) => import_file(import),
    }
}

fn import_file(command: &ImportCommand) -> Result<()> {
    let settings = ImportSettings {
        file: command.file.clone(),
        codebook: command.codebook.clone(),
        into: command.into.clone(),
        force: command.force,
        strict: command.strict,
    };
    let progress = ByteProgress::new("read", command.quiet);
    let report = import_people(&settings, &|done, total| progress.advance(done, Some(total)));
    progress.clear();
    let report = report?;
    if command.json {
        return print_json(&report);
    }
    for bad in report.bad_rows.iter().take(SHOWN_BAD_ROW_COUNT) {
        tell(&format!("{}, line {}: {}", settings.file.display(), bad.line, printable(&bad.reason)));
    }
    print_out(&import_lines(&report))
}

fn import_lines(report: &ImportReport) -> String {
    let count = |count: u64| HumanCount(count).to_string();
    let mut text = format!("{}\n", report.folder.display());
    let _ = writeln!(
        text,
        "{} rows read: {}{} groups, {} items ({})",
        count(report.row_count),
        report
            .participant_count
            .map(|people| format!("{} participants in ", count(people)))
            .unwrap_or_default(),
        report.group_count,
        report.item_count,
        report.kind
    );
    match (report.kept_count, report.participant_count) {
        (0, Some(_)) => text.push_str(
            "counts alone are kept: with keep = true in [participants] intervals would know what goes together in people\n",
        ),
        (0, None) => {}
        (kept, _) => {
            let _ = writeln!(text, "responses of {} participants are kept, without their ids", count(kept));
        }
    }
    let _ = writeln!(
        text,
        "{} rows of no group or item, {} bad rows left out{}",
        count(report.left_out_count),
        count(report.bad_rows.len() as u64),
        if report.bad_rows.is_empty() { "" } else { "; bad_rows.tsv has them" }
    );
    let _ = writeln!(text, "a study takes it with human_data = \"{}\"", report.id);
    text
}

fn plain(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.to_vec());
    table
}

fn align_right(table: &mut Table, columns: std::ops::Range<usize>) {
    for column in table.column_iter_mut().skip(columns.start).take(columns.len()) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

/// People behind an item, over items.
pub(super) fn fewest_to_most((fewest, most): (f64, f64)) -> String {
    if fewest == most { format!("{most:.0}") } else { format!("{fewest:.0} to {most:.0}") }
}

fn list_table(entries: &[HumanEntry]) -> String {
    let mut table = plain(&["name", "people are", "groups", "items", "people per item", "where"]);
    for entry in entries.iter().filter(|entry| entry.problem.is_none()) {
        let place =
            entry.path.as_ref().map_or("in the program".to_owned(), |path| path.display().to_string());
        table.add_row([
            printable(&entry.name),
            entry.kind.unwrap_or_default().to_owned(),
            entry.group_count.to_string(),
            entry.item_count.to_string(),
            entry.n.map(fewest_to_most).unwrap_or_default(),
            printable(&place),
        ]);
    }
    align_right(&mut table, 2..5);
    let mut text = format!("{}\n", table.trim_fmt());
    for entry in entries {
        if let Some(problem) = &entry.problem {
            let _ = writeln!(text, "cannot be used: {}", printable(problem));
        }
    }
    text
}

fn set_lines(set: &HumanSet) -> String {
    let mut text = format!(
        "{} ({}), {}\n{}\n",
        printable(&set.title),
        printable(&set.id),
        set.kind,
        printable(&set.citation)
    );
    let _ = writeln!(
        text,
        "{}\nlicence: {}\nsha256 {}\n",
        printable(&set.counted),
        printable(&set.licence),
        set.sha256
    );
    if let Some(hash) = &set.responses_sha256 {
        let _ = writeln!(text, "responses one by one: sha256 {hash}\n");
    }
    let mut table = plain(&["group", "items", "people per item", "one by one", "missing"]);
    for group in &set.groups {
        table.add_row([
            printable(&group.population_group),
            group.item_count.to_string(),
            fewest_to_most((group.n_least, group.n_most)),
            group.participant_count.map_or("-".to_owned(), |count| count.to_string()),
            format!("{:.1} %", 100.0 * group.missing_share),
        ]);
    }
    align_right(&mut table, 1..5);
    let _ = writeln!(text, "{}", table.trim_fmt());
    for caveat in &set.caveats {
        let _ = writeln!(text, "- {}", printable(caveat));
    }
    text
}
