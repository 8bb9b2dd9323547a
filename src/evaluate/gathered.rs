//! Readouts, as the engine returns them, to whole cells: each with all its prompts, and with its premise where it has one.

use super::prepare::Prepared;
use crate::engine::ReadoutLogits;
use std::collections::BTreeMap;

/// What has come of cells that are not whole yet, and of premises.
pub struct Gathering<'a> {
    prepared: &'a Prepared,
    /// By prompt, or past all prompts by premise.
    open: BTreeMap<usize, Vec<Option<ReadoutLogits>>>,
    whole: BTreeMap<usize, Vec<ReadoutLogits>>,
    /// Cells that wait for a premise alone.
    waiting: BTreeMap<usize, Vec<usize>>,
}

/// A cell with everything that was read for it.
pub struct GatheredCell {
    pub cell_index: usize,
    /// For each of its prompts.
    pub readouts: Vec<Vec<ReadoutLogits>>,
}

impl<'a> Gathering<'a> {
    pub fn new(prepared: &'a Prepared) -> Self {
        Gathering { prepared, open: BTreeMap::new(), whole: BTreeMap::new(), waiting: BTreeMap::new() }
    }

    /// Takes one readout; returns the cells that are whole with it.
    pub fn add(&mut self, readout: usize, logits: ReadoutLogits) -> Vec<GatheredCell> {
        let (index, place) = self.prepared.owner(readout);
        let prompts = &self.prepared.prompts;
        let probe =
            &prompts.get(index).unwrap_or_else(|| &self.prepared.premises[index - prompts.len()]).probe;
        let slots = self.open.entry(index).or_insert_with(|| vec![None; probe.readout_count()]);
        slots[place] = Some(logits);
        if !slots.iter().all(Option::is_some) {
            return Vec::new();
        }
        let readouts = self.open.remove(&index).into_iter().flatten().flatten().collect();
        self.whole.insert(index, readouts);
        let candidates = match index.checked_sub(prompts.len()) {
            Some(premise) => self.waiting.remove(&premise).unwrap_or_default(),
            None => vec![self.prepared.cell_of(index)],
        };
        candidates.into_iter().filter_map(|cell_index| self.take(cell_index)).collect()
    }

    /// What was read behind a cell's premise. `None` where it has none.
    pub fn premise(&self, cell_index: usize) -> Option<&[ReadoutLogits]> {
        let premise = self.prepared.premise_of(cell_index)?;
        self.whole.get(&(self.prepared.prompts.len() + premise)).map(Vec::as_slice)
    }

    /// The cell, if all of it is there.
    fn take(&mut self, cell_index: usize) -> Option<GatheredCell> {
        let prompts = self.prepared.of_cell(cell_index);
        if !prompts.clone().all(|prompt| self.whole.contains_key(&prompt)) {
            return None;
        }
        if let Some(premise) = self.prepared.premise_of(cell_index)
            && self.premise(cell_index).is_none()
        {
            self.waiting.entry(premise).or_default().push(cell_index);
            return None;
        }
        let readouts = prompts.filter_map(|prompt| self.whole.remove(&prompt)).collect();
        Some(GatheredCell { cell_index, readouts })
    }
}
