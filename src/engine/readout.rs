//! From a row of logits to what leaves the engine. A full vocabulary row never does.

use super::prefill::ReadoutRequest;
use super::ranking::Ranking;
use crate::elementary::{exp, ln};
use crate::error::{Error, Result};

/// Temperatures outside are refused: below, a response is a point mass in f64 anyway; above, uniform.
const TEMPERATURE_MIN: f64 = 1e-3;
const TEMPERATURE_MAX: f64 = 1e3;

/// # Errors
/// Kind `Usage` when a temperature is not a number within 0.001 to 1000.
pub fn check_temperatures(temperatures: &[f64]) -> Result<()> {
    match temperatures.iter().find(|t| !(TEMPERATURE_MIN..=TEMPERATURE_MAX).contains(*t)) {
        None => Ok(()),
        Some(bad) => Err(Error::usage(format!(
            "a temperature must be a number from {TEMPERATURE_MIN} to {TEMPERATURE_MAX}, not {bad}"
        ))),
    }
}

/// Among which ids a readout's probability is shared out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReadoutScope {
    /// All of them: probabilities are the model's own.
    #[default]
    Vocabulary,
    /// Those that are wanted, each once: probabilities are the model's, given that one of them comes next. The readout
    /// matrix is not multiplied whole, and what the other ids hold stays unknown. Logits are the same to the bit.
    Wanted,
}

/// What is read at every readout.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadoutSettings {
    pub scope: ReadoutScope,
    /// Temperatures at which the log-sum-exp is wanted, as [`check_temperatures`] has them.
    pub temperatures: Vec<f64>,
}

/// What one readout returns. Logits are f32 numbers widened to f64; everything else is computed in f64.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadoutLogits {
    /// The raw logit of each wanted id, in the order wanted.
    pub wanted: Vec<f64>,
    /// ln Σ exp(logit / T) over the scope, for each temperature of the settings.
    pub log_sum_exp: Vec<f64>,
    /// The same at temperature 1.
    pub log_total: f64,
    /// Shannon entropy of softmax(logits / T) over the scope, in nats, for each temperature of the settings.
    pub entropies: Vec<f64>,
    /// The same at temperature 1.
    pub entropy: f64,
    /// The most probable ids of the scope and their log-probs (natural log, temperature 1), best first; ties by ascending
    /// id.
    pub top: Vec<(u32, f64)>,
    /// Where it was asked for, and the scope is the vocabulary.
    pub ranking: Option<Ranking>,
}

impl ReadoutLogits {
    /// Reads one row.
    ///
    /// # Errors
    /// Kind `Model` when a logit is NaN or infinite.
    pub fn from_row(row: &[f32], request: &ReadoutRequest<'_>, settings: &ReadoutSettings) -> Result<Self> {
        if let Some(id) = row.iter().position(|logit| !logit.is_finite()) {
            return Err(refuse_logit(id, row[id]));
        }
        let max = row.iter().fold(f32::NEG_INFINITY, |max, &logit| max.max(logit)) as f64;
        let sums: Vec<Sums> = settings.temperatures.iter().map(|&t| Sums::of(row, max, t)).collect();
        let at_one = Sums::of(row, max, 1.0);
        let log_total = at_one.log_sum_exp(max, 1.0);
        Ok(ReadoutLogits {
            wanted: request.wanted.iter().map(|&id| row[id as usize] as f64).collect(),
            log_sum_exp: sums
                .iter()
                .zip(&settings.temperatures)
                .map(|(sums, &t)| sums.log_sum_exp(max, t))
                .collect(),
            log_total,
            entropies: sums.iter().zip(&settings.temperatures).map(|(sums, &t)| sums.entropy(t)).collect(),
            entropy: at_one.entropy(1.0),
            top: top(row, request.top_count).map(|id| (id, row[id as usize] as f64 - log_total)).collect(),
            ranking: request.nucleus_mass.map(|mass| {
                let totals = sums.iter().map(|sums| sums.total);
                Ranking::of_row(row.to_vec(), request.wanted, &settings.temperatures, totals, mass)
            }),
        })
    }

    /// Reads with [`ReadoutScope::Wanted`]: `logits[i]` is that of the request's `wanted[i]`, which may come more than once.
    ///
    /// # Errors
    /// Kind `Model` when a logit is NaN or infinite.
    pub fn of_wanted(
        logits: &[f32],
        request: &ReadoutRequest<'_>,
        settings: &ReadoutSettings,
    ) -> Result<Self> {
        let wanted = request.wanted;
        let mut places: Vec<usize> = (0..wanted.len()).collect();
        places.sort_by_key(|&place| wanted[place]);
        places.dedup_by_key(|place| wanted[*place]);
        if let Some(&place) = places.iter().find(|place| !logits[**place].is_finite()) {
            return Err(refuse_logit(wanted[place] as usize, logits[place]));
        }
        let row: Vec<f32> = places.iter().map(|&place| logits[place]).collect();
        let mut read = Self::from_row(&row, &ReadoutRequest::new(&[]).naming(request.top_count), settings)?;
        read.wanted = logits.iter().map(|&logit| logit as f64).collect();
        for (id, _) in &mut read.top {
            *id = wanted[places[*id as usize]];
        }
        Ok(read)
    }

