//! The order of merges, derived from how entries rank. Knows no files and no kinds of entries.
//!
//! SentencePiece and tiktoken merge, again and again, the two neighbours that make the best-ranked entry, the leftmost
//! where several rank alike. The `tokenizers` crate wants a list of pairs instead, each with a rank of its own. The
//! two agree if each entry's pairs stand together, in the order of the entries. Where pairs of equal rank could compete
//! for one symbol, the one that would stand on the left goes first. That is decided for pairs of one entry (x y and
//! y z, both spelling `aaa`), and for entries that are runs of one character, which Llama 2 has for spaces, all with one
//! score. Other ties are refused.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use crate::error::{Error, Result};

/// An entry that can be merged into, and into more. Equal ranks are a tie.
pub(super) struct Mergeable<'a> {
    pub text: &'a str,
    /// Smaller merges first.
    pub rank: u32,
}

/// In characters. Pairs of one entry cost the square of its length; the longest of real vocabularies have 128 to 256.
const ENTRY_LEN_MAX: usize = 512;

/// An entry, cut in two.
struct Pair {
    entry: usize,
    left_len: usize,
}

/// All pairs, first to be merged first.
///
/// # Errors
/// When an entry is too long, starts from a character that has no entry, or ties with another for the same symbol.
pub(super) fn derive(entries: &[Mergeable<'_>]) -> Result<Vec<(String, String)>> {
    let known: HashSet<&str> = entries.iter().map(|entry| entry.text).collect();
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|&entry| entries[entry].rank);
    let mut pairs = Vec::new();
    for entry in order {
        let text = entries[entry].text;
        pairs.extend(cuts(text, &known)?.into_iter().map(|left_len| Pair { entry, left_len }));
    }
    let alike = |a: &Pair, b: &Pair| entries[a.entry].rank == entries[b.entry].rank;
    for tied in pairs.chunk_by_mut(alike) {
        order_tied(tied, entries)?;
    }
    let spelled = pairs.iter().map(|pair| entries[pair.entry].text.split_at(pair.left_len));
    Ok(spelled.map(|(left, right)| (left.to_owned(), right.to_owned())).collect())
}

/// Where `text` can be cut into two known parts, first to be merged first.
fn cuts(text: &str, known: &HashSet<&str>) -> Result<Vec<usize>> {
    let boundaries: Vec<usize> = text.char_indices().map(|(at, _)| at).skip(1).take(ENTRY_LEN_MAX).collect();
    if boundaries.len() == ENTRY_LEN_MAX {
        let start: String = text.chars().take(20).collect();
        return Err(Error::model(format!(
            "the entry {start:?}... is longer than {ENTRY_LEN_MAX} characters"
        )));
    }
    let mut cuts = Vec::new();
    for &at in boundaries.iter().rev() {
        let parts = <[&str; 2]>::from(text.split_at(at));
        let missing: Vec<&&str> = parts.iter().filter(|part| !known.contains(**part)).collect();
        if missing.is_empty() {
            cuts.push(at);
        } else if missing.iter().all(|part| part.chars().count() == 1) {
            return Err(Error::model(format!(
                "the entry {text:?} is made from {:?}, which is not in the vocabulary",
                missing[0]
            )));
        }
    }
    leftmost_first(text, &mut cuts);
    Ok(cuts)
}

/// Two pairs compete only if the right part of one is the left part of the other, so cuts compete two by two.
/// Where each could stand on the left of the other, the text is one part repeated. A run of it is merged from its left
/// end, which leaves the longer parts on the left: the order in which `cuts` come.
fn leftmost_first(text: &str, cuts: &mut [usize]) {
    for first in 0..cuts.len() {
        let (long, short) = (cuts[first], text.len() - cuts[first]);
        let Some(second) = cuts.iter().position(|&cut| cut == short).filter(|&second| second > first) else {
            continue;
        };
        let stands_left = |cut: usize| text[cut..] == text[..text.len() - cut];
        if stands_left(short) && !stands_left(long) {
            cuts.swap(first, second);
        }
    }
}

