//! The first thing the page says: sentences made from the numbers, a few key figures, and every condition's distance
//! from people with its interval.

use super::Drawing;
use super::verdict::{Verdict, verdict};
use crate::output::records::ComparisonRow;
use crate::report::arithmetic::{mean, median, range};
use crate::report::charts::{Figure, ForestChart, ForestMark, ForestRow, forest};
use crate::report::coverage::AskedCondition;
use crate::report::number::{counted, fixed, grouped, percent, plain};
use crate::report::run::{Run, Subject};
use serde::Serialize;

/// The baselines and what the page calls them.
pub const BASELINES: [(&str, &str); 4] = [
    ("uniform", "uniform"),
    ("modal", "people’s mode"),
    ("pooled", "pooled people"),
    ("other_group", "other groups"),
];

#[derive(Debug, Clone, Serialize)]
pub struct HeadlineView {
    pub sentences: Vec<String>,
    pub figures: Vec<KeyFigure>,
    pub forests: Vec<Drawing>,
}

#[derive(Debug, Clone, Serialize)]
pub struct KeyFigure {
    pub number: String,
    pub name: String,
    pub note: String,
}

pub fn headline(run: &Run) -> HeadlineView {
    let distances = rows_of(run, "wasserstein_1");
    let ratios = rows_of(run, "entropy_ratio");
    let mut sentences = Vec::new();
    sentences.extend(distance_sentence(run, &distances));
    sentences.extend(concentration_sentence(run, &ratios));
    sentences.extend(baseline_sentence(run));
    sentences.extend(missing_sentence(run));
    sentences.extend(part_sentence(run));
    if !run.has_people() {
        sentences.push(format!(
            "This study comes without human data, so the responses of {} are shown and nothing is compared.",
            run.tables.manifest.model.name
        ));
    }
    HeadlineView { sentences, figures: key_figures(run, &distances, &ratios), forests: forests(run) }
}

/// All subjects' rows of one metric at the reported temperature.
fn rows_of<'a>(run: &Run<'a>, metric: &str) -> Vec<&'a ComparisonRow> {
    run.conditions.iter().filter_map(|condition| run.condition_row(condition, metric)).collect()
}

fn above_count(rows: &[&ComparisonRow], no_difference: f64) -> usize {
    rows.iter().filter(|row| verdict(row, no_difference) == Verdict::Above).count()
}

/// Every condition asked counts, also those of which nothing could be compared.
fn distance_sentence(run: &Run, rows: &[&ComparisonRow]) -> Option<String> {
    let average = mean(rows.iter().map(|row| row.value))?;
    let (low, high) = range(rows.iter().map(|row| row.value))?;
    let asked = run.conditions.len();
    let of_asked = if rows.len() < asked { format!("{} of ", rows.len()) } else { String::new() };
    Some(format!(
        "At temperature {}, {} stands {} of a scale’s range away from people: {} to {} over {of_asked}{} of group, \
         language and format. In {} of {asked} the whole 95 % interval lies above the noise floor.",
        plain(run.temperature),
        run.tables.manifest.model.name,
        percent(average, 0),
        percent(low, 0),
        percent(high, 0),
        counted(asked, "combination"),
        above_count(rows, 0.0),
    ))
}

fn concentration_sentence(run: &Run, rows: &[&ComparisonRow]) -> Option<String> {
    let average = mean(rows.iter().map(|row| row.value))?;
    let narrower = rows.iter().filter(|row| row.value < 1.0).count();
    Some(format!(
        "Its responses, averaged over option orders, carry {} of the entropy of people’s, and are the more concentrated \
         in {narrower} of {}.",
        percent(average, 0),
        run.conditions.len(),
    ))
}

/// Model and baseline over the same items.
fn baseline_sentence(run: &Run) -> Option<String> {
    let metric = "wasserstein_1";
    let nearer_count = |predictor: &str| {
        let nearer = |condition: &AskedCondition| {
            let model = run.condition_row(condition, metric)?;
            Some(model.value < run.baseline_beside(condition, predictor, metric)?)
        };
        let nearer: Vec<bool> = run.conditions.iter().filter_map(nearer).collect();
        (!nearer.is_empty()).then(|| nearer.iter().filter(|is_nearer| **is_nearer).count())
    };
    let (uniform, asked) = (nearer_count("uniform")?, run.conditions.len());
    let text =
        format!("It is nearer to people than equal shares for every option would be in {uniform} of {asked}");
    Some(match nearer_count("other_group") {
        Some(other) => format!("{text}, and nearer than other groups’ people are in {other} of {asked}."),
        None => format!("{text}."),
    })
}

/// What was asked for and could not be compared at all.
fn missing_sentence(run: &Run) -> Option<String> {
    let missing: Vec<&AskedCondition> = run.conditions.iter().filter(|of| of.is_missing()).collect();
    if missing.is_empty() {
        return None;
    }
    if missing.len() == run.conditions.len() {
        return Some(format!(
            "No cell of {} is usable at temperature {}: too little probability went to the options. Nothing is \
             compared with people in any of {}; “Answer mass” below shows where the probability went.",
            run.tables.manifest.model.name,
            plain(run.temperature),
            counted(missing.len(), "combination"),
        ));
    }
    let of_subject = |subject: &Subject| {
        let names: Vec<String> =
            missing.iter().filter(|of| of.subject == *subject).map(|of| of.name()).collect();
        (!names.is_empty()).then(|| format!("{}: {}", subject.name, names.join(", ")))
    };
    let named: Vec<String> = run.subjects.iter().filter_map(of_subject).collect();
    Some(format!(
        "{} of the {} have no usable cell and count as neither: {}.",
        missing.len(),
        counted(run.conditions.len(), "combination"),
        named.join("; "),
    ))
}

