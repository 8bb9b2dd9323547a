//! The headline table: for each language and format every group's metrics with interval, noise floor and baselines.
//! Nothing is averaged over conditions here, so that every interval shown is one that was worked out.

use super::headline::BASELINES;
use super::verdict::{SHOWN_METRICS, ShownMetric, Verdict, verdict};
use crate::output::records::ComparisonRow;
use crate::report::number::{fixed, plain, signed};
use crate::report::run::{Run, Subject};
use serde::Serialize;

#[derive(Debug, Clone, Serialize)]
pub struct ConditionsView {
    pub metrics: Vec<MetricHead>,
    /// The first language and format of the run.
    pub first: ConditionTable,
    pub others: Vec<ConditionTable>,
}

#[derive(Debug, Clone, Serialize)]
pub struct MetricHead {
    pub title: &'static str,
    pub unit: &'static str,
}

#[derive(Debug, Clone, Serialize)]
pub struct ConditionTable {
    pub language: String,
    pub format: String,
    /// What the closed table says of itself.
    pub summary: String,
    pub groups: Vec<GroupBlock>,
}

#[derive(Debug, Clone, Serialize)]
pub struct GroupBlock {
    pub name: String,
    pub n: String,
    pub model: Vec<MetricCell>,
    pub noise_floor: Vec<String>,
    pub baselines: Vec<BaselineRow>,
}

#[derive(Debug, Clone, Serialize)]
pub struct BaselineRow {
    pub name: &'static str,
    pub cells: Vec<MetricCell>,
}

#[derive(Debug, Clone, Serialize)]
pub struct MetricCell {
    pub value: String,
    pub interval: String,
    pub verdict: Option<Verdict>,
    pub verdict_words: &'static str,
}

pub fn conditions(run: &Run) -> Option<ConditionsView> {
    let pairs =
        run.languages.iter().flat_map(|language| run.formats.iter().map(move |format| (language, format)));
    let mut tables = pairs.map(|(language, format)| condition_table(run, language, format));
    let mut tables = tables.by_ref().filter(|table| !table.groups.is_empty());
    let first = tables.next()?;
    let others = tables.collect();
    let metrics =
        SHOWN_METRICS.iter().map(|metric| MetricHead { title: metric.title, unit: metric.unit }).collect();
    Some(ConditionsView { metrics, first, others })
}

fn condition_table(run: &Run, language: &str, format: &str) -> ConditionTable {
    let subjects = run.subjects.iter();
    let groups: Vec<GroupBlock> =
        subjects.filter_map(|subject| group_block(run, subject, language, format)).collect();
    let summary: Vec<String> =
        groups.iter().map(|group| format!("{} {}", group.name, group.model[0].value)).collect();
    ConditionTable {
        language: language.to_owned(),
        format: format.to_owned(),
        summary: summary.join(" · "),
        groups,
    }
}

fn group_block(run: &Run, subject: &Subject, language: &str, format: &str) -> Option<GroupBlock> {
    let row_of = |metric: &ShownMetric| {
        run.reported_rows(subject, metric.name).find(|row| {
            row.language.as_deref() == Some(language) && row.elicitation_format.as_deref() == Some(format)
        })
    };
    let rows: Vec<Option<&ComparisonRow>> = SHOWN_METRICS.iter().map(row_of).collect();
    let first = rows.iter().flatten().next()?;
    let with_metric = || SHOWN_METRICS.iter().zip(&rows);
    let floor = |(metric, row): (&ShownMetric, &Option<&ComparisonRow>)| {
        row.map_or_else(absent, |row| fixed(row.noise_floor, metric.decimals))
    };
    Some(GroupBlock {
        name: subject.name.clone(),
        n: plain(first.n),
        model: with_metric().map(|(metric, row)| metric_cell(metric, *row, true)).collect(),
        noise_floor: with_metric().map(floor).collect(),
        baselines: BASELINES
            .iter()
            .filter_map(|(predictor, name)| baseline_row(run, &subject.population_group, predictor, name))
            .collect(),
    })
}

fn baseline_row(run: &Run, group: &str, predictor: &str, name: &'static str) -> Option<BaselineRow> {
    let rows: Vec<Option<&ComparisonRow>> =
        SHOWN_METRICS.iter().map(|metric| run.baseline_row(group, predictor, metric.name)).collect();
    rows.iter().any(Option::is_some).then(|| BaselineRow {
        name,
        cells: SHOWN_METRICS.iter().zip(rows).map(|(metric, row)| metric_cell(metric, row, false)).collect(),
    })
}

fn metric_cell(metric: &ShownMetric, row: Option<&ComparisonRow>, judged: bool) -> MetricCell {
    let Some(row) = row else {
        return MetricCell { value: absent(), interval: String::new(), verdict: None, verdict_words: "" };
    };
    let number = |value| match metric.is_signed {
        true => signed(value, metric.decimals),
        false => fixed(value, metric.decimals),
    };
    let verdict = judged.then(|| verdict(row, metric.no_difference));
    MetricCell {
        value: number(row.value),
        interval: format!("{} to {}", number(row.interval_low), number(row.interval_high)),
        verdict,
        verdict_words: verdict.map_or("", Verdict::words),
    }
}

fn absent() -> String {
    "–".to_owned()
}
