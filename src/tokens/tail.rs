//! Encodes a prompt's many continuations without encoding the whole prompt for each, where that is provably the same.
//!
//! `tokenizers` first cuts a text at its added tokens, by one leftmost-longest scan over the raw text, and then treats
//! each piece between them by itself: normaliser, pre-tokenizer and model see one piece at a time, and of its place
//! only whether it begins at byte 0 (Metaspace with `prepend_scheme: first`). So if an added token `m` is matched in a
//! prompt, the ids behind `m` depend only on the text behind `m`. Encoding the *tail*, from the start of `m` to the
//! end, gives `m` and then the same ids: `m` in front also keeps what follows from beginning at byte 0.
//! That holds for the prompt with a form appended too, if no added token could begin at or before `m` and reach over
//! the end of the prompt into the form ([`TailEncoder::could_cross`]). Two kinds of added token break the
//! independence of pieces, `rstrip` (swallows spaces behind it) and `single_word` (looks at its neighbours): a tokenizer
//! that has any takes the long way.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use tokenizers::{Encoding, Tokenizer};

use super::text_tokenizer::encode_ids;
use crate::error::Result;

/// Tails end in a few fixed ways (generation prompt and answer prefix), so few are worth keeping.
const CACHED_TAILS_MAX: usize = 1 << 14;
const CACHED_TAIL_LEN_MAX: usize = 1 << 10;

/// Finds tails and remembers their ids.
pub(super) struct TailEncoder {
    /// The added tokens that are matched on raw text. Empty where no tail may be cut.
    content_of: HashMap<u32, String>,
    /// Their contents, sorted.
    contents: Vec<String>,
    content_len_max: usize,
    /// Text from the start of an added token to the end of a form → its ids.
    cache: RwLock<HashMap<String, Arc<[u32]>>>,
}

impl TailEncoder {
    pub(super) fn new(tokenizer: &Tokenizer) -> Self {
        let added = tokenizer.get_added_tokens_decoder();
        let independent = added.values().all(|token| !token.rstrip && !token.single_word);
        let on_raw_text = added.iter().filter(|(_, token)| independent && !token.normalized);
        let content_of: HashMap<u32, String> =
            on_raw_text.map(|(&id, token)| (id, token.content.clone())).collect();
        let mut contents: Vec<String> = content_of.values().cloned().collect();
        contents.sort_unstable();
        let content_len_max = contents.iter().map(String::len).max().unwrap_or(0);
        TailEncoder { content_of, contents, content_len_max, cache: RwLock::default() }
    }

    /// Ids of `text` followed by each form, given the encoding of `text` alone.
    pub(super) fn encode_continued(
        &self,
        tokenizer: &Tokenizer,
        text: &str,
        encoding: &Encoding,
        forms: &[&str],
    ) -> Result<Vec<Vec<u32>>> {
        let alone = encoding.get_ids();
        let cut = self.find_cut(text, alone, encoding.get_offsets());
        let continue_with = |form: &&str| match cut {
            Some(Cut { byte, token }) => {
                let tail_ids = self.encode_tail(tokenizer, format!("{}{form}", &text[byte..]))?;
                Ok([&alone[..token], &tail_ids[..]].concat())
            }
            None => encode_ids(tokenizer, &format!("{text}{form}")),
        };
        forms.iter().map(continue_with).collect()
    }

    /// The last added token of the text behind which everything is independent of what is before.
    fn find_cut(&self, text: &str, ids: &[u32], offsets: &[(usize, usize)]) -> Option<Cut> {
        for (token, (id, &(start, end))) in ids.iter().zip(offsets).enumerate().rev() {
            let Some(content) = self.content_of.get(id) else { continue };
            // The model itself may own this id and make it from other text, which is no cut. With `lstrip` the span
            // includes the spaces before.
            if text.get(start..end).is_some_and(|span| span.ends_with(content)) {
                return (!self.could_cross(text, end)).then_some(Cut { byte: end - content.len(), token });
            }
        }
        None
    }

    /// Whether some added token could begin before byte `end` and be completed by text appended to `text`.
    fn could_cross(&self, text: &str, end: usize) -> bool {
        let first = text.len().saturating_sub(self.content_len_max);
        (first..end).filter(|&start| text.is_char_boundary(start)).any(|start| {
            let rest = &text[start..];
            let after = self.contents.partition_point(|content| content.as_str() <= rest);
            self.contents.get(after).is_some_and(|content| content.starts_with(rest))
        })
    }

    fn encode_tail(&self, tokenizer: &Tokenizer, tail: String) -> Result<Arc<[u32]>> {
        // A poisoned lock only means that another thread died; entries are inserted whole.
        if let Some(ids) = self.cache.read().unwrap_or_else(PoisonError::into_inner).get(&tail) {
            return Ok(ids.clone());
        }
        let ids: Arc<[u32]> = encode_ids(tokenizer, &tail)?.into();
        if tail.len() <= CACHED_TAIL_LEN_MAX {
            let mut cache = self.cache.write().unwrap_or_else(PoisonError::into_inner);
            if cache.len() < CACHED_TAILS_MAX {
                cache.insert(tail, ids.clone());
            }
        }
        Ok(ids)
    }
}

/// Where a tail begins: at this byte of the text, which is the start of this token of its ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cut {
    byte: usize,
    token: usize,
}

#[cfg(test)]
mod tests;
