//! Bars of two parts on a common axis, one row each: what lies within, and beside it what lies between.

use super::scale::{Scale, round_up};
use super::svg::{Anchor, Figure, Svg, fit, label_width};
use crate::report::number::plain;

const WIDTH: f64 = 340.0;
const LABEL_WIDTHS: (f64, f64) = (86.0, 120.0);
const ROW_HEIGHT: f64 = 26.0;
const TOP: f64 = 6.0;

#[derive(Debug, Clone, PartialEq)]
pub struct PartRow {
    pub label: String,
    /// Within, between; neither negative.
    pub parts: [f64; 2],
}

#[derive(Debug, Clone, PartialEq)]
pub struct PartBar {
    pub figure: Figure,
    pub rows: Vec<PartRow>,
}

pub fn part_bars(chart: &PartBar) -> String {
    let bottom = TOP + ROW_HEIGHT * chart.rows.len() as f64;
    let mut svg = Svg::new(WIDTH, bottom + 18.0);
    let most = chart.rows.iter().map(|row| row.parts.iter().sum()).fold(0.05, f64::max);
    let left = label_width(chart.rows.iter().map(|row| row.label.as_str()), LABEL_WIDTHS);
    let x = Scale::new((0.0, round_up(most)), (left, WIDTH - 10.0));
    for tick in x.ticks(4) {
        svg.line("grid", (x.at(tick), TOP), (x.at(tick), bottom));
        svg.text("tick", Anchor::Middle, (x.at(tick), bottom + 13.0), &plain(tick));
    }
    for (index, row) in chart.rows.iter().enumerate() {
        let y = TOP + ROW_HEIGHT * (index as f64 + 0.5);
        let [within, between] = row.parts;
        svg.text("label", Anchor::End, (left - 10.0, y + 3.5), &fit(&row.label, left - 10.0));
        svg.rect("model bar", (x.at(0.0), y - 6.0), (x.at(within) - x.at(0.0), 12.0));
        svg.rect("model part", (x.at(within), y - 6.0), (x.at(within + between) - x.at(within), 12.0));
    }
    svg.finish(&chart.figure)
}
