//! tiktoken ranks: lines of a token in base64 and its rank, which is its id. Knows which families publish them.
//!
//! tiktoken takes a word that is an entry whole, and otherwise merges what makes the best-ranked entry.
//! <https://github.com/openai/tiktoken/blob/main/src/lib.rs>, `byte_pair_merge`.

use std::collections::HashSet;

use serde_json::Value;
use tokenizers::AddedToken;
use tokenizers::models::bpe::Vocab;

use super::assemble::Parts;
use super::byte_level;
use super::merges::{self, Mergeable};
use super::model_config::{Built, ModelConfig};
use super::pre_tokenizers::LLAMA3;
use crate::error::{Error, Result};

/// Whose ranks these are: they come without the pattern and the special tokens that belong to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RanksFamily {
    /// Llama 3 as Meta publishes it.
    Llama3,
    /// Llama 3.1 and later, whose special tokens have other names.
    Llama31,
}

const LLAMA3_SPECIAL: [&str; 10] = [
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|reserved_special_token_0|>",
    "<|reserved_special_token_1|>",
    "<|reserved_special_token_2|>",
    "<|reserved_special_token_3|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|reserved_special_token_4|>",
    "<|eot_id|>",
];
/// llama-models/models/llama3/tokenizer.py.
const LLAMA31_SPECIAL: [&str; 11] = [
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|reserved_special_token_0|>",
    "<|reserved_special_token_1|>",
    "<|finetune_right_pad_id|>",
    "<|step_id|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eom_id|>",
    "<|eot_id|>",
    "<|python_tag|>",
];

impl RanksFamily {
    /// Ids behind the ranks that Meta reserves, llama3/llama/tokenizer.py.
    pub const SPECIAL_COUNT: usize = 256;

    fn special_tokens(self) -> Vec<String> {
        let (named, next): (&[&str], usize) = match self {
            RanksFamily::Llama3 => (&LLAMA3_SPECIAL, 5),
            RanksFamily::Llama31 => (&LLAMA31_SPECIAL, 2),
        };
        let reserved = (next..).map(|number| format!("<|reserved_special_token_{number}|>"));
        named.iter().map(|&name| name.to_owned()).chain(reserved).take(Self::SPECIAL_COUNT).collect()
    }
}

/// The special tokens are those of the config, where it lists any, else the family's.
pub(super) fn build(bytes: &[u8], config: &Value, family: Option<RanksFamily>) -> Result<Built> {
    let family = family.ok_or_else(|| {
        Error::model(
            "tiktoken ranks do not say how text is cut, and this family of models is not known to use them",
        )
        .hint("use a folder with a tokenizer.json")
    })?;
    let config = ModelConfig::read(config)?;
    let entries = read(bytes)?;
    let mergeable: Vec<Mergeable<'_>> =
        entries.iter().map(|(text, rank)| Mergeable { text, rank: *rank }).collect();
    let merges = merges::derive(&mergeable)?;

    let next_id = entries.iter().map(|&(_, rank)| rank).max().map_or(0, |last| last.saturating_add(1));
    let own =
        || (next_id..).zip(family.special_tokens().into_iter().map(|name| AddedToken::from(name, true)));
    let added: Vec<(u32, AddedToken)> =
        if config.added.is_empty() { own().collect() } else { config.added.clone() };
    let bos_text = config.bos_text.unwrap_or_else(|| LLAMA3_SPECIAL[0].to_owned());
    let id_of = |text: &str| added.iter().find(|(_, token)| token.content == text).map(|&(id, _)| id);
    let bos_id = id_of(&bos_text);
    if bos_id.is_none() {
        return Err(Error::model(format!("{bos_text:?} is none of the special tokens")));
    }
    let mut ids: Vocab = entries.into_iter().collect();
    let taken: HashSet<u32> = ids.values().copied().collect();
    for (id, token) in &added {
        if taken.contains(id) || ids.insert(token.content.clone(), *id).is_some() {
            return Err(Error::model(format!("the special token {:?} is taken by a rank", token.content)));
        }
    }
    let tokenizer = Parts {
        model: byte_level::model(ids, merges, true)?.into(),
        normalizers: Vec::new(),
        pre_tokenizers: byte_level::pre_tokenizers(&[LLAMA3])?,
        decoders: byte_level::decoders(),
        added,
        bos_id: bos_id.filter(|_| config.adds_bos.unwrap_or(true)),
        eos_id: None,
    }
    .assemble()?;
    Ok(Built { tokenizer, bos_id })
}

/// Tokens, their bytes spelled in characters, and ranks.
fn read(bytes: &[u8]) -> Result<Vec<(String, u32)>> {
    let mut entries = Vec::new();
    let mut seen = [false; 256];
    for (line_number, line) in (1..).zip(bytes.split(|&byte| byte == b'\n')) {
        if line.is_empty() {
            continue;
        }
        let (token, rank) = parse_line(line).ok_or_else(|| {
            Error::model(format!("line {line_number} is not a token in base64 and its rank"))
        })?;
        if let [byte] = token[..] {
            seen[usize::from(byte)] = true;
        }
        entries.push((byte_level::spell(&token), rank));
    }
    if let Some(byte) = seen.iter().position(|&seen| !seen) {
        return Err(Error::model(format!("the byte {byte:#04x} has no rank")));
    }
    refuse_twice(entries.iter().map(|(_, rank)| rank), "rank")?;
    refuse_twice(entries.iter().map(|(text, _)| text), "token")?;
    Ok(entries)
}

fn refuse_twice<T: std::hash::Hash + Eq + std::fmt::Debug>(
    values: impl Iterator<Item = T>,
    name: &str,
) -> Result<()> {
    let mut seen = HashSet::new();
    for value in values {
        if seen.contains(&value) {
            return Err(Error::model(format!("the {name} {value:?} stands there twice")));
        }
        seen.insert(value);
    }
    Ok(())
}

pub(super) fn parse_line(line: &[u8]) -> Option<(Vec<u8>, u32)> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let cut = line.iter().position(|&byte| byte == b' ')?;
    let rank = std::str::from_utf8(&line[cut + 1..]).ok()?.parse().ok()?;
    let token = base64(&line[..cut])?;
    (!token.is_empty()).then_some((token, rank))
}

/// RFC 4648, with padding.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let digits = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text);
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for group in digits.chunks(4) {
        let mut bits = 0_u32;
        for place in 0..4 {
            bits = bits << 6 | u32::from(group.get(place).map_or(Some(0), |&byte| digit(byte))?);
        }
        bytes.extend(bits.to_be_bytes()[1..].iter().take(group.len() - 1));
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_base64_and_a_rank() {
        assert_eq!(parse_line(b"IQ== 0"), Some((b"!".to_vec(), 0)));
        assert_eq!(parse_line(b"aGVsbG8= 17\r"), Some((b"hello".to_vec(), 17)));
        assert_eq!(parse_line(b"/+8A 4294967295"), Some((vec![0xFF, 0xEF, 0], u32::MAX)));
        for broken in ["IQ==", "IQ== x", "IQ 0", "I=== 0", " 0", "IQ== 0 1", "IQ== 4294967296", "I-== 0"] {
            assert_eq!(parse_line(broken.as_bytes()), None, "{broken}");
        }
    }
}
