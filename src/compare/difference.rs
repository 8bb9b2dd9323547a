//! One model's distance to people minus another's, for the same people: the difference, and its interval. Knows no files.

use super::baselines::HumanTable;
use super::bootstrap::{HumanResample, Interval, basic_interval};
use super::comparison::draw_items;
use super::metric::Metric;
use super::profile::Tally;
use super::unit::{ComparisonPlan, Level, ModelUnit, People};
use crate::error::Result;
use crate::survey::Marginal;
use std::collections::BTreeMap;

/// A metric of two models against one human group, and how they differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    pub level: Level,
    pub population_group: String,
    /// `None` at [`Level::Group`].
    pub item: Option<String>,
    pub persona: String,
    pub language: String,
    pub elicitation_format: String,
    pub temperature: f64,
    pub metric: Metric,
    pub reference_value: f64,
    pub value: f64,
    /// `value` − `reference_value`.
    pub difference: f64,
    /// 95 % basic bootstrap interval of the difference for the population behind the human sample. Both models are held fixed,
    /// and both are held against the same replicate of the people each time, so what the sample does to both alike falls out.
    pub interval: Interval,
    /// Items in it: those for which both models have a distribution.
    pub item_count: u32,
}

/// Persona's group, persona, language and format; temperature by its bits.
type ConditionKey<'a> = ([&'a str; 4], u64);

/// Compares unit by unit what both models have, and condition by condition the mean over the items that both have.
///
/// Rows come by condition; in it the items, then the group; in each by metric. What only one of them has is left out; so are
/// units without people. At the level of the group people are drawn whole where they are known one by one, else items are drawn as if each had
/// been put to people of its own, as in [`compare`](super::compare).
///
/// # Errors
/// As [`compare`](super::compare).
pub fn differences(
    reference: &[ModelUnit],
    other: &[ModelUnit],
    held: People,
    scale_values: &BTreeMap<String, Vec<f64>>,
    plan: &ComparisonPlan,
) -> Result<Vec<Difference>> {
    plan.check()?;
    let table = HumanTable::new(held.marginals, scale_values)?;
    let (reference, other) = (by_condition(reference), by_condition(other));
    let mut people: BTreeMap<(&str, &str), HumanResample> = BTreeMap::new();
    let mut rows = Vec::new();
    for (key, of_reference) in &reference {
        let Some(of_other) = other.get(key) else { continue };
        let group = key.0[0];
        let pairs: Vec<(&str, [&[f64]; 2])> = of_reference
            .iter()
            .filter_map(|(item, one)| Some((*item, [*one, *of_other.get(item)?])))
            .filter(|(item, _)| table.marginal(group, item).is_some())
            .collect();
        let missing: Vec<&str> =
            pairs.iter().map(|pair| pair.0).filter(|item| !people.contains_key(&(group, *item))).collect();
        let marginals: Vec<&Marginal> =
            missing.iter().filter_map(|item| table.marginal(group, item)).collect();
        let drawn = draw_items(group, &marginals, held.participants, scale_values, plan)?;
        people.extend(missing.into_iter().map(|item| (group, item)).zip(drawn));
        rows.extend(condition_rows(key, &pairs, &people));
    }
    Ok(rows)
}

/// Item to distribution, of the units that have one.
fn by_condition(units: &[ModelUnit]) -> BTreeMap<ConditionKey<'_>, BTreeMap<&str, &[f64]>> {
    let mut found: BTreeMap<ConditionKey<'_>, BTreeMap<&str, &[f64]>> = BTreeMap::new();
    for unit in units {
        let Some(distribution) = &unit.distribution else { continue };
        let names = [&unit.population_group, &unit.persona, &unit.language, &unit.elicitation_format];
        let of_condition = found.entry((names.map(String::as_str), unit.temperature.to_bits())).or_default();
        of_condition.insert(&unit.item, distribution.probabilities());
    }
    found
}

fn condition_rows(
    key: &ConditionKey<'_>,
    pairs: &[(&str, [&[f64]; 2])],
    people: &BTreeMap<(&str, &str), HumanResample>,
) -> Vec<Difference> {
    let group = key.0[0];
    let mut rows = Vec::new();
    let mut totals: Vec<[Tally; 2]> = Vec::new();
    for (item, distributions) in pairs {
        let people = &people[&(group, *item)];
        let tallies: Vec<[Tally; 2]> = Metric::ALL
            .into_iter()
            .map(|metric| distributions.map(|one| Tally::of_item(metric, people, &[one.to_vec()])))
            .collect();
        rows.extend(tallies.iter().filter_map(|pair| row(key, Some(item), 1, pair)));
        if totals.is_empty() {
            totals = tallies;
        } else {
            let both = totals.iter_mut().flatten().zip(tallies.iter().flatten());
            both.for_each(|(total, tally)| total.add(tally));
        }
    }
    rows.extend(totals.iter().filter_map(|pair| row(key, None, pairs.len() as u32, pair)));
    rows
}

