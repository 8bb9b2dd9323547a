//! The few sums that the page makes itself, over distributions that are already there.

use crate::elementary::log2;

/// Shannon entropy in bits.
pub fn entropy_bits(probabilities: &[f64]) -> f64 {
    probabilities.iter().filter(|p| **p > 0.0).map(|p| -p * log2(*p)).sum()
}

/// The largest share.
pub fn modal_mass(probabilities: &[f64]) -> f64 {
    probabilities.iter().copied().fold(0.0, f64::max)
}

/// Half the sum of absolute differences.
pub fn total_variation(one: &[f64], other: &[f64]) -> f64 {
    0.5 * one.iter().zip(other).map(|(a, b)| (a - b).abs()).sum::<f64>()
}

/// The mean of distributions over the same options, option by option. `None` of none.
pub fn mixture<'a>(distributions: impl IntoIterator<Item = &'a [f64]>) -> Option<Vec<f64>> {
    let mut distributions = distributions.into_iter();
    let mut sums = distributions.next()?.to_vec();
    let mut count = 1.0;
    for distribution in distributions {
        sums.iter_mut().zip(distribution).for_each(|(sum, p)| *sum += p);
        count += 1.0;
    }
    sums.iter_mut().for_each(|sum| *sum /= count);
    Some(sums)
}

/// Shares of counts. `None` where nobody was counted.
pub fn shares(counts: &[f64]) -> Option<Vec<f64>> {
    let total: f64 = counts.iter().sum();
    (total > 0.0).then(|| counts.iter().map(|count| count / total).collect())
}

/// Expected value, moved to 0..=1 over the range of `values`.
pub fn expected_response(probabilities: &[f64], values: &[f64]) -> f64 {
    let (low, range) = low_and_range(values);
    probabilities.iter().zip(values).map(|(p, v)| p * (v - low) / range).sum()
}

/// Variance of a response, over the same 0..=1.
pub fn response_variance(probabilities: &[f64], values: &[f64]) -> f64 {
    let mean = expected_response(probabilities, values);
    let (low, range) = low_and_range(values);
    probabilities.iter().zip(values).map(|(p, v)| p * ((v - low) / range - mean).powi(2)).sum()
}

fn low_and_range(values: &[f64]) -> (f64, f64) {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // a scale of one option has no range; every response is then at 0
    (low, if high > low { high - low } else { 1.0 })
}

/// Plain mean. `None` of none.
pub fn mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (count, sum) = values.into_iter().fold((0usize, 0.0), |(count, sum), value| (count + 1, sum + value));
    (count > 0).then(|| sum / count as f64)
}

/// Smallest and largest. `None` of none.
pub fn range(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    values.into_iter().fold(None, |range, value| match range {
        None => Some((value, value)),
        Some((low, high)) => Some((f64::min(low, value), f64::max(high, value))),
    })
}

/// Middle value; the mean of the two middle ones of an even number. `None` of none.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        count if count % 2 == 1 => Some(values[middle]),
        _ => Some(0.5 * (values[middle - 1] + values[middle])),
    }
}

/// Wilson's 95 % score interval of a share among n people (Wilson 1927).
pub fn wilson_interval(share: f64, n: f64) -> (f64, f64) {
    const Z: f64 = 1.959_963_984_540_054;
    let denominator = 1.0 + Z * Z / n;
    let centre = (share + Z * Z / (2.0 * n)) / denominator;
    let half = Z / denominator * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn near(one: f64, other: f64) {
        assert!((one - other).abs() < 1e-9, "{one} {other}");
    }

    #[test]
    fn entropies_of_known_distributions() {
        near(entropy_bits(&[0.25; 4]), 2.0);
        near(entropy_bits(&[0.0, 1.0]), 0.0);
        near(entropy_bits(&[0.5, 0.25, 0.25]), 1.5);
    }

    #[test]
    fn mixtures_and_distances() {
        assert_eq!(mixture([&[1.0, 0.0][..], &[0.0, 1.0][..]]), Some(vec![0.5, 0.5]));
        assert_eq!(mixture(std::iter::empty()), None);
        near(total_variation(&[1.0, 0.0], &[0.25, 0.75]), 0.75);
        assert_eq!(shares(&[0.0, 0.0]), None);
    }

    #[test]
    fn expected_responses_lie_on_the_unit_range() {
        near(expected_response(&[0.0, 0.0, 1.0], &[1.0, 2.0, 3.0]), 1.0);
        near(expected_response(&[0.5, 0.0, 0.5], &[-1.0, 0.0, 1.0]), 0.5);
        near(response_variance(&[0.5, 0.0, 0.5], &[1.0, 2.0, 3.0]), 0.25);
        near(expected_response(&[1.0], &[7.0]), 0.0);
    }

    #[test]
    fn order_statistics() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(Vec::new()), None);
        assert_eq!(range([2.0, -1.0, 0.5]), Some((-1.0, 2.0)));
    }

    #[test]
    fn wilson_agrees_with_the_published_example() {
        // 10 of 20: 0.2993 to 0.7007, as R's prop.test(10, 20, correct = FALSE) has it
        let (low, high) = wilson_interval(0.5, 20.0);
        assert!((low - 0.2993).abs() < 5e-5 && (high - 0.7007).abs() < 5e-5, "{low} {high}");
        assert!(wilson_interval(0.0, 20.0).0 >= 0.0);
    }
}
