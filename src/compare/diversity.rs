//! Where the diversity of responses comes from: within a prompt, or from whom, in which words, language, format and option order one asks.
//! Plain numbers: factors are indices.

use super::concentration::{effective_option_count, entropy, modal_mass, normalised_entropy};
use std::collections::BTreeMap;

/// Factors of a design that leave an item alone.
pub const FACTOR_COUNT: usize = 5;

/// A share of the modal option from which on a response is called sharp.
pub const SHARP_MASS: f64 = 0.95;

/// The cells of a run at one temperature, as they come. Holds sums for each item and each level of a factor that is not closed.
#[derive(Debug, Clone, Default)]
pub struct DiversityTally {
    items: BTreeMap<usize, ItemTally>,
    cell_count: u64,
    unusable_count: u64,
    sharp_count: u64,
    normalised_entropy: f64,
    effective_option_count: f64,
    modal_mass: f64,
}

#[derive(Debug, Clone, Default)]
struct ItemTally {
    all: Mixture,
    /// Of the cells' own entropies, nats.
    entropy_sum: f64,
    by_level: [BTreeMap<usize, Mixture>; FACTOR_COUNT],
    /// Of levels that are closed: Σ count × entropy, nats.
    closed: [f64; FACTOR_COUNT],
}

/// An equally weighted mixture of distributions.
#[derive(Debug, Clone, Default)]
struct Mixture {
    count: f64,
    sum: Vec<f64>,
}

impl Mixture {
    fn add(&mut self, distribution: &[f64]) {
        self.count += 1.0;
        self.sum.resize(distribution.len(), 0.0);
        self.sum.iter_mut().zip(distribution).for_each(|(sum, share)| *sum += share);
    }

    fn entropy(&self) -> f64 {
        let shares: Vec<f64> = self.sum.iter().map(|sum| sum / self.count).collect();
        entropy(&shares)
    }

    fn weighted_entropy(&self) -> f64 {
        self.count * self.entropy()
    }
}

/// How concentrated responses are, and the split of their diversity: means over items, in nats.
///
/// For each item the entropy of the mixture of all its usable cells, equally weighted, is the mean entropy of a cell plus the
/// mutual information of response and prompt (Cover & Thomas 2006, section 2.4). Of that, each factor has I(R; F) =
/// H(mixture) − Σ_f w_f H(mixture at F = f), w_f the share of cells with F = f: what one would learn of the response by hearing
/// the factor alone. These need not sum to the whole: what they leave, which may be negative, is interaction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Diversity {
    pub item_count: usize,
    pub mixture_entropy: f64,
    /// Mean entropy of single cells.
    pub within: f64,
    pub factors: [f64; FACTOR_COUNT],
    /// `mixture_entropy` − `within` − Σ `factors`.
    pub interaction: f64,
    pub cell_count: u64,
    pub unusable_count: u64,
    /// Share of usable cells whose modal option holds over [`SHARP_MASS`].
    pub sharp_share: f64,
    /// Means over usable cells.
    pub normalised_entropy: f64,
    pub effective_option_count: f64,
    pub modal_mass: f64,
}

impl DiversityTally {
    /// One cell: its item, its level of each factor, and its distribution if it was usable.
    pub fn add(&mut self, item: usize, levels: [usize; FACTOR_COUNT], distribution: Option<&[f64]>) {
        let Some(distribution) = distribution else {
            self.unusable_count += 1;
            return;
        };
        self.cell_count += 1;
        let modal = modal_mass(distribution);
        self.sharp_count += u64::from(modal > SHARP_MASS);
        self.modal_mass += modal;
        self.normalised_entropy += normalised_entropy(distribution);
        self.effective_option_count += effective_option_count(distribution);
        let tally = self.items.entry(item).or_default();
        tally.all.add(distribution);
        tally.entropy_sum += entropy(distribution);
        for (by_level, level) in tally.by_level.iter_mut().zip(levels) {
            by_level.entry(level).or_default().add(distribution);
        }
    }

    /// Lets go of a factor's levels below one: no more cells of them will come.
    pub fn close_below(&mut self, factor: usize, level: usize) {
        for item in self.items.values_mut() {
            let open = item.by_level[factor].split_off(&level);
            let closed = std::mem::replace(&mut item.by_level[factor], open);
            item.closed[factor] += closed.values().map(Mixture::weighted_entropy).sum::<f64>();
        }
    }

