//! The table at the end of a run: how far the model is from people, and how far anything else would be.

use super::streams::printable;
use crate::output::records::{ComparisonRow, Counts, HumanDataCard, HypothesisCard, RunManifest};
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, Table};
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
        "{} tokens computed, {} if every cell were by itself ({:.1} times fewer)\n",
        manifest.packing.trie_token_count,
        manifest.packing.flat_token_count,
        manifest.packing.flat_token_count as f64 / manifest.packing.trie_token_count.max(1) as f64
    );
    text.push_str(&distances(manifest, group_rows));
    text.push_str(&hypotheses(manifest));
    text.push_str(&certificate(manifest));
    text
}

/// The table and how to read it, or why there is none.
fn distances(manifest: &RunManifest, group_rows: &[ComparisonRow]) -> String {
    if group_rows.is_empty() {
        return "The study has no human data: nothing was compared.\n\n".to_owned();
    }
    if model_rows(group_rows, METRIC).next().is_none() {
        return "No cell is usable, so nothing of the model is held against people: the report's answer mass tells\n\
                what it says instead of an option.\n\n"
            .to_owned();
    }
    let format = first_format(manifest, group_rows);
    let mut text = format!(
        "How far from people: mean Wasserstein-1 over items, as a share of the scale (format {format}, temperature 1)\n"
    );
    let _ = writeln!(text, "{}", table(manifest, group_rows, &format).trim_fmt());
    if let Some(caution) = manifest.study.human_data.as_ref().and_then(HumanDataCard::caution) {
        let _ = writeln!(text, "\n{}", wrapped(caution, 104));
    }
    let _ = writeln!(
        text,
        "\ninterval: for the people behind the sample. floor: what two samples of the same people show.\n\
         others: people of the run's other groups. pooled: people of all other groups. entropy: the model's over\n\
         people's, 1 is as diverse. apart: items on which people are not a sample from the model (multinomial test,\n\
         false discovery rate 0.05 over the run).\n"
    );
    text
}

/// Broken at spaces, so that no line is longer than `width`.
fn wrapped(sentence: &str, width: usize) -> String {
    let mut lines = vec![String::new()];
    for word in sentence.split(' ') {
        let last = lines.last().map_or(0, String::len);
        match last {
            0 => lines.last_mut().into_iter().for_each(|line| line.push_str(word)),
            len if len + 1 + word.len() <= width => {
                lines.last_mut().into_iter().for_each(|line| line.push_str(&format!(" {word}")));
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

/// What computing some cells another way changes; how it went wrong where it did.
fn certificate(manifest: &RunManifest) -> String {
    if let Some(problem) = &manifest.not_certified {
        return format!("not certified: {}\n\n", printable(problem));
    }
    let Some(card) = &manifest.certificate else { return String::new() };
    let distance = match &card.distance_change {
        None => String::new(),
        Some(change) => format!(", distances to people within {:.0e}", change.value),
    };
    format!(
        "certificate: {} cells again, each alone, {}: log-probs within {:.0e} nats{distance}\n\n",
        card.cell_count, card.kernel, card.log_prob_difference_nats.value
    )
}

/// Each hypothesis with its verdict and the contrast that decided; empty for a study without any.
fn hypotheses(manifest: &RunManifest) -> String {
    let mut text = String::new();
    if manifest.hypotheses.is_empty() {
        return text;
    }
    let id_len = manifest.hypotheses.iter().map(|card| card.id.len()).max().unwrap_or(0);
    let _ = writeln!(text, "Hypotheses, decided by 95 % intervals over items, prompts and people");
    for HypothesisCard { id, claim, verdict, sentence, .. } in &manifest.hypotheses {
        let _ = writeln!(text, " {id:id_len$}  {verdict:12}  {claim}");
        let _ = writeln!(text, " {:id_len$}  {:12}  {sentence}", "", "");
    }
    text.push('\n');
    text
}

/// The first of the study's formats that the run has.
fn first_format(manifest: &RunManifest, rows: &[ComparisonRow]) -> String {
    let ran =
        |format: &String| model_rows(rows, METRIC).any(|row| row.elicitation_format.as_ref() == Some(format));
    let formats = manifest.study.order.get("elicitation_format").map_or(&[][..], Vec::as_slice);
    formats.iter().find(|format| ran(format)).cloned().unwrap_or_default()
}

fn counted(counts: &Counts) -> String {
    let Counts { cell_count, ok_count, low_mass_count, unusable_count, .. } = counts;
    format!(
        "{cell_count} cells, at temperature 1: {ok_count} ok, {low_mass_count} low_mass, {unusable_count} unusable"
    )
}

fn model_rows<'a>(rows: &'a [ComparisonRow], metric: &str) -> impl Iterator<Item = &'a ComparisonRow> {
    rows.iter()
        .filter(move |row| row.predictor == "model" && row.metric == metric && row.temperature == Some(1.0))
}

fn same_unit(a: &ComparisonRow, b: &ComparisonRow) -> bool {
    let unit = |row: &ComparisonRow| {
        (
            row.population_group.clone(),
            row.persona.clone(),
            row.language.clone(),
            row.elicitation_format.clone(),
        )
    };
    unit(a) == unit(b)
}

/// The study's readable name of a group, where it has one.
fn group_name(manifest: &RunManifest, group: &str) -> String {
    let names = manifest.study.labels.get("population_group");
    names.and_then(|names| names.get(group)).map_or(group, String::as_str).to_owned()
}

fn table(manifest: &RunManifest, rows: &[ComparisonRow], format: &str) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header([
        "people",
        "prompt",
        "model",
        "95 % interval",
        "floor",
        "others",
        "pooled",
        "modal",
        "uniform",
        "entropy",
        "apart",
    ]);
    for row in model_rows(rows, METRIC).filter(|row| row.elicitation_format.as_deref() == Some(format)) {
        let baseline = |predictor: &str| {
            rows.iter()
                .find(|other| {
                    other.predictor == predictor
                        && other.metric == METRIC
                        && other.population_group == row.population_group
                })
                .map_or("-".to_owned(), |other| format!("{:.3}", other.value))
        };
        let entropy = model_rows(rows, "entropy_ratio").find(|other| same_unit(row, other));
        table.add_row([
            group_name(manifest, &row.population_group),
            row.language.clone().unwrap_or_default(),
            format!("{:.3}", row.value),
            format!("{:.3} to {:.3}", row.interval_low, row.interval_high),
            format!("{:.3}", row.noise_floor),
            baseline("other_group"),
            baseline("pooled"),
            baseline("modal"),
            baseline("uniform"),
            entropy.map_or("-".to_owned(), |ratio| format!("{:.2}", ratio.value)),
            row.told_apart_share.map_or("-".to_owned(), |share| format!("{:.0} %", 100.0 * share)),
        ]);
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
