//! Puts the parts of a tokenizer together: added tokens, and what goes in front of a text and behind it.
//! Knows no files.

use tokenizers::decoders::sequence::Sequence as DecoderSequence;
use tokenizers::normalizers::Sequence as NormalizerSequence;
use tokenizers::pre_tokenizers::sequence::Sequence as PreTokenizerSequence;
use tokenizers::processors::template::{SpecialToken, TemplateProcessing, Tokens};
use tokenizers::{
    AddedToken, AddedVocabulary, DecoderWrapper, Model, ModelWrapper, NormalizerWrapper, PreTokenizerWrapper,
    Tokenizer,
};

use super::pieces::{Piece, PieceKind};
use crate::error::{Error, Result};

pub(super) struct Parts {
    pub model: ModelWrapper,
    pub normalizers: Vec<NormalizerWrapper>,
    pub pre_tokenizers: Vec<PreTokenizerWrapper>,
    pub decoders: Vec<DecoderWrapper>,
    /// Each with the id it must have. `normalized` means found in text after normalisation, spelled as it is.
    pub added: Vec<(u32, AddedToken)>,
    /// Goes in front of a text that is encoded with special tokens.
    pub bos_id: Option<u32>,
    /// Goes behind it.
    pub eos_id: Option<u32>,
}

impl Parts {
    /// # Errors
    /// When an added token cannot have its id, or the BOS or EOS has no text.
    pub(super) fn assemble(self) -> Result<Tokenizer> {
        let cannot = |what: &str| Error::model(format!("the {what} cannot be set up"));
        // Added before there is a normaliser: it would be applied to their own texts, too.
        let mut vocabulary = AddedVocabulary::new();
        let tokens: Vec<AddedToken> = self.added.iter().map(|(_, token)| token.clone()).collect();
        vocabulary
            .add_tokens(tokens, &self.model, None::<&NormalizerWrapper>)
            .map_err(|cause| cannot("added tokens").because(cause))?;
        for (id, token) in &self.added {
            if vocabulary.token_to_id(&token.content, &self.model) != Some(*id) {
                return Err(Error::model(format!("the added token {:?} cannot have id {id}", token.content)));
            }
        }
        let frame = frame(self.bos_id, self.eos_id, |id| {
            vocabulary.simple_id_to_token(id).or_else(|| self.model.id_to_token(id))
        })?;

        let mut tokenizer = Tokenizer::new(self.model);
        if !self.normalizers.is_empty() {
            let normalizer = NormalizerSequence::new(self.normalizers);
            tokenizer
                .with_normalizer(Some(normalizer))
                .map_err(|cause| cannot("normaliser").because(cause))?;
        }
        if !self.pre_tokenizers.is_empty() {
            tokenizer.with_pre_tokenizer(Some(PreTokenizerSequence::new(self.pre_tokenizers)));
        }
        tokenizer.with_decoder(Some(DecoderSequence::new(self.decoders)));
        tokenizer.with_post_processor(frame);
        tokenizer.with_added_vocabulary(vocabulary);
        Ok(tokenizer)
    }
}

fn frame(
    bos_id: Option<u32>,
    eos_id: Option<u32>,
    text_of: impl Fn(u32) -> Option<String>,
) -> Result<Option<TemplateProcessing>> {
    let named = [("bos", bos_id), ("eos", eos_id)];
    let mut tokens = Vec::new();
    for (name, id) in named.into_iter().filter_map(|(name, id)| Some((name, id?))) {
        let text = text_of(id)
            .ok_or_else(|| Error::model(format!("the {name} id {id} is not in the vocabulary")))?;
        let token = SpecialToken::new(name.to_owned(), vec![id], vec![text]);
        tokens
            .push(token.map_err(|cause| Error::model(format!("the {name} cannot be added")).because(cause))?);
    }
    if tokens.is_empty() {
        return Ok(None);
    }
    let around = |text: &'static str| {
        let parts = [bos_id.map(|_| "bos"), Some(text), eos_id.map(|_| "eos")];
        parts.into_iter().flatten().collect::<Vec<_>>()
    };
    // A pair of texts is never encoded here; the crate wants to know how, all the same.
    let template = TemplateProcessing::builder()
        .try_single(around("$A"))
        .and_then(|builder| builder.try_pair([around("$A"), around("$B")].concat()))
        .map_err(|cause| Error::model("the BOS and EOS cannot be added").because(cause))?
        .special_tokens(Tokens::from(tokens))
        .build()
        .map_err(|cause| Error::model("the BOS and EOS cannot be added").because(cause))?;
    Ok(Some(template))
}

/// The added tokens among `pieces`. Control and unknown pieces are special; user-defined ones are not.
///
/// `user_defined_normalized` looks for the latter in normalised text, as SentencePiece does.
pub(super) fn added_pieces(pieces: &[Piece], user_defined_normalized: bool) -> Vec<(u32, AddedToken)> {
    let added = pieces.iter().zip(0..).filter_map(|(piece, id)| {
        let token = match piece.kind {
            PieceKind::Control | PieceKind::Unknown => AddedToken::from(piece.text.clone(), true),
            PieceKind::UserDefined => {
                AddedToken::from(piece.text.clone(), false).normalized(user_defined_normalized)
            }
            PieceKind::Normal | PieceKind::Unused | PieceKind::Byte => return None,
        };
        Some((id, token))
    });
    added.collect()
}
