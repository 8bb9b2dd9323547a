//! One rendered prompt and its surface forms to token ids, with the readout position found from the ids.
//! Knows nothing of what options mean to each other.

use super::TextTokenizer;
use super::text_tokenizer::{encode_ids, encode_with_offsets};
use crate::error::{Error, Result};
use crate::prompts::{Closing, PromptOption, SurfaceForm};

/// Who is responsible for a beginning-of-sequence token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextKind {
    /// Rendered by a chat template, which writes one or does not. Nothing is added.
    Chat,
    /// Plain text for a base model: the tokenizer's post-processor puts in front what the model was trained with.
    Plain,
}

/// A prompt as the model sees it, and what may follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedPrompt {
    /// The stable tokens of the prompt; never empty.
    pub ids: Vec<u32>,
    /// Index into `ids` of the token whose next-token distribution is read: the last one.
    pub readout_index: usize,
    /// In option order, within an option in the order given.
    pub forms: Vec<EncodedForm>,
    /// How many tokens at the end of the prompt alone are not in `ids`, because some surface form merges with them.
    ///
    /// Where it is not 0, the text of those tokens is the beginning of every form's `ids`: log-probs are then those of
    /// this remainder and the form together, given `ids`. That is comparable between options, but the answer mass
    /// also holds the model's doubt about the remainder.
    pub stepped_back: usize,
}

/// One surface form of one option, tokenised behind its prompt.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EncodedForm {
    pub option_index: usize,
    pub surface_form: String,
    /// What has to follow it.
    pub closing: Closing,
    /// The tokens behind the readout position; never empty.
    pub ids: Vec<u32>,
}

impl TextTokenizer {
    /// The ids of a text on which nothing is to be continued, e.g. for counting.
    ///
    /// # Errors
    /// Kind `Prompt` when the text cannot be tokenised or begins with two beginning-of-sequence tokens; kind `Model` as
    /// in [`Self::encode_prompt`].
    pub fn encode_text(&self, text: &str, kind: TextKind) -> Result<Vec<u32>> {
        let ids = self.with_leading(kind, &encode_ids(&self.tokenizer, text)?);
        self.refuse_two_bos(&ids)?;
        self.check_ids(&ids)?;
        Ok(ids)
    }

    /// Encodes a rendered prompt (answer prefix included) and every surface form of every option in place.
    ///
    /// Can be called from many threads at once.
    ///
    /// # Errors
    /// Kind `Prompt` when the text cannot be tokenised, begins with two beginning-of-sequence tokens, keeps no stable
    /// token, is by itself longer than [`Self::with_position_count`] allows, or a surface form leaves no token behind
    /// it. Kind `Model` when the tokenizer panics, or makes an id beyond the vocabulary.
    pub fn encode_prompt(
        &self,
        text: &str,
        kind: TextKind,
        options: &[PromptOption],
    ) -> Result<EncodedPrompt> {
        let forms = options.iter().enumerate();
        let forms: Vec<(usize, &SurfaceForm)> = forms
            .flat_map(|(index, option)| option.surface_forms.iter().map(move |form| (index, form)))
            .collect();
        let forms: Vec<Form> =
            forms.into_iter().flat_map(|(index, form)| Form::closed(index, form)).collect();
        self.encode_forms(text, kind, &forms)
    }

    /// [`Self::encode_prompt`] for forms behind which anything may follow, given as (option index, surface form).
    ///
    /// # Errors
    /// As [`Self::encode_prompt`].
    pub fn encode_prompt_forms(
        &self,
        text: &str,
        kind: TextKind,
        forms: &[(usize, &str)],
    ) -> Result<EncodedPrompt> {
        let form = |&(option_index, text): &(usize, &str)| Form {
            option_index,
            text: text.into(),
            ..Form::default()
        };
        self.encode_forms(text, kind, &forms.iter().map(form).collect::<Vec<_>>())
    }

    fn encode_forms(&self, text: &str, kind: TextKind, forms: &[Form]) -> Result<EncodedPrompt> {
        let texts: Vec<&str> = forms.iter().map(|form| form.text.as_str()).collect();
        let alone = encode_with_offsets(&self.tokenizer, text)?;
        self.check_len(kind, alone.get_ids().len())?;
        let continued = self.tail.encode_continued(&self.tokenizer, text, &alone, &texts)?;
        self.split_at_boundary(kind, alone.get_ids(), forms, &continued)
    }

