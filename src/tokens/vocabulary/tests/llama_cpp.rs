//! llama.cpp's own test vocabularies with its own test cases, where they are on this machine, and what comes back when
//! ids are decoded. The files are not part of this repository.

use std::fs;
use std::path::PathBuf;

use super::gguf_file::vocabulary;
use super::*;
use crate::tokens::TextKind;

/// `None`, with the reason printed, where the files are not there.
fn file(name: &str) -> Option<Vec<u8>> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../shared/data/gguf-vocab", name].iter().collect();
    let bytes = fs::read(&path).ok();
    if bytes.is_none() {
        eprintln!("skipped: {} is not there", path.display());
    }
    bytes
}

fn tokenizer(name: &str) -> Option<TextTokenizer> {
    file(&format!("ggml-vocab-{name}.gguf")).map(|bytes| from_metadata(vocabulary(&bytes)))
}

fn all_cases_give_the_same_ids(name: &str) {
    let read =
        |kind: &str| file(&format!("ggml-vocab-{name}.gguf.{kind}")).map(|b| String::from_utf8(b).unwrap());
    let (Some(tokenizer), Some(texts), Some(rows)) = (tokenizer(name), read("inp"), read("out")) else {
        return;
    };
    let texts: Vec<&str> = texts.split_terminator("\n__ggml_vocab_test__\n").collect();
    let rows: Vec<&str> = rows.lines().collect();
    assert_eq!((texts.len(), rows.len()), (46, 46));
    for (text, row) in texts.iter().zip(rows) {
        let expected: Vec<u32> = row.split_whitespace().map(|id| id.parse().unwrap()).collect();
        assert_eq!(ids(&tokenizer, text), expected, "{name} {text:?}");
    }
}

#[test]
fn gpt_2_gives_the_ids_of_llama_cpp() {
    all_cases_give_the_same_ids("gpt-2");
}

#[test]
fn llama_spm_gives_the_ids_of_llama_cpp() {
    all_cases_give_the_same_ids("llama-spm");
}

#[test]
fn phi_3_gives_the_ids_of_llama_cpp() {
    all_cases_give_the_same_ids("phi-3");
}

#[test]
fn decoding_gives_the_text_back() {
    for name in ["gpt-2", "llama-spm"] {
        let Some(tokenizer) = tokenizer(name) else { return };
        for text in goldens::unicode_corpus() {
            // To the second, a space and its mark are the same.
            let expected = if name == "gpt-2" { text.clone() } else { text.replace('▁', " ") };
            assert_eq!(decoded(&tokenizer, &ids(&tokenizer, &text)), expected, "{name}");
        }
    }
}

#[test]
fn the_bos_goes_in_front_once_and_nothing_behind() {
    let Some(llama) = tokenizer("llama-spm") else { return };
    let plain = llama.encode_text("Hello", TextKind::Plain).unwrap();
    assert_eq!(plain, [&[1], &ids(&llama, "Hello")[..]].concat());
    assert_eq!((llama.bos_id(), ids(&llama, "</s>")), (Some(1), vec![2]));
    let Some(gpt2) = tokenizer("gpt-2") else { return };
    assert_eq!(gpt2.encode_text("Hello", TextKind::Plain).unwrap(), ids(&gpt2, "Hello"));
}

#[test]
fn the_special_tokens_of_phi_3_swallow_the_space_behind_them() {
    let Some(phi) = tokenizer("phi-3") else { return };
    let one = |text: &str| phi.token_id(text).unwrap();
    let hello = ids(&phi, "Hello");
    assert_eq!(ids(&phi, "<|user|>\n Hello"), [&[one("<|user|>")], &hello[..]].concat());
    assert_ne!(ids(&phi, "<s> Hello"), [&[one("<s>")], &hello[..]].concat());
}
