//! `respondent compare`: finished runs side by side.

use super::streams::{print_json, print_out, printable};
use crate::error::{Error, Result};
use crate::evaluate::{DifferenceRow, RunPair, SideBySide, SideBySideSettings, metric_names, side_by_side};
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use std::fmt::Write as _;
use std::path::PathBuf;

/// Hold finished runs of one study against each other: other models, dtypes, templates.
///
/// Reads result folders; no model is touched. The first run is what the others are held against. Told is how far apart the
/// responses are (total variation), and for each persona, language and format how much nearer to people, or further, each run is
/// than the first, with a 95 % interval: both are held against the same bootstrap replicate of the people each time, so that
/// the difference is surer than the two distances.
///
/// Runs of another study, or with other people, are refused. What else is not the same (weights, dtype, template, ...) is said.
#[derive(Debug, clap::Args)]
pub struct CompareCommand {
    /// Result folders; the first is the reference.
    #[arg(required = true, num_args = 2.., value_name = "FOLDER")]
    pub folders: Vec<PathBuf>,

    /// Metrics to show; --json has all of them.
    #[arg(
        long = "metric",
        value_name = "NAME,..",
        value_delimiter = ',',
        default_value = "wasserstein_1,entropy_ratio"
    )]
    pub metrics: Vec<String>,

    /// Temperatures to compare at.
    #[arg(long = "temperature", value_name = "T,..", value_delimiter = ',', default_value = "1")]
    pub temperatures: Vec<f64>,

    /// Compare runs of other studies or with other people too: what has the same names, with the people of the first run.
    #[arg(long)]
    pub allow_different: bool,

    /// Seed of the bootstrap.
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    pub seed: u64,

    /// Bootstrap replicates behind each interval.
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    pub replicates: usize,

    /// Print one JSON object instead of tables.
    #[arg(long)]
    pub json: bool,
}

pub fn execute(command: &CompareCommand) -> Result<()> {
    let known = metric_names();
    if let Some(unknown) = command.metrics.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(Error::usage(format!("there is no metric `{unknown}`"))
            .hint(format!("there are {}", known.join(", "))));
    }
    let settings = SideBySideSettings {
        temperatures: command.temperatures.clone(),
        allow_different: command.allow_different,
        replicate_count: command.replicates,
        seed: command.seed,
    };
    let found = side_by_side(&command.folders, &settings)?;
    match command.json {
        true => print_json(&found),
        false => print_out(&text(&found, &command.metrics)),
    }
}

/// A letter for each run, as columns name it.
fn letter(run: usize) -> String {
    match u8::try_from(run).ok().filter(|run| *run < 26) {
        Some(run) => char::from(b'A' + run).to_string(),
        None => format!("run {}", run + 1),
    }
}

/// Plain text without colour, ending in a newline.
fn text(found: &SideBySide, metrics: &[String]) -> String {
    let mut text = format!("{}\n", runs_table(found));
    for run in found.runs.iter().enumerate().skip(1) {
        let (index, card) = run;
        let unlike = match card.unlike_first.is_empty() {
            true => "in nothing that is recorded".to_owned(),
            false => format!("in {}", card.unlike_first.join(", ")),
        };
        let _ = writeln!(text, "{} is unlike {} {unlike}.", letter(index), letter(0));
    }
    for pair in &found.pairs {
        let _ = write!(text, "\n{}", pair_text(pair));
        if !found.has_people {
            let _ = writeln!(text, "The study has no human data: how near they are to people is not known.");
            continue;
        }
        for metric in metrics {
            let _ = writeln!(text, "\n{metric} against people, {} minus {}", letter(pair.run), letter(0));
            let _ = writeln!(text, "{}", differences_table(pair, metric));
        }
    }
    if found.has_people {
        text.push_str(
            "\ninterval: 95 %, for the people behind the sample; * where it does not hold 0. Means over the items that both runs\n\
             have. --json has every item and metric.\n",
        );
    }
    if found.people_are_whole == Some(false) {
        text.push_str(
            "The runs drew people whole, and their responses are not found here: over items they are drawn item by item, and where\n\
             people lean one way in all of them the true interval is wider. human_data/ beside the run has them.\n",
        );
    }
    text
}

fn pair_text(pair: &RunPair) -> String {
    let (own, other) = (letter(0), letter(pair.run));
    let mut text = format!(
        "{other} against {own}: {} distributions in both, {} in {own} alone, {} in {other} alone\n",
        pair.shared_unit_count, pair.only_in_first_count, pair.only_in_other_count
    );
    let figures = (pair.mean_total_variation, pair.largest_total_variation, &pair.largest_unit);
    if let (Some(mean), Some(largest), Some(unit)) = figures {
        let _ = writeln!(
            text,
            "total variation between their responses: {mean:.4} on average, at most {largest:.4} ({})",
            printable(unit)
        );
    }
    text
}

fn runs_table(found: &SideBySide) -> String {
    let mut table =
        plain(&["", "model", "study", "dtype", "kernel", "cells", "ok", "low mass", "unusable", "folder"]);
    for (index, run) in found.runs.iter().enumerate() {
        let counts = &run.counts;
        let [cells, ok, low, unusable] =
            [counts.cell_count, counts.ok_count, counts.low_mass_count, counts.unusable_count]
                .map(|count| count.to_string());
        table.add_row([
            letter(index),
            printable(&run.model),
            printable(&run.study),
            printable(&run.dtype),
            printable(&run.kernel),
            cells,
            ok,
            low,
            unusable,
            printable(&run.folder.display().to_string()),
        ]);
    }
    aligned(table, 5..9)
}

fn differences_table(pair: &RunPair, metric: &str) -> String {
    let (own, other) = (letter(0), letter(pair.run));
    let mut table = plain(&[
        "people",
        "persona",
        "prompt",
        "format",
        "T",
        "items",
        &own,
        &other,
        "difference",
        "95 % interval",
        "",
    ]);
    let rows = pair.differences.iter().filter(|row| row.level == "group" && row.metric == metric);
    for row in rows {
        let DifferenceRow { interval_low: low, interval_high: high, .. } = row;
        table.add_row([
            printable(&row.population_group),
            printable(&row.persona),
            printable(&row.language),
            printable(&row.elicitation_format),
            row.temperature.to_string(),
            row.item_count.to_string(),
            format!("{:.3}", row.first_value),
            format!("{:.3}", row.value),
            format!("{:+.4}", row.difference),
            format!("{low:+.4} to {high:+.4}"),
            if *low > 0.0 || *high < 0.0 { "*" } else { "" }.to_owned(),
        ]);
    }
    aligned(table, 4..10)
}

fn plain(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.to_vec());
    table
}

fn aligned(mut table: Table, numbers: std::ops::Range<usize>) -> String {
    for column in table.column_iter_mut().skip(numbers.start).take(numbers.len()) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt()
}
