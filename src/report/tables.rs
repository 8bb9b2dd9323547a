//! The files of a result folder, read back as far as the page needs them: cells at one temperature, tokens counted row by row. So memory goes with
//! the cells and not with everything that is told of them. Knows nothing of the page.

use super::shown::{Shown, ShownCells};
use super::token_tally::TokenTally;
use crate::error::{Error, Result};
use crate::output::records::{CellRow, ComparisonRow, PromptRow, RunManifest, TokenRow};
use crate::output::{ResultFolder, each_row, read_manifest};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::ControlFlow;

/// How many cells with little answer mass are kept account of in particular.
pub const WORST_COUNT: usize = 8;

/// Most rows of cells that a page is made of: of a larger run it shows the first personas, and of these, if one is too many, the first items.
pub const SHOWN_ROW_COUNT: usize = 200_000;

/// A finished run as its files tell it.
#[derive(Debug, Clone)]
pub struct RunTables {
    pub manifest: RunManifest,
    /// Ascending.
    pub temperatures: Vec<f64>,
    /// The temperature that is reported unless another is named: 1, or the nearest to it that was asked for.
    pub temperature: f64,
    /// At the reported temperature; of a run that is too large for a page, those of its first personas, to which tokens and comparisons keep
    /// too.
    pub cells: Vec<CellRow>,
    pub are_all_shown: bool,
    /// The first of all.
    pub prompt: Option<PromptRow>,
    pub tokens: TokenTally,
    /// At the reported temperature, of baselines, and at level `group`. Empty for a study without human data.
    pub comparisons: Vec<ComparisonRow>,
}

impl RunTables {
    /// Reads the whole folder.
    ///
    /// # Errors
    /// Kind `Output` when a file is missing or not readable, or there are no cells. A study without human data needs no
    /// `comparisons.parquet`.
    pub fn read(folder: &ResultFolder) -> Result<Self> {
        let manifest = read_manifest(folder)?;
        let mut shown = ShownCells::new(SHOWN_ROW_COUNT, &manifest.study.order);
        each_row(&folder.cells_path(), |row| {
            shown.add(row);
            ControlFlow::Continue(())
        })?;
        let Shown { rows: mut cells, temperatures, is_all: are_all_shown } = shown.finish();
        let Some(temperature) = cells.first().map(|row| row.temperature) else {
            return Err(
                Error::output("there is nothing to report: no cell was evaluated").at(folder.cells_path())
            );
        };
        sort_as_studied(&mut cells, &manifest.study.order);
        let mut prompt = None;
        each_row(&folder.prompts_path(), |row| {
            prompt = Some(row);
            ControlFlow::Break(())
        })?;
        let worst = least_answered(&cells).into_iter().map(|row| row.cell_id.clone()).collect();
        let mut tokens = TokenTally::new(temperature, worst);
        let ids: HashSet<&str> = cells.iter().map(|row| row.cell_id.as_str()).collect();
        each_row(&folder.tokens_path(), |row: TokenRow| {
            if are_all_shown || ids.contains(row.cell_id.as_str()) {
                tokens.add(row);
            }
            ControlFlow::Continue(())
        })?;
        let compares = manifest.study.human_data.is_some() || folder.comparisons_path().exists();
        let mut comparisons = Vec::new();
        if compares {
            let personas: HashSet<&str> = cells.iter().map(|row| row.persona.as_str()).collect();
            let items: HashSet<&str> = cells.iter().map(|row| row.item.as_str()).collect();
            let is_known = |known: &HashSet<&str>, id: &Option<String>| {
                are_all_shown || id.as_ref().is_none_or(|id| known.contains(id.as_str()))
            };
            each_row(&folder.comparisons_path(), |row: ComparisonRow| {
                let is_reported = row.level == "group" || row.temperature.is_none_or(|at| at == temperature);
                if is_reported && is_known(&personas, &row.persona) && is_known(&items, &row.item) {
                    comparisons.push(row);
                }
                ControlFlow::Continue(())
            })?;
        }
        Ok(RunTables {
            manifest,
            temperatures,
            temperature,
            cells,
            are_all_shown,
            prompt,
            tokens,
            comparisons,
        })
    }
}

/// A row of each of the cells with the least answer mass, least first.
pub fn least_answered(cells: &[CellRow]) -> Vec<&CellRow> {
    let order = |a: &&CellRow, b: &&CellRow| {
        a.answer_mass.total_cmp(&b.answer_mass).then_with(|| a.cell_id.cmp(&b.cell_id))
    };
    let mut worst: Vec<&CellRow> = Vec::new();
    for row in cells {
        let at = match worst.binary_search_by(|known| order(known, &row)) {
            // Another option of a cell that is there.
            Ok(_) => continue,
            Err(at) => at,
        };
        if at < WORST_COUNT {
            worst.insert(at, row);
            worst.truncate(WORST_COUNT);
        }
    }
    worst
}

/// Brings rows from the order in which cells finished into the study's. What it does not name stays where it stands.
fn sort_as_studied(cells: &mut [CellRow], order: &BTreeMap<String, Vec<String>>) {
    let places: BTreeMap<&str, HashMap<&str, usize>> = order
        .iter()
        .map(|(column, ids)| {
            (column.as_str(), ids.iter().enumerate().map(|(place, id)| (id.as_str(), place)).collect())
        })
        .collect();
    let place = |column: &str, id: &str| places.get(column).and_then(|places| places.get(id)).copied();
    cells.sort_by_cached_key(|row| {
        [
            place("language", &row.language),
            place("persona", &row.persona),
            place("item", &row.item),
            place("elicitation_format", &row.elicitation_format),
            place("option_order", &row.option_order),
            place("item_wording", &row.item_wording),
        ]
    });
}