    /// The slow way that every shortcut must agree with: each form behind the whole text.
    #[cfg(test)]
    pub(super) fn encode_prompt_naive(
        &self,
        text: &str,
        kind: TextKind,
        forms: &[(usize, &str)],
    ) -> Result<EncodedPrompt> {
        let alone = encode_ids(&self.tokenizer, text)?;
        let form = |&(option_index, text): &(usize, &str)| Form {
            option_index,
            text: text.into(),
            ..Form::default()
        };
        let forms: Vec<Form> = forms.iter().map(form).collect();
        let continue_with = |form: &Form| encode_ids(&self.tokenizer, &format!("{text}{}", form.text));
        let continued = forms.iter().map(continue_with).collect::<Result<Vec<_>>>()?;
        self.split_at_boundary(kind, &alone, &forms, &continued)
    }

    /// Cuts where the prompt alone and all its continuations stop agreeing.
    fn split_at_boundary(
        &self,
        kind: TextKind,
        alone: &[u32],
        forms: &[Form],
        continued: &[Vec<u32>],
    ) -> Result<EncodedPrompt> {
        let stable_len =
            continued.iter().map(|ids| common_prefix_len(alone, ids)).min().unwrap_or(alone.len());
        let ids = self.with_leading(kind, &alone[..stable_len]);
        self.refuse_two_bos(&ids)?;
        if ids.is_empty() {
            return Err(Error::prompt("no token of the prompt stands before the response"));
        }
        self.check_ids(&ids)?;
        let mut encoded = Vec::new();
        let mut unclosed: &[u32] = &[];
        for (form, with_form) in forms.iter().zip(continued) {
            let Form { option_index, text, closing, is_sample } = form;
            match is_sample {
                // Whoever reads on behind the form finds this closing there.
                true if with_form.starts_with(unclosed) => continue,
                true => {}
                false => unclosed = with_form,
            }
            if alone.starts_with(with_form) {
                return Err(Error::prompt(format!(
                    "surface form {text:?} leaves no token behind the prompt"
                )));
            }
            let ids = with_form[stable_len..].to_vec();
            self.check_ids(&ids)?;
            let surface_form = text.clone();
            encoded.push(EncodedForm { option_index: *option_index, surface_form, closing: *closing, ids });
        }
        let forms = encoded;
        Ok(EncodedPrompt { readout_index: ids.len() - 1, ids, forms, stepped_back: alone.len() - stable_len })
    }

    fn with_leading(&self, kind: TextKind, ids: &[u32]) -> Vec<u32> {
        match kind {
            TextKind::Chat => ids.to_vec(),
            TextKind::Plain => [self.leading_ids.as_slice(), ids].concat(),
        }
    }

    /// Each form costs about as much as the whole prompt where no tail can be cut, so the prompt goes first.
    fn check_len(&self, kind: TextKind, alone_len: usize) -> Result<()> {
        let leading_len = if kind == TextKind::Plain { self.leading_ids.len() } else { 0 };
        let (token_count, limit) = (alone_len + leading_len, self.position_count_max);
        if token_count <= limit {
            return Ok(());
        }
        Err(Error::prompt(format!("{token_count} tokens do not fit the model's {limit} positions")))
    }

    fn refuse_two_bos(&self, ids: &[u32]) -> Result<()> {
        match (self.bos_id(), ids) {
            (Some(bos), [first, second, ..]) if *first == bos && *second == bos => {
                Err(Error::prompt("the prompt begins with two beginning-of-sequence tokens")
                    .hint("leave the token out of the text, or use the model's chat template as it is"))
            }
            _ => Ok(()),
        }
    }
}

/// A text to be encoded behind the prompt.
#[derive(Debug, Clone, Default)]
struct Form {
    option_index: usize,
    text: String,
    closing: Closing,
    /// Whether this is the form before it and one way to close it, which may be written in other tokens.
    is_sample: bool,
}

impl Form {
    fn closed(option_index: usize, form: &SurfaceForm) -> Vec<Form> {
        let whole = Form { option_index, text: form.text.clone(), closing: form.closing, is_sample: false };
        let samples = form.closing.samples().iter().map(|sample| Form {
            option_index,
            text: format!("{}{sample}", form.text),
            closing: Closing::Anything,
            is_sample: true,
        });
        [whole].into_iter().chain(samples).collect()
    }
}

fn common_prefix_len(left: &[u32], right: &[u32]) -> usize {
    left.iter().zip(right).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests;
