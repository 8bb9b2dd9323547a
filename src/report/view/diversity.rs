//! Where the diversity of the model's responses comes from: one bar for each set of options, split into what lies within a prompt
//! and what the prompts make, and what each factor of the design has of it alone.

use super::{Drawing, Table, TableCell};
use crate::compare::diversity::{DiversityCell, DiversitySplit, diversity_split};
use crate::output::records::CellRow;
use crate::report::charts::{Figure, PartBar, PartRow, part_bars};
use crate::report::number::{counted, fixed, percent, signed};
use crate::report::run::{Readout, ReportedItem, Run, distinct};
use serde::Serialize;
use std::f64::consts::LN_2;

/// A share above which one option is said to hold the responses.
const DOMINANT_SHARE: f64 = 0.95;

#[derive(Debug, Clone, Serialize)]
pub struct DiversityView {
    pub sentence: String,
    pub chart: Drawing,
    pub table: Table,
}

type Factor = fn(&CellRow) -> &str;

const FACTORS: [(&str, Factor); 5] = [
    ("item", |cell| &cell.item),
    ("persona", |cell| &cell.persona),
    ("language", |cell| &cell.language),
    ("format", |cell| &cell.elicitation_format),
    ("option order", |cell| &cell.option_order),
];

/// `None` where no cell is usable.
pub fn diversity(run: &Run) -> Option<DiversityView> {
    let splits = splits(run);
    if splits.is_empty() {
        return None;
    }
    Some(DiversityView { sentence: sentence(run, &splits), chart: chart(&splits), table: table(&splits) })
}

/// For each set of options, the split over all usable cells of the items that have it.
fn splits(run: &Run) -> Vec<(String, DiversitySplit)> {
    let same_options = |a: &ReportedItem, b: &ReportedItem| a.codes == b.codes && a.labels == b.labels;
    let first_of_their_options = run
        .items
        .iter()
        .enumerate()
        .filter(|(at, item)| !run.items[..*at].iter().any(|earlier| same_options(earlier, item)));
    let split = |(_, first): (usize, &ReportedItem)| {
        let items: Vec<&str> = (run.items.iter().filter(|item| same_options(first, item)))
            .map(|item| item.id.as_str())
            .collect();
        let readouts: Vec<&Readout> =
            run.reported().filter(|readout| items.contains(&readout.cell.item.as_str())).collect();
        split_of(&readouts).map(|split| (options_name(first), split))
    };
    first_of_their_options.filter_map(split).collect()
}

fn split_of(readouts: &[&Readout]) -> Option<DiversitySplit> {
    let usable: Vec<(&CellRow, &[f64])> = readouts
        .iter()
        .filter_map(|readout| Some((readout.cell, readout.probabilities.as_deref()?)))
        .collect();
    let values = FACTORS.map(|(_, value)| distinct(usable.iter().map(|(cell, _)| value(cell).to_owned())));
    let index = |cell: &CellRow, factor: usize| {
        let value = FACTORS[factor].1(cell);
        values[factor].iter().position(|other| other == value)
    };
    let cells: Option<Vec<DiversityCell>> = usable
        .iter()
        .map(|(cell, distribution)| {
            let values: Option<Vec<usize>> = (0..FACTORS.len()).map(|factor| index(cell, factor)).collect();
            Some(DiversityCell { values: values?, distribution })
        })
        .collect();
    diversity_split(&cells?)
}

/// `not at all … very much`.
fn options_name(item: &ReportedItem) -> String {
    match item.labels.as_slice() {
        [] => item.id.clone(),
        [only] => only.clone(),
        [first, .., last] => format!("{first} … {last}"),
    }
}

fn sentence(run: &Run, splits: &[(String, DiversitySplit)]) -> String {
    let usable = || run.reported().filter_map(|readout| readout.probabilities.as_deref());
    let held = usable().filter(|shares| shares.iter().any(|share| *share > DOMINANT_SHARE)).count();
    let cell_count = usable().count();
    let total = |of: fn(&DiversitySplit) -> f64| -> f64 {
        splits.iter().map(|(_, split)| split.cell_count as f64 * of(split)).sum()
    };
    let whole = total(|split| split.mixture_entropy);
    let between = match whole > 0.0 {
        true => format!(
            " Of the diversity of all responses to questions with the same options, {} comes from changing the prompt, and the rest is there within a single one.",
            percent(total(|split| split.joint_information) / whole, 0)
        ),
        false => String::new(),
    };
    format!(
        "In {held} of {} ({}), one option holds more than {}.{between}",
        counted(cell_count, "usable response"),
        percent(held as f64 / cell_count as f64, 0),
        fixed(DOMINANT_SHARE, 2)
    )
}

fn chart(splits: &[(String, DiversitySplit)]) -> Drawing {
    let row = |(name, split): &(String, DiversitySplit)| PartRow {
        label: name.clone(),
        parts: [bits(split.mean_entropy), bits(split.joint_information)],
    };
    let words = |(name, split): &(String, DiversitySplit)| {
        let (within, between) = (bits(split.mean_entropy), bits(split.joint_information));
        format!("{name}: {} within a prompt, {} between prompts", fixed(within, 2), fixed(between, 2))
    };
    let figure = Figure {
        id: "diversity".to_owned(),
        title: "Entropy of the mixture of all responses, within and between prompts, in bits".to_owned(),
        description: format!("{}.", splits.iter().map(words).collect::<Vec<String>>().join("; ")),
    };
    let svg = part_bars(&PartBar { figure, rows: splits.iter().map(row).collect() });
    let note = "bits, mixture of all usable responses".to_owned();
    Drawing { heading: "Within and between prompts".to_owned(), note, svg }
}

fn table(splits: &[(String, DiversitySplit)]) -> Table {
    let share = |split: &DiversitySplit, information: f64| match split.mixture_entropy > 0.0 {
        true => {
            let share = information / split.mixture_entropy;
            TableCell::with_bar(percent(share, 1), share, 1.0)
        }
        false => TableCell::text("–"),
    };
    let remainder = |split: &DiversitySplit| match split.mixture_entropy > 0.0 {
        true => {
            TableCell::text(format!("{} %", signed(100.0 * split.remainder() / split.mixture_entropy, 1)))
        }
        false => TableCell::text("–"),
    };
    let row = |(name, split): &(String, DiversitySplit)| {
        let mut row = vec![TableCell::text(name), TableCell::text(fixed(bits(split.mixture_entropy), 2))];
        row.push(share(split, split.joint_information));
        row.extend(split.factor_informations.iter().map(|information| share(split, *information)));
        row.push(remainder(split));
        row.push(TableCell::text(split.cell_count.to_string()));
        row
    };
    let head = ["options", "entropy, bits", "whole prompt"].into_iter();
    let head = head.chain(FACTORS.map(|(name, _)| name)).chain(["remainder", "cells"]);
    Table {
        caption: "Share of the mixture’s entropy that the prompt tells, and that each factor tells alone"
            .to_owned(),
        head: head.map(str::to_owned).collect(),
        rows: splits.iter().map(row).collect(),
    }
}

fn bits(nats: f64) -> f64 {
    nats / LN_2
}
