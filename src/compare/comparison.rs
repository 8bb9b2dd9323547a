//! The driver: a run's distributions and the human marginals in, rows in a fixed order out.

use super::baselines::HumanTable;
use super::bootstrap::HumanResample;
use super::condition_means::{CultureContrast, MeanAgreement, PeopleMeans, condition_means};
use super::draws::{Draws, Halves};
use super::fit::{Fit, fits, p_value};
use super::persona_swap::{AskedPersonas, PersonaSwap, Steerability, steerability};
use super::profile::{Condition, Entry, Group, Profile};
use super::unit::{Comparison, ComparisonPlan, ModelUnit, People, Predictor};
use crate::error::{Error, Result};
use crate::survey::{Marginal, Participants};
use rayon::prelude::*;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// What a comparison comes to besides its rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// Whether means go with people's, at temperature 1: over items, and between groups.
    pub mean_agreements: Vec<MeanAgreement>,
    pub culture_contrasts: Vec<CultureContrast>,
    /// Whether own personas are nearer to their people than others', at temperature 1.
    pub persona_swaps: Vec<PersonaSwap>,
    pub steerability: Vec<Steerability>,
}

/// Holds every unit, and the baselines, against the people of its population group.
///
/// `scale_values` has the option values of every item's scale; `run_groups` are the groups that `other_group`
/// may be made of, `pooled` is made of all marginals. A unit without people (no marginal, or
/// nobody responded) has no rows; one without a distribution has none of its own but is counted in its
/// group's. A group row averages the items that its predictor has a distribution for.
///
/// Rows, metrics with intervals, noise floors and tests, are handed to `take` group by group, so that only one group's are held. They come by population group; in it the model's (by persona, language, elicitation format, temperature)
/// and then the baselines'; in each the items, then the group; and then by metric. Neither the order of the
/// arguments nor the number of threads changes a bit of them; adjusted p-values depend on how much is tested.
/// Means come in the order of the units, and contrasts are less the first persona there; swaps come by population group.
///
/// # Errors
/// Kind `HumanData` when counts do not fit a scale or are given twice; `Output` when a unit is given twice,
/// or does not fit its scale; `Usage` when the plan cannot show an interval; and what `take` ends with.
pub fn compare(
    units: &[ModelUnit],
    people: People,
    scale_values: &BTreeMap<String, Vec<f64>>,
    run_groups: &[String],
    plan: &ComparisonPlan,
    take: &mut dyn FnMut(Vec<Comparison>) -> Result<()>,
) -> Result<Compared> {
    plan.check()?;
    let table = HumanTable::new(people.marginals, scale_values)?;
    let ordered = tested(in_order(units, scale_values)?, &table, plan);
    let personas = AskedPersonas::new(units);
    let (mut means, mut swaps) = (BTreeMap::new(), Vec::new());
    for of_group in ordered.chunk_by(|a, b| a.unit.population_group == b.unit.population_group) {
        let group = draw_group(of_group, &table, people.participants, scale_values, plan)?;
        let mut profiles: Vec<Profile> = of_group
            .chunk_by(|a, b| compare_conditions(a.unit, b.unit) == Ordering::Equal)
            .map(|of_condition| model_profile(of_condition, &group))
            .collect();
        profiles.extend(Predictor::BASELINES.map(|predictor| {
            baseline_profile(predictor, &group, |item| {
                let marginal = table.marginal(group.population_group, item);
                marginal.map_or(Vec::new(), |marginal| table.baseline(predictor, marginal, run_groups))
            })
        }));
        let rows: Vec<Vec<Comparison>> = profiles.par_iter().map(|profile| profile.compare(&group)).collect();
        rows.into_iter().try_for_each(&mut *take)?;
        let samples = group.items.iter().copied().zip(&group.people).collect();
        swaps.extend(personas.swaps(group.population_group, &samples));
        for (item, sample) in group.items.iter().zip(&group.people) {
            means.insert((group.population_group, *item), PeopleMeans::new(sample));
        }
    }
    let (mean_agreements, culture_contrasts) = condition_means(units, &means);
    Ok(Compared {
        mean_agreements,
        culture_contrasts,
        steerability: steerability(&swaps),
        persona_swaps: swaps.into_iter().map(|drawn| drawn.swap).collect(),
    })
}

/// The people of every item of one group that has any.
fn draw_group<'a>(
    units: &[TestedUnit<'a>],
    table: &HumanTable,
    participants: &[Participants],
    scale_values: &BTreeMap<String, Vec<f64>>,
    plan: &ComparisonPlan,
) -> Result<Group<'a>> {
    let population_group = units[0].unit.population_group.as_str();
    let mut items: Vec<&str> = units.iter().map(|tested| tested.unit.item.as_str()).collect();
    items.sort_unstable();
    items.dedup();
    items.retain(|item| table.marginal(population_group, item).is_some());
    let marginals: Vec<&Marginal> = items
        .iter()
        .map(|item| table.marginal(population_group, item).expect("items without people were left out above"))
        .collect();
    let people = draw_items(population_group, &marginals, participants, scale_values, plan)?;
    Ok(Group { population_group, items, people })
}

