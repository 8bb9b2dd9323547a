//! Tokens by their text, and in which ways they spell a text.
//! Knows no options.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::TextTokenizer;
use crate::error::{Error, Result};

/// Ways to begin a spelling, those with the fewest tokens first. Each costs the tokens it is made of; beyond these a model
/// that writes as its tokenizer does puts next to nothing.
pub(super) const SPELLING_COUNT_MAX: usize = 16;

/// The tokens of a vocabulary that are text, by how they read inside a text.
#[derive(Debug, Default)]
pub(super) struct TokenTexts {
    /// Sorted by text, then id; no text is empty.
    sorted: Vec<(Box<str>, u32)>,
}

/// One way to begin a text, and all ways to end it from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spelling {
    pub path: Vec<u32>,
    /// Last tokens: those that end with the text, and those that go on beyond it.
    pub lasts: Vec<u32>,
}

impl TextTokenizer {
    /// Read once, when it is first needed.
    ///
    /// # Errors
    /// Kind `Model` when the tokenizer writes no plain text.
    pub(super) fn token_texts(&self) -> Result<&TokenTexts> {
        if self.anchor_id.is_none() {
            return Err(Error::model(
                "the tokenizer cannot write the letter a, so its tokens cannot be read",
            ));
        }
        Ok(self.texts.get_or_init(|| {
            let special = self.tokenizer.get_added_tokens_decoder();
            let is_text = |id: &u32| special.get(id).is_none_or(|token| !token.special);
            let ids = self.tokenizer.get_vocab(true).into_values().filter(is_text);
            TokenTexts::new(ids.filter_map(|id| Some((self.read_in_context(id)?, id))))
        }))
    }
}

impl TokenTexts {
    pub(super) fn new(texts: impl Iterator<Item = (String, u32)>) -> Self {
        let mut sorted: Vec<(Box<str>, u32)> = texts
            .filter(|(text, _)| !text.is_empty())
            .map(|(text, id)| (text.into_boxed_str(), id))
            .collect();
        sorted.sort_unstable();
        TokenTexts { sorted }
    }

    /// Tokens whose text begins with `text`.
    fn beginning_with<'a>(&'a self, text: &'a str) -> impl Iterator<Item = u32> + 'a {
        let first = self.sorted.partition_point(|(known, _)| &**known < text);
        self.sorted[first..].iter().take_while(move |(known, _)| known.starts_with(text)).map(|(_, id)| *id)
    }

    fn spelled(&self, text: &str) -> impl Iterator<Item = u32> {
        let first = self.sorted.partition_point(|(known, _)| &**known < text);
        self.sorted[first..].iter().take_while(move |(known, _)| &**known == text).map(|(_, id)| *id)
    }

    /// The ways in which tokens write `text`, fewest tokens first, at most [`SPELLING_COUNT_MAX`].
    pub(super) fn spellings(&self, text: &str) -> Vec<Spelling> {
        let ends = |from| text.get(from..).map(|rest| self.beginning_with(rest).collect());
        let ends: Vec<Vec<u32>> = (0..text.len()).map(|from| ends(from).unwrap_or_default()).collect();
        let fewest = self.fewest(text, &ends);
        let mut found = Vec::new();
        // Least first: tokens in all, then the path itself, so that the order depends on nothing else.
        let mut open = BinaryHeap::new();
        open.extend(fewest[0].map(|count| Reverse((count, Vec::new(), 0))));
        while let Some(Reverse((_, path, at))) = open.pop() {
            for (token, to) in self.steps(text, at) {
                let rest = fewest[to];
                let path: Vec<u32> = path.iter().copied().chain([token]).collect();
                open.extend(rest.map(|rest| Reverse((path.len() + rest, path, to))));
            }
            if ends[at].is_empty() {
                continue;
            }
            found.push(Spelling { path, lasts: ends[at].clone() });
            if found.len() == SPELLING_COUNT_MAX {
                break;
            }
        }
        found
    }

    /// Tokens that write what comes at byte `at` and leave something, and where they lead.
    fn steps<'a>(&'a self, text: &'a str, at: usize) -> impl Iterator<Item = (u32, usize)> + 'a {
        let to = (at + 1..text.len()).filter(|&to| text.is_char_boundary(to));
        to.flat_map(move |to| self.spelled(&text[at..to]).map(move |token| (token, to)))
    }

    /// For each byte the fewest tokens that write the rest from there. `None` where none do.
    fn fewest(&self, text: &str, ends: &[Vec<u32>]) -> Vec<Option<usize>> {
        let mut fewest = vec![None; text.len()];
        for at in (0..text.len()).rev().filter(|&at| text.is_char_boundary(at)) {
            let at_once = (!ends[at].is_empty()).then_some(1);
            let later = self.steps(text, at).filter_map(|(_, to)| fewest[to].map(|count: usize| count + 1));
            fewest[at] = later.chain(at_once).min();
        }
        fewest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> TokenTexts {
        TokenTexts::new(texts.iter().zip(0..).map(|(text, id)| ((*text).to_owned(), id)))
    }

    #[test]
    fn spellings_come_shortest_first_and_may_end_beyond() {
        let known = texts(&["0", "00", "0.", "1", "x"]);
        let spelling = |path: &[u32], lasts: &[u32]| Spelling { path: path.to_vec(), lasts: lasts.to_vec() };
        assert_eq!(known.spellings("0"), [spelling(&[], &[0, 2, 1])]);
        assert_eq!(known.spellings("00"), [spelling(&[], &[1]), spelling(&[0], &[0, 2, 1])]);
        assert_eq!(known.spellings("y"), []);
        assert_eq!(known.spellings("xy"), []);
    }

    #[test]
    fn a_long_text_has_no_more_spellings_than_are_read() {
        let known = texts(&["a", "aa", "aaa", "aaaa"]);
        let found = known.spellings(&"a".repeat(60));
        assert_eq!(found.len(), SPELLING_COUNT_MAX);
        assert_eq!(found[0].path.len(), 14);
        assert!(found.windows(2).all(|pair| pair[0].path.len() <= pair[1].path.len()));
    }
}
