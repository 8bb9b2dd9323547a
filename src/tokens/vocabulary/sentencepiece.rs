//! A SentencePiece model: pieces with scores, and how text is normalised before them.
//! <https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto>
//!
//! Control pieces written in a text are recognised, as transformers does and SentencePiece itself does not. One thing
//! is transformers' way and not SentencePiece's: without `legacy`, a text that *begins* with a user-defined piece gets
//! no leading space.

use serde_json::Value;
use tokenizers::{AddedToken, ModelWrapper};

use super::assemble::{Parts, added_pieces};
use super::model_config::{Built, ModelConfig};
use super::pieces::{self, Piece, PieceKind, has_bytes};
use super::protobuf::{Fields, Wire};
use super::whitespace::{LeadingSpace, Whitespace, charsmap};
use super::{scored_bpe, unigram};
use crate::error::{Error, Result};

/// The fields of the message that decide how text becomes ids, with the defaults of the format.
struct SentencePieceModel<'a> {
    pieces: Vec<Piece>,
    model_type: u64,
    byte_fallback: bool,
    whitespace_as_suffix: bool,
    bos_id: u64,
    eos_id: u64,
    charsmap: &'a [u8],
    add_dummy_prefix: bool,
    remove_extra_whitespaces: bool,
    escape_whitespaces: bool,
}

pub(super) fn build(bytes: &[u8], config: &Value) -> Result<Built> {
    let mut file = SentencePieceModel::read(bytes)?;
    let config = ModelConfig::read(config)?;
    file.refuse_unsupported()?;
    let unk_id = file.unk_id()?;
    let piece_count = file.pieces.len();
    config.extend(&mut file.pieces)?;
    pieces::check(&file.pieces)?;

    let model: ModelWrapper = match file.model_type {
        1 => unigram::build(&file.pieces, unk_id)?.into(),
        2 => scored_bpe::build(&file.pieces, Some(&file.pieces[unk_id as usize].text))?.into(),
        other => return Err(unsupported_type(other)),
    };
    let whitespace = file.whitespace(&config)?;
    let frame = |adds: Option<bool>, text: &Option<String>, default: u64, key: &str| {
        let id = file.special_id(text.as_deref(), default)?;
        match adds {
            Some(true) if id.is_none() => {
                Err(Error::model(format!("{key} is set, but there is no such token")))
            }
            Some(adds) => Ok((id, id.filter(|_| adds))),
            None => Err(Error::model(format!("nothing says whether the tokenizer has {key}"))
                .hint("put the model's own tokenizer_config.json beside it, or add the entry there")),
        }
    };
    let (bos_id, leading_bos) = frame(config.adds_bos, &config.bos_text, file.bos_id, "add_bos_token")?;
    let (_, trailing_eos) = frame(config.adds_eos, &config.eos_text, file.eos_id, "add_eos_token")?;
    let tokenizer = Parts {
        model,
        pre_tokenizers: whitespace.pre_tokenizers(),
        decoders: whitespace.decoders()?,
        normalizers: whitespace.normalizers()?,
        added: added(&file.pieces, piece_count, &config.added),
        bos_id: leading_bos,
        eos_id: trailing_eos,
    }
    .assemble()?;
    Ok(Built { tokenizer, bos_id })
}

/// The pieces that are found in text as a whole, with the habits that the config gives them.
fn added(pieces: &[Piece], own_count: usize, config: &[(u32, AddedToken)]) -> Vec<(u32, AddedToken)> {
    let mut added = added_pieces(pieces, true);
    for (id, token) in config {
        match added.iter_mut().find(|(other, _)| other == id) {
            Some((_, own)) => {
                // Looked for in normalised text only if SentencePiece itself looks for it.
                let normalized = own.normalized && (*id as usize) < own_count;
                *own = token.clone().normalized(normalized);
            }
            None => added.push((*id, token.clone())),
        }
    }
    added
}

