//! Whether the fast path says what the plain one does: log-probs of a sample of prompts, each alone, by candle's f32
//! operations, against the same prompts' log-probs out of the whole workload.

use super::record::VerificationCard;
use super::repeat::{RunSettings, run_once};
use super::workload::Prompt;
use crate::engine::{Decoder, EngineDtype};
use crate::error::{Error, Result};

/// Prompts in the sample; the plain path is slow.
const PROMPT_COUNT_MAX: usize = 8;

/// Largest difference that is let pass, in nats. In f32 only the order of sums differs. In bf16 every product's operands are
/// rounded to 8 bits, which moves the log-probs of real models by hundredths to tenths of a nat; wrong arithmetic moves
/// them by whole ones.
const F32_BOUND_NATS: f64 = 1e-4;
const BF16_BOUND_NATS: f64 = 0.25;

/// Log-probs by the plain path.
#[derive(Debug)]
pub struct Reference {
    /// Index of the prompt in the workload, and log-probs of its wanted ids.
    log_probs: Vec<(usize, Vec<f64>)>,
    kernel_name: String,
}

/// Indices of the sample: first, last, and evenly between.
pub fn sampled(prompt_count: usize) -> Vec<usize> {
    let count = prompt_count.min(PROMPT_COUNT_MAX);
    (0..count).map(|index| index * (prompt_count - 1) / (count - 1).max(1)).collect()
}

impl Reference {
    /// # Errors
    /// The engine's, and kind `Interrupted`.
    pub fn new(
        decoder: &Decoder,
        kernel_name: String,
        prompts: &[Prompt],
        run: RunSettings,
        advanced: &dyn Fn(u64),
        stop: &dyn Fn() -> bool,
    ) -> Result<Self> {
        let mut log_probs = Vec::new();
        for index in sampled(prompts.len()) {
            let alone = run_once(decoder, &prompts[index..=index], run, &|_| (), stop)?;
            log_probs.extend(alone.log_probs.into_iter().map(|found| (index, found)));
            advanced(log_probs.len() as u64);
        }
        Ok(Reference { log_probs, kernel_name })
    }

    /// Compares all prompts' log-probs with those of the sample.
    ///
    /// # Errors
    /// Kind `Model` when one is further off than the dtype's rounding explains.
    pub fn check(&self, log_probs: &[Vec<f64>], dtype: EngineDtype) -> Result<VerificationCard> {
        let bound_nats = match dtype {
            EngineDtype::F32 => F32_BOUND_NATS,
            EngineDtype::Bf16 => BF16_BOUND_NATS,
        };
        let mut card = VerificationCard {
            reference_kernel: self.kernel_name.clone(),
            prompt_count: self.log_probs.len(),
            log_prob_count: self.log_probs.iter().map(|(_, expected)| expected.len()).sum(),
            largest_difference_nats: 0.0,
            bound_nats,
        };
        for (index, expected) in &self.log_probs {
            for (found, expected) in log_probs[*index].iter().zip(expected) {
                let difference = (found - expected).abs();
                card.largest_difference_nats = card.largest_difference_nats.max(difference);
                if difference.is_nan() || difference > bound_nats {
                    return Err(Error::model(format!(
                        "prompt {index}: a log-prob is {found}, by {} {expected}; more than {bound_nats} nats apart",
                        self.kernel_name
                    ))
                    .hint("no speed was measured; another --kernel or --dtype f32 may be right"));
                }
            }
        }
        Ok(card)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_spans_the_workload() {
        assert_eq!(sampled(1), [0]);
        assert_eq!(sampled(3), [0, 1, 2]);
        assert_eq!(sampled(240), [0, 34, 68, 102, 136, 170, 204, 239]);
    }

    #[test]
    fn what_is_too_far_off_is_refused() {
        let reference =
            Reference { log_probs: vec![(1, vec![-1.0, -2.0])], kernel_name: "candle-f32".to_owned() };
        let found = |last| vec![vec![], vec![-1.0, last]];
        let card = reference.check(&found(-2.00005), EngineDtype::F32).unwrap();
        assert_eq!((card.prompt_count, card.log_prob_count), (1, 2));
        assert!((card.largest_difference_nats - 5e-5).abs() < 1e-9);
        let error = reference.check(&found(-2.001), EngineDtype::F32).unwrap_err().to_string();
        assert!(error.starts_with("prompt 1: a log-prob is -2.001, by candle-f32 -2"), "{error}");
        assert!(reference.check(&found(-2.001), EngineDtype::Bf16).is_ok());
        assert!(reference.check(&found(-2.3), EngineDtype::Bf16).is_err());
        assert!(reference.check(&found(f64::NAN), EngineDtype::Bf16).is_err());
    }
}
