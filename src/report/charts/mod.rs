//! The page's drawings as SVG text: plain numbers in, the same bytes out every time. Colours come from the page's style
//! sheet by class; knows nothing of runs or files.

mod distributions;
mod dumbbell;
mod forest;
mod histogram;
mod lines;
mod parts;
mod scale;
mod svg;

pub use distributions::{DistributionGrid, Panel, PanelOption, PeopleBar, distribution_grid};
pub use dumbbell::{DumbbellChart, DumbbellRow, Span, dumbbell};
pub use forest::{ForestChart, ForestMark, ForestRow, forest};
pub use histogram::{HistogramChart, histogram};
pub use lines::{LineChart, Series, line_chart};
pub use parts::{PartBar, PartRow, part_bars};
pub use svg::Figure;

#[cfg(test)]
mod tests;
