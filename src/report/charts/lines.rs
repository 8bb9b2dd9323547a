//! Curves over temperature: every condition thin, their mean bold, the noise around "no difference" shaded.

use super::scale::{Scale, round_up};
use super::svg::{Anchor, Figure, Svg};
use crate::report::number::plain;

const WIDTH: f64 = 340.0;
const LEFT: f64 = 34.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 8.0;
const PLOT_HEIGHT: f64 = 132.0;

#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Temperature and value, by rising temperature.
    pub points: Vec<(f64, f64)>,
    pub is_mean: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct LineChart {
    pub figure: Figure,
    pub series: Vec<Series>,
    /// Where model and people do not differ, and how far two samples of people differ from that by chance.
    pub no_difference: Option<(f64, f64)>,
    /// The temperature the rest of the page reports.
    pub marked_temperature: f64,
    /// Top of the axis, which starts at 0.
    pub axis_max: f64,
}

pub fn line_chart(chart: &LineChart) -> String {
    let bottom = TOP + PLOT_HEIGHT;
    let mut svg = Svg::new(WIDTH, bottom + 32.0);
    let temperatures: Vec<f64> =
        chart.series.iter().flat_map(|series| series.points.iter().map(|(t, _)| *t)).collect();
    let t_min = temperatures.iter().copied().fold(f64::INFINITY, f64::min);
    let t_max = temperatures.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let x = Scale::new((t_min, t_max), (LEFT + 6.0, WIDTH - RIGHT));
    let y = Scale::new((0.0, round_up(chart.axis_max.max(0.05))), (bottom, TOP));
    if let Some((centre, floor)) = chart.no_difference {
        let (top, base) = (y.at(centre + floor), y.at((centre - floor).max(0.0)));
        svg.rect("floor", (LEFT, top), (WIDTH - RIGHT - LEFT, base - top));
    }
    for tick in y.ticks(4) {
        svg.line("grid", (LEFT, y.at(tick)), (WIDTH - RIGHT, y.at(tick)));
        svg.text("tick", Anchor::End, (LEFT - 6.0, y.at(tick) + 3.5), &plain(tick));
    }
    if let Some((centre, _)) = chart.no_difference.filter(|(centre, _)| *centre > 0.0) {
        svg.line("axis", (LEFT, y.at(centre)), (WIDTH - RIGHT, y.at(centre)));
    }
    if temperatures.contains(&chart.marked_temperature) {
        let mark = x.at(chart.marked_temperature);
        svg.line("now", (mark, TOP), (mark, bottom));
    }
    draw_temperatures(&mut svg, &x, temperatures, bottom);
    for series in chart.series.iter().filter(|series| !series.is_mean) {
        svg.polyline("model faint", &placed(series, &x, &y));
    }
    for series in chart.series.iter().filter(|series| series.is_mean) {
        let points = placed(series, &x, &y);
        svg.polyline("model bold", &points);
        points.iter().for_each(|point| svg.circle("model mark", *point, 2.8));
    }
    svg.finish(&chart.figure)
}

fn placed(series: &Series, x: &Scale, y: &Scale) -> Vec<(f64, f64)> {
    series.points.iter().map(|(t, value)| (x.at(*t), y.at(*value))).collect()
}

/// A tick per temperature asked for, leaving out those that would touch the one before.
fn draw_temperatures(svg: &mut Svg, x: &Scale, mut temperatures: Vec<f64>, bottom: f64) {
    temperatures.sort_by(f64::total_cmp);
    temperatures.dedup();
    let mut free_from = f64::NEG_INFINITY;
    for t in temperatures {
        svg.line("axis", (x.at(t), bottom), (x.at(t), bottom + 3.0));
        if x.at(t) >= free_from {
            svg.text("tick", Anchor::Middle, (x.at(t), bottom + 14.0), &plain(t));
            free_from = x.at(t) + 26.0;
        }
    }
    svg.text("note", Anchor::Middle, (0.5 * (LEFT + WIDTH - RIGHT), bottom + 28.0), "temperature");
}
