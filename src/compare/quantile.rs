//! Quantiles of unsorted numbers. Knows nothing of what they measure.

/// The `level` quantile of `numbers`, linearly interpolated between order statistics (type 7 of Hyndman & Fan
/// 1996, the default of numpy and R). Reorders `numbers`. `None` when there are none.
///
/// Selection rather than a sort: a run asks for some ten thousands of quantiles of a thousand numbers each.
pub fn quantile(numbers: &mut [f64], level: f64) -> Option<f64> {
    if numbers.is_empty() {
        return None;
    }
    let place = level.clamp(0.0, 1.0) * (numbers.len() - 1) as f64;
    let (_, &mut below, rest) = numbers.select_nth_unstable_by(place as usize, f64::total_cmp);
    let above = rest.iter().copied().min_by(f64::total_cmp).unwrap_or(below);
    Some(below + place.fract() * (above - below))
}

#[cfg(test)]
mod tests {
    use super::quantile;

    #[test]
    fn interpolates_as_numpy_does() {
        // numpy.quantile([7, 1, 3, 5], [0, .25, .5, .95, 1]) = 1, 2.5, 4, 6.7, 7
        for (level, expected) in [(0.0, 1.0), (0.25, 2.5), (0.5, 4.0), (0.95, 6.7), (1.0, 7.0)] {
            let found = quantile(&mut [7.0, 1.0, 3.0, 5.0], level).unwrap();
            assert!((found - expected).abs() < 1e-12, "{level}: {found}");
        }
    }

    #[test]
    fn one_number_is_every_quantile_and_none_has_none() {
        assert_eq!(quantile(&mut [4.0], 0.975), Some(4.0));
        assert_eq!(quantile(&mut [], 0.5), None);
    }
}
