//! How far responses move when only the item's wording, the language, the elicitation format or the option order changes.

use super::{Table, TableCell};
use crate::output::records::CellRow;
use crate::report::arithmetic::{mean, total_variation};
use crate::report::coverage::AskedCondition;
use crate::report::number::fixed;
use crate::report::run::{Readout, Run, Subject};
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Debug, Clone, Serialize)]
pub struct SensitivityView {
    /// Mean total variation between responses that differ in one factor only.
    pub movement: Table,
    pub order_by_format: Option<Table>,
    /// Mean distance from people by language and by format.
    pub distances: Vec<Table>,
}

/// A factor of the design that leaves the meaning of an item alone.
type Factor = fn(&CellRow) -> &str;

const FACTORS: [(&str, Factor); 4] = [
    ("item wording", |cell| &cell.item_wording),
    ("language", |cell| &cell.language),
    ("format", |cell| &cell.elicitation_format),
    ("option order", |cell| &cell.option_order),
];

pub fn sensitivity(run: &Run) -> SensitivityView {
    let by_language = distance_table(run, "language", &run.languages, |row| row.language.as_deref());
    let by_format =
        distance_table(run, "elicitation format", &run.formats, |row| row.elicitation_format.as_deref());
    SensitivityView {
        movement: movement_table(run),
        order_by_format: order_table(run),
        distances: by_language.into_iter().chain(by_format).collect(),
    }
}

fn movement_table(run: &Run) -> Table {
    let values: Vec<Vec<Option<f64>>> = run
        .subjects
        .iter()
        .map(|subject| (0..FACTORS.len()).map(|varied| movement(run, subject, varied, |_| true)).collect())
        .collect();
    let head = FACTORS.map(|(name, _)| name.to_owned()).to_vec();
    let caption = "Mean total variation between the model’s own responses when only one thing changes";
    table(caption.to_owned(), run, head, &values)
}

fn order_table(run: &Run) -> Option<Table> {
    let of_format = |subject: &Subject, format: &String| {
        movement(run, subject, FACTORS.len() - 1, |cell| cell.elicitation_format == *format)
    };
    let values: Vec<Vec<Option<f64>>> = run
        .subjects
        .iter()
        .map(|subject| run.formats.iter().map(|format| of_format(subject, format)).collect())
        .collect();
    values.iter().flatten().any(Option::is_some).then(|| {
        let caption = "Option-order bias by elicitation format: the same, between orders alone";
        table(caption.to_owned(), run, run.formats.clone(), &values)
    })
}

/// Mean total variation over all pairs of usable responses that differ in the factor `varied` and in nothing else.
fn movement(run: &Run, subject: &Subject, varied: usize, keep: impl Fn(&CellRow) -> bool) -> Option<f64> {
    let mut alike: BTreeMap<Vec<&str>, Vec<&[f64]>> = BTreeMap::new();
    let of_subject = run.items.iter().flat_map(|item| run.of(subject, &item.id));
    let of_subject = of_subject.filter(|readout| keep(readout.cell));
    for Readout { cell, probabilities, .. } in of_subject {
        let Some(probabilities) = probabilities else { continue };
        let fixed_factors = FACTORS.iter().enumerate().filter(|(index, _)| *index != varied);
        let mut key = vec![cell.item.as_str()];
        key.extend(fixed_factors.map(|(_, (_, factor))| factor(cell)));
        alike.entry(key).or_default().push(probabilities);
    }
    let pairs = alike.values().flat_map(|responses| {
        responses
            .iter()
            .enumerate()
            .flat_map(|(index, one)| responses[index + 1..].iter().map(move |other| (one, other)))
    });
    mean(pairs.map(|(one, other)| total_variation(one, other)))
}

/// Mean Wasserstein-1 by the levels of one factor; `None` where there is nothing to compare or only one level.
fn distance_table(
    run: &Run,
    factor: &str,
    levels: &[String],
    level_of: impl Fn(&crate::output::records::ComparisonRow) -> Option<&str>,
) -> Option<Table> {
    let value = |subject: &Subject, level: &String| {
        let rows = run.reported_rows(subject, "wasserstein_1").filter(|row| level_of(row) == Some(level));
        mean(rows.map(|row| row.value))
    };
    let values: Vec<Vec<Option<f64>>> = run
        .subjects
        .iter()
        .map(|subject| levels.iter().map(|level| value(subject, level)).collect())
        .collect();
    let is_shown = levels.len() > 1 && values.iter().flatten().any(Option::is_some);
    is_shown.then(|| {
        let usable = match run.conditions.iter().all(AskedCondition::is_whole) {
            true => "",
            false => ", over what is usable: levels may differ in their items",
        };
        let caption = format!("Mean Wasserstein-1 from people by {factor}{usable}");
        table(caption, run, levels.to_vec(), &values)
    })
}

/// One row per subject; the bars of a table share one length.
fn table(caption: String, run: &Run, head: Vec<String>, values: &[Vec<Option<f64>>]) -> Table {
    let most = values.iter().flatten().flatten().copied().fold(0.0, f64::max);
    let cell = |value: &Option<f64>| match value {
        Some(value) => TableCell::with_bar(fixed(*value, 3), *value, most),
        None => TableCell::text("–"),
    };
    let row = |(subject, values): (&Subject, &Vec<Option<f64>>)| {
        std::iter::once(TableCell::text(subject.name.clone())).chain(values.iter().map(cell)).collect()
    };
    let head = std::iter::once("group".to_owned()).chain(head).collect();
    Table { caption, head, rows: run.subjects.iter().zip(values).map(row).collect() }
}
