//! Could these people's responses have come from this distribution?

use crate::compare::stream::Multinomial;
use crate::elementary::{exp, ln, ln_gamma};
use rand_chacha::ChaCha8Rng;

/// Up to so many different outcomes are all looked at; beyond, outcomes are drawn.
const OUTCOME_COUNT_MAX: f64 = 10_000.0;

/// Log-probabilities this near count as equal, so that rounding does not break ties.
const TIE_NATS: f64 = 1e-9;

/// The p-value of people's counts under a distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MultinomialTest {
    /// 0 exactly where people chose what has no probability at all, else above 0; at most 1.
    pub p_value: f64,
    /// `false`: from drawn outcomes, and then it is at least one over their number plus one.
    pub is_exact: bool,
}

/// The exact multinomial test: the probability, were people drawn from `probabilities`, of an outcome that is no more probable than
/// theirs. Small: they were not. Options that share no order are assumed; people are assumed to respond independently.
///
/// All outcomes are looked at where there are up to 10,000; otherwise `draw_count` are drawn and p is
/// (1 + those no more probable) / (1 + draws), which is never too small (Davison & Hinkley 1997, section 4.2).
/// Counts that are not whole (weighted people) are made so, their sum rounded and the largest remainders rounded up.
///
/// # Panics
/// When the lengths differ.
pub fn multinomial_test(
    counts: &[f64],
    probabilities: &[f64],
    draw_count: usize,
    random: &mut ChaCha8Rng,
) -> MultinomialTest {
    assert_eq!(counts.len(), probabilities.len(), "counts and probabilities are over the same options");
    let counts = whole(counts);
    let n: usize = counts.iter().sum();
    let outcomes = Outcomes::new(n, probabilities);
    let observed = outcomes.log_probability(&counts) + TIE_NATS;
    if observed == f64::NEG_INFINITY {
        return MultinomialTest { p_value: 0.0, is_exact: true };
    }
    if outcomes.count() <= OUTCOME_COUNT_MAX {
        let mut p_value = 0.0;
        outcomes.visit(&mut vec![0; counts.len()], 0, n, &mut |log_probability| {
            if log_probability <= observed {
                p_value += exp(log_probability);
            }
        });
        return MultinomialTest { p_value: p_value.min(1.0), is_exact: true };
    }
    let survey = Multinomial::new(probabilities, n);
    let mut shares = vec![0.0; counts.len()];
    let mut outcome = vec![0; counts.len()];
    let mut extreme_count = 0;
    for _ in 0..draw_count {
        survey.draw(random, &mut shares);
        for (count, share) in outcome.iter_mut().zip(&shares) {
            *count = (share * n as f64).round() as usize;
        }
        extreme_count += usize::from(outcomes.log_probability(&outcome) <= observed);
    }
    MultinomialTest { p_value: (1 + extreme_count) as f64 / (1 + draw_count) as f64, is_exact: false }
}

/// ln n! is looked up for n below this.
const LN_FACTORIAL_COUNT_MAX: usize = 1024;

/// All ways in which n people can respond.
struct Outcomes {
    people_count: usize,
    log_probabilities: Vec<f64>,
    ln_factorials: Vec<f64>,
}

impl Outcomes {
    fn new(n: usize, probabilities: &[f64]) -> Self {
        let looked_up = 0..LN_FACTORIAL_COUNT_MAX.min(n + 1);
        Outcomes {
            people_count: n,
            log_probabilities: probabilities.iter().map(|p| ln(*p)).collect(),
            ln_factorials: looked_up.map(|count| ln_gamma(count as f64 + 1.0)).collect(),
        }
    }

    fn ln_factorial(&self, count: usize) -> f64 {
        self.ln_factorials.get(count).copied().unwrap_or_else(|| ln_gamma(count as f64 + 1.0))
    }

    /// C(n + K − 1, K − 1).
    fn count(&self) -> f64 {
        let bars = self.log_probabilities.len() - 1;
        (1..=bars).map(|bar| (self.people_count + bar) as f64 / bar as f64).product()
    }

    /// nats; −∞ where somebody chose what has no probability.
    fn log_probability(&self, counts: &[usize]) -> f64 {
        let term = |(&count, log_probability): (&usize, &f64)| match count {
            0 => 0.0,
            _ => count as f64 * log_probability - self.ln_factorial(count),
        };
        self.ln_factorial(self.people_count)
            + counts.iter().zip(&self.log_probabilities).map(term).sum::<f64>()
    }

    /// The log-probability of each outcome that goes on from the first `index` counts, with `left` people to come.
    fn visit(&self, counts: &mut [usize], index: usize, left: usize, seen: &mut impl FnMut(f64)) {
        if index + 1 == counts.len() {
            counts[index] = left;
            return seen(self.log_probability(counts));
        }
        for count in 0..=left {
            counts[index] = count;
            self.visit(counts, index + 1, left - count, seen);
        }
    }
}

/// Whole counts with the rounded sum: each rounded down, and then the largest remainders up.
fn whole(counts: &[f64]) -> Vec<usize> {
    let mut whole: Vec<usize> = counts.iter().map(|count| count.floor() as usize).collect();
    let sum = counts.iter().sum::<f64>().round() as usize;
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by(|a, b| counts[*b].fract().total_cmp(&counts[*a].fract()).then(a.cmp(b)));
    let missing = sum.saturating_sub(whole.iter().sum());
    for index in order.into_iter().take(missing) {
        whole[index] += 1;
    }
    whole
}