/// The people of some items of one group, whole where they are known one by one.
pub(super) fn draw_items(
    population_group: &str,
    marginals: &[&Marginal],
    participants: &[Participants],
    scale_values: &BTreeMap<String, Vec<f64>>,
    plan: &ComparisonPlan,
) -> Result<Vec<HumanResample>> {
    match participants.iter().find(|people| people.population_group == population_group) {
        Some(people) => draw_people(people, marginals, scale_values, plan),
        None => {
            let draw =
                |marginal: &&Marginal| HumanResample::draw(marginal, &scale_values[&marginal.item], plan);
            marginals.par_iter().map(draw).collect()
        }
    }
}

/// One group's items from people who are drawn whole.
fn draw_people(
    people: &Participants,
    marginals: &[&Marginal],
    scale_values: &BTreeMap<String, Vec<f64>>,
    plan: &ComparisonPlan,
) -> Result<Vec<HumanResample>> {
    if let Some(without) = marginals.iter().find(|marginal| !people.has_responses(&marginal.item)) {
        let (group, item) = (&people.population_group, &without.item);
        return Err(Error::human_data(format!("none of the participants of {group} responded to {item}")));
    }
    let items: Vec<(&str, usize)> =
        marginals.iter().map(|marginal| (marginal.item.as_str(), marginal.counts.len())).collect();
    let draws = Draws::of_people(people, &items, plan);
    let halves = Halves::of_people(people, &items, plan);
    let drawn = marginals.par_iter().zip(draws).zip(halves);
    let sample = |((marginal, draws), halves): ((&&Marginal, Draws), Halves)| {
        HumanResample::from_draws(marginal, &scale_values[&marginal.item], &draws, Some(&halves))
    };
    drawn.map(sample).collect()
}

/// A unit with the test of its fit, where it has one.
struct TestedUnit<'a> {
    unit: &'a ModelUnit,
    fit: Option<Fit>,
}

/// Tests are adjusted for each other, so all are made before the first row is.
fn tested<'a>(units: Vec<&'a ModelUnit>, table: &HumanTable, plan: &ComparisonPlan) -> Vec<TestedUnit<'a>> {
    let test = |unit: &&ModelUnit| p_value(unit, table.marginal(&unit.population_group, &unit.item)?, plan);
    let p_values: Vec<Option<f64>> = units.par_iter().map(test).collect();
    units.into_iter().zip(fits(&p_values)).map(|(unit, fit)| TestedUnit { unit, fit }).collect()
}

fn model_profile<'a>(units: &[TestedUnit<'a>], group: &Group) -> Profile<'a> {
    let entries = units.iter().filter_map(|TestedUnit { unit, fit }| {
        let item_index = group.items.binary_search(&unit.item.as_str()).ok()?;
        Some(Entry {
            item_index,
            distributions: unit.distribution.iter().map(|d| d.probabilities().to_vec()).collect(),
            fit: *fit,
            cell_count: unit.cell_count,
            unusable_count: unit.unusable_count,
        })
    });
    Profile {
        predictor: Predictor::Model,
        condition: Some(condition(units[0].unit)),
        entries: entries.collect(),
    }
}

fn baseline_profile<'a>(
    predictor: Predictor,
    group: &Group,
    distributions_of: impl Fn(&str) -> Vec<Vec<f64>>,
) -> Profile<'a> {
    let entries = group.items.iter().enumerate().map(|(item_index, item)| Entry {
        item_index,
        distributions: distributions_of(item),
        fit: None,
        cell_count: 0,
        unusable_count: 0,
    });
    Profile { predictor, condition: None, entries: entries.collect() }
}

/// The units by group, condition and item, once each of them fits its scale and none is there twice.
fn in_order<'a>(
    units: &'a [ModelUnit],
    scale_values: &BTreeMap<String, Vec<f64>>,
) -> Result<Vec<&'a ModelUnit>> {
    let refuse = |unit: &ModelUnit, what: &str| {
        let ModelUnit { item, persona, language, elicitation_format, temperature, .. } = unit;
        let place = format!("{persona}/{item}/{language}/{elicitation_format} at temperature {temperature}");
        Err(Error::output(format!("the distribution of {place} {what}")))
    };
    for unit in units {
        let Some(values) = scale_values.get(&unit.item) else {
            return refuse(unit, "is over an item without a scale");
        };
        let option_count = unit.distribution.as_ref().map_or(values.len(), |d| d.probabilities().len());
        if option_count != values.len() {
            return refuse(unit, &format!("has {option_count} options where the scale has {}", values.len()));
        }
    }
    let mut units: Vec<&ModelUnit> = units.iter().collect();
    let order = |a: &&ModelUnit, b: &&ModelUnit| compare_conditions(a, b).then_with(|| a.item.cmp(&b.item));
    units.sort_by(order);
    match units.windows(2).find(|pair| order(&pair[0], &pair[1]) == Ordering::Equal) {
        Some(pair) => refuse(pair[0], "is there twice"),
        None => Ok(units),
    }
}

fn compare_conditions(a: &ModelUnit, b: &ModelUnit) -> Ordering {
    fn key(unit: &ModelUnit) -> [&str; 4] {
        [&unit.population_group, &unit.persona, &unit.language, &unit.elicitation_format]
    }
    key(a).cmp(&key(b)).then_with(|| a.temperature.total_cmp(&b.temperature))
}

fn condition(unit: &ModelUnit) -> Condition<'_> {
    Condition {
        persona: &unit.persona,
        language: &unit.language,
        elicitation_format: &unit.elicitation_format,
        temperature: unit.temperature,
    }
}
