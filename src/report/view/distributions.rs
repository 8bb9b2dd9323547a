//! The model's response distributions beside people's, one grid per variable of the study.

use super::Drawing;
use crate::report::arithmetic::{shares, wilson_interval};
use crate::report::charts::{DistributionGrid, Figure, Panel, PanelOption, PeopleBar, distribution_grid};
use crate::report::number::counted;
use crate::report::run::{ReportedItem, Run, Subject, distinct};

/// Up to this many items stand side by side; more stand below each other.
const COLUMN_COUNT_MAX: usize = 8;
/// A page of more panels would be looked at by nobody.
const PANEL_COUNT_MAX: usize = 1000;
const SUBJECT_COUNT_MAX: usize = 50;

pub fn distributions(run: &Run) -> Vec<Drawing> {
    let variables = run.facet_values("variable");
    let grids: Vec<(String, Vec<&ReportedItem>)> = if variables.is_empty() {
        vec![("All items".to_owned(), run.items.iter().collect())]
    } else {
        let of = |variable: &str| {
            let has =
                |item: &&ReportedItem| item.facets.get("variable").is_some_and(|value| value == variable);
            (run.label("variable", variable).to_owned(), run.items.iter().filter(has).collect())
        };
        variables.into_iter().map(of).collect()
    };
    let grids = grids.into_iter().enumerate();
    grids.map(|(index, (heading, items))| grid(run, index, heading, &items)).collect()
}

fn grid(run: &Run, index: usize, heading: String, all_items: &[&ReportedItem]) -> Drawing {
    let subjects = &run.subjects[..run.subjects.len().min(SUBJECT_COUNT_MAX)];
    let items = &all_items[..all_items.len().min(PANEL_COUNT_MAX / subjects.len().max(1))];
    let item_labels = item_labels(run, items);
    let subject_labels: Vec<String> = subjects.iter().map(|subject| subject.name.clone()).collect();
    let row_of_subject = |subject: &Subject| items.iter().map(|item| panel(run, subject, item)).collect();
    let row_of_item =
        |item: &&ReportedItem| subjects.iter().map(|subject| panel(run, subject, item)).collect();
    let (column_labels, row_labels, panels): (_, _, Vec<Vec<Option<Panel>>>) =
        if items.len() <= COLUMN_COUNT_MAX {
            (item_labels, subject_labels, subjects.iter().map(row_of_subject).collect())
        } else {
            (subject_labels, item_labels, items.iter().map(row_of_item).collect())
        };
    let figure = Figure {
        id: format!("distributions-{index}"),
        title: format!("Response distributions: {heading}"),
        description: format!(
            "{} by {}. Bars are people’s shares with 95 % intervals, joined dots are the model’s probabilities.",
            counted(items.len(), "item"),
            counted(subjects.len(), "group"),
        ),
    };
    let rows = row_labels.into_iter().zip(panels).collect();
    Drawing {
        heading,
        note: [part_note(run, subjects.len(), (items.len(), all_items.len())), scale_note(items)].concat(),
        svg: distribution_grid(&DistributionGrid { figure, column_labels, rows }),
    }
}

/// The emotion where that tells the items apart, else the item's id.
fn item_labels(run: &Run, items: &[&ReportedItem]) -> Vec<String> {
    let emotions: Vec<&String> = items.iter().filter_map(|item| item.facets.get("emotion")).collect();
    let tells_apart = emotions.len() == items.len() && distinct(emotions.iter()).len() == items.len();
    if tells_apart {
        emotions.into_iter().map(|emotion| run.label("emotion", emotion).to_owned()).collect()
    } else {
        items.iter().map(|item| item.id.clone()).collect()
    }
}

/// What is not drawn; empty where all is.
fn part_note(run: &Run, subject_count: usize, (item_count, all_count): (usize, usize)) -> String {
    if subject_count == run.subjects.len() && item_count == all_count {
        return String::new();
    }
    format!(
        "the first {item_count} of {} and {subject_count} of {}; all are in cells.parquet · ",
        counted(all_count, "item"),
        counted(run.subjects.len(), "group"),
    )
}

/// What the codes mean, where all items of the grid agree on it.
fn scale_note(items: &[&ReportedItem]) -> String {
    let scales = distinct(items.iter().map(|item| (&item.codes, &item.labels)));
    match scales.as_slice() {
        [(codes, labels)] => {
            let pairs: Vec<String> =
                codes.iter().zip(labels.iter()).map(|(code, label)| format!("{code} {label}")).collect();
            pairs.join(" · ")
        }
        _ => String::new(),
    }
}

fn panel(run: &Run, subject: &Subject, item: &ReportedItem) -> Option<Panel> {
    let people = run.people(&subject.population_group, &item.id);
    let model = run.model_mixture(subject, &item.id).map(|(distribution, _)| distribution);
    if people.is_none() && model.is_none() {
        return None;
    }
    let n = people.map(|card| card.counts.iter().sum::<f64>());
    let people_shares = people.and_then(|card| shares(&card.counts));
    let bar = |index: usize| {
        let (share, n) = (*people_shares.as_ref()?.get(index)?, n?);
        let (low, high) = wilson_interval(share, n);
        Some(PeopleBar { share, low, high })
    };
    let option = |(index, code): (usize, &String)| PanelOption {
        code: code.clone(),
        people: bar(index),
        model: model.as_ref().and_then(|model| model.get(index).copied()),
    };
    Some(Panel { options: item.codes.iter().enumerate().map(option).collect(), n })
}
