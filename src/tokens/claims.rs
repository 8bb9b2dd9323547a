//! From encoded surface forms to claims on token sequences, in whatever tokens a form goes on from the beginning of another.
//! The rule in words is in `prompts/README.md`, section "What counts as which option".

use super::{EncodedForm, EncodedPrompt, TextTokenizer};
use crate::error::Result;
use std::collections::HashMap;

/// Who gets the continuations that begin with a token sequence, if no longer sequence is claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// `None`: no option may have them.
    pub option_index: Option<usize>,
    pub surface_form: String,
    /// Behind the readout position; never empty.
    pub ids: Vec<u32>,
}

impl TextTokenizer {
    /// All that the forms of a prompt claim.
    ///
    /// A form is claimed as the tokenizer writes it. Where its text goes on from an opening, or from a form of another
    /// option, it is also claimed as that followed by the rest, spelled in up to
    /// [`super::spelling::SPELLING_COUNT_MAX`] ways; the last token may go on beyond the form.
    ///
    /// # Errors
    /// Kind `Model` when tokens have to be told by their text and cannot be read.
    pub fn claims(&self, prompt: &EncodedPrompt) -> Result<Vec<Claim>> {
        let claim = |form: &EncodedForm, ids| Claim {
            option_index: form.option_index,
            surface_form: form.surface_form.clone(),
            ids,
        };
        let mut claims: Vec<Claim> = prompt.forms.iter().map(|form| claim(form, form.ids.clone())).collect();
        // Tokens that write one form may go on to write a longer one. They are the longer one's.
        let mut longest: HashMap<Vec<u32>, usize> = HashMap::new();
        for (index, form) in prompt.forms.iter().enumerate() {
            longest.entry(form.ids.clone()).or_insert(index);
        }
        for (beginning, form, rest) in beginnings(prompt) {
            for spelling in self.token_texts()?.spellings(rest) {
                for &last in &spelling.lasts {
                    let ids = [&beginning.ids[..], &spelling.path, &[last]].concat();
                    match longest.get(&ids) {
                        Some(&known) if claims[known].surface_form.len() >= form.surface_form.len() => {}
                        Some(&known) => claims[known] = claim(form, ids),
                        None => {
                            longest.insert(ids.clone(), claims.len());
                            claims.push(claim(form, ids));
                        }
                    }
                }
            }
        }
        Ok(claims)
    }
}

/// Pairs of a beginning and a form whose text goes on from it, and how.
fn beginnings(prompt: &EncodedPrompt) -> impl Iterator<Item = (&EncodedForm, &EncodedForm, &str)> {
    let of_another =
        |beginning: &&EncodedForm, form: &&EncodedForm| beginning.option_index != form.option_index;
    let goes_on = |beginning: &EncodedForm, form: &'_ EncodedForm| {
        let rest = form.surface_form.strip_prefix(beginning.surface_form.as_str())?;
        (!rest.is_empty()).then_some(form.surface_form.len() - rest.len())
    };
    let shorter = prompt.forms.iter().map(|form| (form, true));
    let all = shorter.chain(prompt.openings.iter().map(|opening| (opening, false)));
    all.flat_map(move |(beginning, is_form)| {
        prompt.forms.iter().filter_map(move |form| {
            if is_form && !of_another(&beginning, &form) {
                return None;
            }
            let at = goes_on(beginning, form)?;
            Some((beginning, form, &form.surface_form[at..]))
        })
    })
}

#[cfg(test)]
mod tests;
