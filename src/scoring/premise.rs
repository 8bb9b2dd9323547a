//! Responses set against what is likely before anything is asked: domain-conditional pointwise mutual information.
//!
//! Holtzman, West, Shwartz, Choi & Zettlemoyer (2021), Surface Form Competition: Why the Highest Probability Answer Isn't
//! Always Right, arXiv 2104.08315: PMI_DC(option) = ln P(option | prompt) − ln P(option | domain premise).

use super::cell::normalised;
use crate::error::Result;
use crate::survey::ResponseDistribution;

/// p(k) ∝ exp(PMI_DC(k)) = P(k | prompt) / P(k | premise), from natural logs. `None` where an option is impossible behind the
/// premise, or all are behind the prompt.
///
/// # Errors
/// The distribution's own check is passed on.
pub fn premise_normalised(
    log_probs: &[f64],
    premise_log_probs: &[f64],
) -> Result<Option<ResponseDistribution>> {
    let is_possible = |log_prob: &f64| *log_prob != f64::NEG_INFINITY;
    if !premise_log_probs.iter().all(is_possible) || !log_probs.iter().any(is_possible) {
        return Ok(None);
    }
    let ratios: Vec<f64> =
        log_probs.iter().zip(premise_log_probs).map(|(asked, premise)| asked - premise).collect();
    normalised(&ratios).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_likely_anyway_counts_less() {
        let ln = |p: [f64; 2]| p.map(f64::ln);
        let found = premise_normalised(&ln([0.3, 0.1]), &ln([0.6, 0.1])).unwrap().unwrap();
        assert!((found.probabilities()[0] - 1.0 / 3.0).abs() < 1e-12);
        let same = premise_normalised(&ln([0.3, 0.1]), &ln([0.2, 0.2])).unwrap().unwrap();
        assert!((same.probabilities()[0] - 0.75).abs() < 1e-12, "a flat premise changes nothing");
    }

    #[test]
    fn what_is_impossible_is_not_divided_by() {
        let ln = |p: [f64; 2]| p.map(f64::ln);
        assert_eq!(premise_normalised(&ln([0.3, 0.1]), &ln([0.5, 0.0])).unwrap(), None);
        assert_eq!(premise_normalised(&ln([0.0, 0.0]), &ln([0.5, 0.5])).unwrap(), None);
        let one = premise_normalised(&ln([0.0, 0.1]), &ln([0.5, 0.5])).unwrap().unwrap();
        assert_eq!(one.probabilities(), [0.0, 1.0]);
    }
}
