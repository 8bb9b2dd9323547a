//! Two or three marks on a common axis, one row per group: how far the model stands from people.

use super::scale::{Scale, round_up};
use super::svg::{Anchor, Figure, Svg, fit, label_width};
use crate::report::number::plain;

const WIDTH: f64 = 340.0;
/// Up to 18 characters.
const LABEL_WIDTHS: (f64, f64) = (86.0, 120.0);
const ROW_HEIGHT: f64 = 26.0;
const TOP: f64 = 6.0;

/// A mark, and the stretch it is uncertain or varies over, where there is one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    pub value: f64,
    pub range: Option<(f64, f64)>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct DumbbellRow {
    pub label: String,
    pub people: Option<Span>,
    pub model: Option<Span>,
    /// A second mark of the model's, drawn hollow.
    pub model_mixture: Option<f64>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct DumbbellChart {
    pub figure: Figure,
    pub rows: Vec<DumbbellRow>,
    /// Ends of the axis; rounded outwards.
    pub axis: (f64, f64),
}

pub fn dumbbell(chart: &DumbbellChart) -> String {
    let bottom = TOP + ROW_HEIGHT * chart.rows.len() as f64;
    let mut svg = Svg::new(WIDTH, bottom + 18.0);
    let (low, high) = chart.axis;
    let low = if low < 0.0 { -round_up(-low) } else { 0.0 };
    let left = label_width(chart.rows.iter().map(|row| row.label.as_str()), LABEL_WIDTHS);
    let x = Scale::new((low, round_up(high.max(0.05))), (left, WIDTH - 10.0));
    for tick in x.ticks(4) {
        let class = if tick == 0.0 && low < 0.0 { "axis" } else { "grid" };
        svg.line(class, (x.at(tick), TOP), (x.at(tick), bottom));
        svg.text("tick", Anchor::Middle, (x.at(tick), bottom + 13.0), &plain(tick));
    }
    for (index, row) in chart.rows.iter().enumerate() {
        draw_row(&mut svg, row, (left - 10.0, &x), TOP + ROW_HEIGHT * (index as f64 + 0.5));
    }
    svg.finish(&chart.figure)
}

fn draw_row(svg: &mut Svg, row: &DumbbellRow, (room, x): (f64, &Scale), y: f64) {
    svg.text("label", Anchor::End, (room, y + 3.5), &fit(&row.label, room));
    // ranges stand a little apart, so that neither hides the other
    let apart = if row.people.is_some_and(|span| span.range.is_some()) { 4.0 } else { 0.0 };
    if apart == 0.0
        && let (Some(people), Some(model)) = (row.people, row.model)
    {
        svg.line("bridge", (x.at(people.value), y), (x.at(model.value), y));
    }
    if let Some(people) = row.people {
        if let Some((low, high)) = people.range {
            svg.line("people interval", (x.at(low), y - apart), (x.at(high), y - apart));
        }
        svg.rect("people mark", (x.at(people.value) - 4.0, y - apart - 4.0), (8.0, 8.0));
    }
    if let Some(mixture) = row.model_mixture {
        svg.circle("model hollow", (x.at(mixture), y + apart), 3.8);
    }
    if let Some(model) = row.model {
        if let Some((low, high)) = model.range {
            svg.line("model interval", (x.at(low), y + apart), (x.at(high), y + apart));
        }
        svg.circle("model mark", (x.at(model.value), y + apart), 4.0);
    }
}
