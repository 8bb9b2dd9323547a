//! How concentrated a distribution is, and how much of a mixture's diversity lies between its parts.
//! Entropies are in nats (natural log). Pure functions over slices that sum to 1.

use super::distances::p_ln_p;

/// Shannon entropy in **nats**, in 0..=ln K. 0 for a point mass.
pub fn entropy(p: &[f64]) -> f64 {
    // subtracted from 0 so that a point mass gives 0 and not −0
    0.0 - p.iter().map(|&share| p_ln_p(share)).sum::<f64>()
}

/// Entropy over its greatest value ln K: 0 for a point mass, 1 for the uniform distribution.
/// 0 for a scale of one option, which leaves nothing to spread over.
pub fn normalised_entropy(p: &[f64]) -> f64 {
    if p.len() < 2 { 0.0 } else { entropy(p) / (p.len() as f64).ln() }
}

/// exp(entropy): the number of equally likely options that would have this entropy, in 1..=K.
pub fn effective_option_count(p: &[f64]) -> f64 {
    entropy(p).exp()
}

/// The largest share, in 1/K..=1.
pub fn modal_mass(p: &[f64]) -> f64 {
    p.iter().copied().fold(0.0, f64::max)
}

/// Index of the option with the largest share; the lowest one where several tie.
pub(super) fn modal_index(p: &[f64]) -> usize {
    (1..p.len()).fold(0, |modal, index| if p[index] > p[modal] { index } else { modal })
}

/// Where the diversity of a mixture of distributions comes from; all in nats.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MixtureSplit {
    /// Mean of the parts' entropies: diversity within one prompt's distribution.
    pub mean_entropy: f64,
    /// Entropy of the equally weighted mixture: all the diversity there is.
    pub mixture_entropy: f64,
    /// `mixture_entropy − mean_entropy` ≥ 0: the mutual information of prompt and response, i.e. diversity
    /// that comes from changing the prompt. 0 exactly when all parts are the same.
    pub mutual_information: f64,
}

/// Splits the entropy of the equally weighted mixture of `distributions`. `None` when there are none.
pub fn mixture_split(distributions: &[&[f64]]) -> Option<MixtureSplit> {
    let first = distributions.first()?;
    let weight = 1.0 / distributions.len() as f64;
    let mut mixture = vec![0.0; first.len()];
    for distribution in distributions {
        assert_eq!(distribution.len(), mixture.len(), "a mixture must be over one scale");
        mixture.iter_mut().zip(*distribution).for_each(|(total, share)| *total += weight * share);
    }
    let mean_entropy = weight * distributions.iter().map(|d| entropy(d)).sum::<f64>();
    let mixture_entropy = entropy(&mixture);
    // concavity makes the difference ≥ 0; only rounding can take it below
    let mutual_information = (mixture_entropy - mean_entropy).max(0.0);
    Some(MixtureSplit { mean_entropy, mixture_entropy, mutual_information })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::LN_2;

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

    #[test]
    fn diversity_between_prompts_is_told_from_diversity_within() {
        let between = mixture_split(&[&[1.0, 0.0], &[0.0, 1.0]]).unwrap();
        assert_eq!(between.mean_entropy, 0.0);
        assert!((between.mutual_information - LN_2).abs() < 1e-15);
        let within = mixture_split(&[&[0.5, 0.5], &[0.5, 0.5]]).unwrap();
        assert!((within.mean_entropy - LN_2).abs() < 1e-15);
        assert_eq!(within.mutual_information, 0.0);
        assert_eq!(mixture_split(&[]), None);
    }

    proptest::proptest! {
        #[test]
        fn a_mixture_is_as_diverse_as_its_parts_or_more(
            weights in proptest::collection::vec(0.01..1.0_f64, 12),
        ) {
            let parts: Vec<Vec<f64>> = weights
                .chunks(4)
                .map(|part| part.iter().map(|w| w / part.iter().sum::<f64>()).collect())
                .collect();
            let parts: Vec<&[f64]> = parts.iter().map(Vec::as_slice).collect();
            let split = mixture_split(&parts).unwrap();
            let gain = split.mixture_entropy - split.mean_entropy;
            proptest::prop_assert!(gain > -1e-12);
            // information about three prompts cannot exceed ln 3
            proptest::prop_assert!(split.mutual_information <= 3.0_f64.ln() + 1e-12);
            proptest::prop_assert!((split.mutual_information - gain).abs() < 1e-12);
        }
    }
}
