//! A run as the sections of the page look at it: what was varied, each cell's distribution, the people behind each item.
//! Knows no HTML and no drawing.

use super::arithmetic::mixture;
use super::coverage::{AskedCondition, asked_conditions};
use super::tables::RunTables;
use crate::error::{Error, Result};
use crate::output::records::{CellRow, ComparisonRow, HumanItemCard};
use std::collections::{BTreeMap, HashMap};

/// One persona held against one population group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    pub persona: String,
    pub population_group: String,
    /// What the page calls it: the group, and the persona where a group has several.
    pub name: String,
}

/// One item and its scale, in the first language of the run.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportedItem {
    pub id: String,
    pub facets: BTreeMap<String, String>,
    pub codes: Vec<String>,
    pub labels: Vec<String>,
    pub values: Vec<f64>,
}

/// One cell at the reported temperature.
#[derive(Debug, Clone)]
pub struct Readout<'a> {
    /// Any of its rows: what all of them share.
    pub cell: &'a CellRow,
    /// Its rows in scale order.
    pub options: Vec<&'a CellRow>,
    /// In scale order; `None` when unusable.
    pub probabilities: Option<Vec<f64>>,
}

/// Places in a run's readouts by persona, group and item.
type Places<'a> = HashMap<&'a str, HashMap<&'a str, HashMap<&'a str, Vec<usize>>>>;

/// Everything the sections are made from.
#[derive(Debug)]
pub struct Run<'a> {
    pub tables: &'a RunTables,
    pub subjects: Vec<Subject>,
    pub items: Vec<ReportedItem>,
    pub languages: Vec<String>,
    pub formats: Vec<String>,
    pub temperatures: Vec<f64>,
    /// The one that is reported unless another is named.
    pub temperature: f64,
    /// At the reported temperature.
    pub readouts: Vec<Readout<'a>>,
    /// Every condition asked about items with people, whether or not anything of it is usable. Empty without people.
    pub conditions: Vec<AskedCondition<'a>>,
    people: BTreeMap<(&'a str, &'a str), &'a HumanItemCard>,
    places: Places<'a>,
    /// Of the comparisons those at level `group`, which are few and asked for often.
    group_rows: Vec<&'a ComparisonRow>,
}

impl<'a> Run<'a> {
    /// # Errors
    /// Kind `Output` when the rows contradict each other: people counted over other options than the model was shown.
    pub fn new(tables: &'a RunTables) -> Result<Self> {
        let readouts = readouts(&tables.cells);
        let people = people(tables);
        let mut places = Places::new();
        for (place, cell) in readouts.iter().map(|readout| readout.cell).enumerate() {
            let of_persona = places.entry(&cell.persona).or_default();
            let of_subject = of_persona.entry(&cell.population_group).or_default();
            of_subject.entry(&cell.item).or_default().push(place);
        }
        let mut run = Run {
            tables,
            subjects: subjects(tables),
            items: items(&readouts),
            languages: distinct(tables.cells.iter().map(|row| row.language.clone())),
            formats: distinct(tables.cells.iter().map(|row| row.elicitation_format.clone())),
            temperature: tables.temperature,
            temperatures: tables.temperatures.clone(),
            readouts,
            conditions: Vec::new(),
            people,
            places,
            group_rows: tables.comparisons.iter().filter(|row| row.level == "group").collect(),
        };
        run.conditions = asked_conditions(
            tables,
            &run.readouts,
            &run.subjects,
            (&run.languages, &run.formats),
            |group, item| run.people(group, item).is_some(),
        );
        run.refuse_people_on_other_scales()?;
        Ok(run)
    }

