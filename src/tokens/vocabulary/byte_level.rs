//! Byte-level BPE: text as bytes, each spelled by a printable character, cut by patterns, merged by a list.
//! Knows no files.

use std::collections::HashSet;

use tokenizers::decoders::byte_level::ByteLevel;
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{DecoderWrapper, PreTokenizerWrapper, SplitDelimiterBehavior};

use crate::error::{Error, Result};

/// Cuts by one pattern after the other, then spells bytes.
pub(super) fn pre_tokenizers(patterns: &[&str]) -> Result<Vec<PreTokenizerWrapper>> {
    let mut pre_tokenizers: Vec<PreTokenizerWrapper> = Vec::new();
    for pattern in patterns {
        let split =
            Split::new(SplitPattern::Regex((*pattern).to_owned()), SplitDelimiterBehavior::Isolated, false);
        pre_tokenizers.push(
            split.map_err(|cause| Error::model("the pre-tokenizer cannot be set up").because(cause))?.into(),
        );
    }
    pre_tokenizers.push(spelling().into());
    Ok(pre_tokenizers)
}

pub(super) fn decoders() -> Vec<DecoderWrapper> {
    vec![spelling().into()]
}

fn spelling() -> ByteLevel {
    ByteLevel::new(false, false, false)
}

/// `whole_words` takes a word that is an entry as it is, whatever the merges say.
pub(super) fn model(ids: Vocab, mut merges: Vec<(String, String)>, whole_words: bool) -> Result<BPE> {
    // Of a pair that is listed twice the first counts; the crate would take the last.
    let mut seen = HashSet::with_capacity(merges.len());
    let is_first: Vec<bool> = merges.iter().map(|pair| seen.insert(pair)).collect();
    let mut is_first = is_first.into_iter();
    merges.retain(|_| is_first.next().unwrap_or(true));
    BPE::builder()
        .vocab_and_merges(ids, merges)
        .ignore_merges(whole_words)
        .build()
        .map_err(|cause| Error::model("vocabulary and merges do not fit").because(cause))
}

/// The characters that spell `bytes`: printable Latin-1 stands for itself, the rest for U+0100 and up, in order.
/// <https://github.com/openai/gpt-2/blob/master/src/encoder.py>, `bytes_to_unicode`.
pub(super) fn spell(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| character(byte)).collect()
}

fn character(byte: u8) -> char {
    let is_printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    if is_printable(byte) {
        return char::from(byte);
    }
    let index = (0..byte).filter(|&other| !is_printable(other)).count() as u32;
    char::from_u32(0x100 + index).expect("at most 256 above U+0100, far from the surrogates")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_spelled_as_the_crate_spells_them() {
        let spelled: HashSet<char> = (0..=255).map(character).collect();
        assert_eq!(spelled, ByteLevel::alphabet().into_iter().collect());
        assert_eq!(spell(" a\n\u{ad}".as_bytes()), "ĠaĊÂŃ");
    }

    #[test]
    fn of_a_pair_listed_twice_the_first_counts() {
        use tokenizers::Model;
        let ids = ["a", "b", "c", "ab", "bc"].map(String::from).into_iter().zip(0..).collect();
        let pair = |left: &str, right: &str| (left.to_owned(), right.to_owned());
        let merges = vec![pair("a", "b"), pair("b", "c"), pair("a", "b")];
        let tokens = model(ids, merges, false).unwrap().tokenize("abc").unwrap();
        assert_eq!(tokens.iter().map(|token| token.id).collect::<Vec<_>>(), [3, 2]);
    }
}