    /// Log-prob of the `index`-th wanted id at temperature `temperature`, the `temperature_index`-th of the settings.
    pub fn log_prob(&self, index: usize, temperature_index: usize, temperature: f64) -> f64 {
        // Rounding may put a certain token a hair above 0.
        (self.wanted[index] / temperature - self.log_sum_exp[temperature_index]).min(0.0)
    }
}

/// The error for a logit that is NaN or infinite.
pub(super) fn refuse_logit(id: usize, logit: f32) -> Error {
    Error::model(format!("the logit of token {id} is {logit}"))
        .hint("the weights are damaged, or overflow in this dtype")
}

/// Σ w and Σ w · (logit − max), with w = exp((logit − max) / T).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sums {
    pub total: f64,
    pub weighted: f64,
}

impl Sums {
    fn of(row: &[f32], max: f64, temperature: f64) -> Self {
        let mut sums = Sums::default();
        for &logit in row {
            let below = logit as f64 - max;
            let weight = exp(below / temperature);
            sums.total += weight;
            sums.weighted += weight * below;
        }
        sums
    }

    /// ln Σ exp(logit / T).
    pub fn log_sum_exp(&self, max: f64, temperature: f64) -> f64 {
        max / temperature + ln(self.total)
    }

    /// Of softmax(logits / T), in nats: ln Σ w − Σ w · (logit − max) / (T · Σ w).
    pub fn entropy(&self, temperature: f64) -> f64 {
        (ln(self.total) - self.weighted / (temperature * self.total)).max(0.0)
    }
}

/// Ids of the `count` largest logits.
fn top(row: &[f32], count: usize) -> impl Iterator<Item = u32> {
    let better = |a: &u32, b: &u32| row[*b as usize].total_cmp(&row[*a as usize]).then(a.cmp(b));
    let count = count.min(row.len());
    let mut best: Vec<u32> = Vec::with_capacity(count + 1);
    for id in 0..row.len() as u32 {
        if best.len() == count && best.last().is_none_or(|last| better(last, &id).is_lt()) {
            continue;
        }
        let place = best.partition_point(|known| better(known, &id).is_lt());
        best.insert(place, id);
        best.truncate(count);
    }
    best.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn settings() -> ReadoutSettings {
        ReadoutSettings { scope: ReadoutScope::Vocabulary, temperatures: vec![0.25, 1.0, 2.0] }
    }

    proptest! {
        #[test]
        fn it_is_a_softmax(row in prop::collection::vec(-30f32..30.0, 5..60)) {
            let wanted: Vec<u32> = (0..row.len() as u32).collect();
            let read = ReadoutLogits::from_row(&row, &ReadoutRequest::new(&wanted).naming(5), &settings()).unwrap();
            for (index, &temperature) in settings().temperatures.iter().enumerate() {
                let log_probs: Vec<f64> = (0..row.len()).map(|id| read.log_prob(id, index, temperature)).collect();
                let total: f64 = log_probs.iter().map(|l| l.exp()).sum();
                prop_assert!((total - 1.0).abs() < 1e-12);
                let entropy: f64 = log_probs.iter().map(|l| -l * l.exp()).sum();
                prop_assert!((entropy - read.entropies[index]).abs() < 1e-9);
                if temperature == 1.0 {
                    prop_assert_eq!(read.entropy, read.entropies[index]);
                    let mut sorted: Vec<(u32, f64)> = wanted.iter().copied().zip(log_probs).collect();
                    sorted.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
                    for (top, expected) in read.top.iter().zip(sorted) {
                        prop_assert!((top.1 - expected.1).abs() < 1e-9);
                    }
                }
            }
        }
    }

    #[test]
    fn ties_go_to_the_smaller_id() {
        let read =
            ReadoutLogits::from_row(&[1.0, 2.0, 2.0, 2.0], &ReadoutRequest::new(&[]).naming(2), &settings());
        assert_eq!(read.unwrap().top.iter().map(|t| t.0).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn a_nan_is_refused() {
        let error =
            ReadoutLogits::from_row(&[0.0, f32::NAN], &ReadoutRequest::new(&[0]), &settings()).unwrap_err();
        assert_eq!(error.to_string(), "the logit of token 1 is NaN");
    }
}