impl<'a> SentencePieceModel<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self> {
        let mut model = SentencePieceModel {
            pieces: Vec::new(),
            model_type: 1,
            byte_fallback: false,
            whitespace_as_suffix: false,
            bos_id: 1,
            eos_id: 2,
            charsmap: &[],
            add_dummy_prefix: true,
            remove_extra_whitespaces: true,
            escape_whitespaces: true,
        };
        for field in Fields::new(bytes) {
            match field? {
                (1, Wire::Bytes(piece)) => model.pieces.push(read_piece(piece)?),
                (2, Wire::Bytes(trainer)) => model.read_trainer(trainer)?,
                (3, Wire::Bytes(normalizer)) => model.read_normalizer(normalizer)?,
                _ => {}
            }
        }
        Ok(model)
    }

    fn read_trainer(&mut self, message: &[u8]) -> Result<()> {
        for field in Fields::new(message) {
            match field? {
                (3, Wire::Varint(value)) => self.model_type = value,
                (24, Wire::Varint(value)) => self.whitespace_as_suffix = value != 0,
                (35, Wire::Varint(value)) => self.byte_fallback = value != 0,
                (41, Wire::Varint(value)) => self.bos_id = value,
                (42, Wire::Varint(value)) => self.eos_id = value,
                _ => {}
            }
        }
        Ok(())
    }

    fn read_normalizer(&mut self, message: &'a [u8]) -> Result<()> {
        for field in Fields::new(message) {
            match field? {
                (2, Wire::Bytes(table)) => self.charsmap = table,
                (3, Wire::Varint(value)) => self.add_dummy_prefix = value != 0,
                (4, Wire::Varint(value)) => self.remove_extra_whitespaces = value != 0,
                (5, Wire::Varint(value)) => self.escape_whitespaces = value != 0,
                _ => {}
            }
        }
        Ok(())
    }

    fn refuse_unsupported(&self) -> Result<()> {
        if self.whitespace_as_suffix {
            return Err(Error::model(
                "a SentencePiece model with treat_whitespace_as_suffix is not supported",
            ));
        }
        if !self.escape_whitespaces {
            return Err(Error::model("a SentencePiece model without escape_whitespaces is not supported"));
        }
        // SentencePiece merges into an unused piece and then takes it apart again.
        if let Some(piece) = self.pieces.iter().find(|piece| piece.kind == PieceKind::Unused) {
            return Err(Error::model(format!("the unused piece {:?} is not supported", piece.text)));
        }
        if has_bytes(&self.pieces)? != self.byte_fallback {
            return Err(Error::model("byte_fallback of the SentencePiece model does not fit its pieces"));
        }
        Ok(())
    }

    fn unk_id(&self) -> Result<u32> {
        let mut unknown = self.pieces.iter().zip(0..).filter(|(piece, _)| piece.kind == PieceKind::Unknown);
        match (unknown.next(), unknown.next()) {
            (Some((_, id)), None) => Ok(id),
            _ => Err(Error::model("a SentencePiece model needs one piece for unknown characters")),
        }
    }

    fn whitespace(&self, config: &ModelConfig) -> Result<Whitespace> {
        let leading_space = match (config.adds_space.unwrap_or(self.add_dummy_prefix), config.is_legacy) {
            (false, _) => LeadingSpace::Never,
            (true, true) => LeadingSpace::EachStretch,
            (true, false) => LeadingSpace::Start,
        };
        if leading_space == LeadingSpace::Start && self.remove_extra_whitespaces {
            let message = "a SentencePiece model with remove_extra_whitespaces is only supported as legacy";
            return Err(Error::model(message)
                .hint("set legacy to true in tokenizer_config.json if the model was trained so"));
        }
        Ok(Whitespace {
            leading_space,
            remove_extra: self.remove_extra_whitespaces,
            charsmap: charsmap(self.charsmap)?,
        })
    }

    /// The piece that the config names, or the one at the id that the model was trained with; it may have none.
    fn special_id(&self, text: Option<&str>, trained_id: u64) -> Result<Option<u32>> {
        let Some(text) = text else {
            let piece = usize::try_from(trained_id).ok().and_then(|index| self.pieces.get(index));
            return Ok(piece.filter(|piece| piece.kind == PieceKind::Control).map(|_| trained_id as u32));
        };
        let id = self.pieces.iter().zip(0..).find(|(piece, _)| piece.text == text).map(|(_, id)| id);
        id.map(Some)
            .ok_or_else(|| Error::model(format!("{text:?} of the tokenizer config is not in the vocabulary")))
    }
}

fn read_piece(message: &[u8]) -> Result<Piece> {
    let mut piece = Piece { text: String::new(), score: 0.0, kind: PieceKind::Normal };
    for field in Fields::new(message) {
        match field? {
            (1, Wire::Bytes(text)) => {
                piece.text = std::str::from_utf8(text)
                    .map_err(|cause| Error::model("a piece is not UTF-8").because(cause))?
                    .to_owned();
            }
            (2, Wire::Fixed32(bits)) => piece.score = f32::from_bits(bits),
            (3, Wire::Varint(code)) => piece.kind = PieceKind::from_code(code as i64)?,
            _ => {}
        }
    }
    match piece.text.is_empty() {
        true => Err(Error::model("a piece has no text")),
        false => Ok(piece),
    }
}

fn unsupported_type(model_type: u64) -> Error {
    let name = match model_type {
        3 => "word".to_owned(),
        4 => "char".to_owned(),
        other => format!("number {other}"),
    };
    Error::model(format!("SentencePiece models of type {name} are not supported, only BPE and Unigram"))
}

/// The table of character replacements of a model, for tests of other readers that take one.
#[cfg(test)]
pub(super) fn charsmap_of(bytes: &[u8]) -> Vec<u8> {
    SentencePieceModel::read(bytes).unwrap().charsmap.to_vec()
}
