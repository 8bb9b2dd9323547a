//! What the page says, section by section: pure functions from a run to strings, tables and drawings. Knows no HTML
//! beyond the drawings; the template decides where things stand.

mod concentration;
mod conditions;
mod distributions;
mod further_metrics;
mod headline;
mod hypotheses;
mod mass;
mod means;
mod orientation;
mod overview;
mod sensitivity;
mod tokens;
mod verdict;

use super::run::Run;
use serde::Serialize;

/// A drawing with its heading. `svg` is safe markup made by `charts`; everything else is plain text.
#[derive(Debug, Clone, Serialize)]
pub struct Drawing {
    pub heading: String,
    pub note: String,
    pub svg: String,
}

/// A table of plain text. The first column of each row is its header.
#[derive(Debug, Clone, Serialize)]
pub struct Table {
    pub caption: String,
    pub head: Vec<String>,
    pub rows: Vec<Vec<TableCell>>,
}

#[derive(Debug, Clone, Serialize)]
pub struct TableCell {
    pub text: String,
    /// In 0..=1: the length of the bar under the number, where one is drawn.
    pub bar: Option<f64>,
}

impl TableCell {
    pub fn text(text: impl Into<String>) -> Self {
        TableCell { text: text.into(), bar: None }
    }

    /// A number with a bar of its share of `most`.
    pub fn with_bar(text: String, value: f64, most: f64) -> Self {
        TableCell { text, bar: (most > 0.0).then(|| (value / most).clamp(0.0, 1.0)) }
    }
}

/// The whole page.
#[derive(Debug, Clone, Serialize)]
pub struct ReportView {
    pub overview: overview::OverviewView,
    pub headline: headline::HeadlineView,
    pub hypotheses: Option<hypotheses::HypothesesView>,
    pub conditions: Option<conditions::ConditionsView>,
    pub further_metrics: Option<Table>,
    pub means: Option<means::MeansView>,
    pub distributions: Vec<Drawing>,
    pub concentration: concentration::ConcentrationView,
    pub sensitivity: sensitivity::SensitivityView,
    pub mass: mass::MassView,
    pub tokens: tokens::TokensView,
    pub orientation: Option<orientation::OrientationView>,
    pub has_people: bool,
    pub temperature: String,
}

/// Works out every section.
pub fn report_view(run: &Run) -> ReportView {
    ReportView {
        overview: overview::overview(run),
        headline: headline::headline(run),
        hypotheses: hypotheses::hypotheses(run),
        conditions: conditions::conditions(run),
        further_metrics: further_metrics::further_metrics(run),
        means: means::means(run),
        distributions: distributions::distributions(run),
        concentration: concentration::concentration(run),
        sensitivity: sensitivity::sensitivity(run),
        mass: mass::mass(run),
        tokens: tokens::tokens(run),
        orientation: orientation::orientation(run),
        has_people: run.has_people(),
        temperature: super::number::plain(run.temperature),
    }
}
