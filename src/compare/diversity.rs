//! Where the diversity of responses comes from: within a single prompt's distribution, or from changing what is asked and how.
//! Plain numbers: knows neither the names of factors nor of their values. Everything in nats.
//!
//! Draw a cell, each with the same weight 1/n, then a response from its distribution. With R the response and C the cell,
//!
//! H(R) = H(R | C) + I(R; C)
//!
//! (Cover and Thomas, *Elements of Information Theory*, 2nd ed. 2006, theorem 2.4.1): the entropy of the mixture is the mean entropy
//! within a prompt plus the information that the prompt has about the response. A single factor F of the design, the others
//! averaged over as they stand, has I(R; F) = H(R) − Σ w_f H(R | F = f), where w_f is the share of cells with F = f.
//!
//! The factors' informations need not add up to I(R; C). What is left is theirs jointly, and what no factor tells. In a complete
//! design, where factors are independent, it is never negative; where cells are missing, factors tell of one another and it can be.

use super::concentration::{entropy, mixture_split};

/// One usable cell: the value of each factor, as an index, and its distribution.
#[derive(Debug, Clone, PartialEq)]
pub struct DiversityCell<'a> {
    pub values: Vec<usize>,
    pub distribution: &'a [f64],
}

/// The entropy of a mixture of cells, taken apart; in nats.
#[derive(Debug, Clone, PartialEq)]
pub struct DiversitySplit {
    pub cell_count: usize,
    /// H(R), of the equally weighted mixture of all cells.
    pub mixture_entropy: f64,
    /// H(R | C): what is left when the prompt is known.
    pub mean_entropy: f64,
    /// I(R; C) = `mixture_entropy − mean_entropy`, of all factors jointly.
    pub joint_information: f64,
    /// I(R; F) for each factor, in the order of the cells' values.
    pub factor_informations: Vec<f64>,
}

impl DiversitySplit {
    /// Joint information less the sum of the single factors': interactions. See the head of this file for its sign.
    pub fn remainder(&self) -> f64 {
        self.joint_information - self.factor_informations.iter().sum::<f64>()
    }
}

