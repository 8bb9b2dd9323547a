//! How concentrated a distribution is.
//! Entropies are in nats (natural log). Pure functions over slices that sum to 1.

use super::distances::p_ln_p;
use crate::elementary::{exp, ln};

/// Shannon entropy in **nats**, in 0..=ln K. 0 for a point mass.
pub fn entropy(p: &[f64]) -> f64 {
    // subtracted from 0 so that a point mass gives 0 and not −0
    0.0 - p.iter().map(|&share| p_ln_p(share)).sum::<f64>()
}

/// Entropy over its greatest value ln K: 0 for a point mass, 1 for the uniform distribution.
/// 0 for a scale of one option, which leaves nothing to spread over.
pub fn normalised_entropy(p: &[f64]) -> f64 {
    if p.len() < 2 { 0.0 } else { entropy(p) / ln(p.len() as f64) }
}

/// exp(entropy): the number of equally likely options that would have this entropy, in 1..=K.
pub fn effective_option_count(p: &[f64]) -> f64 {
    exp(entropy(p))
}

/// The largest share, in 1/K..=1.
pub fn modal_mass(p: &[f64]) -> f64 {
    p.iter().copied().fold(0.0, f64::max)
}

/// Index of the option with the largest share; the lowest one where several tie.
pub(super) fn modal_index(p: &[f64]) -> usize {
    (1..p.len()).fold(0, |modal, index| if p[index] > p[modal] { index } else { modal })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extremes_of_concentration() {
        let (point, uniform) = ([0.0, 1.0, 0.0, 0.0], [0.25; 4]);
        assert_eq!(entropy(&point), 0.0);
        assert!(entropy(&point).is_sign_positive());
        assert!((entropy(&uniform) - 4.0_f64.ln()).abs() < 1e-15);
        assert_eq!((normalised_entropy(&point), normalised_entropy(&uniform)), (0.0, 1.0));
        assert_eq!(effective_option_count(&point), 1.0);
        assert!((effective_option_count(&uniform) - 4.0).abs() < 1e-12);
        assert_eq!((modal_mass(&point), modal_mass(&uniform)), (1.0, 0.25));
        assert_eq!(normalised_entropy(&[1.0]), 0.0);
    }

    #[test]
    fn the_lowest_of_tied_options_is_the_modal_one() {
        assert_eq!(modal_index(&[0.1, 0.4, 0.1, 0.4]), 1);
        assert_eq!(modal_index(&[0.5, 0.2, 0.3]), 0);
    }
}
