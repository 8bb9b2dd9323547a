//! The model against people, item by item: could these people's responses be a sample from what the model says?

use super::significance::{adjusted_p_values, multinomial_test};
use super::stream::stream;
use super::unit::{ComparisonPlan, ModelUnit};
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

/// A unit's test among all of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Fit {
    pub(super) p_value: f64,
    pub(super) adjusted_p_value: f64,
}

/// Adjusts the p-values of a run together, in their order.
pub(super) fn fits(p_values: &[Option<f64>]) -> Vec<Option<Fit>> {
    let tested: Vec<f64> = p_values.iter().flatten().copied().collect();
    let mut adjusted = adjusted_p_values(&tested).into_iter();
    let fit = |p_value: &Option<f64>| {
        let p_value = (*p_value)?;
        Some(Fit { p_value, adjusted_p_value: adjusted.next()? })
    };
    p_values.iter().map(fit).collect()
}

/// Of the units that were tested, the share with an adjusted p-value up to [`FALSE_DISCOVERY_RATE`]. `None` where none was.
pub(super) fn told_apart_share(fits: impl Iterator<Item = Fit>) -> Option<f64> {
    let (mut tested_count, mut apart_count) = (0_u32, 0_u32);
    for fit in fits {
        tested_count += 1;
        apart_count += u32::from(fit.adjusted_p_value <= FALSE_DISCOVERY_RATE);
    }
    (tested_count > 0).then(|| f64::from(apart_count) / f64::from(tested_count))
}
