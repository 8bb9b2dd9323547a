//! The human side of a comparison by group and item, and the baselines that are made from it.
//! Knows nothing of models or of randomness.

use super::concentration::modal_index;
use super::unit::Predictor;
use crate::error::{Error, Result};
use crate::survey::Marginal;
use std::collections::BTreeMap;

/// Marginals by item and population group. Groups in which nobody responded to an item are not in it.
pub(super) struct HumanTable<'a> {
    by_item: BTreeMap<&'a str, BTreeMap<&'a str, &'a Marginal>>,
}

impl<'a> HumanTable<'a> {
    /// Takes the marginals of items that have a scale; others cannot be compared and are left out.
    ///
    /// # Errors
    /// Kind `HumanData` for two marginals of one group and item, or counts that do not fit the item's scale.
    pub(super) fn new(marginals: &'a [Marginal], scale_values: &BTreeMap<String, Vec<f64>>) -> Result<Self> {
        let mut by_item: BTreeMap<&str, BTreeMap<&str, &Marginal>> = BTreeMap::new();
        for marginal in marginals {
            let Some(values) = scale_values.get(&marginal.item) else { continue };
            let refuse = |what: &str| {
                let Marginal { population_group, item, .. } = marginal;
                Err(Error::human_data(format!("item {item} of group {population_group} {what}")))
            };
            if marginal.counts.len() != values.len() {
                return refuse(&format!("has {} counts for {} options", marginal.counts.len(), values.len()));
            }
            if marginal.counts.iter().any(|count| !count.is_finite() || *count < 0.0) {
                return refuse("has a count that is negative or not finite");
            }
            if marginal.n() < 1.0 {
                continue;
            }
            let groups = by_item.entry(&marginal.item).or_default();
            if groups.insert(&marginal.population_group, marginal).is_some() {
                return refuse("is counted twice");
            }
        }
        Ok(HumanTable { by_item })
    }

    pub(super) fn marginal(&self, population_group: &str, item: &str) -> Option<&'a Marginal> {
        self.by_item.get(item)?.get(population_group).copied()
    }

    /// The distributions a baseline predicts for one group and item: one, or one for each other group of the
    /// run, or none where there is no other group.
    pub(super) fn baseline(
        &self,
        predictor: Predictor,
        marginal: &Marginal,
        run_groups: &[String],
    ) -> Vec<Vec<f64>> {
        let option_count = marginal.counts.len();
        let is_other = |group: &str| group != marginal.population_group;
        match predictor {
            Predictor::Model => Vec::new(),
            Predictor::Uniform => vec![vec![1.0 / option_count as f64; option_count]],
            Predictor::Modal => {
                let mut point_mass = vec![0.0; option_count];
                point_mass[modal_index(&marginal.counts)] = 1.0;
                vec![point_mass]
            }
            Predictor::Pooled => {
                let mut counts = vec![0.0; option_count];
                for other in self.groups(&marginal.item).filter(|other| is_other(&other.population_group)) {
                    counts.iter_mut().zip(&other.counts).for_each(|(total, count)| *total += count);
                }
                shares(&counts).into_iter().collect()
            }
            Predictor::OtherGroup => self
                .groups(&marginal.item)
                .filter(|other| {
                    is_other(&other.population_group) && run_groups.contains(&other.population_group)
                })
                .filter_map(|other| shares(&other.counts))
                .collect(),
        }
    }

    /// Groups with people on this item, by name.
    fn groups(&self, item: &str) -> impl Iterator<Item = &'a Marginal> {
        self.by_item.get(item).into_iter().flat_map(|groups| groups.values().copied())
    }
}

/// `None` when nobody was counted.
fn shares(counts: &[f64]) -> Option<Vec<f64>> {
    let total: f64 = counts.iter().sum();
    (total > 0.0).then(|| counts.iter().map(|count| count / total).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn marginal(population_group: &str, counts: &[f64]) -> Marginal {
        Marginal {
            population_group: population_group.to_owned(),
            item: "pride".to_owned(),
            counts: counts.to_vec(),
            missing_count: 0.0,
        }
    }

    fn scale_values() -> BTreeMap<String, Vec<f64>> {
        BTreeMap::from([("pride".to_owned(), vec![1.0, 2.0])])
    }

    #[test]
    fn baselines_leave_the_group_itself_out() {
        let marginals = [marginal("a", &[1.0, 3.0]), marginal("b", &[8.0, 2.0]), marginal("c", &[1.0, 9.0])];
        let table = HumanTable::new(&marginals, &scale_values()).unwrap();
        let run_groups = ["a".to_owned(), "b".to_owned(), "elsewhere".to_owned()];
        let of_a = |predictor| table.baseline(predictor, &marginals[0], &run_groups);
        assert_eq!(of_a(Predictor::Uniform), [[0.5, 0.5]]);
        assert_eq!(of_a(Predictor::Modal), [[0.0, 1.0]]);
        // 8 + 1 and 2 + 9 of 20 people: every other group of the data, in the run or not
        assert_eq!(of_a(Predictor::Pooled), [[0.45, 0.55]]);
        assert_eq!(of_a(Predictor::OtherGroup), [[0.8, 0.2]]);
    }

    #[test]
    fn a_lone_group_has_nobody_to_be_compared_with() {
        let marginals = [marginal("a", &[1.0, 3.0]), marginal("b", &[0.0, 0.0])];
        let table = HumanTable::new(&marginals, &scale_values()).unwrap();
        let run_groups = ["a".to_owned(), "b".to_owned()];
        assert!(table.baseline(Predictor::Pooled, &marginals[0], &run_groups).is_empty());
        assert!(table.baseline(Predictor::OtherGroup, &marginals[0], &run_groups).is_empty());
        assert!(table.marginal("b", "pride").is_none());
    }

    #[test]
    fn counts_that_make_no_sense_are_refused() {
        let cases: [(&[Marginal], &str); 4] = [
            (&[marginal("a", &[1.0])], "item pride of group a has 1 counts for 2 options"),
            (
                &[marginal("a", &[1.0, -1.0])],
                "item pride of group a has a count that is negative or not finite",
            ),
            (
                &[marginal("a", &[1.0, f64::NAN])],
                "item pride of group a has a count that is negative or not finite",
            ),
            (
                &[marginal("a", &[1.0, 2.0]), marginal("a", &[2.0, 1.0])],
                "item pride of group a is counted twice",
            ),
        ];
        for (marginals, message) in cases {
            let error = HumanTable::new(marginals, &scale_values()).err().expect(message);
            assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::HumanData, message));
        }
    }
}