    /// One subject's readouts of one item, in the study's order.
    pub fn of<'s>(&'s self, subject: &Subject, item: &str) -> impl Iterator<Item = &'s Readout<'a>> {
        let of_persona = self.places.get(subject.persona.as_str());
        let of_subject = of_persona.and_then(|of_persona| of_persona.get(subject.population_group.as_str()));
        let places = of_subject.and_then(|of_subject| of_subject.get(item));
        places.into_iter().flatten().map(|&place| &self.readouts[place])
    }

    /// The mixture of one subject's usable responses to one item at the reported temperature, over languages, formats
    /// and option orders, and how many cells it is made of.
    pub fn model_mixture(&self, subject: &Subject, item: &str) -> Option<(Vec<f64>, usize)> {
        let distributions: Vec<&[f64]> =
            self.of(subject, item).filter_map(|readout| readout.probabilities.as_deref()).collect();
        let cell_count = distributions.len();
        mixture(distributions).map(|distribution| (distribution, cell_count))
    }

    /// The people of one group who were asked one item, where any responded.
    pub fn people(&self, population_group: &str, item: &str) -> Option<&'a HumanItemCard> {
        let card = *self.people.get(&(population_group, item))?;
        (card.counts.iter().sum::<f64>() > 0.0).then_some(card)
    }

    pub fn has_people(&self) -> bool {
        !self.people.is_empty()
    }

    /// The model's rows at level `group` for one subject and metric, at any temperature.
    pub fn model_rows<'s>(
        &'s self,
        subject: &'s Subject,
        metric: &'s str,
    ) -> impl Iterator<Item = &'a ComparisonRow> + 's {
        self.group_rows.iter().copied().filter(move |row| {
            row.predictor == "model"
                && row.metric == metric
                && row.population_group == subject.population_group
                && row.persona.as_deref() == Some(&subject.persona)
        })
    }

    /// As [`model_rows`](Self::model_rows), at the reported temperature.
    pub fn reported_rows<'s>(
        &'s self,
        subject: &'s Subject,
        metric: &'s str,
    ) -> impl Iterator<Item = &'a ComparisonRow> + 's {
        self.model_rows(subject, metric).filter(|row| row.temperature == Some(self.temperature))
    }

    /// The model's rows at level `group` at the reported temperature, in the order of the file.
    pub fn reported_model_rows(&self) -> impl Iterator<Item = &'a ComparisonRow> + '_ {
        let is_reported =
            |row: &&ComparisonRow| row.predictor == "model" && row.temperature == Some(self.temperature);
        self.group_rows.iter().copied().filter(is_reported)
    }

    /// The conditions in which one subject was asked, in the study's order.
    pub fn conditions_of<'s>(
        &'s self,
        subject: &'s Subject,
    ) -> impl Iterator<Item = &'s AskedCondition<'a>> + 's {
        self.conditions.iter().filter(move |condition| condition.subject == *subject)
    }

    /// The model's row at level `group` for one condition and metric, at the reported temperature.
    pub fn condition_row(&self, condition: &AskedCondition, metric: &str) -> Option<&'a ComparisonRow> {
        self.group_rows.iter().copied().find(|row| {
            row.metric == metric && row.temperature == Some(self.temperature) && condition.is_of(row)
        })
    }

    /// A baseline's metric over the items that the model is compared on in one condition.
    pub fn baseline_beside(&self, condition: &AskedCondition, predictor: &str, metric: &str) -> Option<f64> {
        match condition.is_part() {
            true => condition.baseline_over_compared(&self.tables.comparisons, predictor, metric),
            false => {
                let row = self.baseline_row(&condition.subject.population_group, predictor, metric);
                row.map(|row| row.value)
            }
        }
    }

    /// A baseline's row at level `group`.
    pub fn baseline_row(&self, group: &str, predictor: &str, metric: &str) -> Option<&'a ComparisonRow> {
        self.group_rows
            .iter()
            .copied()
            .find(|row| row.predictor == predictor && row.metric == metric && row.population_group == group)
    }

    /// The readable name of a facet's value, or the value itself.
    pub fn label<'s>(&'s self, facet: &str, value: &'s str) -> &'s str {
        let labels = self.tables.manifest.study.labels.get(facet);
        labels.and_then(|labels| labels.get(value)).map_or(value, String::as_str)
    }

    /// The values of a facet in the order in which items have them; empty where the study does not have the facet.
    pub fn facet_values(&self, facet: &str) -> Vec<&str> {
        distinct(self.items.iter().filter_map(|item| item.facets.get(facet)).map(String::as_str))
    }

    fn refuse_people_on_other_scales(&self) -> Result<()> {
        for ((group, item_id), card) in &self.people {
            let item = self.items.iter().find(|item| item.id == *item_id);
            if item.is_some_and(|item| item.values.len() != card.counts.len()) {
                let found = card.counts.len();
                return Err(Error::output(format!(
                    "the manifest has {found} human counts of {group}/{item_id}, and the cells another number of options"
                )));
            }
        }
        Ok(())
    }
}

/// Values in the order in which they first appear.
pub fn distinct<T: Clone + Eq + std::hash::Hash>(values: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut seen = std::collections::HashSet::new();
    values.into_iter().filter(|value| seen.insert(value.clone())).collect()
}

/// Rows are put together by what they say they are, not by where they stand: shards may have been merged.
fn readouts(cells: &[CellRow]) -> Vec<Readout<'_>> {
    let mut positions: HashMap<&str, usize> = HashMap::new();
    let mut readouts: Vec<Readout> = Vec::new();
    for cell in cells {
        let position = *positions.entry(&cell.cell_id).or_insert_with(|| {
            readouts.push(Readout { cell, options: Vec::new(), probabilities: None });
            readouts.len() - 1
        });
        readouts[position].options.push(cell);
    }
    for readout in &mut readouts {
        readout.options.sort_by(|a, b| a.option_value.total_cmp(&b.option_value));
        readout.probabilities = readout.options.iter().map(|row| row.probability).collect();
    }
    readouts
}

fn people(tables: &RunTables) -> BTreeMap<(&str, &str), &HumanItemCard> {
    let groups = tables.manifest.study.human_data.iter().flat_map(|data| &data.groups);
    groups
        .flat_map(|group| group.items.iter().map(move |item| (group, item)))
        .map(|(group, item)| ((group.population_group.as_str(), item.item.as_str()), item))
        .collect()
}

fn subjects(tables: &RunTables) -> Vec<Subject> {
    let pairs =
        distinct(tables.cells.iter().map(|row| (row.population_group.as_str(), row.persona.as_str())));
    let names = tables.manifest.study.labels.get("population_group");
    let name = |group: &str, persona: &str| {
        let group_name = names.and_then(|names| names.get(group)).map_or(group, String::as_str);
        match pairs.iter().filter(|(other, _)| *other == group).count() {
            1 => group_name.to_owned(),
            _ => format!("{group_name} · {persona}"),
        }
    };
    let subject = |(group, persona): &(&str, &str)| Subject {
        persona: (*persona).to_owned(),
        population_group: (*group).to_owned(),
        name: name(group, persona),
    };
    pairs.iter().map(subject).collect()
}

fn items(readouts: &[Readout]) -> Vec<ReportedItem> {
    let mut seen = std::collections::HashSet::new();
    let first_of_each = readouts.iter().filter(|readout| seen.insert(&readout.cell.item));
    let item = |readout: &Readout| ReportedItem {
        id: readout.cell.item.clone(),
        facets: readout.cell.facets.clone(),
        codes: readout.options.iter().map(|row| row.option_code.clone()).collect(),
        labels: readout.options.iter().map(|row| row.option_label.clone()).collect(),
        values: readout.options.iter().map(|row| row.option_value).collect(),
    };
    first_of_each.map(item).collect()
}
