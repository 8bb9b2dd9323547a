//! What is refused, and in which words.

use serde_json::json;

use super::goldens::{byte_level, golden, golden_ranks};
use super::*;
use crate::error::{Error, ErrorKind};

fn refused(metadata: VocabularyMetadata) -> String {
    let error = TextTokenizer::from_vocabulary(metadata, 1 << 20, Path::new("m.gguf")).err().unwrap();
    told(error)
}

fn told(error: Error) -> String {
    assert_eq!(error.kind(), ErrorKind::Model);
    error.to_string()
}

#[test]
fn what_is_not_known_is_named() {
    let told = refused(byte_level("qwen9"));
    assert_eq!(told, "m.gguf: the pre-tokenizer \"qwen9\" (tokenizer.ggml.pre) is not known");
    let told = refused(VocabularyMetadata { pre: None, ..byte_level("gpt-2") });
    assert_eq!(told, "m.gguf: tokenizer.ggml.pre is missing");
    let told = refused(VocabularyMetadata { model: "rwkv".to_owned(), ..byte_level("gpt-2") });
    assert_eq!(told, "m.gguf: the vocabulary kind \"rwkv\" (tokenizer.ggml.model) is not supported");
}

#[test]
fn lists_that_contradict_each_other_are_refused() {
    let base = || byte_level("gpt-2");
    let with = |change: fn(&mut VocabularyMetadata)| {
        let mut metadata = base();
        change(&mut metadata);
        refused(metadata)
    };
    assert!(with(|m| m.merges = None).contains("tokenizer.ggml.merges is missing"));
    assert!(with(|m| m.merges = Some(vec!["Ġ".to_owned()])).contains("does not have two parts"));
    assert!(with(|m| m.merges = Some(vec!["a nowhere".to_owned()])).contains("do not fit"));
    assert!(with(|m| m.token_types = Some(vec![1])).contains("token_type has 1 entries for"));
    assert!(with(|m| m.token_types.as_mut().unwrap()[0] = 9).contains("9 is no kind"));
    assert!(with(|m| m.tokens[3] = m.tokens[4].clone()).contains("twice"));
    assert!(with(|m| m.tokens.clear()).contains("is empty"));
    assert!(with(|m| m.add_bos = Some(true)).contains("needs a bos_token_id"));
    assert!(
        with(|m| (m.add_bos, m.bos_id) = (Some(true), Some(70_000)))
            .contains("70000 is not in the vocabulary")
    );
}

fn scored(texts: &[(&str, f32)]) -> VocabularyMetadata {
    VocabularyMetadata {
        model: "llama".to_owned(),
        tokens: texts.iter().map(|&(text, _)| text.to_owned()).collect(),
        scores: Some(texts.iter().map(|&(_, score)| score).collect()),
        ..VocabularyMetadata::default()
    }
}

#[test]
fn scores_that_do_not_order_merges_are_refused() {
    let pieces =
        [("<unk>", 0.0), ("<s>", 0.0), ("</s>", 0.0), ("a", -3.0), ("b", -4.0), ("ab", -1.0), ("ba", -1.0)];
    assert!(refused(scored(&pieces)).contains("\"ab\" and \"ba\" have one score"));
    assert!(refused(VocabularyMetadata { scores: None, ..scored(&pieces) }).contains("scores is missing"));
    let nan = [&pieces[..6], &[("ba", f32::NAN)]].concat();
    assert!(refused(scored(&nan)).contains("the score of \"ba\" is NaN"));
    let few_bytes = [&pieces[..6], &[("<0x0A>", 0.0)]].concat();
    assert!(refused(scored(&few_bytes)).contains("only 1 of the 256 bytes"));
    assert_eq!(ids(&from_metadata(scored(&pieces[..6])), "ab"), [0, 5]);
}

#[test]
fn a_tokenizer_model_is_detected_by_its_bytes() {
    let detect = TokenizerModelFormat::detect;
    assert_eq!(detect(&golden("bpe_bytes.model")).unwrap(), TokenizerModelFormat::SentencePiece);
    assert_eq!(detect(&golden_ranks()).unwrap(), TokenizerModelFormat::TiktokenRanks);
    for other in [&b""[..], b"\n", b"{\"version\": \"1.0\"}", b"GGUF\x03\0\0\0", b"PK\x03\x04", b"\n\n\n\n"] {
        assert!(told(detect(other).unwrap_err()).contains("neither a SentencePiece model nor"), "{other:?}");
    }
    let pointer = detect(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n").unwrap_err();
    assert!(pointer.hint_text().unwrap().contains("git lfs pull"));
}

#[test]
fn a_tokenizer_model_that_leaves_things_open_is_refused() {
    let open = |bytes: &[u8], config| told(from_model(bytes, &config, None).err().unwrap());
    let model = golden("bpe_bytes.model");
    assert!(open(&golden_ranks(), json!(null)).contains("do not say how text is cut"));
    assert!(open(&model, json!(null)).contains("nothing says whether the tokenizer has add_bos_token"));
    assert!(open(&model, json!({"add_bos_token": "yes"})).contains("not true or false"));
    let llama = |more: serde_json::Value| {
        let mut config = json!({"tokenizer_class": "LlamaTokenizer"});
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        config
    };
    assert!(open(&model, llama(json!({"bos_token": "<begin>"}))).contains("\"<begin>\""));
    let added = |id: &str| llama(json!({"added_tokens_decoder": {id: {"content": "<new>"}}}));
    assert!(open(&model, added("5")).contains("adds \"<new>\" with id 5"));
    assert!(open(&model, added("99999")).contains("entries"));
    assert!(open(&model, llama(json!({"added_tokens_decoder": [1]}))).contains("list tokens by id"));
    assert!(open(&golden("unigram_nfkc.model"), llama(json!({}))).contains("only supported as legacy"));
    assert!(open(&model[..model.len() - 3], llama(json!({}))).contains("cut off"));
}

#[test]
fn broken_ranks_are_refused() {
    let open = |bytes: &[u8]| told(from_model(bytes, &json!(null), Some(RanksFamily::Llama3)).err().unwrap());
    let ranks = golden_ranks();
    let lines: Vec<&[u8]> = ranks.split_inclusive(|&byte| byte == b'\n').collect();
    assert!(open(&lines[1..].concat()).contains("has no rank"));
    assert!(open(&[&ranks[..], lines[0]].concat()).contains("twice"));
    assert!(open(&[&ranks[..], b"IQ== many\n"].concat()).contains("is not a token in base64"));
}
