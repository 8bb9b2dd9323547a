//! Student's quantile, for degrees of freedom that need not be whole.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// From here on the normal distribution's quantile stands in; at the levels in use Student's is larger by less than a thousandth.
const FREEDOM_MAX: f64 = 10_000.0;

/// `None` where there is no such distribution: half a degree or less, or no number.
pub fn quantile(probability: f64, degrees_of_freedom: Option<f64>) -> Option<f64> {
    match degrees_of_freedom {
        Some(freedom) if freedom < FREEDOM_MAX => {
            let distribution = StudentsT::new(0.0, 1.0, freedom).ok().filter(|_| freedom > 0.5)?;
            Some(distribution.inverse_cdf(probability))
        }
        Some(freedom) if freedom.is_nan() => None,
        _ => Some(Normal::standard().inverse_cdf(probability)),
    }
}
