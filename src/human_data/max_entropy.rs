//! The distribution of greatest entropy over a scale's values with a given mean and variance (Jaynes 1957, Information Theory and Statistical
//! Mechanics, doi:10.1103/PhysRev.106.620): p_k ∝ exp(a v_k + b v_k²). It has what is known of people, and nothing else.

use crate::elementary::{exp, ln};

/// Newton's steps; a dozen are usual.
const STEP_COUNT_MAX: usize = 300;
/// Of both moments, on a scale from −1 to 1.
const MOMENT_TOLERANCE: f64 = 1e-12;
/// Within this of what is possible at all, only one distribution is left.
const BORDER: f64 = 1e-9;

/// `values` rise strictly, two or more; `variance` is that of the people themselves (over n). `None` where no distribution over the
/// values has these moments.
pub fn max_entropy(values: &[f64], mean: f64, variance: f64) -> Option<Vec<f64>> {
    let (low, high) = (values[0], values[values.len() - 1]);
    let (middle, half) = (0.5 * (low + high), 0.5 * (high - low));
    let points: Vec<f64> = values.iter().map(|value| (value - middle) / half).collect();
    let first = (mean - middle) / half;
    let second = variance / (half * half) + first * first;
    if !first.is_finite() || !second.is_finite() || !(-1.0 - BORDER..=1.0 + BORDER).contains(&first) {
        return None;
    }
    let first = first.clamp(-1.0, 1.0);
    // What is possible: above the chain through neighbouring values, below the chord between the ends.
    let right = points.partition_point(|point| *point < first).clamp(1, points.len() - 1);
    let (least, narrow) = between(&points, right - 1, right, first);
    let (most, wide) = between(&points, 0, points.len() - 1, first);
    if second < least - BORDER || second > most + BORDER {
        None
    } else if second <= least + BORDER {
        Some(narrow)
    } else if second >= most - BORDER {
        Some(wide)
    } else {
        newton(&points, first, second)
    }
}

/// The distribution over two of the points that has the first moment, and its second moment.
fn between(points: &[f64], left: usize, right: usize, first: f64) -> (f64, Vec<f64>) {
    let share = (first - points[left]) / (points[right] - points[left]);
    let mut shares = vec![0.0; points.len()];
    shares[left] = 1.0 - share;
    shares[right] = share;
    (points[left].powi(2) * (1.0 - share) + points[right].powi(2) * share, shares)
}

/// Minimises ln Z(a, b) − a · first − b · second, which is convex; its gradient is what the moments are off.
fn newton(points: &[f64], first: f64, second: f64) -> Option<Vec<f64>> {
    let (mut a, mut b) = (0.0, 0.0);
    let mut at = Tilted::new(points, a, b);
    for _ in 0..STEP_COUNT_MAX {
        let [m1, m2, m3, m4] = at.moments(points);
        let (off_first, off_second) = (m1 - first, m2 - second);
        if off_first.abs().max(off_second.abs()) < MOMENT_TOLERANCE {
            return Some(at.shares);
        }
        let (h11, h12, h22) = (m2 - m1 * m1, m3 - m1 * m2, m4 - m2 * m2);
        let determinant = h11 * h22 - h12 * h12;
        if determinant <= 0.0 {
            return None;
        }
        let (da, db) = (
            -(h22 * off_first - h12 * off_second) / determinant,
            -(h11 * off_second - h12 * off_first) / determinant,
        );
        let slope = off_first * da + off_second * db;
        let value = at.log_total - a * first - b * second;
        // Half the step until it goes down (Armijo); near the end rounding hides that, and the whole step is right.
        let mut scale = 1.0;
        let next = loop {
            let (a, b) = (a + scale * da, b + scale * db);
            let next = Tilted::new(points, a, b);
            let gone_to = next.log_total - a * first - b * second;
            if gone_to <= value + 1e-4 * scale * slope || slope.abs() < 1e-12 || scale < 1e-12 {
                break next;
            }
            scale *= 0.5;
        };
        (a, b, at) = (a + scale * da, b + scale * db, next);
    }
    None
}

