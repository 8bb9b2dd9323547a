//! The engine's memory is bounded by the token budget and the depth of the trie, not by the number of prompts.
//! A binary of its own, because it counts every allocation of the process.

#[path = "harness/decoders.rs"]
mod decoders;

use decoders::golden_decoder;
use peak_alloc::PeakAlloc;
use respondent::engine::{Decoder, Prefill, ReadoutRequest, ReadoutScope, ReadoutSettings};
use respondent::packing::{PrefixTrie, TokenSequence};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

const TOKEN_BUDGET: usize = 512;

/// A synthetic survey: everyone shares 24 tokens, groups of 64 share 8 more, each prompt ends with 6 of its own.
fn survey(prompt_count: u32) -> Vec<Vec<u32>> {
    let digits = |number: u32, count: u32| (0..count).map(move |place| 4 + (number >> (4 * place)) % 16);
    let prompt = |index: u32| {
        (0..24).map(|at| 4 + at % 7).chain(digits(index / 64, 8)).chain(digits(index, 6)).collect()
    };
    (0..prompt_count).map(prompt).collect()
}

/// Bytes of heap that the prefill takes at its peak beyond what was there before, and most key/value rows held.
fn peak(decoder: &Decoder, prompt_count: u32) -> (usize, usize) {
    let prompts = survey(prompt_count);
    let views: Vec<_> = prompts.iter().map(|ids| TokenSequence::new(ids, &[])).collect();
    let trie = PrefixTrie::new(&views);
    let requests = vec![ReadoutRequest { wanted: &[4, 5] }; prompts.len()];
    let settings = ReadoutSettings { scope: ReadoutScope::Vocabulary, temperatures: vec![1.0], top_count: 2 };
    HEAP.reset_peak_usage();
    let before = HEAP.current_usage();
    let (mut read_count, mut kv_row_count_max) = (0, 0);
    for batch in Prefill::new(decoder, &trie, &requests, &settings, TOKEN_BUDGET) {
        let batch = batch.unwrap();
        read_count += batch.readouts.len();
        kv_row_count_max = kv_row_count_max.max(batch.kv_row_count);
    }
    assert_eq!(read_count, prompts.len());
    (HEAP.peak_usage() - before, kv_row_count_max)
}

#[test]
fn fifty_thousand_prompts_take_no_more_than_five_thousand() {
    let decoder = golden_decoder("llama_bias");
    // Worker threads and their scratch buffers are made once and stay.
    peak(&decoder, 500);
    let (few, few_rows) = peak(&decoder, 5_000);
    let (many, many_rows) = peak(&decoder, 50_000);
    eprintln!("5,000 prompts: {few} bytes, {few_rows} rows; 50,000 prompts: {many} bytes, {many_rows} rows");
    assert!(many_rows < TOKEN_BUDGET + 38 && few_rows < TOKEN_BUDGET + 38);
    assert!(many as f64 <= 1.1 * few as f64, "{many} bytes for 50,000 prompts, {few} for 5,000");
}
