//! The first thing the page says: sentences made from the numbers, a few key figures, and every condition's distance
//! from people with its interval.

use super::Drawing;
use super::verdict::{Verdict, verdict};
use crate::output::records::ComparisonRow;
use crate::report::arithmetic::{mean, median, range};
use crate::report::charts::{Figure, ForestChart, ForestRow, forest};
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
    sentences.extend(concentration_sentence(&ratios));
    sentences.extend(baseline_sentence(run, &distances));
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
    run.subjects.iter().flat_map(|subject| run.reported_rows(subject, metric).collect::<Vec<_>>()).collect()
}

fn above_count(rows: &[&ComparisonRow], no_difference: f64) -> usize {
    rows.iter().filter(|row| verdict(row, no_difference) == Verdict::Above).count()
}

fn distance_sentence(run: &Run, rows: &[&ComparisonRow]) -> Option<String> {
    let average = mean(rows.iter().map(|row| row.value))?;
    let (low, high) = range(rows.iter().map(|row| row.value))?;
    Some(format!(
        "At temperature {}, {} stands {} of a scale’s range away from people: {} to {} over {} of group, language and \
         format. In {} of {} the whole 95 % interval lies above the noise floor.",
        plain(run.temperature),
        run.tables.manifest.model.name,
        percent(average, 0),
        percent(low, 0),
        percent(high, 0),
        counted(rows.len(), "combination"),
        above_count(rows, 0.0),
        rows.len(),
    ))
}

fn concentration_sentence(rows: &[&ComparisonRow]) -> Option<String> {
    let average = mean(rows.iter().map(|row| row.value))?;
    let narrower = rows.iter().filter(|row| row.value < 1.0).count();
    Some(format!(
        "Its responses carry {} of the entropy of people’s, and are the more concentrated in {narrower} of {}.",
        percent(average, 0),
        rows.len(),
    ))
}

fn baseline_sentence(run: &Run, rows: &[&ComparisonRow]) -> Option<String> {
    let beaten = |predictor: &str| {
        let pairs = rows.iter().filter_map(|row| {
            let baseline = run.baseline_row(&row.population_group, predictor, &row.metric)?;
            Some(row.value < baseline.value)
        });
        let verdicts: Vec<bool> = pairs.collect();
        let count = verdicts.iter().filter(|nearer| **nearer).count();
        (!verdicts.is_empty()).then_some((count, verdicts.len()))
    };
    let (uniform, of) = beaten("uniform")?;
    let text =
        format!("It is nearer to people than equal shares for every option would be in {uniform} of {of}");
    Some(match beaten("other_group") {
        Some((other, of)) => {
            format!("{text}, and nearer than other groups’ people are in {other} of {of}.")
        }
        None => format!("{text}."),
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
        let above = format!("{} / {}", above_count(distances, 0.0), distances.len());
        figures.push(figure(above, "above the noise floor", "by the whole 95 % interval".to_owned()));
    }
    if let Some(average) = mean(ratios.iter().map(|row| row.value)) {
        figures.push(figure(fixed(average, 2), "mean entropy ratio", spread(ratios, 2)));
    }
    let masses: Vec<f64> = run.reported().map(|readout| readout.cell.answer_mass).collect();
    let (lowest, _) = range(masses.iter().copied()).unwrap_or_default();
    let middle = median(masses).unwrap_or_default();
    figures.push(figure(percent(middle, 1), "median answer mass", format!("lowest {}", percent(lowest, 1))));
    let counts = &run.tables.manifest.counts;
    let unusable = format!("{} unusable", grouped(counts.unusable_count));
    figures.push(figure(grouped(counts.cell_count), "cells", unusable));
    figures
}

fn forests(run: &Run) -> Vec<Drawing> {
    let charts: Vec<(&Subject, Vec<ForestRow>)> =
        run.subjects.iter().map(|subject| (subject, forest_rows(run, subject))).collect();
    let highs = charts.iter().flat_map(|(_, rows)| rows.iter().map(|row| row.high.max(row.noise_floor)));
    let axis_max = highs.fold(0.0, f64::max);
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
        let people = run.reported_rows(subject, "wasserstein_1").next();
        Drawing {
            heading: subject.name.clone(),
            note: people.map(|row| format!("median n {}", plain(row.n))).unwrap_or_default(),
            svg: forest(&ForestChart { figure, rows, axis_max }),
        }
    };
    with_rows.enumerate().map(draw).collect()
}

fn forest_rows(run: &Run, subject: &Subject) -> Vec<ForestRow> {
    let row = |label: String, row: &ComparisonRow, is_baseline| ForestRow {
        label,
        value: row.value,
        low: row.interval_low,
        high: row.interval_high,
        noise_floor: row.noise_floor,
        is_baseline,
    };
    let condition = |of: &ComparisonRow| {
        let part = |text: &Option<String>| text.clone().unwrap_or_default();
        format!("{} · {}", part(&of.language), part(&of.elicitation_format))
    };
    let mut rows: Vec<ForestRow> =
        run.reported_rows(subject, "wasserstein_1").map(|of| row(condition(of), of, false)).collect();
    rows.extend(BASELINES.iter().filter_map(|(predictor, name)| {
        let of = run.baseline_row(&subject.population_group, predictor, "wasserstein_1")?;
        Some(row((*name).to_owned(), of, true))
    }));
    rows
}