/// p_k ∝ exp(a x_k + b x_k²).
struct Tilted {
    shares: Vec<f64>,
    log_total: f64,
}

impl Tilted {
    fn new(points: &[f64], a: f64, b: f64) -> Self {
        let exponents: Vec<f64> = points.iter().map(|x| a * x + b * x * x).collect();
        let max = exponents.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = exponents.iter().map(|exponent| exp(exponent - max)).collect();
        let total: f64 = weights.iter().sum();
        Tilted {
            shares: weights.into_iter().map(|weight| weight / total).collect(),
            log_total: max + ln(total),
        }
    }

    fn moments(&self, points: &[f64]) -> [f64; 4] {
        let mut moments = [0.0; 4];
        for (share, point) in self.shares.iter().zip(points) {
            let mut term = *share;
            for moment in &mut moments {
                term *= point;
                *moment += term;
            }
        }
        moments
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn moments(values: &[f64], shares: &[f64]) -> (f64, f64) {
        let mean: f64 = values.iter().zip(shares).map(|(v, p)| v * p).sum();
        (mean, values.iter().zip(shares).map(|(v, p)| p * (v - mean).powi(2)).sum())
    }

    fn entropy(shares: &[f64]) -> f64 {
        shares.iter().filter(|p| **p > 0.0).map(|p| -p * ln(*p)).sum()
    }

    proptest! {
        #[test]
        fn it_has_the_moments_and_no_other_is_more_spread_out(
            weights in prop::collection::vec(0.001..1.0_f64, 2..8), sharp in 1.0..8.0_f64,
        ) {
            let values: Vec<f64> = (1..=weights.len()).map(|value| value as f64).collect();
            let weights: Vec<f64> = weights.iter().map(|weight| weight.powf(sharp)).collect();
            let total: f64 = weights.iter().sum();
            let known: Vec<f64> = weights.iter().map(|weight| weight / total).collect();
            let (mean, variance) = moments(&values, &known);
            let found = max_entropy(&values, mean, variance).unwrap();
            let (found_mean, found_variance) = moments(&values, &found);
            prop_assert!((found_mean - mean).abs() < 1e-7 && (found_variance - variance).abs() < 1e-7);
            prop_assert!((found.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            prop_assert!(entropy(&found) > entropy(&known) - 1e-7);
        }
    }

    #[test]
    fn what_is_known_comes_back() {
        let five = [1.0, 2.0, 3.0, 4.0, 5.0];
        let near = |found: Option<Vec<f64>>, expected: &[f64]| {
            found.unwrap().iter().zip(expected).for_each(|(a, b)| assert!((a - b).abs() < 1e-9, "{a} {b}"));
        };
        near(max_entropy(&five, 3.0, 2.0), &[0.2; 5]);
        near(max_entropy(&five, 5.0, 0.0), &[0.0, 0.0, 0.0, 0.0, 1.0]);
        near(max_entropy(&five, 3.25, 0.1875), &[0.0, 0.0, 0.75, 0.25, 0.0]);
        near(max_entropy(&five, 3.0, 4.0), &[0.5, 0.0, 0.0, 0.0, 0.5]);
        near(max_entropy(&[0.0, 1.0], 0.3, 0.21), &[0.7, 0.3]);
    }

    #[test]
    fn what_nobody_can_have_answered_is_none() {
        let five = [1.0, 2.0, 3.0, 4.0, 5.0];
        for (mean, variance) in [(0.9, 0.1), (5.2, 0.0), (3.5, 0.1), (3.0, 4.1), (3.0, -0.1), (f64::NAN, 1.0)]
        {
            assert_eq!(max_entropy(&five, mean, variance), None, "{mean} {variance}");
        }
    }
}
