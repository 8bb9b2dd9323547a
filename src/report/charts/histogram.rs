//! How many cells fall into each tenth of a share between 0 and 1.

use super::scale::Scale;
use super::svg::{Anchor, Figure, Svg};
use crate::report::number::{grouped, percent};

const WIDTH: f64 = 340.0;
const TOP: f64 = 16.0;
const PLOT_HEIGHT: f64 = 92.0;
const SIDE: f64 = 8.0;
const BIN_COUNT: usize = 10;

#[derive(Debug, Clone, PartialEq)]
pub struct HistogramChart {
    pub figure: Figure,
    /// Each in 0..=1.
    pub values: Vec<f64>,
}

pub fn histogram(chart: &HistogramChart) -> String {
    let counts = counts(&chart.values);
    let bottom = TOP + PLOT_HEIGHT;
    let mut svg = Svg::new(WIDTH, bottom + 32.0);
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let x = Scale::new((0.0, BIN_COUNT as f64), (SIDE, WIDTH - SIDE));
    let y = Scale::new((0.0, most as f64), (bottom, TOP));
    for (index, count) in counts.iter().enumerate() {
        let (left, right) = (x.at(index as f64), x.at(index as f64 + 1.0));
        let top = y.at(*count as f64);
        if *count > 0 {
            // a bin with anything in it is never drawn as nothing
            let height = (bottom - top).max(1.5);
            svg.rect("model bar", (left + 1.5, bottom - height), (right - left - 3.0, height));
            let label = grouped(*count as u64);
            svg.text("note", Anchor::Middle, (0.5 * (left + right), bottom - height - 4.0), &label);
        }
    }
    svg.line("axis", (SIDE, bottom), (WIDTH - SIDE, bottom));
    for (share, anchor) in [(0.0, Anchor::Start), (0.5, Anchor::Middle), (1.0, Anchor::End)] {
        let position = (x.at(share * BIN_COUNT as f64), bottom + 14.0);
        svg.text("tick", anchor, position, &percent(share, 0));
    }
    svg.text("note", Anchor::Middle, (0.5 * WIDTH, bottom + 28.0), "answer mass");
    svg.finish(&chart.figure)
}

fn counts(values: &[f64]) -> [usize; BIN_COUNT] {
    let mut counts = [0; BIN_COUNT];
    for value in values {
        // 1 belongs to the last bin
        let bin = (value.clamp(0.0, 1.0) * BIN_COUNT as f64) as usize;
        counts[bin.min(BIN_COUNT - 1)] += 1;
    }
    counts
}
