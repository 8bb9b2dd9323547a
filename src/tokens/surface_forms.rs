//! From surface forms to exclusive option events over token sequences. Integers only; knows no text but names.
//!
//! A continuation of the prompt belongs to the option that claims its *longest* claimed prefix. If one option claims
//! the token `1` and another claims `1 0`, then text that goes on `1 0` belongs to the second and everything else that
//! begins with `1` to the first. So P(first) = P(1) − P(1 0): an identity of probabilities, not an approximation.

use std::collections::BTreeMap;

use super::EncodedForm;
use crate::error::{Error, Result};

/// The probability of an option as a signed sum over [`OptionEvents::sequences`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionEvent {
    pub option_index: usize,
    /// Indices of sequences, none a prefix of another unless a subtracted one lies between them.
    pub add: Vec<usize>,
    /// Indices of sequences that begin with an added one and belong to another option.
    pub subtract: Vec<usize>,
}

impl OptionEvent {
    /// Σ P(add) − Σ P(subtract), in 0..=1 if the probabilities are coherent.
    ///
    /// `sequence_probabilities[i]` is the probability that the text continues with `sequences[i]`. Rounding in the
    /// inputs could leave a difference of equal numbers just below zero; it is cut off there.
    pub fn probability(&self, sequence_probabilities: &[f64]) -> f64 {
        let sum = |indices: &[usize]| indices.iter().map(|&index| sequence_probabilities[index]).sum::<f64>();
        (sum(&self.add) - sum(&self.subtract)).max(0.0)
    }
}

/// All option events of one prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionEvents {
    /// Distinct token sequences behind the readout position whose probabilities are wanted.
    pub sequences: Vec<Vec<u32>>,
    /// For each sequence, the index of the form that claims it. A form that is not named here is contained in another
    /// form of its own option: a duplicate, or a longer way to write what a shorter one already collects.
    pub sequence_forms: Vec<usize>,
    /// One per option, in option order.
    pub events: Vec<OptionEvent>,
}

/// Turns the forms of all options into disjoint events.
///
/// `option_names` are for messages, one per option. The order of `forms` decides which of two equal forms stands for
/// both, and the order of `sequences`.
///
/// # Errors
/// Kind `Study` when two options claim the same token sequence, or an option has no form.
pub fn option_events(forms: &[EncodedForm], option_names: &[String]) -> Result<OptionEvents> {
    let claims = claim(forms, option_names)?;
    let kept: Vec<usize> = (0..forms.len()).filter(|&index| is_kept(index, forms, &claims)).collect();
    let sequence_of: BTreeMap<usize, usize> =
        kept.iter().enumerate().map(|(place, &form)| (form, place)).collect();

    let empty_event = |option_index| OptionEvent { option_index, add: Vec::new(), subtract: Vec::new() };
    let mut events: Vec<OptionEvent> = (0..option_names.len()).map(empty_event).collect();
    for (&form_index, &sequence_index) in &sequence_of {
        let form = &forms[form_index];
        events[form.option_index].add.push(sequence_index);
        if let Some(outer) = nearest_claimed_prefix(&form.ids, &claims) {
            events[forms[outer].option_index].subtract.push(sequence_index);
        }
    }
    if let Some(event) = events.iter().find(|event| event.add.is_empty()) {
        let name = &option_names[event.option_index];
        return Err(Error::study(format!("option \"{name}\" has no surface form")));
    }
    let sequences = kept.iter().map(|&index| forms[index].ids.clone()).collect();
    Ok(OptionEvents { sequences, sequence_forms: kept, events })
}

/// Which form claims which token sequence: the first of its option that is written so.
fn claim<'a>(forms: &'a [EncodedForm], option_names: &[String]) -> Result<BTreeMap<&'a [u32], usize>> {
    let mut claims: BTreeMap<&[u32], usize> = BTreeMap::new();
    for (index, form) in forms.iter().enumerate() {
        let first = *claims.entry(&form.ids).or_insert(index);
        if forms[first].option_index != form.option_index {
            return Err(Error::study(format!(
                "options \"{}\" and \"{}\" cannot be told apart: their surface forms {:?} and {:?} are the same tokens {:?}",
                option_names[forms[first].option_index],
                option_names[form.option_index],
                forms[first].surface_form,
                form.surface_form,
                form.ids,
            ))
            .hint("give the options different surface forms"));
        }
    }
    Ok(claims)
}

/// True for the claiming form of a sequence that no shorter sequence of the same option already collects.
fn is_kept(index: usize, forms: &[EncodedForm], claims: &BTreeMap<&[u32], usize>) -> bool {
    let form = &forms[index];
    claims[form.ids.as_slice()] == index
        && nearest_claimed_prefix(&form.ids, claims)
            .is_none_or(|outer| forms[outer].option_index != form.option_index)
}

/// The form that claims the longest strict prefix of `ids`.
fn nearest_claimed_prefix(ids: &[u32], claims: &BTreeMap<&[u32], usize>) -> Option<usize> {
    (1..ids.len()).rev().find_map(|len| claims.get(&ids[..len]).copied())
}

#[cfg(test)]
mod tests;
