//! A comparison as tests look at it: all its rows at hand.

use crate::compare::{Compared, Comparison, ComparisonPlan, ModelUnit, People};
use crate::survey::Marginal;
use std::collections::BTreeMap;

/// A comparison with all its rows at once.
#[derive(Debug)]
pub struct Whole {
    pub rows: Vec<Comparison>,
    pub compared: Compared,
}

impl std::ops::Deref for Whole {
    type Target = Compared;

    fn deref(&self) -> &Compared {
        &self.compared
    }
}

/// As [`super::super::compare`], which hands rows on as they come.
pub fn compare(
    units: &[ModelUnit],
    marginals: &[Marginal],
    scale_values: &BTreeMap<String, Vec<f64>>,
    run_groups: &[String],
    plan: &ComparisonPlan,
) -> crate::error::Result<Whole> {
    compare_people(units, People { marginals, participants: &[] }, scale_values, run_groups, plan)
}

/// With participants, where there are any.
pub fn compare_people(
    units: &[ModelUnit],
    people: People,
    scale_values: &BTreeMap<String, Vec<f64>>,
    run_groups: &[String],
    plan: &ComparisonPlan,
) -> crate::error::Result<Whole> {
    let mut rows = Vec::new();
    let compared = super::super::compare(units, people, scale_values, run_groups, plan, &mut |more| {
        rows.extend(more);
        Ok(())
    })?;
    Ok(Whole { rows, compared })
}
