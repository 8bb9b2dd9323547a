//! How far one half of the people is from the other: what a metric shows between people and people, measured rather than drawn.
//! Knows no randomness: it is given the halves.

use super::draws::Halves;
use super::metric::Metric;
use super::quantile::quantile;
use super::replicates::mean;

/// Each metric between the halves of one group's people on one item, split by split; where nobody of a half responded a split says nothing.
#[derive(Debug, Clone)]
pub(super) struct BetweenHalves {
    /// By metric; \[S\].
    ratios: Vec<Ratios>,
    /// Means of the halves in positions; \[S\].
    means: Vec<Option<[f64; 2]>>,
}

/// Numerators and denominators of one metric between halves; both 0 where a split says nothing; \[S\].
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ratios {
    numerators: Vec<f64>,
    denominators: Vec<f64>,
}

impl BetweenHalves {
    pub(super) fn new(halves: &Halves, positions: &[f64]) -> Self {
        let of_metric = |metric: Metric| {
            let of_split = |split: &Option<[Vec<f64>; 2]>| match split {
                Some([first, second]) => {
                    (metric.numerator(first, second, positions), metric.denominator(second, positions))
                }
                None => (0.0, 0.0),
            };
            let (numerators, denominators) = halves.splits.iter().map(of_split).unzip();
            Ratios { numerators, denominators }
        };
        let means = halves.splits.iter().map(|split| {
            let [first, second] = split.as_ref()?;
            Some([mean(first, positions), mean(second, positions)])
        });
        BetweenHalves { ratios: Metric::ALL.into_iter().map(of_metric).collect(), means: means.collect() }
    }

    pub(super) fn ratios(&self, metric: Metric) -> &Ratios {
        &self.ratios[metric as usize]
    }

    pub(super) fn means(&self) -> &[Option<[f64; 2]>] {
        &self.means
    }
}

impl Ratios {
    pub(super) fn add(&mut self, other: &Ratios) {
        self.numerators.iter_mut().zip(&other.numerators).for_each(|(sum, term)| *sum += term);
        self.denominators.iter_mut().zip(&other.denominators).for_each(|(sum, term)| *sum += term);
    }

    /// Mean over the splits of the metric's distance from "no difference"; `None` for a metric that compares nothing, and where no split
    /// says anything.
    pub(super) fn distance(&self, metric: Metric) -> Option<f64> {
        let none = metric.no_difference()?;
        let defined =
            self.numerators.iter().zip(&self.denominators).filter(|(_, denominator)| **denominator > 0.0);
        let (mut sum, mut count) = (0.0, 0.0);
        for (numerator, denominator) in defined {
            sum += (numerator / denominator - none).abs();
            count += 1.0;
        }
        (count > 0.0).then(|| sum / count)
    }
}

/// What a correlation between halves comes to for all of the people: 2r / (1 + r), the median over splits first. Spearman (1910,
/// doi:10.1111/j.2044-8295.1910.tb00206.x) and Brown (1910, doi:10.1111/j.2044-8295.1910.tb00207.x). `None` without correlations, and where
/// the median is below 0: of halves that do not go together there is nothing to step up.
pub(super) fn stepped_up(correlations: &mut [f64]) -> Option<f64> {
    let median = quantile(correlations, 0.5)?;
    (median >= 0.0).then(|| 2.0 * median / (1.0 + median))
}