fn part_sentence(run: &Run) -> Option<String> {
    let part = run.conditions.iter().filter(|of| of.is_part()).count();
    (part > 0).then(|| {
        format!(
            "In {part} of {} some items have no usable cell: the model’s numbers are over the others, and so are the \
             baselines that these sentences hold beside them.",
            run.conditions.len()
        )
    })
}

fn key_figures(run: &Run, distances: &[&ComparisonRow], ratios: &[&ComparisonRow]) -> Vec<KeyFigure> {
    let figure = |number, name: &str, note| KeyFigure { number, name: name.to_owned(), note };
    let spread = |rows: &[&ComparisonRow], decimals| {
        let (low, high) = range(rows.iter().map(|row| row.value)).unwrap_or_default();
        format!("{} to {}", fixed(low, decimals), fixed(high, decimals))
    };
    let mut figures = Vec::new();
    if let Some(average) = mean(distances.iter().map(|row| row.value)) {
        figures.push(figure(fixed(average, 2), "mean Wasserstein-1", spread(distances, 2)));
        let above = format!("{} / {}", above_count(distances, 0.0), run.conditions.len());
        figures.push(figure(above, "above the noise floor", "by the whole 95 % interval".to_owned()));
    }
    if let Some(average) = mean(ratios.iter().map(|row| row.value)) {
        figures.push(figure(fixed(average, 2), "mean entropy ratio", spread(ratios, 2)));
    }
    let masses: Vec<f64> = run.readouts.iter().map(|readout| readout.cell.answer_mass).collect();
    let (lowest, _) = range(masses.iter().copied()).unwrap_or_default();
    let middle = median(masses).unwrap_or_default();
    figures.push(figure(percent(middle, 1), "median answer mass", format!("lowest {}", percent(lowest, 1))));
    let counts = &run.tables.manifest.counts;
    let unusable = format!("{} unusable at temperature 1", grouped(counts.unusable_count));
    figures.push(figure(grouped(counts.cell_count), "cells", unusable));
    figures
}

fn forests(run: &Run) -> Vec<Drawing> {
    let charts: Vec<(&Subject, Vec<ForestRow>)> =
        run.subjects.iter().map(|subject| (subject, forest_rows(run, subject))).collect();
    let marks = charts.iter().flat_map(|(_, rows)| rows.iter().filter_map(|row| row.mark));
    let axis_max = marks.map(|mark| mark.high.max(mark.noise_floor)).fold(0.0, f64::max);
    let with_rows = charts.into_iter().filter(|(_, rows)| rows.iter().any(|row| !row.is_baseline));
    let draw = |(index, (subject, rows)): (usize, (&Subject, Vec<ForestRow>))| {
        let conditions = rows.iter().filter(|row| !row.is_baseline).count();
        let figure = Figure {
            id: format!("forest-{index}"),
            title: format!("Distance from people: {}", subject.name),
            description: format!(
                "Wasserstein-1 with 95 % intervals in {}, over the noise floor, and below them the baselines.",
                counted(conditions, "language and format combination")
            ),
        };
        Drawing {
            heading: subject.name.clone(),
            note: forest_note(run, subject),
            svg: forest(&ForestChart { figure, rows, axis_max }),
        }
    };
    with_rows.enumerate().map(draw).collect()
}

fn forest_note(run: &Run, subject: &Subject) -> String {
    let people = run.reported_rows(subject, "wasserstein_1").next();
    let people = people.map(|row| format!("median n {}", plain(row.n)));
    let has_part = run.conditions_of(subject).any(AskedCondition::is_part);
    let part = has_part.then(|| "k/N: over k of N items; baselines over all N".to_owned());
    people.into_iter().chain(part).collect::<Vec<String>>().join(" · ")
}

/// In the study's order, as the tables.
fn forest_rows(run: &Run, subject: &Subject) -> Vec<ForestRow> {
    let mark = |row: &ComparisonRow| ForestMark {
        value: row.value,
        low: row.interval_low,
        high: row.interval_high,
        noise_floor: row.noise_floor,
    };
    let label = |of: &AskedCondition| match of.is_part() {
        true => format!("{} {}/{}", of.name(), of.compared.len(), of.asked.len()),
        false => of.name(),
    };
    let of_model = |of: &AskedCondition| ForestRow {
        label: label(of),
        mark: run.condition_row(of, "wasserstein_1").map(mark),
        is_baseline: false,
    };
    let mut rows: Vec<ForestRow> = run.conditions_of(subject).map(of_model).collect();
    rows.extend(BASELINES.iter().filter_map(|(predictor, name)| {
        let of = run.baseline_row(&subject.population_group, predictor, "wasserstein_1")?;
        Some(ForestRow { label: (*name).to_owned(), mark: Some(mark(of)), is_baseline: true })
    }));
    rows
}
