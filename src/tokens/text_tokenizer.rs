//! A tokenizer, checked against the model it is to feed, and its tokens made readable.
//! Knows no options and no templates.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::OnceLock;

use tokenizers::{Encoding, ModelWrapper, Token, Tokenizer};

use super::guard::guarded;
use super::spelling::TokenTexts;
use super::tail::TailEncoder;
use crate::error::{Error, Result};

/// A tokenizer, ready to be shared by threads. All methods take `&self`.
pub struct TextTokenizer {
    pub(super) tokenizer: Tokenizer,
    pub(super) tail: TailEncoder,
    /// What the post-processor puts before a text; empty for many.
    pub(super) leading_ids: Vec<u32>,
    pub(super) bos_id: Option<u32>,
    vocab_size: usize,
    /// Tokens that a prompt may have.
    pub(super) position_count_max: usize,
    /// A token without oddities, put before another to see how that one reads inside a text.
    pub(super) anchor_id: Option<u32>,
    /// Every token's text; see [`Self::token_texts`].
    pub(super) texts: OnceLock<TokenTexts>,
}

impl TextTokenizer {
    /// Reads the bytes of a `tokenizer.json` for a model with `vocab_size` rows in its embedding.
    ///
    /// Truncation and padding that the file asks for are switched off. A model may have more rows than the tokenizer
    /// has tokens (rows are often padded to a round number), never fewer.
    ///
    /// # Errors
    /// Kind `Model`, naming `path`: the file does not parse, a token's id has no row in the embedding, encoding is
    /// random (BPE dropout, Unigram sampling), the post-processor does more than put tokens around the text, or the
    /// file makes the `tokenizers` crate panic. Memory that cannot be had for a hostile file still ends the process.
    pub fn from_bytes(bytes: &[u8], vocab_size: usize, path: &Path) -> Result<Self> {
        let tokenizer = guarded(|| Tokenizer::from_bytes(bytes))
            .map_err(|error| error.at(path))?
            .map_err(|cause| Error::model("tokenizer does not parse").at(path).because(cause))?;
        Self::from_tokenizer(tokenizer, vocab_size, path)
    }

    /// What every source of tokenizers has in common: see [`Self::from_bytes`].
    pub(super) fn from_tokenizer(mut tokenizer: Tokenizer, vocab_size: usize, path: &Path) -> Result<Self> {
        let refuse = |message: String| Error::model(message).at(path);
        tokenizer.with_padding(None);
        tokenizer
            .with_truncation(None)
            .map_err(|cause| Error::model("truncation cannot be switched off").at(path).because(cause))?;
        refuse_ids_beyond(&tokenizer, vocab_size).map_err(refuse)?;
        refuse_randomness(&tokenizer).map_err(refuse)?;

        let leading_ids =
            guarded(|| post_processor_prefix(&tokenizer)).map_err(|error| error.at(path))?.map_err(refuse)?;
        refuse_beyond(&leading_ids, vocab_size).map_err(|error| error.at(path))?;
        let anchor_id = encode_ids(&tokenizer, "a").ok().and_then(|ids| ids.last().copied());
        let tail = TailEncoder::new(&tokenizer);
        let (bos_id, position_count_max) = (None, usize::MAX);
        let texts = OnceLock::new();
        Ok(TextTokenizer {
            tokenizer,
            tail,
            leading_ids,
            bos_id,
            vocab_size,
            position_count_max,
            anchor_id,
            texts,
        })
    }

    /// Lets a prompt longer than the model's `position_count` tokens be refused before its surface forms are encoded.
    pub fn with_position_count(mut self, position_count: usize) -> Self {
        self.position_count_max = position_count;
        self
    }

    /// Takes the name of the beginning-of-sequence token from a parsed `tokenizer_config.json`.
    ///
    /// # Errors
    /// Kind `Model` when the tokenizer does not have the token that the config names, or the entry names none.
    pub fn with_tokenizer_config(mut self, config: &serde_json::Value) -> Result<Self> {
        let entry = &config["bos_token"];
        if !entry.is_null() {
            let token = crate::prompts::special_token_text(entry).ok_or_else(|| {
                Error::model(
                    "bos_token of the tokenizer config is neither a string nor an object with content",
                )
            })?;
            let id = self.token_id(token).ok_or_else(|| {
                Error::model(format!("bos_token {token:?} of the tokenizer config is not in the tokenizer"))
            })?;
            self.bos_id = Some(id);
        }
        Ok(self)
    }

    /// # Errors
    /// Kind `Model` when one of `ids` has no row in the embedding.
    pub(super) fn check_ids(&self, ids: &[u32]) -> Result<()> {
        refuse_beyond(ids, self.vocab_size)
    }

    /// The id of the beginning-of-sequence token. `None` when the model has none.
    pub fn bos_id(&self) -> Option<u32> {
        self.bos_id
    }

