//! Socially engaging against disengaging emotions: the difference of expected responses, model beside people. Only for
//! studies whose items have the facet `orientation` with both values.

use super::Drawing;
use crate::report::arithmetic::{expected_response, mean, mixture, range, response_variance, shares};
use crate::report::charts::{DumbbellChart, DumbbellRow, Figure, Span, dumbbell};
use crate::report::number::{fixed, signed};
use crate::report::run::{ReportedItem, Run, Subject, distinct};
use serde::Serialize;

/// The 97.5th percentile of the standard normal distribution.
const Z: f64 = 1.959_963_984_540_054;

#[derive(Debug, Clone, Serialize)]
pub struct OrientationView {
    /// The emotions, or items, on each side.
    pub engaging: Vec<String>,
    pub disengaging: Vec<String>,
    /// One per variable.
    pub charts: Vec<Drawing>,
    pub rows: Vec<OrientationRow>,
}

/// Expected responses, in shares of the scale's range.
#[derive(Debug, Clone, Serialize)]
pub struct OrientationRow {
    pub variable: String,
    pub group: String,
    /// Engaging, disengaging and their difference.
    pub people: [String; 3],
    pub model: [String; 3],
}

/// Expected responses on both sides; the difference and its interval or range.
#[derive(Clone, Copy)]
struct Contrast {
    engaging: f64,
    disengaging: f64,
    span: Span,
}

/// One group's contrast on one variable, of people and of the model.
struct Pair<'r> {
    subject: &'r Subject,
    people: Option<Contrast>,
    model: Option<Contrast>,
}

/// All groups' contrasts on one variable.
struct OfVariable<'r> {
    name: String,
    pairs: Vec<Pair<'r>>,
}

pub fn orientation(run: &Run) -> Option<OrientationView> {
    let values = run.facet_values("orientation");
    if !(values.contains(&"engaging") && values.contains(&"disengaging")) {
        return None;
    }
    let mut variables: Vec<Option<&str>> = run.facet_values("variable").into_iter().map(Some).collect();
    if variables.is_empty() {
        variables.push(None);
    }
    let contrasts: Vec<OfVariable> =
        variables.into_iter().map(|variable| contrasts_of(run, variable)).collect();
    let axis = shared_axis(&contrasts);
    let charts = contrasts.iter().enumerate().map(|(index, of)| chart(index, of, axis));
    let rows = contrasts.iter().flat_map(|of| {
        of.pairs.iter().map(|pair| OrientationRow {
            variable: of.name.clone(),
            group: pair.subject.name.clone(),
            people: numbers(pair.people),
            model: numbers(pair.model),
        })
    });
    Some(OrientationView {
        engaging: side_names(run, "engaging"),
        disengaging: side_names(run, "disengaging"),
        charts: charts.collect(),
        rows: rows.collect(),
    })
}

fn contrasts_of<'r>(run: &'r Run, variable: Option<&'r str>) -> OfVariable<'r> {
    let pair = |subject| Pair {
        subject,
        people: of_people(run, subject, variable),
        model: of_model(run, subject, variable),
    };
    OfVariable {
        name: variable.map_or("All items".to_owned(), |value| run.label("variable", value).to_owned()),
        pairs: run.subjects.iter().map(pair).collect(),
    }
}

/// Ends that hold every span and 0, so that the variables can be compared.
fn shared_axis(contrasts: &[OfVariable]) -> (f64, f64) {
    let pairs = contrasts.iter().flat_map(|of| &of.pairs);
    let spans = pairs.flat_map(|pair| [pair.people, pair.model]).flatten().map(|contrast| contrast.span);
    let ends = spans.map(|span| span.range.unwrap_or((span.value, span.value)));
    ends.fold((-0.05, 0.05), |(low, high), (l, h)| (f64::min(low, l), f64::max(high, h)))
}

