//! Where the tokens of all option sequences of a prompt have to be read: one readout behind the prompt itself, and one
//! behind every proper beginning of a multi-token sequence.

use crate::engine::ReadoutLogits;
use crate::tokens::OptionEvents;
use std::collections::HashMap;
use std::hash::Hash;

/// The readouts that a set of option events needs, and how sequences are put together from them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionProbe {
    events: OptionEvents,
    /// Distinct token runs behind which something is read; the first is empty: the readout position itself.
    prefixes: Vec<Vec<u32>>,
    /// For each prefix the ids wanted there, distinct.
    wanted: Vec<Vec<u32>>,
    /// For each sequence its tokens as (prefix index, index into that prefix's wanted ids).
    steps: Vec<Vec<(usize, usize)>>,
}

impl OptionProbe {
    pub fn new(events: OptionEvents) -> Self {
        let mut prefixes = Numbered::default();
        prefixes.number(Vec::new());
        let mut wanted: Vec<Numbered<u32>> = vec![Numbered::default()];
        let mut steps = Vec::with_capacity(events.sequences.len());
        for sequence in &events.sequences {
            let step = |(at, &id): (usize, &u32)| {
                let prefix = prefixes.number(sequence[..at].to_vec());
                if prefix == wanted.len() {
                    wanted.push(Numbered::default());
                }
                (prefix, wanted[prefix].number(id))
            };
            steps.push(sequence.iter().enumerate().map(step).collect());
        }
        let wanted = wanted.into_iter().map(|wanted| wanted.values).collect();
        OptionProbe { events, prefixes: prefixes.values, wanted, steps }
    }

    pub fn events(&self) -> &OptionEvents {
        &self.events
    }

    /// What to append to the prompt for each readout, and the ids wanted there. The first prefix is empty.
    pub fn readouts(&self) -> impl Iterator<Item = (&[u32], &[u32])> {
        self.prefixes.iter().zip(&self.wanted).map(|(prefix, wanted)| (prefix.as_slice(), wanted.as_slice()))
    }

    pub fn readout_count(&self) -> usize {
        self.prefixes.len()
    }

    /// Tokens to compute behind the prompt: one for each readout but the first, since every beginning of a sequence is
    /// read.
    pub fn continuation_token_count(&self) -> usize {
        self.prefixes.len() - 1
    }

    /// Natural log of the probability that the text goes on with each sequence, at one of the temperatures read.
    /// `readouts[i]` belongs to the `i`-th of [`Self::readouts`].
    pub fn sequence_log_probs(
        &self,
        readouts: &[ReadoutLogits],
        temperature_index: usize,
        temperature: f64,
    ) -> Vec<f64> {
        let token = |&(prefix, index): &(usize, usize)| {
            readouts[prefix].log_prob(index, temperature_index, temperature)
        };
        self.steps.iter().map(|steps| steps.iter().map(token).sum()).collect()
    }
}

/// Distinct values, in the order in which they first came.
struct Numbered<T> {
    values: Vec<T>,
    number_of: HashMap<T, usize>,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Numbered { values: Vec::new(), number_of: HashMap::new() }
    }
}

impl<T: Clone + Eq + Hash> Numbered<T> {
    fn number(&mut self, value: T) -> usize {
        *self.number_of.entry(value).or_insert_with_key(|value| {
            self.values.push(value.clone());
            self.values.len() - 1
        })
    }
}
