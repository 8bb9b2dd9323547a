//! The model against people, item by item: could these people's responses be a sample from what the model says?

use super::baselines::HumanTable;
use super::significance::{adjusted_p_values, multinomial_test};
use super::stream::stream;
use super::unit::{Comparison, ComparisonPlan, Level, ModelUnit, Predictor};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Of the items said to be told apart, the share that is expected to be chance.
pub const FALSE_DISCOVERY_RATE: f64 = 0.05;

/// Other temperatures are the same distribution sharpened or flattened, and tests of them no news.
const TESTED_TEMPERATURE: f64 = 1.0;

/// Group, persona, language, format, item.
type Key<'a> = [&'a str; 5];

/// Writes the tests into the model's rows at temperature 1: into those of an item the p-value of [`multinomial_test`] and the
/// adjusted one, all items of the run together; into those of a group the share of its items with an adjusted p-value up to
/// [`FALSE_DISCOVERY_RATE`]. As many outcomes are drawn as the plan has replicates, from a stream keyed by seed and unit.
pub(super) fn add_tests(
    rows: &mut [Comparison],
    units: &[&ModelUnit],
    table: &HumanTable,
    plan: &ComparisonPlan,
) {
    let tested = units.par_iter().filter_map(|unit| test(unit, table, plan));
    let p_values: BTreeMap<Key, f64> = tested.collect();
    let adjusted = adjusted_p_values(&p_values.values().copied().collect::<Vec<f64>>());
    let tests: BTreeMap<Key, (f64, f64)> =
        p_values.into_iter().zip(adjusted).map(|((key, p), adjusted)| (key, (p, adjusted))).collect();
    let of_model = |row: &&mut Comparison| {
        row.predictor == Predictor::Model && row.temperature == Some(TESTED_TEMPERATURE)
    };
    for row in rows.iter_mut().filter(of_model) {
        let parts = [&row.persona, &row.language, &row.elicitation_format].map(Option::as_deref);
        let [persona, language, format] = parts.map(Option::unwrap_or_default);
        let condition = [row.population_group.as_str(), persona, language, format];
        match (row.level, row.item.as_deref()) {
            (Level::Item, Some(item)) => {
                let found = tests.get(&[condition[0], persona, language, format, item]).copied();
                (row.p_value, row.adjusted_p_value) = found.unzip();
            }
            _ => row.told_apart_share = told_apart_share(&tests, &condition),
        }
    }
}

/// `None` where nothing was tested.
fn test<'a>(unit: &'a ModelUnit, table: &HumanTable, plan: &ComparisonPlan) -> Option<(Key<'a>, f64)> {
    let distribution = unit.distribution.as_ref().filter(|_| unit.temperature == TESTED_TEMPERATURE)?;
    let people = table.marginal(&unit.population_group, &unit.item)?;
    let ModelUnit { population_group, persona, language, elicitation_format, item, .. } = unit;
    let of_unit = [persona, language, elicitation_format, item].map(|part| format!("{}:{part}", part.len()));
    let mut random = stream(plan.seed, population_group, &format!("fit {}", of_unit.concat()));
    let found =
        multinomial_test(&people.counts, distribution.probabilities(), plan.replicate_count, &mut random);
    Some(([population_group, persona, language, elicitation_format, item], found.p_value))
}

fn told_apart_share(tests: &BTreeMap<Key, (f64, f64)>, condition: &[&str; 4]) -> Option<f64> {
    let of_condition = || tests.iter().filter(|(key, _)| key[..4] == condition[..]);
    let apart = of_condition().filter(|(_, (_, adjusted))| *adjusted <= FALSE_DISCOVERY_RATE);
    let count = of_condition().count();
    (count > 0).then(|| apart.count() as f64 / count as f64)
}
