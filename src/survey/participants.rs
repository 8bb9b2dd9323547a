//! People one by one: what each of a group responded. Knows neither files nor names.

use std::collections::BTreeMap;

/// The people of one group, person by person.
#[derive(Debug, Clone, PartialEq)]
pub struct Participants {
    pub population_group: String,
    /// How much each counts; above 0, finite; \[P\].
    pub weights: Vec<f64>,
    /// By item id the index of the option that each chose, `None` for no response; \[P\].
    pub responses: BTreeMap<String, Vec<Option<u8>>>,
}

impl Participants {
    /// Options are told by one byte.
    pub const OPTION_COUNT_MAX: usize = 255;

    pub fn count(&self) -> usize {
        self.weights.len()
    }

    /// Whether somebody responded to the item.
    pub fn has_responses(&self, item: &str) -> bool {
        self.responses.get(item).is_some_and(|responses| responses.iter().any(Option::is_some))
    }

    /// Option shares of the people, counted `times` each; \[K\]. `None` where nobody of them responded.
    ///
    /// # Panics
    /// When `times` is not one per person, or a response is beyond the options.
    pub fn shares(&self, item: &str, option_count: usize, times: &[f64]) -> Option<Vec<f64>> {
        assert_eq!(times.len(), self.count(), "one number per person");
        let mut shares = vec![0.0; option_count];
        let people = self.responses.get(item)?.iter().zip(&self.weights).zip(times);
        for ((response, weight), times) in people {
            if let Some(option) = response {
                shares[usize::from(*option)] += weight * times;
            }
        }
        let total: f64 = shares.iter().sum();
        (total > 0.0).then(|| shares.iter().map(|share| share / total).collect())
    }

    /// Kish's effective number of those who responded.
    pub fn effective_n(&self, item: &str) -> f64 {
        let responded = self.responses.get(item).into_iter().flatten().zip(&self.weights);
        let (sum, squares) = responded
            .filter(|(response, _)| response.is_some())
            .fold((0.0, 0.0), |(sum, squares), (_, weight)| (sum + weight, squares + weight * weight));
        effective_n(sum, squares)
    }
}

/// Kish's effective number of people, (Σw)² / Σw², from the sums of their weights and of the squares: as many unweighted ones would scatter as
/// much. Kish (1965), Survey Sampling, section 11.7. Equal weights give the number of people.
pub fn effective_n(weight_sum: f64, square_sum: f64) -> f64 {
    if square_sum > 0.0 { weight_sum * weight_sum / square_sum } else { 0.0 }
}
