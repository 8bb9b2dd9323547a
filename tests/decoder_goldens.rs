//! Every golden model, packed in one trie, against what transformers computed for each sequence alone.

use super::harness::{golden_decoder, golden_models, log_probs, max_difference, read_all, repository};

/// Largest |Δ log-prob| allowed in f32.
const TOLERANCE: f64 = 1e-4;

#[derive(serde::Deserialize)]
struct Expected {
    sequences: Vec<Vec<u32>>,
    log_probs: Vec<Vec<f64>>,
    entropy: Vec<f64>,
    temperatures: Vec<f64>,
    log_sum_exp: Vec<Vec<f64>>,
}

#[test]
fn log_probs_are_those_of_transformers() {
    for name in golden_models() {
        let path = repository("tests/goldens/models").join(&name).join("expected.json");
        let expected: Expected = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let decoder = golden_decoder(&name);
        let unit = expected.temperatures.iter().position(|&t| t == 1.0).unwrap();
        for token_budget in [3, 4096] {
            let readouts = read_all(&decoder, &expected.sequences, token_budget, &expected.temperatures);
            for (index, readout) in readouts.iter().enumerate() {
                let worst = max_difference(&log_probs(readout, unit), &expected.log_probs[index]);
                assert!(worst <= TOLERANCE, "{name}, sequence {index}: log-probs are {worst:e} off");
                let off = (readout.entropy - expected.entropy[index]).abs();
                assert!(off <= TOLERANCE, "{name}, sequence {index}: entropy is {off:e} off");
                // The logits of the goldens are f32, so a temperature of 1/4 multiplies their rounding by 4.
                let off = max_difference(&readout.log_sum_exp, &expected.log_sum_exp[index]);
                assert!(off <= 4.0 * TOLERANCE, "{name}, sequence {index}: log-sum-exp is {off:e} off");
            }
        }
    }
}