fn chart(index: usize, of: &OfVariable, axis: (f64, f64)) -> Drawing {
    let row = |pair: &Pair| DumbbellRow {
        label: pair.subject.name.clone(),
        people: pair.people.map(|contrast| contrast.span),
        model: pair.model.map(|contrast| contrast.span),
        model_mixture: None,
    };
    let figure = Figure {
        id: format!("orientation-{index}"),
        title: format!("Engaging minus disengaging: {}", of.name),
        description:
            "Difference of expected responses by group, people and model; a table below has the numbers."
                .to_owned(),
    };
    let chart = DumbbellChart { figure, rows: of.pairs.iter().map(row).collect(), axis };
    Drawing { heading: of.name.clone(), note: String::new(), svg: dumbbell(&chart) }
}

fn numbers(contrast: Option<Contrast>) -> [String; 3] {
    match contrast {
        Some(Contrast { engaging, disengaging, span }) => {
            [fixed(engaging, 2), fixed(disengaging, 2), signed(span.value, 2)]
        }
        None => ["–", "–", "–"].map(str::to_owned),
    }
}

fn side_names(run: &Run, side: &str) -> Vec<String> {
    let items =
        run.items.iter().filter(|item| item.facets.get("orientation").is_some_and(|value| value == side));
    let name = |item: &ReportedItem| match item.facets.get("emotion") {
        Some(emotion) => run.label("emotion", emotion).to_owned(),
        None => item.id.clone(),
    };
    distinct(items.map(name))
}

fn items_of<'r>(
    run: &'r Run,
    variable: Option<&'r str>,
    side: &'r str,
) -> impl Iterator<Item = &'r ReportedItem> {
    let has = |item: &ReportedItem, facet: &str, value: &str| {
        item.facets.get(facet).is_some_and(|found| found == value)
    };
    run.items.iter().filter(move |item| {
        has(item, "orientation", side) && variable.is_none_or(|variable| has(item, "variable", variable))
    })
}

/// The difference has a normal 95 % interval, which takes the people behind different items for different people.
fn of_people(run: &Run, subject: &Subject, variable: Option<&str>) -> Option<Contrast> {
    let side = |side: &str| {
        let of_items: Vec<(f64, f64)> = items_of(run, variable, side)
            .filter_map(|item| {
                let card = run.people(&subject.population_group, &item.id)?;
                let (shares, n) = (shares(&card.counts)?, card.counts.iter().sum::<f64>());
                Some((expected_response(&shares, &item.values), response_variance(&shares, &item.values) / n))
            })
            .collect();
        let count = of_items.len() as f64;
        let variance = of_items.iter().map(|(_, variance)| variance).sum::<f64>() / (count * count).max(1.0);
        mean(of_items.iter().map(|(expected, _)| *expected)).map(|expected| (expected, variance))
    };
    let ((engaging, one), (disengaging, other)) = (side("engaging")?, side("disengaging")?);
    let (difference, half) = (engaging - disengaging, Z * (one + other).sqrt());
    let range = Some((difference - half, difference + half));
    Some(Contrast { engaging, disengaging, span: Span { value: difference, range } })
}

/// The difference comes with its range over languages and formats. Without some item the two sides would not be those of
/// people: what lacks a usable response to one is left out.
fn of_model(run: &Run, subject: &Subject, variable: Option<&str>) -> Option<Contrast> {
    let expected = |side: &str, condition: Option<(&String, &String)>| {
        let of_item = |item: &ReportedItem| {
            let readouts = run.of(subject, &item.id).filter(|readout| {
                let cell = readout.cell;
                condition.is_none_or(|(language, format)| {
                    cell.language == *language && cell.elicitation_format == *format
                })
            });
            let mixture = mixture(readouts.filter_map(|readout| readout.probabilities.as_deref()))?;
            Some(expected_response(&mixture, &item.values))
        };
        let of_items: Option<Vec<f64>> = items_of(run, variable, side).map(of_item).collect();
        mean(of_items?)
    };
    let difference = |condition| Some(expected("engaging", condition)? - expected("disengaging", condition)?);
    let conditions =
        run.languages.iter().flat_map(|language| run.formats.iter().map(move |format| (language, format)));
    let differences = conditions.filter_map(|condition| difference(Some(condition)));
    let (engaging, disengaging) = (expected("engaging", None)?, expected("disengaging", None)?);
    let span = Span { value: engaging - disengaging, range: range(differences) };
    Some(Contrast { engaging, disengaging, span })
}
