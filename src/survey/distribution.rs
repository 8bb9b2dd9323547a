//! Probability over the options of a scale, and counts of people over them.

use crate::error::{Error, Result};

/// Probabilities of the options in scale order. Each finite and ≥ 0; they sum to 1 within 1e-12.
#[derive(Debug, Clone, PartialEq)]
pub struct ResponseDistribution {
    probabilities: Vec<f64>,
}

impl ResponseDistribution {
    /// Normalises non-negative finite weights with a positive sum.
    ///
    /// # Errors
    /// [`ErrorKind::Incomplete`](crate::error::ErrorKind::Incomplete) when a weight is negative or not finite, or all are zero.
    pub fn from_weights(weights: &[f64]) -> Result<Self> {
        let bad = |what: String| Error::new(crate::error::ErrorKind::Incomplete, what);
        if let Some(weight) = weights.iter().find(|w| !w.is_finite() || **w < 0.0) {
            return Err(bad(format!("a response distribution cannot hold the weight {weight}")));
        }
        let total: f64 = weights.iter().sum();
        if !total.is_finite() || total <= 0.0 {
            return Err(bad("a response distribution needs some weight".to_owned()));
        }
        Ok(ResponseDistribution { probabilities: weights.iter().map(|w| w / total).collect() })
    }

    pub fn probabilities(&self) -> &[f64] {
        &self.probabilities
    }

    /// Expected value of `values` under this distribution.
    pub fn mean(&self, values: &[f64]) -> f64 {
        self.probabilities.iter().zip(values).map(|(p, v)| p * v).sum()
    }
}

/// How many people of one group chose each option of one item.
#[derive(Debug, Clone, PartialEq)]
pub struct Marginal {
    pub population_group: String,
    pub item: String,
    /// People per option, in scale order.
    pub counts: Vec<f64>,
    /// People who were asked and gave no valid response.
    pub missing_count: f64,
}

impl Marginal {
    /// People who gave a valid response.
    pub fn n(&self) -> f64 {
        self.counts.iter().sum()
    }
}
