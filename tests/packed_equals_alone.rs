//! A sequence's numbers do not depend on what else is in the trie, on the token budget, or on the order of the prompts.

use super::harness::{golden_decoder, log_probs, max_difference, read_all};
use proptest::prelude::*;
use respondent::engine::Decoder;
use std::sync::OnceLock;

/// f32 sums over other row counts may be made in another order; nothing larger is explained by that.
const TOLERANCE: f64 = 2e-5;

fn check(decoder: &Decoder, sequences: &[Vec<u32>], token_budget: usize) -> Result<(), TestCaseError> {
    let packed = read_all(decoder, sequences, token_budget, &[1.0]);
    for (sequence, readout) in sequences.iter().zip(&packed) {
        let alone = &read_all(decoder, std::slice::from_ref(sequence), usize::MAX >> 1, &[1.0])[0];
        let worst = max_difference(&log_probs(readout, 0), &log_probs(alone, 0));
        prop_assert!(worst <= TOLERANCE, "{sequence:?} at budget {token_budget} is {worst:e} off");
    }
    Ok(())
}

/// Sequences that branch often: few distinct ids, many shared prefixes.
fn sequences() -> impl Strategy<Value = Vec<Vec<u32>>> {
    prop::collection::vec(prop::collection::vec(5u32..8, 1..24), 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn llama(sequences in sequences(), token_budget in 1usize..64) {
        static DECODER: OnceLock<Decoder> = OnceLock::new();
        check(DECODER.get_or_init(|| golden_decoder("llama_gqa")), &sequences, token_budget)?;
    }

    #[test]
    fn qwen2(sequences in sequences(), token_budget in 1usize..64) {
        static DECODER: OnceLock<Decoder> = OnceLock::new();
        check(DECODER.get_or_init(|| golden_decoder("qwen2_untied")), &sequences, token_budget)?;
    }

    #[test]
    fn qwen3(sequences in sequences(), token_budget in 1usize..64) {
        static DECODER: OnceLock<Decoder> = OnceLock::new();
        check(DECODER.get_or_init(|| golden_decoder("qwen3_tied")), &sequences, token_budget)?;
    }
}