    /// The id of a token by its exact spelling in the vocabulary.
    pub fn token_id(&self, token: &str) -> Option<u32> {
        self.tokenizer.token_to_id(token)
    }

    /// How a token reads in the middle of a text, control characters escaped. For display only: several ids may read
    /// the same, and nothing is ever matched by it.
    ///
    /// A token that is no text by itself (part of a character), or on which the decoder fails, is shown as the
    /// vocabulary spells it, an id without a token as `<id 123>`.
    pub fn token_text(&self, id: u32) -> String {
        let Some(spelling) = self.tokenizer.id_to_token(id) else { return format!("<id {id}>") };
        match self.read_in_context(id) {
            Some(text) if !text.is_empty() && !text.contains(char::REPLACEMENT_CHARACTER) => {
                escape_controls(&text)
            }
            _ => escape_controls(&spelling),
        }
    }

    /// Decoders treat the first token apart (SentencePiece drops its space), so the token is read as the second of two.
    pub(super) fn read_in_context(&self, id: u32) -> Option<String> {
        let anchor = self.anchor_id?;
        let decode = |ids: &[u32]| guarded(|| self.tokenizer.decode(ids, false)).ok()?.ok();
        let (alone, both) = (decode(&[anchor])?, decode(&[anchor, id])?);
        both.strip_prefix(&alone).map(str::to_owned)
    }
}

/// The ids of a text as it stands, special tokens written in it recognised, none added.
pub(super) fn encode_ids(tokenizer: &Tokenizer, text: &str) -> Result<Vec<u32>> {
    let encoding = guarded(|| tokenizer.encode_fast(text, false))?
        .map_err(|cause| Error::prompt("the text could not be tokenised").because(cause))?;
    Ok(encoding.get_ids().to_vec())
}

/// As [`encode_ids`], and where in the text each token stands.
pub(super) fn encode_with_offsets(tokenizer: &Tokenizer, text: &str) -> Result<Encoding> {
    guarded(|| tokenizer.encode(text, false))?
        .map_err(|cause| Error::prompt("the text could not be tokenised").because(cause))
}

/// Ids that the vocabulary does not list can still be made: by a post-processor, which brings its own.
fn refuse_beyond(ids: &[u32], vocab_size: usize) -> Result<()> {
    match ids.iter().max() {
        Some(&id) if id as usize >= vocab_size => Err(Error::model(format!(
            "the tokenizer makes the id {id}, but the model's vocabulary has {vocab_size} entries"
        ))),
        _ => Ok(()),
    }
}

fn refuse_ids_beyond(tokenizer: &Tokenizer, vocab_size: usize) -> std::result::Result<(), String> {
    let vocabulary = tokenizer.get_vocab(true);
    let beyond = vocabulary.iter().filter(|&(_, &id)| id as usize >= vocab_size).min_by_key(|&(_, &id)| id);
    match beyond {
        Some((token, id)) => {
            Err(format!("token {token:?} has id {id}, but the model's vocabulary has {vocab_size} entries"))
        }
        None => Ok(()),
    }
}

/// Subword regularisation is for training; with it a prompt would have other ids each time.
fn refuse_randomness(tokenizer: &Tokenizer) -> std::result::Result<(), String> {
    match tokenizer.get_model() {
        ModelWrapper::BPE(bpe) if bpe.dropout.is_some_and(|dropout| dropout > 0.0) => {
            Err("tokenizer leaves out merges at random (dropout)".to_owned())
        }
        ModelWrapper::Unigram(unigram) if unigram.alpha.is_some_and(|alpha| alpha > 0.0) => {
            Err("tokenizer samples segmentations at random (alpha)".to_owned())
        }
        _ => Ok(()),
    }
}

/// What the post-processor puts before any text. It is a constant: post-processors see only how many sequences there
/// are. What it puts behind is found too, to check that nothing else happens, and left away.
fn post_processor_prefix(tokenizer: &Tokenizer) -> std::result::Result<Vec<u32>, String> {
    let probe = [Token::new(0, String::new(), (0, 0))];
    let processed = tokenizer
        .post_process(Encoding::from_tokens(probe.to_vec(), 0), None, true)
        .map_err(|cause| format!("the tokenizer's post-processor fails: {cause}"))?;
    let added = processed.get_special_tokens_mask();
    let leading_len = added.iter().take_while(|&&mark| mark == 1).count();
    match added[leading_len..] {
        [0, ref trailing @ ..] if trailing.iter().all(|&mark| mark == 1) => {
            Ok(processed.get_ids()[..leading_len].to_vec())
        }
        _ => Err("the tokenizer's post-processor does more than put tokens around the text".to_owned()),
    }
}

fn escape_controls(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            write!(escaped, "{}", character.escape_debug()).expect("a String takes any text");
        } else {
            escaped.push(character);
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
