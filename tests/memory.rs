//! The engine's memory is bounded by the token budget and the depth of the trie, not by the number of prompts; what a damaged file
//! can make its reader allocate, by the file's length.
//! A binary of its own, because it counts every allocation of the process.

#[path = "harness/decoders.rs"]
mod decoders;

use decoders::{decoder, repository};
use peak_alloc::PeakAlloc;
use proptest::prelude::*;
use respondent::engine::{Decoder, Prefill, ReadoutRequest, ReadoutScope, ReadoutSettings};
use respondent::models::gguf::GgufFile;
use respondent::packing::PrefixTrie;
use std::path::Path;
use std::sync::Mutex;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// One test at a time: the count is of the whole process.
static COUNTING: Mutex<()> = Mutex::new(());

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
    let views: Vec<_> = prompts.iter().map(|ids| decoder.config().sequence(ids, &[])).collect();
    let trie = PrefixTrie::new(&views);
    let requests = vec![ReadoutRequest::new(&[4, 5]).naming(2); prompts.len()];
    let settings = ReadoutSettings { scope: ReadoutScope::Vocabulary, temperatures: vec![1.0] };
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
    let _counting = COUNTING.lock().unwrap();
    let decoder = decoder(&repository("tests/goldens/models/llama_bias"));
    // Worker threads and their scratch buffers are made once and stay.
    peak(&decoder, 500);
    let (few, few_rows) = peak(&decoder, 5_000);
    let (many, many_rows) = peak(&decoder, 50_000);
    eprintln!("5,000 prompts: {few} bytes, {few_rows} rows; 50,000 prompts: {many} bytes, {many_rows} rows");
    assert!(many_rows < TOKEN_BUDGET + 38 && few_rows < TOKEN_BUDGET + 38);
    assert!(many as f64 <= 1.1 * few as f64, "{many} bytes for 50,000 prompts, {few} for 5,000");
}

/// Bytes of heap that reading all of a GGUF file takes at its peak, damaged or not.
fn gguf_peak(path: &Path) -> usize {
    HEAP.reset_peak_usage();
    let before = HEAP.current_usage();
    if let Ok(file) = GgufFile::open(path) {
        for (key, _) in file.metadata().iter() {
            let _ = file.metadata().get::<Vec<&str>>(key);
            let _ = file.metadata().get::<Vec<i64>>(key);
        }
        for tensor in file.tensors() {
            let _ = file.matrix(tensor).and_then(|matrix| matrix.to_tensor());
        }
    }
    HEAP.peak_usage() - before
}

/// A value of 32 elements for each byte, which is the most that 2-bit codes become; beside it what an open file needs.
fn gguf_bytes_max(file_len: usize) -> usize {
    64 * file_len + (256 << 10)
}

#[test]
fn a_lying_count_allocates_nothing() {
    let _counting = COUNTING.lock().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    let string_array = [&[9, 0, 0, 0, 8, 0, 0, 0][..], &(1u64 << 40).to_le_bytes()].concat();
    let lies: [(u64, u64, &[u8]); 4] = [
        (1 << 40, 0, &[]),
        (0, 1 << 40, &[]),
        (0, 1, &(1u64 << 40).to_le_bytes()),
        (0, 1, &[&1u64.to_le_bytes()[..], b"k", &string_array].concat()),
    ];
    for (tensor_count, entry_count, rest) in lies {
        let counts = [tensor_count.to_le_bytes(), entry_count.to_le_bytes()].concat();
        let bytes = [b"GGUF\x03\0\0\0", &counts[..], rest].concat();
        std::fs::write(&path, &bytes).unwrap();
        assert!(GgufFile::open(&path).is_err());
        let peak = gguf_peak(&path);
        assert!(peak <= gguf_bytes_max(bytes.len()), "{peak} bytes for a file of {}", bytes.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_damaged_file_takes_no_more_than_its_length_times_a_constant(
        name in prop::sample::select(vec!["metadata.gguf", "types.gguf", "unreadable.gguf"]),
        changes in prop::collection::vec((8usize..2000, any::<u8>()), 0..4),
        is_extended in any::<bool>(),
    ) {
        let _counting = COUNTING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut bytes =
            std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/gguf").join(name)).unwrap();
        for (at, value) in changes {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        // A long file is where a lie about a length can cost something.
        bytes.resize(bytes.len() + if is_extended { 4 << 20 } else { 0 }, 0);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.gguf");
        std::fs::write(&path, &bytes).unwrap();
        let peak = gguf_peak(&path);
        prop_assert!(peak <= gguf_bytes_max(bytes.len()), "{peak} bytes for a file of {}", bytes.len());
    }
}