/// Splits the entropy of the equally weighted mixture of `cells`. `None` when there are none. Cells must be over one scale
/// and have a value for each factor.
pub fn diversity_split(cells: &[DiversityCell<'_>]) -> Option<DiversitySplit> {
    let distributions: Vec<&[f64]> = cells.iter().map(|cell| cell.distribution).collect();
    let whole = mixture_split(&distributions)?;
    let factor_count = cells[0].values.len();
    let information = |factor: usize| {
        // concavity makes the difference ≥ 0; only rounding can take it below
        (whole.mixture_entropy - entropy_given(cells, factor)).max(0.0)
    };
    Some(DiversitySplit {
        cell_count: cells.len(),
        mixture_entropy: whole.mixture_entropy,
        mean_entropy: whole.mean_entropy,
        joint_information: whole.mutual_information,
        factor_informations: (0..factor_count).map(information).collect(),
    })
}

/// Σ w_f H(R | F = f).
fn entropy_given(cells: &[DiversityCell<'_>], factor: usize) -> f64 {
    let mut mixtures: std::collections::BTreeMap<usize, (f64, Vec<f64>)> = std::collections::BTreeMap::new();
    for cell in cells {
        let (count, sums) =
            mixtures.entry(cell.values[factor]).or_insert_with(|| (0.0, vec![0.0; cell.distribution.len()]));
        *count += 1.0;
        sums.iter_mut().zip(cell.distribution).for_each(|(sum, share)| *sum += share);
    }
    let weighted = |(count, sums): (f64, Vec<f64>)| {
        let mixture: Vec<f64> = sums.iter().map(|sum| sum / count).collect();
        count / cells.len() as f64 * entropy(&mixture)
    };
    mixtures.into_values().map(weighted).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use std::f64::consts::LN_2;

    const DRAW_COUNT: usize = 10_000;

    fn cells<'a>(rows: &[(&[usize], &'a [f64])]) -> Vec<DiversityCell<'a>> {
        let cell = |(values, distribution): &(&[usize], &'a [f64])| DiversityCell {
            values: values.to_vec(),
            distribution,
        };
        rows.iter().map(cell).collect()
    }

    #[test]
    fn a_factor_that_decides_has_all_the_information_and_the_other_none() {
        let (low, high) = ([1.0, 0.0], [0.0, 1.0]);
        let split =
            diversity_split(&cells(&[(&[0, 0], &low), (&[0, 1], &low), (&[1, 0], &high), (&[1, 1], &high)]))
                .unwrap();
        assert_eq!((split.cell_count, split.mean_entropy), (4, 0.0));
        assert!((split.factor_informations[0] - LN_2).abs() < 1e-15, "{split:?}");
        assert_eq!(split.factor_informations[1], 0.0);
        assert!(split.remainder().abs() < 1e-15);
        assert_eq!(diversity_split(&[]), None);
    }

    /// Exclusive or: neither factor alone tells anything, both together everything.
    #[test]
    fn what_only_both_factors_tell_is_the_remainder() {
        let (low, high) = ([1.0, 0.0], [0.0, 1.0]);
        let split =
            diversity_split(&cells(&[(&[0, 0], &low), (&[0, 1], &high), (&[1, 0], &high), (&[1, 1], &low)]))
                .unwrap();
        assert_eq!(split.factor_informations, [0.0, 0.0]);
        assert!((split.remainder() - LN_2).abs() < 1e-15);
    }

    /// With cells missing, both factors are the same one, and each has the information of both.
    #[test]
    fn factors_that_tell_of_one_another_leave_a_negative_remainder() {
        let split = diversity_split(&cells(&[(&[0, 0], &[1.0, 0.0]), (&[1, 1], &[0.0, 1.0])])).unwrap();
        assert!((split.remainder() + LN_2).abs() < 1e-15);
    }

    /// The exact split is the limit of drawing responses: over 10,000 draws, the mean surprise of what was drawn, under the
    /// exact mixture, within a factor's values and within the prompt, lies within four standard errors of each exact entropy.
    #[test]
    fn sampled_responses_agree_within_their_standard_error() {
        let rows = planted(7);
        let cells: Vec<DiversityCell> = rows
            .iter()
            .enumerate()
            .map(|(at, row)| DiversityCell { values: vec![at / 4, at / 2 % 2, at % 2], distribution: row })
            .collect();
        let split = diversity_split(&cells).unwrap();
        let mean_over = |keep: &dyn Fn(&DiversityCell) -> bool, option: usize| {
            let kept: Vec<f64> =
                cells.iter().filter(|cell| keep(cell)).map(|cell| cell.distribution[option]).collect();
            kept.iter().sum::<f64>() / kept.len() as f64
        };
        let mut rng = ChaCha8Rng::seed_from_u64(20);
        let draws: Vec<(usize, usize)> = (0..DRAW_COUNT)
            .map(|_| {
                let cell = rng.random_range(0..cells.len());
                (cell, draw(&mut rng, cells[cell].distribution))
            })
            .collect();
        let agree = |exact: f64, surprise: &dyn Fn(usize, usize) -> f64| {
            let surprises: Vec<f64> = draws.iter().map(|(cell, option)| surprise(*cell, *option)).collect();
            let mean = surprises.iter().sum::<f64>() / DRAW_COUNT as f64;
            let variance = surprises.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / DRAW_COUNT as f64;
            let standard_error = (variance / DRAW_COUNT as f64).sqrt();
            assert!(standard_error < 0.02, "{standard_error}");
            assert!((mean - exact).abs() < 4.0 * standard_error, "{mean} {exact} ± {standard_error}");
        };
        agree(split.mixture_entropy, &|_, option| -mean_over(&|_| true, option).ln());
        agree(split.mean_entropy, &|cell, option| -cells[cell].distribution[option].ln());
        for factor in 0..3 {
            let exact = split.mixture_entropy - split.factor_informations[factor];
            agree(exact, &|cell, option| {
                let value = cells[cell].values[factor];
                -mean_over(&|other| other.values[factor] == value, option).ln()
            });
        }
    }

    /// What survey software that samples would report of one cell: each option's frequency, and their mean.
    #[test]
    fn frequencies_of_draws_agree_with_the_distribution_they_are_drawn_from() {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        for row in planted(3) {
            let mut counts = vec![0.0; row.len()];
            (0..DRAW_COUNT).for_each(|_| counts[draw(&mut rng, &row)] += 1.0);
            for (count, share) in counts.iter().zip(&row) {
                let standard_error = (share * (1.0 - share) / DRAW_COUNT as f64).sqrt();
                let error = (count / DRAW_COUNT as f64 - share).abs();
                assert!(error < 4.5 * standard_error, "{count} of {DRAW_COUNT}, {share}");
            }
        }
    }

    /// Eight distributions over five options.
    fn planted(seed: u64) -> Vec<Vec<f64>> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut row = || -> Vec<f64> {
            let weights: Vec<f64> = (0..5).map(|_| rng.random_range(-3.0..1.0_f64).exp()).collect();
            let total: f64 = weights.iter().sum();
            weights.iter().map(|weight| weight / total).collect()
        };
        (0..8).map(|_| row()).collect()
    }

    fn draw(rng: &mut ChaCha8Rng, distribution: &[f64]) -> usize {
        let mut left: f64 = rng.random();
        for (option, share) in distribution.iter().enumerate() {
            left -= share;
            if left < 0.0 {
                return option;
            }
        }
        distribution.len() - 1
    }

    proptest::proptest! {
        /// In a complete design no single factor, nor all of them added up, tells more than the prompt.
        #[test]
        fn factors_of_a_complete_design_leave_no_negative_remainder(
            weights in proptest::collection::vec(0.01..1.0_f64, 18),
        ) {
            let rows: Vec<Vec<f64>> = weights
                .chunks(3)
                .map(|row| row.iter().map(|w| w / row.iter().sum::<f64>()).collect())
                .collect();
            let cells: Vec<DiversityCell> = rows
                .iter()
                .enumerate()
                .map(|(at, row)| DiversityCell { values: vec![at / 3, at % 3], distribution: row })
                .collect();
            let split = diversity_split(&cells).unwrap();
            proptest::prop_assert!(split.remainder() > -1e-12, "{split:?}");
            let whole = split.mean_entropy + split.joint_information;
            proptest::prop_assert!((whole - split.mixture_entropy).abs() < 1e-12);
        }
    }
}
