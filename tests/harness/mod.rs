//! What several test modules need. No test stands here.

mod decoders;
#[cfg(feature = "hub")]
mod fake_hub;
mod families;
mod import_place;
mod program;
#[cfg(target_os = "linux")]
mod trace;

pub use decoders::{decoder, decoder_on, repository};
#[cfg(feature = "hub")]
pub use fake_hub::{FakeHub, HubFile, HubState};
pub use families::{FamilyRows, reference_devices};
pub use import_place::ImportPlace;
pub use program::{
    ModelCopy, Outcome, respondent, respondent_killed_at, respondent_with, respondent_with_input,
};
#[cfg(target_os = "linux")]
pub use trace::{Call, respondent_traced};

use respondent::engine::{Decoder, Prefill, ReadoutLogits, ReadoutRequest, ReadoutScope, ReadoutSettings};
use respondent::packing::PrefixTrie;

/// Names of the golden models.
pub fn golden_models() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(repository("tests/goldens/models"))
        .expect("goldens are committed")
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(names.len() >= 10, "goldens are committed");
    names
}

/// Every id of the vocabulary at the end of every sequence, all sequences in one trie.
pub fn read_all(
    decoder: &Decoder,
    sequences: &[Vec<u32>],
    token_budget: usize,
    temperatures: &[f64],
) -> Vec<ReadoutLogits> {
    let wanted: Vec<u32> = (0..decoder.config().vocab_size as u32).collect();
    let wanted = vec![wanted; sequences.len()];
    read(decoder, sequences, &wanted, ReadoutScope::Vocabulary, token_budget, temperatures)
}

/// The ids `wanted[i]` at the end of `sequences[i]`, all sequences in one trie.
pub fn read(
    decoder: &Decoder,
    sequences: &[Vec<u32>],
    wanted: &[Vec<u32>],
    scope: ReadoutScope,
    token_budget: usize,
    temperatures: &[f64],
) -> Vec<ReadoutLogits> {
    let views: Vec<_> = sequences.iter().map(|ids| decoder.config().sequence(ids, &[])).collect();
    let trie = PrefixTrie::new(&views);
    let requests: Vec<_> = wanted.iter().map(|wanted| ReadoutRequest::new(wanted).naming(3)).collect();
    let settings = ReadoutSettings { scope, temperatures: temperatures.to_vec() };
    let mut found: Vec<Option<ReadoutLogits>> = vec![None; sequences.len()];
    for batch in Prefill::new(decoder, &trie, &requests, &settings, token_budget) {
        for (sequence, readout) in batch.unwrap().readouts {
            assert!(found[sequence].replace(readout).is_none(), "each sequence is read once");
        }
    }
    found.into_iter().map(|readout| readout.expect("each sequence is read")).collect()
}

/// Log-probs over the vocabulary at temperature 1, which must be the `index`-th temperature of the readout.
pub fn log_probs(readout: &ReadoutLogits, index: usize) -> Vec<f64> {
    (0..readout.wanted.len()).map(|id| readout.log_prob(id, index, 1.0)).collect()
}

pub fn max_difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}
