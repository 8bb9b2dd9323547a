//! How SentencePiece treats spaces and normalises characters, in parts of the `tokenizers` crate. Knows no files.

use tokenizers::decoders::byte_fallback::ByteFallback;
use tokenizers::decoders::fuse::Fuse;
use tokenizers::decoders::strip::Strip;
use tokenizers::normalizers::replace::ReplacePattern;
use tokenizers::normalizers::{Precompiled, Prepend, Replace};
use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
use tokenizers::{DecoderWrapper, NormalizerWrapper, PreTokenizerWrapper};

use crate::error::{Error, Result};

/// Stands for a space inside a piece.
pub(super) const SPACE_MARK: &str = "▁";

/// Where a space is put in front of text that has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LeadingSpace {
    Never,
    /// Before each stretch of text between added tokens: llama.cpp, and transformers' `legacy` tokenizers.
    EachStretch,
    /// Only before text that begins at the start.
    Start,
}

pub(super) struct Whitespace {
    pub leading_space: LeadingSpace,
    /// Drops spaces at both ends of a text and all but one elsewhere.
    pub remove_extra: bool,
    /// A table of replacements for characters, as SentencePiece compiles it.
    pub charsmap: Option<Precompiled>,
}

impl Whitespace {
    pub(super) fn normalizers(self) -> Result<Vec<NormalizerWrapper>> {
        let mut normalizers: Vec<NormalizerWrapper> = Vec::new();
        normalizers.extend(self.charsmap.map(NormalizerWrapper::from));
        if self.remove_extra {
            normalizers.push(replace(ReplacePattern::Regex("  +".to_owned()), " ")?);
            normalizers.push(replace(ReplacePattern::Regex("^ | $".to_owned()), "")?);
        }
        if self.leading_space == LeadingSpace::EachStretch {
            normalizers.push(Prepend::new(SPACE_MARK.to_owned()).into());
        }
        normalizers.push(replace(ReplacePattern::String(" ".to_owned()), SPACE_MARK)?);
        Ok(normalizers)
    }

    pub(super) fn pre_tokenizers(&self) -> Vec<PreTokenizerWrapper> {
        match self.leading_space {
            // Metaspace knows where the text starts, but adds nothing where its mark is there already. No space is
            // left after the normalisers, so a space as the mark is always added; the second makes it the real mark.
            LeadingSpace::Start => vec![
                Metaspace::new(' ', PrependScheme::First, false).into(),
                Metaspace::new('▁', PrependScheme::Never, false).into(),
            ],
            LeadingSpace::Never | LeadingSpace::EachStretch => Vec::new(),
        }
    }

    pub(super) fn decoders(&self) -> Result<Vec<DecoderWrapper>> {
        let spaces = Replace::new(SPACE_MARK, " ")
            .map_err(|cause| Error::model("the decoder cannot be made").because(cause))?;
        let mut decoders = vec![spaces.into(), ByteFallback::new().into(), Fuse::new().into()];
        if self.leading_space != LeadingSpace::Never {
            decoders.push(Strip::new(' ', 1, 0).into());
        }
        Ok(decoders)
    }
}

fn replace(pattern: ReplacePattern, content: &str) -> Result<NormalizerWrapper> {
    let replace = Replace::new(pattern, content);
    Ok(replace.map_err(|cause| Error::model("the normaliser cannot be made").because(cause))?.into())
}

/// A character becomes at most 18 others in Unicode's own tables (NFKC of U+FDFA).
const REPLACEMENT_BYTE_COUNT_MAX: usize = 256;

/// Reads a compiled table: the length in bytes of its index (little-endian u32), the index, replacements that end in 0.
///
/// Google's format, see `spm_precompiled`. What its reader takes on trust is checked here: the length, and that no
/// replacement is so long that a short text becomes a huge one.
pub(super) fn charsmap(bytes: &[u8]) -> Result<Option<Precompiled>> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let broken = |what: &str| Error::model(format!("the table of character replacements {what}"));
    let (head, rest) = bytes.split_first_chunk::<4>().ok_or_else(|| broken("is cut off"))?;
    let index_len = u32::from_le_bytes(*head) as usize;
    if index_len == 0 || !index_len.is_multiple_of(4) || index_len > rest.len() {
        return Err(broken("has an index of an impossible length"));
    }
    if rest[index_len..].split(|&byte| byte == 0).any(|text| text.len() > REPLACEMENT_BYTE_COUNT_MAX) {
        return Err(broken("replaces a character by a whole text"));
    }
    let table = Precompiled::from(bytes).map_err(|cause| broken("does not parse").because(cause))?;
    Ok(Some(table))
}
