//! Tokens by their text: which can follow a form to close it, and in which ways tokens spell a text.
//! Knows no options.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::OnceLock;

use super::TextTokenizer;
use crate::error::{Error, Result};
use crate::prompts::Closing;

/// Ways to begin a spelling, those with the fewest tokens first. Each costs the tokens it is made of; beyond these a model
/// that writes as its tokenizer does puts next to nothing.
pub(super) const SPELLING_COUNT_MAX: usize = 16;

/// The tokens of a vocabulary that are text, by how they read inside a text.
#[derive(Debug, Default)]
pub(super) struct TokenTexts {
    /// Sorted by text, then id; no text is empty.
    sorted: Vec<(Box<str>, u32)>,
    closers: BTreeMap<Closing, OnceLock<Vec<u32>>>,
}

/// One way to begin a text, and all ways to end it from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spelling {
    pub path: Vec<u32>,
    /// Last tokens that end with the text.
    pub exact: Vec<u32>,
    /// Last tokens that go on beyond it, in a way that closes it.
    pub beyond: Vec<u32>,
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
        let closings = [Closing::Quote, Closing::JsonEnd];
        TokenTexts { sorted, closers: closings.map(|closing| (closing, OnceLock::new())).into() }
    }

    /// Tokens that close a form, ascending by text.
    pub(super) fn closers(&self, closing: Closing) -> &[u32] {
        let find = || {
            let closes = |(text, _): &&(Box<str>, u32)| closing.permits(text);
            self.sorted.iter().filter(closes).map(|(_, id)| *id).collect()
        };
        self.closers.get(&closing).map_or(&[], |known| known.get_or_init(find))
    }

    /// Tokens whose text begins with `text`, and how it goes on.
    fn beginning_with<'a>(&'a self, text: &'a str) -> impl Iterator<Item = (&'a str, u32)> {
        let first = self.sorted.partition_point(|(known, _)| &**known < text);
        self.sorted[first..].iter().map_while(move |(known, id)| Some((known.strip_prefix(text)?, *id)))
    }

    fn spelled(&self, text: &str) -> impl Iterator<Item = u32> {
        let first = self.sorted.partition_point(|(known, _)| &**known < text);
        self.sorted[first..].iter().take_while(move |(known, _)| &**known == text).map(|(_, id)| *id)
    }

    /// The ways in which tokens write `text` and what closes it, fewest tokens first, at most [`SPELLING_COUNT_MAX`].
    pub(super) fn spellings(&self, text: &str, closing: Closing) -> Vec<Spelling> {
        let ends: Vec<(Vec<u32>, Vec<u32>)> =
            (0..text.len()).map(|from| self.ends(text.get(from..), closing)).collect();
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
            let (exact, beyond) = &ends[at];
            if exact.is_empty() && beyond.is_empty() {
                continue;
            }
            found.push(Spelling { path, exact: exact.clone(), beyond: beyond.clone() });
            if found.len() == SPELLING_COUNT_MAX {
                break;
            }
        }
        found
    }

    /// Tokens that end a text, exactly and beyond it.
    fn ends(&self, rest: Option<&str>, closing: Closing) -> (Vec<u32>, Vec<u32>) {
        let Some(rest) = rest else { return Default::default() };
        let (mut exact, mut beyond) = (Vec::new(), Vec::new());
        for (after, id) in self.beginning_with(rest) {
            match after {
                "" => exact.push(id),
                after if closing.permits(after) => beyond.push(id),
                _ => {}
            }
        }
        (exact, beyond)
    }

    /// Tokens that write what comes at byte `at` and leave something, and where they lead.
    fn steps<'a>(&'a self, text: &'a str, at: usize) -> impl Iterator<Item = (u32, usize)> + 'a {
        let to = (at + 1..text.len()).filter(|&to| text.is_char_boundary(to));
        to.flat_map(move |to| self.spelled(&text[at..to]).map(move |token| (token, to)))
    }

    /// For each byte the fewest tokens that write the rest from there. `None` where none do.
    fn fewest(&self, text: &str, ends: &[(Vec<u32>, Vec<u32>)]) -> Vec<Option<usize>> {
        let mut fewest = vec![None; text.len()];
        for at in (0..text.len()).rev().filter(|&at| text.is_char_boundary(at)) {
            let (exact, beyond) = &ends[at];
            let at_once = (!exact.is_empty() || !beyond.is_empty()).then_some(1);
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
        let spelling = |path: &[u32], exact: &[u32], beyond: &[u32]| Spelling {
            path: path.to_vec(),
            exact: exact.to_vec(),
            beyond: beyond.to_vec(),
        };
        assert_eq!(known.spellings("0", Closing::Anything), [spelling(&[], &[0], &[2, 1])]);
        let two = known.spellings("00", Closing::Anything);
        assert_eq!(two, [spelling(&[], &[1], &[]), spelling(&[0], &[0], &[2, 1])]);
        assert_eq!(known.spellings("y", Closing::Anything), []);
        assert_eq!(known.spellings("xy", Closing::Anything), []);
    }

    #[test]
    fn a_long_text_has_no_more_spellings_than_are_read() {
        let known = texts(&["a", "aa", "aaa", "aaaa"]);
        let found = known.spellings(&"a".repeat(60), Closing::Anything);
        assert_eq!(found.len(), SPELLING_COUNT_MAX);
        assert_eq!(found[0].path.len(), 14);
        assert!(found.windows(2).all(|pair| pair[0].path.len() <= pair[1].path.len()));
    }

    #[test]
    fn closers_are_told_by_their_text() {
        let known = texts(&["}", "},", " }", " ", "\n", " the", "\"", "\"}", ",", "x}"]);
        let mut ends = known.closers(Closing::JsonEnd).to_vec();
        ends.sort_unstable();
        assert_eq!(ends, [0, 1, 2, 3, 4, 8]);
        let mut quotes = known.closers(Closing::Quote).to_vec();
        quotes.sort_unstable();
        assert_eq!(quotes, [6, 7]);
    }
}
