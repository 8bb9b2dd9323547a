//! The vocabulary that GGUF metadata describes, read as llama.cpp reads it. Knows no GGUF container.

use tokenizers::normalizers::NFC;
use tokenizers::{AddedToken, Tokenizer};

use super::assemble::{Parts, added_pieces};
use super::pieces::{self, Piece, PieceKind};
use super::pre_tokenizers::word_rules;
use super::whitespace::{LeadingSpace, Whitespace, charsmap};
use super::{byte_level, scored_bpe, unigram};
use crate::error::{Error, Result};

/// The keys under `tokenizer.ggml.` that decide how text becomes ids, as they stand in the file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VocabularyMetadata {
    /// `model`: what kind of vocabulary this is.
    pub model: String,
    /// `pre`: how byte-level BPE cuts text into words.
    pub pre: Option<String>,
    pub tokens: Vec<String>,
    pub scores: Option<Vec<f32>>,
    /// `token_type`.
    pub token_types: Option<Vec<i32>>,
    /// Each two entries with a space between.
    pub merges: Option<Vec<String>>,
    /// `bos_token_id`.
    pub bos_id: Option<u32>,
    /// `eos_token_id`.
    pub eos_id: Option<u32>,
    /// `unknown_token_id`.
    pub unk_id: Option<u32>,
    /// `add_bos_token`.
    pub add_bos: Option<bool>,
    /// `add_eos_token`.
    pub add_eos: Option<bool>,
    pub add_space_prefix: Option<bool>,
    pub remove_extra_whitespaces: Option<bool>,
    pub precompiled_charsmap: Option<Vec<u8>>,
    /// `general.name`: the special tokens of Phi-3 swallow the whitespace behind them, which no key says.
    pub model_name: Option<String>,
}

/// Entries that llama.cpp takes for control tokens whatever their type says, because converters got it wrong.
const ALWAYS_CONTROL: &[&str] = &[
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|flush|>",
    "<|calls|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "</s>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<eos>",
    "<turn|>",
    "<|tool_response>",
    "<｜end▁of▁sentence｜>",
    "[e~[",
];

impl VocabularyMetadata {
    /// The BOS that the file names, or that its kind of vocabulary has where it names none.
    pub(super) fn named_bos_id(&self) -> Option<u32> {
        self.bos_id.or_else(|| (self.model == "llama").then_some(1))
    }

    pub(super) fn build(self) -> Result<Tokenizer> {
        match self.model.as_str() {
            "llama" => self.build_scored_bpe(),
            "gpt2" => self.build_byte_level(),
            "t5" => self.build_unigram(),
            model => Err(Error::model(format!(
                "the vocabulary kind {model:?} (tokenizer.ggml.model) is not supported"
            ))
            .hint("use the model's own folder, with its tokenizer.json")),
        }
    }

    fn build_scored_bpe(self) -> Result<Tokenizer> {
        if self.scores.is_none() {
            return Err(missing("scores"));
        }
        let pieces = self.pieces()?;
        let unk_id = self.unk_id.unwrap_or(0);
        let unk_text = pieces.get(unk_id as usize).map(|piece| piece.text.as_str());
        let model = scored_bpe::build(&pieces, unk_text)?;
        let whitespace = Whitespace {
            leading_space: leading_space(self.add_space_prefix.unwrap_or(true)),
            remove_extra: false,
            charsmap: None,
        };
        Parts {
            model: model.into(),
            pre_tokenizers: whitespace.pre_tokenizers(),
            decoders: whitespace.decoders()?,
            normalizers: whitespace.normalizers()?,
            added: self.added(&pieces),
            bos_id: self.framing(self.add_bos, true, self.named_bos_id(), "bos")?,
            eos_id: self.framing(self.add_eos, false, self.eos_id.or(Some(2)), "eos")?,
        }
        .assemble()
    }

    fn build_unigram(self) -> Result<Tokenizer> {
        if self.scores.is_none() {
            return Err(missing("scores"));
        }
        let pieces = self.pieces()?;
        let model = unigram::build(&pieces, self.unk_id.unwrap_or(2))?;
        let whitespace = Whitespace {
            leading_space: leading_space(self.add_space_prefix.unwrap_or(false)),
            remove_extra: self.remove_extra_whitespaces.unwrap_or(false),
            charsmap: charsmap(self.precompiled_charsmap.as_deref().unwrap_or_default())?,
        };
        Parts {
            model: model.into(),
            pre_tokenizers: whitespace.pre_tokenizers(),
            decoders: whitespace.decoders()?,
            normalizers: whitespace.normalizers()?,
            added: self.added(&pieces),
            bos_id: self.framing(self.add_bos, false, self.bos_id, "bos")?,
            eos_id: self.framing(self.add_eos, true, self.eos_id.or(Some(1)), "eos")?,
        }
        .assemble()
    }

