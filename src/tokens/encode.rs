//! One rendered prompt and its surface forms to token ids, with the readout position found from the ids.
//! Knows nothing of what options mean to each other.

use super::TextTokenizer;
use super::text_tokenizer::{encode_ids, encode_with_offsets};
use crate::error::{Error, Result};
use crate::prompts::PromptOption;

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
    /// Beginnings of forms behind which the rest is looked for in any tokens.
    pub openings: Vec<EncodedForm>,
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
    /// `None`: what is written so counts as no option.
    pub option_index: Option<usize>,
    pub surface_form: String,
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
        self.encode_prompt_excluding(text, kind, options, &[])
    }

    /// [`Self::encode_prompt`] where some texts count as no option, whatever they begin with.
    ///
    /// # Errors
    /// As [`Self::encode_prompt`].
    pub fn encode_prompt_excluding(
        &self,
        text: &str,
        kind: TextKind,
        options: &[PromptOption],
        excluded: &[String],
    ) -> Result<EncodedPrompt> {
        let mut forms = Vec::new();
        for (index, option) in options.iter().enumerate() {
            let form = |text: &String, is_opening| Form {
                option_index: Some(index),
                text: text.clone(),
                is_opening,
            };
            forms.extend(option.surface_forms.iter().map(|text| form(text, false)));
            forms.extend(option.openings.iter().map(|text| form(text, true)));
        }
        let none = |text: &String| Form { option_index: None, text: text.clone(), is_opening: false };
        forms.extend(excluded.iter().map(none));
        self.encode_forms(text, kind, &forms)
    }

    /// [`Self::encode_prompt`] for forms given as (option index, surface form).
    ///
    /// # Errors
    /// As [`Self::encode_prompt`].
    pub fn encode_prompt_forms(
        &self,
        text: &str,
        kind: TextKind,
        forms: &[(usize, &str)],
    ) -> Result<EncodedPrompt> {
        self.encode_forms(text, kind, &forms.iter().map(Form::of_option).collect::<Vec<_>>())
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
        let forms: Vec<Form> = forms.iter().map(Form::of_option).collect();
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
        let (mut encoded, mut openings) = (Vec::new(), Vec::new());
        for (Form { option_index, text, is_opening }, with_form) in forms.iter().zip(continued) {
            if alone.starts_with(with_form) {
                return Err(Error::prompt(format!(
                    "surface form {text:?} leaves no token behind the prompt"
                )));
            }
            let ids = with_form[stable_len..].to_vec();
            self.check_ids(&ids)?;
            let form = EncodedForm { option_index: *option_index, surface_form: text.clone(), ids };
            if *is_opening { openings.push(form) } else { encoded.push(form) }
        }
        let stepped_back = alone.len() - stable_len;
        Ok(EncodedPrompt { readout_index: ids.len() - 1, ids, forms: encoded, openings, stepped_back })
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
struct Form {
    option_index: Option<usize>,
    text: String,
    is_opening: bool,
}

impl Form {
    fn of_option(&(option_index, text): &(usize, &str)) -> Self {
        Form { option_index: Some(option_index), text: text.to_owned(), is_opening: false }
    }
}

fn common_prefix_len(left: &[u32], right: &[u32]) -> usize {
    left.iter().zip(right).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests;
