//! Where the tokens of all option sequences of a prompt have to be read: one readout behind the prompt itself, and one
//! behind every proper beginning of a multi-token sequence.

use crate::engine::ReadoutLogits;
use crate::tokens::OptionEvents;

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
        let mut prefixes: Vec<Vec<u32>> = vec![Vec::new()];
        let mut wanted: Vec<Vec<u32>> = vec![Vec::new()];
        let mut steps = Vec::with_capacity(events.sequences.len());
        for sequence in &events.sequences {
            let step = |(at, &id): (usize, &u32)| {
                let prefix = position_or_push(&mut prefixes, sequence[..at].to_vec());
                if prefix == wanted.len() {
                    wanted.push(Vec::new());
                }
                (prefix, position_or_push(&mut wanted[prefix], id))
            };
            steps.push(sequence.iter().enumerate().map(step).collect());
        }
        OptionProbe { events, prefixes, wanted, steps }
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

fn position_or_push<T: PartialEq>(list: &mut Vec<T>, value: T) -> usize {
    list.iter().position(|known| *known == value).unwrap_or_else(|| {
        list.push(value);
        list.len() - 1
    })
}