/// Pairs of different entries with one rank are merged left to right. A run of one character thus grows from its left
/// end by one character at a time: the pair with the longer left part is the one on the left. Of other pairs that can
/// share a symbol no list says which is.
fn order_tied(tied: &mut [Pair], entries: &[Mergeable<'_>]) -> Result<()> {
    if tied.iter().all(|pair| pair.entry == tied[0].entry) {
        return Ok(());
    }
    let run_of = |entry: usize| {
        let first = entries[entry].text.chars().next();
        first.filter(|&first| entries[entry].text.chars().all(|character| character == first))
    };
    tied.sort_by_key(|pair| match run_of(pair.entry) {
        Some(character) => (Some(character), Reverse(pair.left_len)),
        None => (None, Reverse(0)),
    });
    // Left part to the entries that begin with it: the first, and one more.
    let mut beginning: HashMap<&str, [usize; 2]> = HashMap::new();
    for pair in tied.iter() {
        let left = &entries[pair.entry].text[..pair.left_len];
        beginning.entry(left).or_insert([pair.entry; 2])[1] = pair.entry;
    }
    // Runs stand behind the others, so what is no run is found first.
    for pair in tied.iter() {
        let text = entries[pair.entry].text;
        let others = beginning.get(&text[pair.left_len..]).copied().unwrap_or([pair.entry; 2]);
        let grows = |other: usize| run_of(pair.entry).is_some() && run_of(other).is_some();
        if let Some(&other) = others.iter().find(|&&other| other != pair.entry && !grows(other)) {
            return Err(competing(text, entries[other].text));
        }
    }
    Ok(())
}

fn competing(first: &str, second: &str) -> Error {
    Error::model(format!("{first:?} and {second:?} have one score: which merges first?"))
        .hint("the file was converted without its scores; convert it again, or use a tokenizer.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn derived(texts: &[(&str, u32)]) -> Result<Vec<String>> {
        let entries: Vec<_> = texts.iter().map(|&(text, rank)| Mergeable { text, rank }).collect();
        Ok(derive(&entries)?.into_iter().map(|(left, right)| format!("{left} {right}")).collect())
    }

    #[test]
    fn pairs_come_in_the_order_of_what_they_make() {
        let texts = [("a", 9), ("b", 9), ("c", 9), ("abc", 1), ("ab", 2), ("bc", 0)];
        assert_eq!(derived(&texts).unwrap(), ["b c", "ab c", "a bc", "a b"]);
    }

    #[test]
    fn of_one_entry_the_pair_that_would_stand_on_the_left_comes_first() {
        // In `ab a ba` the left pair is `ab a`, in `a aa aaa` it is `a aa`.
        let texts = [("a", 9), ("b", 9), ("ab", 5), ("ba", 5), ("aba", 1)];
        let error = derived(&texts).unwrap_err();
        assert!(error.to_string().contains("have one score"), "{error}");
        let texts = [("a", 9), ("b", 9), ("ab", 5), ("ba", 6), ("aba", 1)];
        assert_eq!(derived(&texts).unwrap()[..2], ["ab a", "a ba"]);
        // In `ab aba ba` it is `ab aba`.
        let texts = [("a", 9), ("b", 8), ("ab", 5), ("ba", 6), ("aba", 2), ("ababa", 1)];
        assert_eq!(derived(&texts).unwrap()[..2], ["ab aba", "aba ba"]);
        let texts = [("a", 9), ("aa", 5), ("aaa", 1)];
        assert_eq!(derived(&texts).unwrap(), ["aa a", "a aa", "a a"]);
    }

    #[test]
    fn runs_that_tie_grow_from_the_left() {
        let texts = [("_", 1), ("__", 1), ("___", 1), ("____", 1), ("a", 2), ("_a", 0)];
        assert_eq!(derived(&texts).unwrap(), ["_ a", "___ _", "__ _", "__ __", "_ _", "_ __", "_ ___"]);
        assert!(derived(&[("_", 1), ("__", 1), ("a", 2), ("_a", 1)]).is_err());
        assert!(derived(&[("_", 1), ("__", 1), ("a", 2), ("a_", 1)]).is_err());
    }

    #[test]
    fn what_cannot_be_merged_as_ranked_is_refused() {
        let missing = derived(&[("a", 1), ("ab", 0)]).unwrap_err();
        assert!(missing.to_string().contains("\"b\""), "{missing}");
        let long = "a".repeat(ENTRY_LEN_MAX + 1);
        assert!(derived(&[("a", 1), (&long, 0)]).is_err());
        assert!(derived(&[("a", 1), (&long[1..], 0)]).is_ok());
    }
}
