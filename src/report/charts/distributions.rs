//! Response distributions as small multiples: people as bars, the model as joined dots, one panel per item and group.

use super::scale::{Scale, round_up};
use super::svg::{Anchor, Figure, PAGE_WIDTH, Svg, fit};
use crate::report::number::{fixed, percent, plain};

const AXIS_WIDTH: f64 = 36.0;
const CHARACTER_WIDTH: f64 = 7.0;
const LABEL_WIDTHS: (f64, f64) = (104.0, 240.0);
const HEADER_HEIGHT: f64 = 24.0;
const PLOT_HEIGHT: f64 = 62.0;
const PANEL_HEIGHT: f64 = PLOT_HEIGHT + 36.0;
const PANEL_WIDTHS: (f64, f64) = (90.0, 180.0);

/// A people's share with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PeopleBar {
    pub share: f64,
    pub low: f64,
    pub high: f64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct PanelOption {
    pub code: String,
    /// `None` where no people were asked.
    pub people: Option<PeopleBar>,
    /// `None` where every cell was unusable.
    pub model: Option<f64>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    pub options: Vec<PanelOption>,
    /// People who responded.
    pub n: Option<f64>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct DistributionGrid {
    pub figure: Figure,
    pub column_labels: Vec<String>,
    /// Label and panels, one per column; `None` where there is no such item.
    pub rows: Vec<(String, Vec<Option<Panel>>)>,
}

pub fn distribution_grid(grid: &DistributionGrid) -> String {
    let column_count = grid.column_labels.len().max(1) as f64;
    let label_width = label_width(grid);
    let panel_width = ((PAGE_WIDTH - label_width) / column_count).clamp(PANEL_WIDTHS.0, PANEL_WIDTHS.1);
    let width = label_width + panel_width * column_count;
    let mut svg = Svg::new(width.max(PAGE_WIDTH), HEADER_HEIGHT + PANEL_HEIGHT * grid.rows.len() as f64);
    for (index, label) in grid.column_labels.iter().enumerate() {
        let x = label_width + panel_width * (index as f64 + 0.5);
        svg.text("head", Anchor::Middle, (x, 13.0), &fit(label, panel_width - 8.0));
    }
    let share_max = round_up(largest_share(grid).max(0.5));
    for (row_index, (label, panels)) in grid.rows.iter().enumerate() {
        let top = HEADER_HEIGHT + PANEL_HEIGHT * row_index as f64;
        svg.text("head", Anchor::Start, (0.0, top + 14.0), &fit(label, label_width - AXIS_WIDTH));
        draw_axis(&mut svg, (label_width - 2.0, top), share_max);
        for (column_index, panel) in panels.iter().enumerate() {
            let left = label_width + panel_width * column_index as f64;
            if let Some(panel) = panel {
                draw_panel(&mut svg, panel, (left + 7.0, top), panel_width - 14.0, share_max);
            }
        }
    }
    svg.finish(&grid.figure)
}

/// Room for the longest row label, within bounds, and for the axis beside it.
fn label_width(grid: &DistributionGrid) -> f64 {
    let longest = grid.rows.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
    (CHARACTER_WIDTH * longest as f64 + AXIS_WIDTH).clamp(LABEL_WIDTHS.0, LABEL_WIDTHS.1)
}

fn largest_share(grid: &DistributionGrid) -> f64 {
    let panels = grid.rows.iter().flat_map(|(_, panels)| panels.iter().flatten());
    let shares = panels
        .flat_map(|panel| &panel.options)
        .flat_map(|option| [option.model, option.people.map(|people| people.high)].into_iter().flatten());
    shares.fold(0.0, f64::max).min(1.0)
}

fn share_scale(top: f64, share_max: f64) -> Scale {
    Scale::new((0.0, share_max), (top + PLOT_HEIGHT + 8.0, top + 8.0))
}

/// The shares' axis, once at the left of each row.
fn draw_axis(svg: &mut Svg, (right, top): (f64, f64), share_max: f64) {
    let y = share_scale(top, share_max);
    for tick in y.ticks(2) {
        svg.text("tick", Anchor::End, (right, y.at(tick) + 3.5), &percent(tick, 0));
    }
}

fn draw_panel(svg: &mut Svg, panel: &Panel, (left, top): (f64, f64), width: f64, share_max: f64) {
    let y = share_scale(top, share_max);
    let slot = width / panel.options.len().max(1) as f64;
    let centre = |index: usize| left + slot * (index as f64 + 0.5);
    for tick in y.ticks(2).into_iter().filter(|tick| *tick > 0.0) {
        svg.line("grid", (left, y.at(tick)), (left + width, y.at(tick)));
    }
    let bar_width = (slot * 0.66).min(26.0);
    for (index, option) in panel.options.iter().enumerate() {
        if let Some(people) = option.people {
            let corner = (centre(index) - 0.5 * bar_width, y.at(people.share));
            svg.rect("people bar", corner, (bar_width, y.at(0.0) - y.at(people.share)));
            svg.line("people whisker", (centre(index), y.at(people.low)), (centre(index), y.at(people.high)));
        }
        let code = fit(&option.code, slot);
        svg.text("tick", Anchor::Middle, (centre(index), y.at(0.0) + 12.0), &code);
    }
    svg.line("axis", (left, y.at(0.0)), (left + width, y.at(0.0)));
    let dots: Vec<(f64, f64)> = panel
        .options
        .iter()
        .enumerate()
        .filter_map(|(index, option)| option.model.map(|share| (centre(index), y.at(share))))
        .collect();
    if dots.len() > 1 {
        svg.polyline("model thread", &dots);
    }
    dots.iter().for_each(|dot| svg.circle("model mark", *dot, 2.9));
    if let Some(n) = panel.n {
        let n = if n.fract() == 0.0 { plain(n) } else { fixed(n, 1) };
        svg.text("note", Anchor::End, (left + width, top + 6.0), &format!("n {n}"));
    }
}
