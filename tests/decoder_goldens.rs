//! Every golden model, on our kernels and on candle's operations, packed in one trie and each sequence alone, against what
//! transformers computed for each sequence alone.

use super::harness::{
    FamilyRows, decoder_on, golden_models, log_probs, max_difference, read_all, reference_devices, repository,
};
use respondent::engine::{Decoder, ReadoutLogits};

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

/// All sequences packed under two budgets, then each in a trie of its own.
fn packed_and_alone(decoder: &Decoder, expected: &Expected) -> Vec<Vec<ReadoutLogits>> {
    let read = |sequences: &[Vec<u32>], budget| read_all(decoder, sequences, budget, &expected.temperatures);
    let alone = expected.sequences.iter().flat_map(|sequence| read(std::slice::from_ref(sequence), 4096));
    vec![read(&expected.sequences, 3), read(&expected.sequences, 4096), alone.collect()]
}

/// The largest difference in log-probs.
fn check(name: &str, decoder: &Decoder, expected: &Expected) -> f64 {
    let unit = expected.temperatures.iter().position(|&t| t == 1.0).unwrap();
    let mut largest = 0f64;
    for readouts in packed_and_alone(decoder, expected) {
        assert_eq!(readouts.len(), expected.log_probs.len(), "{name}");
        for (index, readout) in readouts.iter().enumerate() {
            let worst = max_difference(&log_probs(readout, unit), &expected.log_probs[index]);
            assert!(worst <= TOLERANCE, "{name}, sequence {index}: log-probs are {worst:e} off");
            let off = (readout.entropy - expected.entropy[index]).abs();
            assert!(off <= TOLERANCE, "{name}, sequence {index}: entropy is {off:e} off");
            // The logits of the goldens are f32, so a temperature of 1/4 multiplies their rounding by 4.
            let off = max_difference(&readout.log_sum_exp, &expected.log_sum_exp[index]);
            assert!(off <= 4.0 * TOLERANCE, "{name}, sequence {index}: log-sum-exp is {off:e} off");
            largest = largest.max(worst);
        }
    }
    largest
}

/// `cargo test --release --test tests decoder_goldens -- --nocapture` prints what README's table has of folders.
#[test]
fn log_probs_are_those_of_transformers() {
    let mut rows = FamilyRows::default();
    for (path, device) in reference_devices() {
        for name in golden_models() {
            let directory = repository("tests/goldens/models").join(&name);
            let expected = std::fs::read(directory.join("expected.json")).unwrap();
            let expected: Expected = serde_json::from_slice(&expected).unwrap();
            let largest = check(&name, &decoder_on(&directory, &device), &expected);
            rows.add(&name, path, largest);
        }
    }
    rows.check_readme(1);
}
