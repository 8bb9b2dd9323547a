//! Weighted counts of responses by group and item, and how many people they are worth.

use crate::survey::effective_n;
use std::collections::BTreeMap;

/// The responses of one group to one item.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cell {
    /// Sum of weights by option, lowest first.
    pub weights: Vec<f64>,
    /// Sum of squared weights of those who responded.
    pub squares: f64,
    /// People who responded, and who did not.
    pub valid_count: u64,
    pub missing_count: u64,
}

/// By group, then item.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    pub cells: BTreeMap<(String, String), Cell>,
}

impl Tally {
    /// `response` is the index of an option; `None` counts as missing.
    pub fn add(
        &mut self,
        group: &str,
        item: &str,
        option_count: usize,
        response: Option<usize>,
        weight: f64,
    ) {
        let cell = self.cells.entry((group.to_owned(), item.to_owned())).or_default();
        cell.weights.resize(option_count, 0.0);
        match response {
            None => cell.missing_count += 1,
            Some(option) => {
                cell.weights[option] += weight;
                cell.squares += weight * weight;
                cell.valid_count += 1;
            }
        }
    }
}

impl Cell {
    /// Kish's effective number of people, and never more than there are.
    pub fn effective_n(&self) -> f64 {
        let total: f64 = self.weights.iter().sum();
        effective_n(total, self.squares).min(self.valid_count as f64)
    }

    /// Shares times the effective number.
    pub fn counts(&self) -> Vec<f64> {
        let total: f64 = self.weights.iter().sum();
        let scale = if total > 0.0 { self.effective_n() / total } else { 0.0 };
        self.weights.iter().map(|weight| weight * scale).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_weights_count_people_and_unequal_ones_fewer() {
        let mut tally = Tally::default();
        for (response, weight) in [(Some(0), 2.0), (Some(1), 2.0), (Some(1), 2.0), (None, 2.0)] {
            tally.add("g", "even", 3, response, weight);
        }
        for (response, weight) in [(Some(0), 1.0), (Some(2), 3.0)] {
            tally.add("g", "uneven", 3, response, weight);
        }
        let cell = |item: &str| &tally.cells[&("g".to_owned(), item.to_owned())];
        assert_eq!((cell("even").counts(), cell("even").missing_count), (vec![1.0, 2.0, 0.0], 1));
        // (1 + 3)² / (1 + 9) = 1.6 people, a quarter and three quarters of them.
        assert!((cell("uneven").effective_n() - 1.6).abs() < 1e-12);
        assert!((cell("uneven").counts()[0] - 0.4).abs() < 1e-12);
    }
}
