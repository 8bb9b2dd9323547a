//! The control's tokenizer: byte-level, every word of the study one token, everything else bytes. And its chat template.
//! Knows nothing of what words mean.

use respondent::error::{Error, Result};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer};

/// Special tokens; their ids are their positions here.
pub const SPECIAL: [&str; 5] = ["<|bos|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"];
pub const BOS_ID: u32 = 0;
pub const END_ID: u32 = 1;

/// Turns as `<|role|>content<|end|>`; a conversation may lack a system message.
pub const CHAT_TEMPLATE: &str = "\
{{- bos_token -}}
{%- for message in messages -%}
    {%- if message.role not in ['system', 'user', 'assistant'] -%}
        {{- raise_exception('the control knows the roles system, user and assistant, not ' + message.role) -}}
    {%- endif -%}
    {{- '<|' + message.role + '|>' + message.content + '<|end|>' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{- '<|assistant|>' -}}
{%- endif -%}
";

/// A text as the words that the tokenizer sees, each spelled in the byte-level alphabet.
///
/// # Errors
/// When the pre-tokenizer fails.
pub fn words(text: &str) -> Result<Vec<String>> {
    let mut pieces = PreTokenizedString::from(text);
    ByteLevel::new(false, true, true)
        .pre_tokenize(&mut pieces)
        .map_err(|cause| Error::prompt("the text cannot be cut into words").because(cause))?;
    let splits = pieces.get_splits(OffsetReferential::Original, OffsetType::None);
    Ok(splits.into_iter().map(|(word, _, _)| word.to_owned()).collect())
}

/// Words to token ids: specials, then the 256 bytes, then words in order.
pub struct Vocabulary {
    ids: BTreeMap<String, u32>,
    /// Spellings by id.
    pub spellings: Vec<String>,
}

impl Vocabulary {
    pub fn new(words: &BTreeSet<String>) -> Self {
        let specials = SPECIAL.iter().map(|special| (*special).to_owned());
        let bytes = (0..=255).map(|byte| byte_char(byte).to_string());
        // A word of one letter is a byte already.
        let long = words.iter().filter(|word| word.chars().count() > 1).cloned();
        let spellings: Vec<String> = specials.chain(bytes).chain(long).collect();
        let ids = spellings.iter().zip(0..).map(|(spelling, id)| (spelling.clone(), id)).collect();
        Vocabulary { ids, spellings }
    }

    pub fn len(&self) -> usize {
        self.spellings.len()
    }

    /// Ids of what is a whole word: no specials, no bytes.
    pub fn word_ids(&self) -> impl Iterator<Item = u32> {
        (SPECIAL.len() + 256) as u32..self.len() as u32
    }

    /// # Errors
    /// For a word that is no token.
    pub fn id(&self, word: &str) -> Result<u32> {
        let missing = || Error::prompt(format!("`{word}` is not one token of the control"));
        self.ids.get(word).copied().ok_or_else(missing)
    }

    /// `tokenizer.json`.
    pub fn tokenizer(&self) -> Value {
        let added = |(id, content): (usize, &&str)| {
            json!({
                "id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": true,
            })
        };
        let byte_level = json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true });
        let bos = json!({ "SpecialToken": { "id": SPECIAL[0], "type_id": 0 } });
        let text = |id: &str, type_id: u32| json!({ "Sequence": { "id": id, "type_id": type_id } });
        let vocab: serde_json::Map<String, Value> =
            self.spellings.iter().zip(0..).map(|(word, id)| (word.clone(), json!(id))).collect();
        json!({
            "version": "1.0", "truncation": null, "padding": null,
            "added_tokens": SPECIAL.iter().enumerate().map(added).collect::<Vec<_>>(),
            "normalizer": null,
            "pre_tokenizer": byte_level,
            "post_processor": {
                "type": "TemplateProcessing",
                "single": [bos, text("A", 0)],
                "pair": [bos, text("A", 0), text("B", 1)],
                "special_tokens": {
                    SPECIAL[0]: { "id": SPECIAL[0], "ids": [BOS_ID], "tokens": [SPECIAL[0]] },
                },
            },
            "decoder": byte_level,
            "model": {
                "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
                "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": true,
                "vocab": vocab, "merges": [],
            },
        })
    }
}

/// `tokenizer_config.json`. The template lies beside it in a file of its own.
pub fn tokenizer_config(position_count_max: usize) -> Value {
    json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": SPECIAL[BOS_ID as usize],
        "eos_token": SPECIAL[END_ID as usize],
        "clean_up_tokenization_spaces": false,
        "model_max_length": position_count_max,
    })
}

/// The letter that stands for a byte in the byte-level alphabet: itself where it prints, else one from U+0100 on.
fn byte_char(byte: u8) -> char {
    let prints = |byte: u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    if prints(byte) {
        return byte as char;
    }
    let rank = (0..byte).filter(|&lower| !prints(lower)).count() as u32;
    char::from_u32(0x100 + rank).expect("the block behind Latin-1 has no gaps")
}
