//! The cells of a run by number: what a selection varies, and the order in which it is gone through. Holds no cell, however many there are.

use super::Selection;
use crate::error::{Error, Result};
use crate::prompts::{Cell, OptionOrder, Study};
use std::ops::Range;

/// More would be a slip: at a thousand prompts a second they take eleven days.
const PROMPT_COUNT_MAX: usize = 1_000_000_000;

/// Persona by persona, in each language by language, then item by item, and for each item all formats, wordings and orders: what prompts share
/// they share with their neighbours.
#[derive(Debug, Clone)]
pub struct Cells {
    /// Indices into the study, ascending.
    personas: Vec<usize>,
    languages: Vec<usize>,
    item_count: usize,
    formats: Vec<usize>,
    wordings: Vec<usize>,
    orders: Vec<OptionOrder>,
    /// Prompts of all cells that ask an item of one persona in one language, by item.
    prompts_of_item: Vec<usize>,
}

impl Cells {
    /// The cells of a study that a selection is about.
    ///
    /// # Errors
    /// Kind `Usage` for what the study does not have, or for more prompts than a run takes.
    pub fn new(study: &Study, selection: &Selection) -> Result<Self> {
        let full = selection.full;
        let subset = &study.default_subset;
        let persona_ids: Vec<&str> = study.personas.iter().map(|persona| persona.id.as_str()).collect();
        let language_ids: Vec<&str> = study.languages.iter().map(|language| language.0.as_str()).collect();
        let format_ids: Vec<&str> = study.formats.iter().map(|format| format.id.as_str()).collect();
        let wording_ids: Vec<&str> = study.item_wordings.iter().map(String::as_str).collect();
        let all_wordings: Vec<usize> = (0..wording_ids.len()).collect();
        let personas = chosen("persona", &persona_ids, &selection.personas, full, &subset.persona_indices)?;
        let languages =
            chosen("language", &language_ids, &selection.languages, full, &subset.language_indices)?;
        let formats =
            chosen("elicitation format", &format_ids, &selection.formats, full, &subset.format_indices)?;
        let orders = offered("option order", &study.option_orders, &selection.option_orders)?;
        let wordings = chosen("item wording", &wording_ids, &selection.item_wordings, full, &all_wordings)?;
        let of_item = |item| {
            let of_format = |format: &usize| study.prompt_count(&study.formats[*format], item);
            let prompts = formats.iter().map(of_format).fold(0, usize::saturating_add);
            prompts.saturating_mul(orders.len()).saturating_mul(wordings.len())
        };
        let prompts_of_item = (0..study.items.len()).map(of_item).collect();
        let item_count = study.items.len();
        let cells = Cells { personas, languages, item_count, formats, wordings, orders, prompts_of_item };
        let prompts = cells.prompt_count();
        if prompts > PROMPT_COUNT_MAX {
            return Err(Error::usage(format!("the run has {prompts} prompts, more than {PROMPT_COUNT_MAX}"))
                .hint(
                    "choose fewer --personas, --languages, --formats, --item-wordings or --option-orders",
                ));
        }
        Ok(cells)
    }

    pub fn len(&self) -> usize {
        self.personas.len() * self.languages.len() * self.item_count * self.cells_of_item()
    }

    /// Cells that ask an item of one persona in one language.
    fn cells_of_item(&self) -> usize {
        self.formats.len() * self.wordings.len() * self.orders.len()
    }

    /// One of them; `index` below [`Cells::len`].
    pub fn get(&self, index: usize) -> Cell {
        let mut rest = index;
        let mut digit = |count: usize| {
            let digit = rest % count;
            rest /= count;
            digit
        };
        let order = self.orders[digit(self.orders.len())];
        let wording_index = self.wordings[digit(self.wordings.len())];
        let format_index = self.formats[digit(self.formats.len())];
        let item_index = digit(self.item_count);
        let language_index = self.languages[digit(self.languages.len())];
        let persona_index = self.personas[rest];
        Cell { persona_index, item_index, language_index, format_index, order, wording_index }
    }

