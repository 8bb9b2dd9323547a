//! Corrupted files of every kind: an error or a tokenizer, never a panic, a hang or memory without bound.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

use super::goldens::{byte_level, golden, golden_ranks};
use super::*;

const TEXT: &str = "The people's  1234 answers\n\n今天 é 👍🏽 <think>x</think> <0x41> <s>";

/// Opening and using it may fail, in an error.
fn open(bytes: &[u8]) {
    let config = json!({"tokenizer_class": "LlamaTokenizer", "legacy": true});
    if let Ok(tokenizer) = from_model(bytes, &config, Some(RanksFamily::Llama3)) {
        let _ = encode_ids(&tokenizer.tokenizer, TEXT);
    }
}

/// Overwrites, cuts and repeats.
fn corrupt(mut bytes: Vec<u8>, edits: &[(usize, u8)], keep: usize) -> Vec<u8> {
    for &(at, byte) in edits {
        let len = bytes.len();
        bytes[at % len] = byte;
    }
    bytes.truncate(bytes.len() - keep % 64);
    bytes
}

fn edits() -> impl Strategy<Value = Vec<(usize, u8)>> {
    vec((any::<usize>(), any::<u8>()), 0..12)
}

/// The head of a model and its tail, where the settings stand, are small beside its pieces.
fn edits_at_the_end() -> impl Strategy<Value = Vec<(usize, u8)>> {
    vec((0..600_usize, any::<u8>()), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn corrupted_models(edits in edits(), keep in 0..64_usize, which in 0..4_usize) {
        let name = ["bpe_bytes", "bpe_nfkc", "unigram_nfkc", "unigram_bytes"][which];
        open(&corrupt(golden(&format!("{name}.model")), &edits, keep));
    }

    #[test]
    fn corrupted_settings(edits in edits_at_the_end(), which in 0..2_usize) {
        let bytes = golden(["bpe_bytes.model", "unigram_bytes.model"][which]);
        let len = bytes.len();
        let edits: Vec<_> = edits.into_iter().map(|(at, byte)| (len - 1 - at, byte)).collect();
        open(&corrupt(bytes, &edits, 0));
    }

    #[test]
    fn corrupted_ranks(edits in edits(), keep in 0..64_usize) {
        open(&corrupt(golden_ranks(), &edits, keep));
    }

    #[test]
    fn any_bytes(bytes in vec(any::<u8>(), 0..200), prefix in prop::sample::select(vec![&b""[..], b"\n\x05\n\x03abc", b"IQ== 0\n"])) {
        open(&[prefix, &bytes].concat());
    }

    #[test]
    fn any_metadata(
        tokens in vec("[ab▁ é]{0,4}", 0..30),
        scores in vec(-3_i8..3, 0..30),
        types in vec(0..8_i32, 0..30),
        merges in vec("[ab ]{0,4}", 0..5),
        ids in any::<[Option<u8>; 3]>(),
        charsmap in vec(any::<u8>(), 0..40),
        model in prop::sample::select(vec!["llama", "gpt2", "t5"]),
        flag in any::<Option<bool>>(),
    ) {
        let metadata = VocabularyMetadata {
            model: model.to_owned(),
            pre: Some("gpt-2".to_owned()),
            tokens,
            scores: Some(scores.into_iter().map(f32::from).collect()),
            token_types: Some(types),
            merges: Some(merges),
            bos_id: ids[0].map(u32::from),
            eos_id: ids[1].map(u32::from),
            unk_id: ids[2].map(u32::from),
            add_bos: flag,
            precompiled_charsmap: Some(charsmap),
            ..VocabularyMetadata::default()
        };
        if let Ok(tokenizer) = TextTokenizer::from_vocabulary(metadata, 1 << 20, Path::new("m.gguf")) {
            let _ = encode_ids(&tokenizer.tokenizer, TEXT);
        }
    }
}

#[test]
fn a_table_of_characters_cannot_ask_for_more_than_it_is() {
    let refused = |bytes: &[u8]| whitespace::charsmap(bytes).err().unwrap().to_string();
    assert!(refused(&[0xFC, 0xFF, 0xFF, 0xFF, 1, 2]).contains("impossible length"));
    assert!(refused(&[1, 0]).contains("cut off"));
    let long = [&[4, 0, 0, 0, 0, 0, 0, 0][..], &[b'x'; 300]].concat();
    assert!(refused(&long).contains("a whole text"));
}

#[test]
fn many_long_entries_take_no_time() {
    let mut metadata = byte_level("gpt-2");
    metadata.model = "llama".to_owned();
    metadata.tokens = (1..500).map(|len| "a".repeat(len)).collect();
    metadata.scores = Some((1..500).map(|len| -(len as f32)).collect());
    metadata.token_types = None;
    let tokenizer = from_metadata(metadata);
    assert_eq!(encode_ids(&tokenizer.tokenizer, &"a".repeat(1000)).unwrap().len(), 3);
}
