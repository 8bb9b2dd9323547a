//! What is refused at load, and how tokens read.

use serde_json::json;

use super::super::fixtures::{
    Parts, byte_level, file, first_added_id, metaspace, special, surround, tokenizer,
};
use super::*;
use crate::error::ErrorKind;

fn refused(bytes: &[u8], vocab_size: usize) -> Error {
    TextTokenizer::from_bytes(bytes, vocab_size, Path::new("m/tokenizer.json")).err().unwrap()
}

#[test]
fn a_broken_file_is_named() {
    let error = refused(b"{\"version\": \"1.0\"", 10);
    assert_eq!(error.kind(), ErrorKind::Model);
    assert!(error.to_string().starts_with("m/tokenizer.json: tokenizer does not parse: "));
}

#[test]
fn the_first_id_beyond_the_vocabulary_is_named() {
    let bytes = file(byte_level(), &[special("<s>"), special("</s>")]);
    let first = first_added_id();
    let error = refused(&bytes, first as usize);
    assert_eq!(error.kind(), ErrorKind::Model);
    assert_eq!(
        error.to_string(),
        format!(
            "m/tokenizer.json: token \"<s>\" has id {first}, but the model's vocabulary has {first} entries"
        )
    );
    assert!(TextTokenizer::from_bytes(&bytes, first as usize + 2, Path::new("t")).is_ok());
    assert!(TextTokenizer::from_bytes(&bytes, 5000, Path::new("t")).is_ok());
}

#[test]
fn random_segmentation_is_refused() {
    let mut parsed: serde_json::Value = serde_json::from_slice(&file(byte_level(), &[])).unwrap();
    parsed["model"]["dropout"] = json!(0.1);
    let error = refused(&serde_json::to_vec(&parsed).unwrap(), 1000);
    assert!(error.to_string().contains("at random"), "{error}");
}

#[test]
fn truncation_and_padding_in_the_file_are_switched_off() {
    let truncation = json!({"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0});
    let padding = json!({"strategy": {"Fixed": 20}, "direction": "Right", "pad_to_multiple_of": null,
        "pad_id": 0, "pad_type_id": 0, "pad_token": "<unk>"});
    let tokenizer = tokenizer(Parts { truncation, padding, ..byte_level() }, &[]);
    assert_eq!(encode_ids(&tokenizer.tokenizer, "abc:abc").unwrap().len(), 5);
}

#[test]
fn what_a_post_processor_puts_in_front_is_found_and_what_it_puts_behind_left_away() {
    let first = first_added_id();
    let post_processor = surround("<s>", first, "</s>", first + 1);
    let parts = Parts { post_processor, ..metaspace("first", false) };
    assert_eq!(tokenizer(parts, &[special("<s>"), special("</s>")]).leading_ids, vec![first]);
    assert!(tokenizer(byte_level(), &[special("<s>")]).leading_ids.is_empty());
}

#[test]
fn the_bos_is_read_from_the_config_in_either_spelling() {
    let load = |config| tokenizer(byte_level(), &[special("<s>")]).with_tokenizer_config(&config);
    let first = Some(first_added_id());
    assert_eq!(load(json!({"bos_token": "<s>"})).unwrap().bos_id(), first);
    assert_eq!(load(json!({"bos_token": {"content": "<s>"}})).unwrap().bos_id(), first);
    assert_eq!(load(json!({"bos_token": null})).unwrap().bos_id(), None);
    let error = load(json!({"bos_token": "<nowhere>"})).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Model);
    assert!(error.to_string().contains("<nowhere>"));
}

#[test]
fn tokens_read_as_in_the_middle_of_a_text() {
    let bytes = tokenizer(byte_level(), &[special("<s>")]);
    let read =
        |tokenizer: &TextTokenizer, spelling| tokenizer.token_text(tokenizer.token_id(spelling).unwrap());
    assert_eq!(read(&bytes, "Ġ1"), " 1");
    assert_eq!(read(&bytes, "Ċ1"), "\\n1");
    assert_eq!(read(&bytes, "<s>"), "<s>");
    // Half of an é.
    assert_eq!(read(&bytes, "Ã"), "Ã");
    assert_eq!(bytes.token_text(999), "<id 999>");
    assert_eq!(read(&tokenizer(metaspace("first", false), &[]), "▁10"), " 10");
}

/// A file with a byte-level BPE, changed in one entry.
fn with_entry(entry: &str, value: serde_json::Value) -> Vec<u8> {
    let mut parsed: serde_json::Value = serde_json::from_slice(&file(byte_level(), &[])).unwrap();
    parsed[entry] = value;
    serde_json::to_vec(&parsed).unwrap()
}

fn open(bytes: &[u8]) -> Result<TextTokenizer> {
    TextTokenizer::from_bytes(bytes, 1000, Path::new("m/tokenizer.json"))
}

#[test]
fn a_file_on_which_the_crate_panics_at_load_is_refused() {
    let undefined = json!({"type": "TemplateProcessing", "pair": [], "special_tokens": {},
        "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]});
    let absent = json!({"type": "TemplateProcessing", "pair": [], "special_tokens": {},
        "single": [{"Sequence": {"id": "B", "type_id": 0}}]});
    let empty_charsmap = json!({"type": "Precompiled", "precompiled_charsmap": ""});
    let files = [("post_processor", undefined), ("post_processor", absent), ("normalizer", empty_charsmap)];
    for (entry, value) in files {
        let error = refused(&with_entry(entry, value.clone()), 1000);
        assert_eq!(error.kind(), ErrorKind::Model, "{value}");
        assert!(error.to_string().starts_with("m/tokenizer.json: "), "{error}");
    }
}

#[test]
fn a_file_on_which_the_crate_panics_while_encoding_is_an_error() {
    let tokenizer = open(&with_entry("pre_tokenizer", json!({"type": "FixedLength", "length": 0}))).unwrap();
    for outcome in [
        tokenizer.encode_text("abc", crate::tokens::TextKind::Chat).map(|_| ()),
        tokenizer.encode_prompt_forms("abc", crate::tokens::TextKind::Chat, &[(0, "1")]).map(|_| ()),
    ] {
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Model);
        assert!(error.to_string().starts_with("the tokenizer failed: "), "{error}");
    }
}

#[test]
fn where_the_decoder_panics_a_token_reads_as_the_vocabulary_spells_it() {
    let strip = json!({"type": "Strip", "content": "a", "start": 1_000_000, "stop": 0});
    let tokenizer = open(&with_entry("decoder", strip)).unwrap();
    assert_eq!(tokenizer.token_text(tokenizer.token_id("Ġ1").unwrap()), "Ġ1");
}

#[test]
fn an_id_that_only_the_post_processor_knows_is_refused() {
    let bytes = with_entry("post_processor", surround("<s>", 4_000_000_000, "</s>", 1));
    let error = refused(&bytes, 1000);
    assert_eq!(error.kind(), ErrorKind::Model);
    assert_eq!(
        error.to_string(),
        "m/tokenizer.json: the tokenizer makes the id 4000000000, but the model's vocabulary has 1000 entries"
    );
}

#[test]
fn a_bos_token_that_is_no_text_is_refused() {
    for entry in [json!(5), json!({"id": 1}), json!(["<s>"]), json!({"content": 1})] {
        let loaded =
            tokenizer(byte_level(), &[special("<s>")]).with_tokenizer_config(&json!({"bos_token": entry}));
        assert_eq!(loaded.err().unwrap().kind(), ErrorKind::Model, "{entry}");
    }
}
