//! The table at the end of a run: how far the model is from people, and how far anything else would be.

use crate::output::records::{ComparisonRow, Counts, RunManifest};
use comfy_table::presets::NOTHING;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};
use std::fmt::Write as _;

/// The distance that the table is about; the report has all of them.
const METRIC: &str = "wasserstein_1";

/// Plain text without colour, ending in a newline.
pub fn summary_table(manifest: &RunManifest, group_rows: &[ComparisonRow]) -> String {
    let mut text = String::new();
    let model = &manifest.model;
    let control = if model.is_control { " (a control: its responses are planted)" } else { "" };
    let _ = writeln!(text, "\n{} on {}{control}", manifest.study.title, model.name);
    let _ = writeln!(text, "{}", counted(&manifest.counts));
    let _ = writeln!(
        text,
        "{} tokens computed of {} ({:.1} times fewer)\n",
        manifest.packing.trie_token_count,
        manifest.packing.flat_token_count,
        manifest.packing.flat_token_count as f64 / manifest.packing.trie_token_count.max(1) as f64
    );
    if group_rows.is_empty() {
        let _ = writeln!(text, "The study has no human data: nothing was compared.");
        return text;
    }
    let format = model_rows(group_rows).find_map(|row| row.elicitation_format.clone()).unwrap_or_default();
    let _ = writeln!(
        text,
        "Distance to people: mean Wasserstein-1 over items, as a share of the scale (format {format}, temperature 1)"
    );
    let _ = writeln!(text, "{}\n", table(group_rows, &format).trim_fmt());
    text
}

fn counted(counts: &Counts) -> String {
    let Counts { cell_count, ok_count, low_mass_count, unusable_count, .. } = counts;
    format!("{cell_count} cells: {ok_count} ok, {low_mass_count} low_mass, {unusable_count} unusable")
}

fn model_rows(rows: &[ComparisonRow]) -> impl Iterator<Item = &ComparisonRow> {
    rows.iter().filter(|row| row.predictor == "model" && row.metric == METRIC && row.temperature == Some(1.0))
}

fn table(rows: &[ComparisonRow], format: &str) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    let titles =
        ["people", "prompt", "model", "95 % interval", "floor", "other people", "pooled", "modal", "uniform"];
    table.set_header(titles.map(Cell::new));
    for row in model_rows(rows).filter(|row| row.elicitation_format.as_deref() == Some(format)) {
        let baseline = |predictor: &str| {
            rows.iter()
                .find(|other| {
                    other.predictor == predictor
                        && other.metric == METRIC
                        && other.population_group == row.population_group
                })
                .map_or("-".to_owned(), |other| format!("{:.3}", other.value))
        };
        table.add_row([
            row.population_group.clone(),
            row.language.clone().unwrap_or_default(),
            format!("{:.3}", row.value),
            format!("{:.3} to {:.3}", row.interval_low, row.interval_high),
            format!("{:.3}", row.noise_floor),
            baseline("other_group"),
            baseline("pooled"),
            baseline("modal"),
            baseline("uniform"),
        ]);
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
