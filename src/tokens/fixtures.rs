//! Tiny tokenizers for the tests of this module, one for each way in which real ones treat spaces and digits.

use serde_json::{Value, json};

use super::TextTokenizer;

/// An added token and its flags.
pub(super) struct Added {
    pub content: &'static str,
    pub lstrip: bool,
    pub rstrip: bool,
    pub single_word: bool,
    pub normalized: bool,
}

/// A special token as chat models have them.
pub(super) const fn special(content: &'static str) -> Added {
    Added { content, lstrip: false, rstrip: false, single_word: false, normalized: false }
}

/// What stands around the BPE model, which is the same for all.
#[derive(Default)]
pub(super) struct Parts {
    pub normalizer: Value,
    pub pre_tokenizer: Value,
    pub post_processor: Value,
    pub truncation: Value,
    pub padding: Value,
}

pub(super) fn byte_level() -> Parts {
    let pre_tokenizer =
        json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
    let post_processor = pre_tokenizer.clone();
    Parts { pre_tokenizer, post_processor, ..Parts::default() }
}

/// `scheme` is `first`, `always` or `never`.
pub(super) fn metaspace(scheme: &str, split: bool) -> Parts {
    let pre_tokenizer =
        json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": split});
    Parts { pre_tokenizer, ..Parts::default() }
}

/// Llama 2: the normaliser puts a space in front of every piece.
pub(super) fn prepending() -> Parts {
    let normalizer = json!({"type": "Sequence", "normalizers": [
        {"type": "Prepend", "prepend": "▁"},
        {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        {"type": "Lowercase"}]});
    Parts { normalizer, ..Parts::default() }
}

/// Puts `before` and `behind` around a text; both have to be added tokens.
pub(super) fn surround(before: &str, before_id: u32, behind: &str, behind_id: u32) -> Value {
    let token = |id: &str| json!({"SpecialToken": {"id": id, "type_id": 0}});
    let text = json!({"Sequence": {"id": "A", "type_id": 0}});
    json!({
        "type": "TemplateProcessing",
        "single": [token(before), text, token(behind)],
        "pair": [token(before), text, {"Sequence": {"id": "B", "type_id": 0}}],
        "special_tokens": {
            before: {"id": before, "ids": [before_id], "tokens": [before]},
            behind: {"id": behind, "ids": [behind_id], "tokens": [behind]},
        },
    })
}

/// The first id of the added tokens, which follow the model's own.
pub(super) fn first_added_id() -> u32 {
    vocabulary().len() as u32
}

const MERGES: [[&str; 2]; 9] = [
    ["1", "0"],
    ["▁", "1"],
    ["Ġ", "1"],
    ["▁1", "0"],
    [":", "▁"],
    ["a", "b"],
    ["Ċ", "1"],
    ["<", "a"],
    ["b", "b"],
];

fn vocabulary() -> Vec<String> {
    let letters = "abcs<>/|:.019▁ĠĊÃ©é \n".chars().map(String::from);
    let merged = MERGES.iter().map(|pair| pair.concat());
    std::iter::once("<unk>".to_owned()).chain(letters).chain(merged).collect()
}

/// The bytes of a `tokenizer.json`.
pub(super) fn file(parts: Parts, added: &[Added]) -> Vec<u8> {
    let vocabulary: serde_json::Map<String, Value> =
        vocabulary().into_iter().enumerate().map(|(id, token)| (token, json!(id))).collect();
    let added: Vec<Value> = added
        .iter()
        .zip(first_added_id()..)
        .map(|(token, id)| {
            json!({
                "id": id, "content": token.content, "special": true, "lstrip": token.lstrip,
                "rstrip": token.rstrip, "single_word": token.single_word, "normalized": token.normalized,
            })
        })
        .collect();
    let model = json!({"type": "BPE", "unk_token": "<unk>", "vocab": vocabulary, "merges": MERGES});
    let decoder = if parts.pre_tokenizer["type"] == "ByteLevel" {
        parts.pre_tokenizer.clone()
    } else {
        json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": false})
    };
    let file = json!({
        "version": "1.0", "truncation": parts.truncation, "padding": parts.padding, "added_tokens": added,
        "normalizer": parts.normalizer, "pre_tokenizer": parts.pre_tokenizer,
        "post_processor": parts.post_processor, "decoder": decoder, "model": model,
    });
    serde_json::to_vec(&file).unwrap()
}

pub(super) fn tokenizer(parts: Parts, added: &[Added]) -> TextTokenizer {
    TextTokenizer::from_bytes(&file(parts, added), 1000, "tokenizer.json".as_ref()).unwrap()
}
