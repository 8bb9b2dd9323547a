//! The study's hypotheses: the claim, what became of it, the contrast that decided, and every contrast as a mark with its interval.

use super::Drawing;
use crate::output::records::{ContrastCard, HypothesisCard};
use crate::report::charts::{DumbbellChart, DumbbellRow, Figure, Span, dumbbell};
use crate::report::number::{grouped, signed};
use crate::report::run::Run;
use serde::Serialize;

/// More rows than a figure has room for are left to the table.
const FIGURE_ROW_COUNT_MAX: usize = 24;

#[derive(Debug, Clone, Serialize)]
pub struct HypothesesView {
    /// `3 of 6 supported, ...`, without those that there are none of.
    pub tally: String,
    pub hypotheses: Vec<HypothesisView>,
    pub charts: Vec<Drawing>,
    pub rows: Vec<ContrastRow>,
}

#[derive(Debug, Clone, Serialize)]
pub struct HypothesisView {
    pub id: String,
    pub claim: String,
    pub verdict: String,
    /// The verdict as a class.
    pub class: String,
    pub sentence: String,
}

#[derive(Debug, Clone, Serialize)]
pub struct ContrastRow {
    pub id: String,
    pub label: String,
    pub value: String,
    pub interval: String,
    pub joint_interval: String,
    pub items: String,
    pub prompts: String,
    pub cells: String,
    pub verdict: String,
}

/// `None` for a study without hypotheses.
pub fn hypotheses(run: &Run) -> Option<HypothesesView> {
    let cards = &run.tables.manifest.hypotheses;
    if cards.is_empty() {
        return None;
    }
    let view = |card: &HypothesisCard| HypothesisView {
        id: card.id.clone(),
        claim: card.claim.clone(),
        verdict: card.verdict.clone(),
        class: card.verdict.replace(' ', "-"),
        sentence: card.sentence.clone(),
    };
    let rows = cards.iter().flat_map(|card| card.contrasts.iter().map(|contrast| row(card, contrast)));
    Some(HypothesesView {
        tally: tally(cards),
        hypotheses: cards.iter().map(view).collect(),
        charts: cards.iter().enumerate().filter_map(|(index, card)| chart(index, card)).collect(),
        rows: rows.collect(),
    })
}

fn tally(cards: &[HypothesisCard]) -> String {
    let count = |verdict: &str| cards.iter().filter(|card| card.verdict == verdict).count();
    let verdicts = ["supported", "contradicted", "undecided", "not tested"];
    let told: Vec<String> = verdicts
        .iter()
        .filter(|verdict| count(verdict) > 0)
        .map(|verdict| format!("{} {verdict}", count(verdict)))
        .collect();
    format!("Of {} hypotheses {}.", cards.len(), told.join(", "))
}

/// A mark and interval for each stratum that has one.
fn chart(index: usize, card: &HypothesisCard) -> Option<Drawing> {
    let marked = card.contrasts.iter().filter(|contrast| contrast.value.is_some());
    let rows: Vec<DumbbellRow> = marked
        .take(FIGURE_ROW_COUNT_MAX)
        .map(|contrast| DumbbellRow {
            label: if contrast.label.is_empty() { "all".to_owned() } else { contrast.label.clone() },
            people: None,
            model: contrast.value.map(|value| Span { value, range: ends(contrast) }),
            model_mixture: None,
        })
        .collect();
    if rows.is_empty() {
        return None;
    }
    let spans = rows.iter().filter_map(|row| row.model);
    let axis = spans
        .map(|span| span.range.unwrap_or((span.value, span.value)))
        .fold((-0.02, 0.02), |axis, ends| (f64::min(axis.0, ends.0), f64::max(axis.1, ends.1)));
    let shown = match card.contrasts.len() {
        all if all > rows.len() => format!(" The first {} of {all}; the table has the rest.", rows.len()),
        _ => String::new(),
    };
    let figure = Figure {
        id: format!("hypothesis-{index}"),
        title: format!("{}: {}", card.id, card.verdict),
        description: format!("{} Values with their intervals; a table below has the numbers.", card.claim),
    };
    Some(Drawing {
        heading: format!("{} · {}", card.id, card.verdict),
        note: format!("{}.{shown}", card.quantity),
        svg: dumbbell(&DumbbellChart { figure, rows, axis }),
    })
}

fn ends(contrast: &ContrastCard) -> Option<(f64, f64)> {
    Some((contrast.interval_low?, contrast.interval_high?))
}

fn row(card: &HypothesisCard, contrast: &ContrastCard) -> ContrastRow {
    let interval = ends(contrast).map(|(low, high)| format!("{} to {}", signed(low, 3), signed(high, 3)));
    let joint = (contrast.joint_interval_low.zip(contrast.joint_interval_high))
        .map(|(low, high)| format!("{} to {}", signed(low, 3), signed(high, 3)));
    let left_out = match contrast.left_out_count {
        0 => String::new(),
        count => format!(", {} left out", grouped(count)),
    };
    let items = match (contrast.variable_count, contrast.situation_count) {
        (1, _) | (_, 1) => grouped(contrast.item_count),
        (variables, situations) => format!("{} × {}", grouped(variables), grouped(situations)),
    };
    ContrastRow {
        id: card.id.clone(),
        label: contrast.label.clone(),
        value: contrast.value.map_or("–".to_owned(), |value| signed(value, 3)),
        interval: interval.unwrap_or("–".to_owned()),
        joint_interval: joint.unwrap_or("–".to_owned()),
        items,
        prompts: grouped(contrast.prompt_count),
        cells: format!("{}{left_out}", grouped(contrast.cell_count)),
        verdict: contrast.verdict.clone(),
    }
}
