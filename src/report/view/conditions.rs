//! The headline table: for each language and format every group's metrics with interval, noise floor and baselines.
//! Nothing is averaged over conditions here, so that every interval shown is one that was worked out.

use super::headline::BASELINES;
use super::verdict::{SHOWN_METRICS, ShownMetric, Verdict, verdict};
use crate::output::records::ComparisonRow;
use crate::report::coverage::AskedCondition;
use crate::report::number::{fixed, plain, signed};
use crate::report::run::Run;
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
    /// The people, and the items where not all of them could be compared.
    pub note: String,
    pub model: Vec<MetricCell>,
    pub noise_floor: Vec<String>,
    /// Half of the people against the other half; none where they are not known one by one.
    pub split_half: Vec<String>,
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
    let asked = run.conditions.iter().filter(|of| of.language == language && of.format == format);
    let groups: Vec<GroupBlock> = asked.map(|condition| group_block(run, condition)).collect();
    let summary: Vec<String> =
        groups.iter().map(|group| format!("{} {}", group.name, group.model[0].value)).collect();
    ConditionTable {
        language: language.to_owned(),
        format: format.to_owned(),
        summary: summary.join(" · "),
        groups,
    }
}

fn group_block(run: &Run, condition: &AskedCondition) -> GroupBlock {
    let rows: Vec<Option<&ComparisonRow>> =
        SHOWN_METRICS.iter().map(|metric| run.condition_row(condition, metric.name)).collect();
    let with_metric = || SHOWN_METRICS.iter().zip(&rows);
    let floor = |(metric, row): (&ShownMetric, &Option<&ComparisonRow>)| {
        row.map_or_else(absent, |row| fixed(row.noise_floor, metric.decimals))
    };
    let halves = |(metric, row): (&ShownMetric, &Option<&ComparisonRow>)| {
        row.and_then(|row| row.split_half).map_or_else(absent, |distance| fixed(distance, metric.decimals))
    };
    GroupBlock {
        name: condition.subject.name.clone(),
        note: block_note(condition, rows.iter().flatten().next().copied()),
        model: with_metric().map(|(metric, row)| metric_cell(metric, *row, metric.is_judged)).collect(),
        noise_floor: with_metric().map(floor).collect(),
        split_half: if rows.iter().flatten().any(|row| row.split_half.is_some()) {
            with_metric().map(halves).collect()
        } else {
            Vec::new()
        },
        baselines: BASELINES
            .iter()
            .filter_map(|(predictor, name)| baseline_row(run, condition, predictor, name))
            .collect(),
    }
}

fn block_note(condition: &AskedCondition, row: Option<&ComparisonRow>) -> String {
    let people = row.map(|row| format!("median n {}", plain(row.n)));
    let apart = row.and_then(|row| row.told_apart_share);
    let apart = apart.map(|share| format!("told apart on {} % of items", fixed(100.0 * share, 0)));
    let items = match condition {
        _ if condition.is_missing() => {
            Some(format!("{} items: no usable cell; baselines over all items", condition.share_of_items()))
        }
        _ if condition.is_part() => Some(format!(
            "{} items, the others without a usable cell; baselines over the same items, without intervals",
            condition.share_of_items()
        )),
        _ => None,
    };
    people.into_iter().chain(apart).chain(items).collect::<Vec<String>>().join(" · ")
}

fn baseline_row(
    run: &Run,
    condition: &AskedCondition,
    predictor: &str,
    name: &'static str,
) -> Option<BaselineRow> {
    let cell = |metric: &ShownMetric| {
        if condition.is_part() {
            let value = run.baseline_beside(condition, predictor, metric.name);
            return MetricCell { value: value.map_or_else(absent, |value| number(metric, value)), ..empty() };
        }
        let row = run.baseline_row(&condition.subject.population_group, predictor, metric.name);
        metric_cell(metric, row, false)
    };
    let cells: Vec<MetricCell> = SHOWN_METRICS.iter().map(cell).collect();
    cells.iter().any(|cell| cell.value != absent()).then_some(BaselineRow { name, cells })
}

fn metric_cell(metric: &ShownMetric, row: Option<&ComparisonRow>, judged: bool) -> MetricCell {
    let Some(row) = row else { return empty() };
    let number = |value| number(metric, value);
    let verdict = judged.then(|| verdict(row, metric.no_difference));
    MetricCell {
        value: number(row.value),
        interval: format!("{} to {}", number(row.interval_low), number(row.interval_high)),
        verdict,
        verdict_words: verdict.map_or("", Verdict::words),
    }
}

fn number(metric: &ShownMetric, value: f64) -> String {
    match metric.is_signed {
        true => signed(value, metric.decimals),
        false => fixed(value, metric.decimals),
    }
}

fn empty() -> MetricCell {
    MetricCell { value: absent(), interval: String::new(), verdict: None, verdict_words: "" }
}

fn absent() -> String {
    "–".to_owned()
}
