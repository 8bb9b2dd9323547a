//! From encoded surface forms to claims on token sequences: what has to follow a form, and other spellings of a form that
//! begins with another. The rule in words is in `prompts/README.md`, section "What counts as choosing an option".

use super::{EncodedForm, TextTokenizer};
use crate::error::Result;
use crate::prompts::Closing;

/// Who gets the continuations that begin with a token sequence, if no longer sequence is claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// `None`: no option. A form that must not go on so is not chosen.
    pub option_index: Option<usize>,
    /// What is written; for a claim of no option, what would have been.
    pub surface_form: String,
    /// Behind the readout position; never empty.
    pub ids: Vec<u32>,
}

impl TextTokenizer {
    /// All that the forms of a prompt claim.
    ///
    /// A form is claimed as the tokenizer writes it. Where its text goes on from that of another option's form, it is also
    /// claimed as the shorter form followed by the rest, spelled in up to [`super::spelling::SPELLING_COUNT_MAX`] ways: the
    /// shorter form would collect these otherwise.
    ///
    /// # Errors
    /// Kind `Model` when tokens have to be told by their text and cannot be read.
    pub fn claims(&self, forms: &[EncodedForm]) -> Result<Vec<Claim>> {
        let mut claims = Vec::new();
        for form in forms {
            self.close(form, form.ids.clone(), &mut claims)?;
        }
        for (shorter, longer, rest) in nested(forms) {
            for spelling in self.token_texts()?.spellings(rest, longer.closing) {
                let whole = |last: u32| [&shorter.ids[..], &spelling.path, &[last]].concat();
                for &last in &spelling.exact {
                    self.close(longer, whole(last), &mut claims)?;
                }
                for &last in &spelling.beyond {
                    claims.push(Claim::of(longer, whole(last)));
                }
            }
        }
        Ok(claims)
    }

    /// Claims a form that is spelled `ids`, with what has to follow it.
    fn close(&self, form: &EncodedForm, ids: Vec<u32>, claims: &mut Vec<Claim>) -> Result<()> {
        match form.closing {
            Closing::Anything => claims.push(Claim::of(form, ids)),
            closing => {
                for &last in self.token_texts()?.closers(closing) {
                    claims.push(Claim::of(form, [&ids[..], &[last]].concat()));
                }
            }
        }
        Ok(())
    }
}

impl Claim {
    fn of(form: &EncodedForm, ids: Vec<u32>) -> Self {
        Claim { option_index: Some(form.option_index), surface_form: form.surface_form.clone(), ids }
    }
}

/// Pairs of forms of different options of which the second's text goes on from the first's, and how.
fn nested(forms: &[EncodedForm]) -> impl Iterator<Item = (&EncodedForm, &EncodedForm, &str)> {
    forms.iter().flat_map(move |shorter| {
        let goes_on = move |longer: &'_ EncodedForm| longer.option_index != shorter.option_index;
        forms.iter().filter(move |longer| goes_on(longer)).filter_map(move |longer| {
            let rest = longer.surface_form.strip_prefix(shorter.surface_form.as_str())?;
            (!rest.is_empty()).then_some((shorter, longer, rest))
        })
    })
}

#[cfg(test)]
mod tests;
