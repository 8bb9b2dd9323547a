//! The model against people, item by item: could these people's responses be a sample from what the model says?

use super::significance::{adjusted_p_values, multinomial_test};
use super::stream::stream;
use super::unit::{Comparison, ComparisonPlan, Level, ModelUnit};
use crate::survey::Marginal;

/// Of the items said to be told apart, the share that is expected to be chance.
pub const FALSE_DISCOVERY_RATE: f64 = 0.05;

/// Other temperatures are the same distribution sharpened or flattened, and tests of them no news.
const TESTED_TEMPERATURE: f64 = 1.0;

/// The p-value of a unit's people under its distribution, see [`multinomial_test`]; `None` at other temperatures than 1, without a
/// distribution, and where the plan has no tests. As many outcomes are drawn as the plan has replicates, from a stream keyed by seed and unit.
pub(super) fn p_value(unit: &ModelUnit, people: &Marginal, plan: &ComparisonPlan) -> Option<f64> {
    let distribution =
        unit.distribution.as_ref().filter(|_| plan.tests_fit && unit.temperature == TESTED_TEMPERATURE)?;
    let ModelUnit { population_group, persona, language, elicitation_format, item, .. } = unit;
    let of_unit = [persona, language, elicitation_format, item].map(|part| format!("{}:{part}", part.len()));
    let mut random = stream(plan.seed, population_group, &format!("fit {}", of_unit.concat()));
    let test =
        multinomial_test(&people.counts, distribution.probabilities(), plan.replicate_count, &mut random);
    Some(test.p_value)
}

/// Adjusts the p-values of all profiles' items together, and writes into the rows of their groups the share of items with an adjusted
/// one up to [`FALSE_DISCOVERY_RATE`]. `profiles` are rows, those of an item next to each other.
pub(super) fn adjust(profiles: &mut [Vec<Comparison>]) {
    let is_tested = |rows: &&mut [Comparison]| rows[0].p_value.is_some();
    let p_values: Vec<f64> = profiles
        .iter()
        .flat_map(|rows| rows.chunk_by(|a, b| a.item == b.item))
        .filter_map(|rows| rows[0].p_value)
        .collect();
    let mut adjusted = adjusted_p_values(&p_values).into_iter();
    for rows in profiles {
        let (mut tested_count, mut apart_count) = (0, 0);
        for rows in rows.chunk_by_mut(|a, b| a.item == b.item).filter(is_tested) {
            let value = adjusted.next();
            rows.iter_mut().for_each(|row| row.adjusted_p_value = value);
            tested_count += 1;
            apart_count += usize::from(value.is_some_and(|value| value <= FALSE_DISCOVERY_RATE));
        }
        let share = (tested_count > 0).then(|| apart_count as f64 / tested_count as f64);
        for row in rows.iter_mut().filter(|row| row.level == Level::Group) {
            row.told_apart_share = share;
        }
    }
}
