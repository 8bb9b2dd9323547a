//! Distances between two distributions over the same scale, as pure functions.
//! Distributions are slices in scale order that sum to 1; nothing here knows where they come from.

use super::concentration::entropy;
use crate::elementary::ln;
use std::f64::consts::LN_2;

/// Half the sum of absolute differences, in 0..=1. Blind to the order of the options.
pub fn total_variation(p: &[f64], q: &[f64]) -> f64 {
    assert_same_len(p, q);
    0.5 * p.iter().zip(q).map(|(a, b)| (a - b).abs()).sum::<f64>()
}

/// Jensen-Shannon divergence in **bits** (log base 2), in 0..=1: `H((p+q)/2) − (H(p)+H(q))/2`.
/// The divergence itself, not its square root. Blind to the order of the options.
///
/// Source: J. Lin (1991), Divergence measures based on the Shannon entropy, IEEE Trans. Inf. Theory 37(1).
pub fn jensen_shannon(p: &[f64], q: &[f64]) -> f64 {
    assert_same_len(p, q);
    let mixture = 0.0 - p.iter().zip(q).map(|(a, b)| p_ln_p(0.5 * (a + b))).sum::<f64>();
    jensen_shannon_bits(mixture, entropy(p), entropy(q))
}

/// What [`kullback_leibler`] mixes into both sides.
pub const SMOOTHING: f64 = 0.01;

/// Kullback-Leibler divergence of `q` from `p` in **nats**, `Σ p' ln(p'/q')`, after both are mixed with 1 % of equal shares, so that it
/// is finite: 0 to about ln(100 K). Not symmetric, and blind to the order of the options.
///
/// Source: S. Kullback & R. A. Leibler (1951), On information and sufficiency, Ann. Math. Stat. 22(1). The mixing is this project's.
pub fn kullback_leibler(p: &[f64], q: &[f64]) -> f64 {
    assert_same_len(p, q);
    let terms = p.iter().zip(q).map(|(&p_share, &q_share)| {
        let (p_share, q_share) = (smoothed(p_share, p.len()), smoothed(q_share, q.len()));
        p_share * ln(p_share / q_share)
    });
    terms.sum::<f64>().max(0.0)
}

/// A share after mixing.
pub(super) fn smoothed(share: f64, option_count: usize) -> f64 {
    (1.0 - SMOOTHING) * share + SMOOTHING / option_count as f64
}

/// Kolmogorov-Smirnov distance: the largest difference between the cumulative distributions, in 0..=1. Sees the order of the options
/// and not how far apart they are.
pub fn kolmogorov_smirnov(p: &[f64], q: &[f64]) -> f64 {
    assert_same_len(p, q);
    let mut gap = 0.0;
    let gaps = p.iter().zip(q).map(|(a, b)| {
        gap += a - b;
        f64::abs(gap)
    });
    gaps.fold(0.0, f64::max)
}

/// Total variation between equal shares and `p`, in 0..=1 − 1/K.
pub(super) fn total_variation_from_uniform(p: &[f64]) -> f64 {
    let even = 1.0 / p.len() as f64;
    0.5 * p.iter().map(|share| (share - even).abs()).sum::<f64>()
}

/// Variance of the values, divided by the square of their range: in 0..=¼.
pub fn variance(p: &[f64], values: &[f64]) -> f64 {
    assert_same_len(p, values);
    let mean = p.iter().zip(values).map(|(share, value)| share * value).sum::<f64>();
    let squares = p.iter().zip(values).map(|(share, value)| share * (value - mean).powi(2));
    squares.sum::<f64>() / range(values).powi(2)
}

/// Wasserstein-1 distance between the two distributions placed at `values`, divided by the range of `values`.
/// In 0..=1: point masses at opposite ends are 1 apart. On unit-spaced values this is W1/(K−1).
///
/// `values` are strictly increasing, one per option, at least two.
/// On the line W1 is the area between the cumulative distributions, which is what is summed here.
pub fn wasserstein_1(p: &[f64], q: &[f64], values: &[f64]) -> f64 {
    assert_same_len(p, q);
    assert_same_len(p, values);
    let mut gap = 0.0; // F_p − F_q up to the current option
    let mut area = 0.0;
    for index in 0..values.len() - 1 {
        gap += p[index] - q[index];
        area += gap.abs() * (values[index + 1] - values[index]);
    }
    area / range(values)
}

