//! Reads a prepared cell again without its neighbours: nothing that it shares a batch with could have changed a number.

use super::RunPlan;
use super::gathered::{GatheredCell, Gathering};
use super::prepare::Prepared;
use crate::engine::{Decoder, Prefill, ReadoutLogits, ReadoutScope, ReadoutSettings};
use crate::error::{Error, Result};

/// A cell, and what was read behind its premise, where it has one.
pub struct AloneCell {
    pub gathered: GatheredCell,
    pub premise: Option<Vec<ReadoutLogits>>,
}

/// Reads a cell's premise and each of its prompts in a trie of its own, or its prompts all in one where they are a conversation.
///
/// # Errors
/// The engine's.
pub fn read_alone(
    plan: &RunPlan,
    decoder: &Decoder,
    prepared: &Prepared,
    cell_index: usize,
) -> Result<AloneCell> {
    let own = prepared.of_cell(cell_index);
    let is_conversation = prepared.prompts[own.clone()].iter().any(|prompt| !prompt.earlier.is_empty());
    let together = if is_conversation { own.len() } else { 1 };
    let premise = prepared.premise_of(cell_index).map(|index| prepared.prompts.len() + index);
    let prompts = own.clone().step_by(together).map(|first| first..first + together);
    let settings =
        ReadoutSettings { scope: ReadoutScope::Vocabulary, temperatures: plan.settings.temperatures.clone() };
    let mut gathering = Gathering::new(prepared);
    let mut cell = None;
    // The premise first: the last prompt makes the cell whole.
    for owners in premise.map(|owner| owner..owner + 1).into_iter().chain(prompts) {
        let left = prepared.trie_of(owners, decoder.config(), |_| true);
        for batch in Prefill::new(decoder, &left.trie, &left.requests, &settings, plan.settings.token_budget)
        {
            for (sequence, logits) in batch?.readouts {
                cell = cell.or(gathering.add(left.numbers[sequence], logits).pop());
            }
        }
    }
    let premise = gathering.premise(cell_index).map(<[ReadoutLogits]>::to_vec);
    let gathered = cell.ok_or_else(|| Error::model("the engine did not read what it was asked to"))?;
    Ok(AloneCell { gathered, premise })
}