/// `None` where the metric is undefined.
fn row(
    &([population_group, persona, language, elicitation_format], temperature): &ConditionKey<'_>,
    item: Option<&str>,
    item_count: u32,
    [reference, other]: &[Tally; 2],
) -> Option<Difference> {
    let (reference_value, value) = (reference.value()?, other.value()?);
    let difference = value - reference_value;
    let (least, most) = reference.metric().range();
    let mut replicates = other.ratios_minus(reference);
    let interval = basic_interval(difference, &mut replicates, (least - most, most - least))?;
    Some(Difference {
        level: if item.is_some() { Level::Item } else { Level::Group },
        population_group: population_group.to_owned(),
        item: item.map(str::to_owned),
        persona: persona.to_owned(),
        language: language.to_owned(),
        elicitation_format: elicitation_format.to_owned(),
        temperature: f64::from_bits(temperature),
        metric: reference.metric(),
        reference_value,
        value,
        difference,
        interval,
        item_count,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::survey::ResponseDistribution;

    fn unit(item: &str, shares: &[f64]) -> ModelUnit {
        ModelUnit {
            population_group: "g".to_owned(),
            persona: "p".to_owned(),
            item: item.to_owned(),
            language: "en".to_owned(),
            elicitation_format: "number".to_owned(),
            temperature: 1.0,
            distribution: Some(ResponseDistribution::from_weights(shares).unwrap()),
            cell_count: 1,
            unusable_count: 0,
        }
    }

    fn marginal(item: &str, counts: &[f64]) -> Marginal {
        Marginal {
            population_group: "g".to_owned(),
            item: item.to_owned(),
            counts: counts.to_vec(),
            missing_count: 0.0,
        }
    }

    fn found(reference: &[ModelUnit], other: &[ModelUnit]) -> Vec<Difference> {
        let marginals = [marginal("a", &[10.0, 20.0, 30.0]), marginal("b", &[30.0, 20.0, 10.0])];
        let values = ["a", "b"].map(|item| (item.to_owned(), vec![1.0, 2.0, 3.0])).into();
        let plan = ComparisonPlan { replicate_count: 400, seed: 5, tests_fit: false };
        let people = People { marginals: &marginals, participants: &[] };
        differences(reference, other, people, &values, &plan).unwrap()
    }

    fn of<'a>(rows: &'a [Difference], item: Option<&str>, metric: Metric) -> &'a Difference {
        rows.iter().find(|row| row.item.as_deref() == item && row.metric == metric).unwrap()
    }

    #[test]
    fn a_model_does_not_differ_from_itself() {
        let units = [unit("a", &[0.2, 0.3, 0.5]), unit("b", &[0.5, 0.3, 0.2])];
        let rows = found(&units, &units);
        assert_eq!(rows.len(), 3 * Metric::ALL.len());
        for row in rows {
            assert_eq!((row.difference, row.interval), (0.0, Interval { low: 0.0, high: 0.0 }), "{row:?}");
        }
    }

    #[test]
    fn what_the_sample_does_to_both_alike_falls_out() {
        // Both models lie on one side of people, so their difference in Wasserstein-1 does not depend on the sample at all.
        let reference = [unit("a", &[1.0, 0.0, 0.0])];
        let other = [unit("a", &[0.9, 0.1, 0.0])];
        let rows = found(&reference, &other);
        let row = of(&rows, Some("a"), Metric::Wasserstein1);
        assert!((row.difference + 0.05).abs() < 1e-12, "{row:?}");
        assert!((row.interval.high - row.interval.low).abs() < 1e-12, "{row:?}");
        // By total variation it does: people who chose the first option are as many as they happen to be.
        assert!(of(&rows, Some("a"), Metric::TotalVariation).difference < 0.0);
    }

    #[test]
    fn only_what_both_have_is_compared() {
        let mut unusable = unit("b", &[1.0, 1.0, 1.0]);
        unusable.distribution = None;
        let rows = found(
            &[unit("a", &[1.0, 1.0, 1.0]), unusable],
            &[unit("a", &[1.0, 2.0, 3.0]), unit("b", &[1.0; 3])],
        );
        let row = of(&rows, None, Metric::TotalVariation);
        assert_eq!((row.item_count, row.level), (1, Level::Group));
        assert!((row.value - 0.0).abs() < 1e-12 && row.difference < 0.0, "{row:?}");
        let mut elsewhere = unit("a", &[1.0; 3]);
        elsewhere.language = "es".to_owned();
        assert!(found(&[elsewhere], &[unit("a", &[1.0; 3])]).is_empty());
    }
}