/// Mean of `p` minus mean of `q`, divided by the range of `values`: signed, in −1..=1. In units of the
/// scale's range, so that scales with different numbers of options can be compared and averaged.
pub fn mean_difference(p: &[f64], q: &[f64], values: &[f64]) -> f64 {
    assert_same_len(p, q);
    assert_same_len(p, values);
    p.iter().zip(q).zip(values).map(|((a, b), value)| (a - b) * (value - values[0])).sum::<f64>()
        / range(values)
}

/// `p ln p`, continued to 0 at 0.
pub(super) fn p_ln_p(p: f64) -> f64 {
    if p > 0.0 { p * ln(p) } else { 0.0 }
}

/// From three entropies in nats. Rounding can take a difference of equal entropies just below 0.
pub(super) fn jensen_shannon_bits(mixture: f64, p: f64, q: f64) -> f64 {
    ((mixture - 0.5 * (p + q)) / LN_2).clamp(0.0, 1.0)
}

fn range(values: &[f64]) -> f64 {
    values[values.len() - 1] - values[0]
}

fn assert_same_len(p: &[f64], q: &[f64]) {
    assert_eq!(p.len(), q.len(), "both distributions must be over the same scale");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Two or three distributions over one scale of 2 to 7 options, zeros included, with strictly increasing
    /// values.
    fn scale_and<const N: usize>() -> impl Strategy<Value = ([Vec<f64>; N], Vec<f64>)> {
        (2_usize..=7).prop_flat_map(|option_count| {
            let weight = prop_oneof![1 => Just(0.0), 4 => 0.001..1.0_f64];
            let distribution = proptest::collection::vec(weight, option_count)
                .prop_filter("some weight", |weights| weights.iter().sum::<f64>() > 0.0)
                .prop_map(|weights| {
                    let total: f64 = weights.iter().sum();
                    weights.iter().map(|w| w / total).collect::<Vec<f64>>()
                });
            let distributions = proptest::collection::vec(distribution, N)
                .prop_map(|list| <[Vec<f64>; N]>::try_from(list).expect("N distributions were asked for"));
            let values = proptest::collection::vec(0.1..3.0_f64, option_count).prop_map(|steps| {
                steps
                    .iter()
                    .scan(-2.0, |at, step| {
                        *at += step;
                        Some(*at)
                    })
                    .collect::<Vec<f64>>()
            });
            (distributions, values)
        })
    }

    proptest! {
        #[test]
        fn a_distribution_is_at_no_distance_from_itself(([p], values) in scale_and::<1>()) {
            prop_assert_eq!(total_variation(&p, &p), 0.0);
            prop_assert_eq!(jensen_shannon(&p, &p), 0.0);
            prop_assert_eq!(wasserstein_1(&p, &p, &values), 0.0);
            prop_assert_eq!(mean_difference(&p, &p, &values), 0.0);
        }

        #[test]
        fn distances_are_symmetric_and_differences_change_sign(([p, q], values) in scale_and::<2>()) {
            prop_assert_eq!(total_variation(&p, &q), total_variation(&q, &p));
            prop_assert!((jensen_shannon(&p, &q) - jensen_shannon(&q, &p)).abs() < 1e-14);
            prop_assert!((wasserstein_1(&p, &q, &values) - wasserstein_1(&q, &p, &values)).abs() < 1e-14);
            prop_assert!((mean_difference(&p, &q, &values) + mean_difference(&q, &p, &values)).abs() < 1e-14);
        }

        #[test]
        fn distances_are_bounded(([p, q], values) in scale_and::<2>()) {
            let distances = [total_variation(&p, &q), jensen_shannon(&p, &q), wasserstein_1(&p, &q, &values)];
            for distance in distances {
                prop_assert!((0.0..=1.0 + 1e-12).contains(&distance), "{}", distance);
            }
            // |difference of means| ≤ W1 ≤ TV (on a scale of range 1), and JSD ≤ TV (Lin 1991)
            let [total, jensen, wasserstein] = distances;
            prop_assert!(mean_difference(&p, &q, &values).abs() <= wasserstein + 1e-12);
            prop_assert!(wasserstein <= total + 1e-12);
            prop_assert!(jensen <= total + 1e-12);
        }

        #[test]
        fn a_detour_is_never_shorter(([p, q, r], values) in scale_and::<3>()) {
            let around = total_variation(&p, &q) + total_variation(&q, &r);
            prop_assert!(total_variation(&p, &r) <= around + 1e-12);
            let around = wasserstein_1(&p, &q, &values) + wasserstein_1(&q, &r, &values);
            prop_assert!(wasserstein_1(&p, &r, &values) <= around + 1e-12);
            // the root of the divergence is a metric too (Endres & Schindelin 2003)
            let root = |a: &[f64], b: &[f64]| jensen_shannon(a, b).sqrt();
            prop_assert!(root(&p, &r) <= root(&p, &q) + root(&q, &r) + 1e-7);
        }

        #[test]
        fn two_distances_are_blind_to_order((([p, q], _), by) in (scale_and::<2>(), 1_usize..6)) {
            let rotated = |d: &[f64]| {
                let mut d = d.to_vec();
                let len = d.len();
                d.rotate_left(by % len);
                d
            };
            let (p_rotated, q_rotated) = (rotated(&p), rotated(&q));
            prop_assert!((total_variation(&p, &q) - total_variation(&p_rotated, &q_rotated)).abs() < 1e-14);
            prop_assert!((jensen_shannon(&p, &q) - jensen_shannon(&p_rotated, &q_rotated)).abs() < 1e-14);
        }

        #[test]
        fn moving_and_stretching_the_values_changes_nothing(
            (([p, q], values), shift, stretch) in (scale_and::<2>(), -50.0..50.0_f64, 0.01..100.0_f64),
        ) {
            let moved: Vec<f64> = values.iter().map(|v| shift + stretch * v).collect();
            prop_assert!((wasserstein_1(&p, &q, &values) - wasserstein_1(&p, &q, &moved)).abs() < 1e-9);
            prop_assert!((mean_difference(&p, &q, &values) - mean_difference(&p, &q, &moved)).abs() < 1e-9);
        }

        #[test]
        fn opposite_point_masses_are_one_apart(([_p], values) in scale_and::<1>()) {
            let mut low = vec![0.0; values.len()];
            let mut high = low.clone();
            low[0] = 1.0;
            high[values.len() - 1] = 1.0;
            prop_assert!((wasserstein_1(&low, &high, &values) - 1.0).abs() < 1e-12);
            prop_assert!((mean_difference(&high, &low, &values) - 1.0).abs() < 1e-12);
            prop_assert_eq!(total_variation(&low, &high), 1.0);
            prop_assert_eq!(jensen_shannon(&low, &high), 1.0);
        }
    }

    #[test]
    fn swapping_options_changes_wasserstein_but_not_total_variation() {
        let values = [1.0, 2.0, 3.0];
        let (p, q) = ([1.0, 0.0, 0.0], [0.0, 0.0, 1.0]);
        let (p_swapped, q_swapped) = ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]); // options 2 and 3 swapped
        assert_eq!(total_variation(&p, &q), total_variation(&p_swapped, &q_swapped));
        assert_eq!(wasserstein_1(&p, &q, &values), 1.0);
        assert_eq!(wasserstein_1(&p_swapped, &q_swapped, &values), 0.5);
    }

    #[test]
    fn hand_worked_values() {
        let (p, q, values) = ([0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [1.0, 2.0, 3.0]);
        assert_eq!(total_variation(&p, &q), 0.5);
        // mixture (¼, ½, ¼) has 1.5 bits, both sides have 1 bit
        assert!((jensen_shannon(&p, &q) - 0.5).abs() < 1e-15);
        assert_eq!(wasserstein_1(&p, &q, &values), 0.5);
        assert_eq!(mean_difference(&p, &q, &values), -0.5);
    }
}