    fn build_byte_level(self) -> Result<Tokenizer> {
        let name = self.pre.as_deref().ok_or_else(|| missing("pre"))?;
        let rules = word_rules(name)?;
        let pieces = self.pieces()?;
        let ids = pieces.iter().map(|piece| piece.text.clone()).zip(0..).collect();
        let listed = self.merges.as_deref().ok_or_else(|| missing("merges"))?;
        let merges = listed.iter().map(|merge| split_merge(merge)).collect::<Result<Vec<_>>>()?;
        Parts {
            model: byte_level::model(ids, merges, rules.whole_words)?.into(),
            normalizers: if rules.composes { vec![NFC.into()] } else { Vec::new() },
            pre_tokenizers: byte_level::pre_tokenizers(rules.patterns)?,
            decoders: byte_level::decoders(),
            added: self.added(&pieces),
            bos_id: self.framing(self.add_bos, rules.adds_bos, self.bos_id, "bos")?,
            eos_id: self.framing(self.add_eos, false, self.eos_id, "eos")?,
        }
        .assemble()
    }

    fn pieces(&self) -> Result<Vec<Piece>> {
        let count = self.tokens.len();
        let too_few = |key: &str, len: usize| {
            Error::model(format!("tokenizer.ggml.{key} has {len} entries for {count} tokens"))
        };
        if let Some(scores) = self.scores.as_ref().filter(|scores| scores.len() < count) {
            return Err(too_few("scores", scores.len()));
        }
        if let Some(types) = self.token_types.as_ref().filter(|types| types.len() < count) {
            return Err(too_few("token_type", types.len()));
        }
        let piece = |(index, token): (usize, &String)| {
            let code = self.token_types.as_ref().map_or(1, |types| types[index]);
            let kind = match ALWAYS_CONTROL.contains(&token.as_str()) {
                true => PieceKind::Control,
                false => PieceKind::from_code(i64::from(code))?,
            };
            let score = self.scores.as_ref().map_or(0.0, |scores| scores[index]);
            // llama.cpp's name for an entry that no text can be.
            let text = if token.is_empty() { format!("[EMPTY_{index}]") } else { token.clone() };
            Ok(Piece { text, score, kind })
        };
        let pieces = self.tokens.iter().enumerate().map(piece).collect::<Result<Vec<_>>>()?;
        pieces::check(&pieces)?;
        Ok(pieces)
    }

    fn added(&self, pieces: &[Piece]) -> Vec<(u32, AddedToken)> {
        let mut added = added_pieces(pieces, false);
        let name = self.model_name.as_deref().unwrap_or_default().to_lowercase();
        if ["phi-3", "phi3"].iter().any(|family| name.contains(family)) {
            // As the model's own tokenizer.json says. llama.cpp swallows ASCII whitespace only, tokenizers all of it.
            let keep_space = ["<unk>", "<s>", "<|endoftext|>"];
            for (_, token) in &mut added {
                token.rstrip = !keep_space.contains(&token.content.as_str());
            }
        }
        added
    }

    /// The id that goes around a text, if one does.
    fn framing(&self, said: Option<bool>, default: bool, id: Option<u32>, name: &str) -> Result<Option<u32>> {
        if !said.unwrap_or(default) {
            return Ok(None);
        }
        match id {
            Some(_) => Ok(id),
            None => Err(Error::model(format!("tokenizer.ggml.add_{name}_token needs a {name}_token_id"))),
        }
    }
}

fn missing(key: &str) -> Error {
    Error::model(format!("tokenizer.ggml.{key} is missing"))
        .hint("the file was converted by a tool that leaves it out; convert it again, or use the model's own folder")
}

fn leading_space(adds: bool) -> LeadingSpace {
    if adds { LeadingSpace::EachStretch } else { LeadingSpace::Never }
}

/// The first character may be a space itself.
fn split_merge(merge: &str) -> Result<(String, String)> {
    let first_len = merge.chars().next().map_or(0, char::len_utf8);
    let cut = merge[first_len..].find(' ').map(|at| at + first_len);
    let (left, right) = cut
        .map(|at| (&merge[..at], &merge[at + 1..]))
        .ok_or_else(|| Error::model(format!("the merge {merge:?} does not have two parts")))?;
    Ok((left.to_owned(), right.to_owned()))
}