    pub fn range(&self, indices: Range<usize>) -> impl Iterator<Item = Cell> + '_ {
        indices.map(|index| self.get(index))
    }

    pub fn iter(&self) -> impl Iterator<Item = Cell> + '_ {
        self.range(0..self.len())
    }

    /// Of the study, ascending.
    pub fn personas(&self) -> &[usize] {
        &self.personas
    }

    /// Cells of one item.
    pub fn count_of_item(&self) -> usize {
        self.personas.len() * self.languages.len() * self.cells_of_item()
    }

    /// Cells whose responses are averaged: those that differ in order and wording alone.
    pub fn count_of_unit(&self) -> usize {
        self.wordings.len() * self.orders.len()
    }

    pub fn prompt_count(&self) -> usize {
        let of_all_items = self.prompts_of_item.iter().copied().fold(0, usize::saturating_add);
        of_all_items.saturating_mul(self.personas.len()).saturating_mul(self.languages.len())
    }

    /// Cuts the cells into stretches that are prepared one after the other, of about as many prompts each and at most `prompt_count_max`, unless a
    /// single item has more. Cells of one persona, language and item stay together.
    pub fn branches(&self, prompt_count_max: usize) -> Vec<Range<usize>> {
        let share = self.prompt_count().div_ceil(prompt_count_max.max(1)).max(1);
        let target = self.prompt_count().div_ceil(share);
        let mut branches = Vec::new();
        let (mut start, mut end, mut prompts) = (0, 0, 0);
        for _ in 0..self.personas.len() * self.languages.len() {
            for of_item in &self.prompts_of_item {
                if prompts + of_item > target && end > start {
                    branches.push(start..end);
                    (start, prompts) = (end, 0);
                }
                prompts += of_item;
                end += self.cells_of_item();
            }
        }
        if end > start {
            branches.push(start..end);
        }
        branches
    }
}

/// Indices of the ids asked for; of the default ones, or all, when none was.
fn chosen(what: &str, ids: &[&str], asked: &[String], full: bool, default: &[usize]) -> Result<Vec<usize>> {
    if asked.is_empty() {
        return Ok(if full { (0..ids.len()).collect() } else { default.to_vec() });
    }
    let find = |id: &String| {
        ids.iter().position(|known| known == id).ok_or_else(|| {
            Error::usage(format!("the study has no {what} `{id}`")).hint(format!("it has {}", ids.join(", ")))
        })
    };
    let mut indices = asked.iter().map(find).collect::<Result<Vec<_>>>()?;
    indices.sort_unstable();
    indices.dedup();
    Ok(indices)
}

/// What was asked for, in the study's order; all of it when nothing was.
fn offered<T: Copy + PartialEq + ToString>(what: &str, known: &[T], asked: &[T]) -> Result<Vec<T>> {
    if let Some(missing) = asked.iter().find(|value| !known.contains(value)) {
        return Err(Error::usage(format!("the study does not use the {what} `{}`", missing.to_string())));
    }
    Ok(known.iter().copied().filter(|value| asked.is_empty() || asked.contains(value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompts::find_study;
    use std::collections::HashSet;

    fn cells(study: &str) -> (Study, Cells) {
        let study = find_study(study).unwrap();
        let cells = Cells::new(&study, &Selection { full: true, ..Selection::default() }).unwrap();
        (study, cells)
    }

    #[test]
    fn numbers_name_every_cell_once() {
        let (study, cells) = cells("isear");
        assert_eq!(cells.len(), 10_080);
        let named: HashSet<Cell> = cells.iter().collect();
        assert_eq!(named, study.every_cell().into_iter().collect());
        assert_eq!((cells.count_of_item(), cells.count_of_unit()), (10_080 / 35, 2));
    }

    #[test]
    fn branches_are_all_cells_in_turn_and_no_item_is_cut() {
        for study in ["isear", "social_emotions"] {
            let (study, cells) = cells(study);
            for most in [1, 100, 1_000, 5_000, 1_000_000] {
                let branches = cells.branches(most);
                let mut next = 0;
                for branch in &branches {
                    assert!(branch.start == next && branch.end > next);
                    next = branch.end;
                    let prompts =
                        |cell: Cell| study.prompt_count(&study.formats[cell.format_index], cell.item_index);
                    let count: usize = cells.range(branch.clone()).map(prompts).sum();
                    assert!(count <= most || branch.len() == cells.cells_of_item(), "{count} of {most}");
                    let place = |cell: Cell| (cell.persona_index, cell.language_index, cell.item_index);
                    if branch.end < cells.len() {
                        assert_ne!(place(cells.get(branch.end - 1)), place(cells.get(branch.end)));
                    }
                }
                assert_eq!(next, cells.len());
            }
            assert_eq!(cells.branches(usize::MAX).len(), 1);
        }
    }
}
