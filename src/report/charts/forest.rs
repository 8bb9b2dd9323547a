//! Values with their intervals, one a row, over the noise floor.

use super::scale::{Scale, round_up};
use super::svg::{Anchor, Figure, Svg, fit, label_width};
use crate::report::number::{fixed, plain};

const WIDTH: f64 = 340.0;
/// `en · number 33/35` and a group’s longest baseline fit.
const LABEL_WIDTHS: (f64, f64) = (104.0, 128.0);
const VALUE_WIDTH: f64 = 34.0;
const ROW_HEIGHT: f64 = 17.0;
const TOP: f64 = 6.0;

/// A value, its interval and its floor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ForestMark {
    pub value: f64,
    pub low: f64,
    pub high: f64,
    pub noise_floor: f64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ForestRow {
    pub label: String,
    /// `None` where no cell was usable; the row says so.
    pub mark: Option<ForestMark>,
    /// Baselines are drawn hollow, under a rule.
    pub is_baseline: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ForestChart {
    pub figure: Figure,
    /// Baselines last.
    pub rows: Vec<ForestRow>,
    /// Right end of the axis, shared by charts that are looked at together.
    pub axis_max: f64,
}

pub fn forest(chart: &ForestChart) -> String {
    let bottom = TOP + ROW_HEIGHT * chart.rows.len() as f64 + 6.0;
    let mut svg = Svg::new(WIDTH, bottom + 18.0);
    let left = label_width(chart.rows.iter().map(|row| row.label.as_str()), LABEL_WIDTHS);
    let axis_max = round_up(chart.axis_max.max(0.05));
    let x = Scale::new((0.0, axis_max), (left, WIDTH - VALUE_WIDTH));
    for tick in x.ticks(4) {
        svg.line("grid", (x.at(tick), TOP), (x.at(tick), bottom));
        svg.text("tick", Anchor::Middle, (x.at(tick), bottom + 13.0), &plain(tick));
    }
    for (index, row) in chart.rows.iter().enumerate() {
        let y = TOP + ROW_HEIGHT * (index as f64 + 0.5) + if row.is_baseline { 6.0 } else { 0.0 };
        let starts_baselines = row.is_baseline && index > 0 && !chart.rows[index - 1].is_baseline;
        if starts_baselines {
            let rule = y - 0.5 * ROW_HEIGHT - 3.0;
            svg.line("rule", (0.0, rule), (WIDTH, rule));
        }
        if let Some(mark) = row.mark.filter(|_| !row.is_baseline) {
            let floor = x.at(mark.noise_floor) - x.at(0.0);
            svg.rect("floor", (x.at(0.0), y - 0.5 * ROW_HEIGHT), (floor, ROW_HEIGHT));
        }
        draw_row(&mut svg, row, &x, y);
    }
    svg.finish(&chart.figure)
}

fn draw_row(svg: &mut Svg, row: &ForestRow, x: &Scale, y: f64) {
    let class = if row.is_baseline { "baseline" } else { "model" };
    let room = x.at(0.0) - 8.0;
    svg.text("label", Anchor::End, (room, y + 3.5), &fit(&row.label, room));
    let Some(mark) = row.mark else {
        svg.text("note", Anchor::Start, (x.at(0.0) + 6.0, y + 3.5), "no usable cell");
        return;
    };
    svg.line(&format!("{class} interval"), (x.at(mark.low), y), (x.at(mark.high), y));
    if row.is_baseline {
        svg.diamond("baseline mark", (x.at(mark.value), y), 3.6);
    } else {
        svg.circle("model mark", (x.at(mark.value), y), 3.2);
    }
    svg.text("value", Anchor::End, (WIDTH, y + 3.5), &fixed(mark.value, 2));
}
