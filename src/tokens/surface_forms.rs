//! From claims to exclusive option events over token sequences. Integers only; knows no text but names.
//!
//! A continuation of the prompt belongs to the option that claims its *longest* claimed prefix. If one option claims
//! the token `1` and another claims `1 0`, then text that goes on `1 0` belongs to the second and everything else that
//! begins with `1` to the first. So P(first) = P(1) − P(1 0): an identity of probabilities, not an approximation. What no
//! option may have is claimed by none of them, and taken away in the same way.

use std::collections::HashMap;

use super::Claim;
use crate::error::{Error, Result};

/// The probability of an option as a signed sum over [`OptionEvents::sequences`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionEvent {
    pub option_index: usize,
    /// Indices of sequences, none a prefix of another unless a subtracted one lies between them.
    pub add: Vec<usize>,
    /// Indices of sequences that begin with an added one and belong to another option, or to none.
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

/// What one way of writing an option has of the option's event: those of an option add up to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormEvent {
    pub surface_form: String,
    pub event: OptionEvent,
}

/// All option events of one prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionEvents {
    /// Distinct token sequences behind the readout position whose probabilities are wanted.
    pub sequences: Vec<Vec<u32>>,
    /// One per option, in option order.
    pub events: Vec<OptionEvent>,
    /// Those that hold a sequence, in the order of the claims. A form that is not here is contained in another of its own option:
    /// a duplicate, or a longer way to write what a shorter one already collects.
    pub forms: Vec<FormEvent>,
}

/// Turns the claims of all options into disjoint events.
///
/// `option_names` are for messages, one per option. The order of `claims` decides which of two equal claims stands for
/// both, and the order of `sequences`.
///
/// # Errors
/// Kind `Study` when two options claim the same token sequence, or an option claims none.
pub fn option_events(claims: &[Claim], option_names: &[String]) -> Result<OptionEvents> {
    let owners = owners(claims, option_names)?;
    let kept: Vec<usize> = (0..claims.len()).filter(|&index| is_kept(index, claims, &owners)).collect();

    let empty_event = |option_index| OptionEvent { option_index, add: Vec::new(), subtract: Vec::new() };
    let mut events: Vec<OptionEvent> = (0..option_names.len()).map(empty_event).collect();
    let mut forms: Vec<FormEvent> = Vec::new();
    let mut form_of = |claim: &Claim, option_index| {
        let known = forms.iter().position(|form| {
            form.event.option_index == option_index && form.surface_form == claim.surface_form
        });
        known.unwrap_or_else(|| {
            let surface_form = claim.surface_form.clone();
            forms.push(FormEvent { surface_form, event: empty_event(option_index) });
            forms.len() - 1
        })
    };
    let mut form_parts = Vec::new();
    for (sequence_index, &claim_index) in kept.iter().enumerate() {
        let claim = &claims[claim_index];
        if let Some(option_index) = claim.option_index {
            events[option_index].add.push(sequence_index);
            form_parts.push((form_of(claim, option_index), sequence_index, true));
        }
        let outer = nearest_claimed_prefix(&claim.ids, &owners);
        if let Some(option_index) = outer.and_then(|outer| claims[outer].option_index) {
            events[option_index].subtract.push(sequence_index);
            let holder = holder(&claim.ids, claims, &owners);
            form_parts.push((form_of(holder, option_index), sequence_index, false));
        }
    }
    for (form, sequence_index, is_added) in form_parts {
        let event = &mut forms[form].event;
        if is_added { &mut event.add } else { &mut event.subtract }.push(sequence_index);
    }
    if let Some(event) = events.iter().find(|event| event.add.is_empty()) {
        let name = &option_names[event.option_index];
        return Err(Error::study(format!("option \"{name}\" has no surface form")));
    }
    let sequences = kept.iter().map(|&index| claims[index].ids.clone()).collect();
    Ok(OptionEvents { sequences, events, forms })
}

/// Which claim holds which token sequence: the first of its option that is written so. Any option comes before none.
fn owners<'a>(claims: &'a [Claim], option_names: &[String]) -> Result<HashMap<&'a [u32], usize>> {
    let mut owners: HashMap<&[u32], usize> = HashMap::new();
    for (index, claim) in claims.iter().enumerate() {
        let Some(option_index) = claim.option_index else { continue };
        let first = *owners.entry(&claim.ids).or_insert(index);
        if let Some(other) = claims[first].option_index.filter(|other| *other != option_index) {
            return Err(Error::study(format!(
                "options \"{}\" and \"{}\" cannot be told apart: their surface forms {:?} and {:?} are the same tokens {:?}",
                option_names[other],
                option_names[option_index],
                claims[first].surface_form,
                claim.surface_form,
                claim.ids,
            ))
            .hint("give the options different surface forms"));
        }
    }
    for (index, claim) in claims.iter().enumerate().filter(|(_, claim)| claim.option_index.is_none()) {
        owners.entry(&claim.ids).or_insert(index);
    }
    Ok(owners)
}

/// True for the claim that holds a sequence, if no shorter sequence of the same option already collects that. What no
/// option claims and none would have is nothing.
fn is_kept(index: usize, claims: &[Claim], owners: &HashMap<&[u32], usize>) -> bool {
    let claim = &claims[index];
    let outer = || nearest_claimed_prefix(&claim.ids, owners).and_then(|outer| claims[outer].option_index);
    owners[claim.ids.as_slice()] == index && outer() != claim.option_index
}

/// The claim that collects what is on its way to `ids`: of the claims on its strict prefixes that are kept, the longest.
fn holder<'a>(ids: &[u32], claims: &'a [Claim], owners: &HashMap<&[u32], usize>) -> &'a Claim {
    let mut at = nearest_claimed_prefix(ids, owners).expect("something is claimed on the way");
    while !is_kept(at, claims, owners) {
        at = nearest_claimed_prefix(&claims[at].ids, owners)
            .expect("what is not kept is held by a shorter one");
    }
    &claims[at]
}

/// The claim on the longest strict prefix of `ids`.
fn nearest_claimed_prefix(ids: &[u32], owners: &HashMap<&[u32], usize>) -> Option<usize> {
    (1..ids.len()).rev().find_map(|len| owners.get(&ids[..len]).copied())
}

#[cfg(test)]
mod tests;