    /// `None` where no cell was usable.
    pub fn diversity(&self) -> Option<Diversity> {
        let item_count = self.items.len();
        if item_count == 0 {
            return None;
        }
        let over_items =
            |of: &dyn Fn(&ItemTally) -> f64| self.items.values().map(of).sum::<f64>() / item_count as f64;
        let mixture_entropy = over_items(&|item| item.all.entropy());
        let within = over_items(&|item| item.entropy_sum / item.all.count);
        let factor = |index: usize| {
            over_items(&|item| {
                let open = item.by_level[index].values().map(Mixture::weighted_entropy).sum::<f64>();
                let given = (item.closed[index] + open) / item.all.count;
                // Concavity makes it ≥ 0; only rounding can take it below.
                (item.all.entropy() - given).max(0.0)
            })
        };
        let factors: [f64; FACTOR_COUNT] = std::array::from_fn(factor);
        let cells = self.cell_count as f64;
        Some(Diversity {
            item_count,
            mixture_entropy,
            within,
            factors,
            interaction: mixture_entropy - within - factors.iter().sum::<f64>(),
            cell_count: self.cell_count,
            unusable_count: self.unusable_count,
            sharp_share: self.sharp_count as f64 / cells,
            normalised_entropy: self.normalised_entropy / cells,
            effective_option_count: self.effective_option_count / cells,
            modal_mass: self.modal_mass / cells,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::LN_2;

    fn of(cells: &[([usize; FACTOR_COUNT], [f64; 2])]) -> Diversity {
        let mut tally = DiversityTally::default();
        for (levels, distribution) in cells {
            tally.add(0, *levels, Some(distribution));
        }
        tally.diversity().unwrap()
    }

    #[test]
    fn a_factor_that_decides_the_response_has_all_of_the_diversity() {
        let found = of(&[([0, 0, 0, 0, 0], [1.0, 0.0]), ([1, 0, 0, 0, 0], [0.0, 1.0])]);
        assert_eq!((found.within, found.factors), (0.0, [LN_2, 0.0, 0.0, 0.0, 0.0]));
        assert!(found.interaction.abs() < 1e-15 && found.sharp_share == 1.0);
    }

    #[test]
    fn what_only_two_factors_together_decide_is_interaction() {
        // The response is whether persona and language are alike.
        let cell = |a: usize, b: usize| ([a, b, 0, 0, 0], if a == b { [1.0, 0.0] } else { [0.0, 1.0] });
        let found = of(&[cell(0, 0), cell(0, 1), cell(1, 0), cell(1, 1)]);
        assert!(found.factors.iter().all(|information| *information < 1e-15));
        assert!((found.interaction - LN_2).abs() < 1e-15);
    }

    #[test]
    fn a_model_that_answers_by_position_shows_as_option_order() {
        // Concentrated in each prompt, and not on any option: the diversity between prompts is the order's.
        let found = of(&[([0, 0, 0, 0, 0], [0.98, 0.02]), ([0, 0, 0, 0, 1], [0.02, 0.98])]);
        assert!(found.factors[4] > 0.8 * found.mixture_entropy, "{found:?}");
        assert!((found.mixture_entropy - LN_2).abs() < 1e-12);
    }

    #[test]
    fn the_same_everywhere_is_all_within() {
        let found = of(&[([0, 0, 0, 0, 0], [0.5, 0.5]), ([1, 1, 1, 1, 1], [0.5, 0.5])]);
        assert!((found.within - LN_2).abs() < 1e-15 && found.interaction.abs() < 1e-15);
        assert!((found.effective_option_count - 2.0).abs() < 1e-12);
        let mut tally = DiversityTally::default();
        tally.add(0, [0; FACTOR_COUNT], None);
        assert_eq!(tally.diversity(), None);
    }

    /// Ten thousand draws of a response from each cell, in a test only: the exact figures are what sampling would come to.
    #[test]
    fn sampling_comes_to_the_same() {
        use rand::{Rng, SeedableRng};
        let cells: Vec<([usize; FACTOR_COUNT], [f64; 2])> = (0..8)
            .map(|index| {
                let p = 0.1 + 0.1 * index as f64;
                ([index & 1, index >> 1 & 1, index >> 2 & 1, 0, 0], [p, 1.0 - p])
            })
            .collect();
        let exact = of(&cells);
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(3);
        let sampled: Vec<([usize; FACTOR_COUNT], [f64; 2])> = cells
            .iter()
            .map(|(levels, shares)| {
                let first =
                    (0..10_000).filter(|_| random.random::<f64>() < shares[0]).count() as f64 / 10_000.0;
                (*levels, [first, 1.0 - first])
            })
            .collect();
        let found = of(&sampled);
        // A share scatters by 0.005 at the most, an entropy by some 0.01 nats in a cell and a third of that over eight.
        for (found, exact) in [(found.within, exact.within), (found.mixture_entropy, exact.mixture_entropy)] {
            assert!((found - exact).abs() < 0.015, "{found} {exact}");
        }
        for (found, exact) in found.factors.iter().zip(exact.factors) {
            assert!((found - exact).abs() < 0.015, "{found} {exact}");
        }
    }

    proptest::proptest! {
        #[test]
        fn parts_are_the_whole(weights in proptest::collection::vec(0.01..1.0_f64, 24)) {
            let mut tally = DiversityTally::default();
            for (index, weights) in weights.chunks(3).enumerate() {
                let total: f64 = weights.iter().sum();
                let shares: Vec<f64> = weights.iter().map(|weight| weight / total).collect();
                tally.add(index % 2, [index / 2 % 2, index / 4, 0, 0, 0], Some(&shares));
            }
            let found = tally.diversity().unwrap();
            // Closed or not, a level says the same.
            let mut closed = tally.clone();
            closed.close_below(1, 1);
            closed.close_below(1, 2);
            let closed = closed.diversity().unwrap();
            proptest::prop_assert!((closed.factors[1] - found.factors[1]).abs() < 1e-12);
            let sum = found.within + found.factors.iter().sum::<f64>() + found.interaction;
            proptest::prop_assert!((sum - found.mixture_entropy).abs() < 1e-12);
            proptest::prop_assert!(found.factors.iter().all(|information| *information >= 0.0));
            // One level says nothing.
            proptest::prop_assert!(found.factors[2..].iter().all(|information| *information < 1e-12));
        }
    }
}
