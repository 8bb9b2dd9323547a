//! The files of a result folder, read back. All that the page is made of; knows nothing of the page.

use crate::error::{Error, Result};
use crate::output::records::{CellRow, ComparisonRow, PromptRow, RunManifest, TokenRow};
use crate::output::{ResultFolder, read_cells, read_comparisons, read_manifest, read_prompts, read_tokens};
use std::collections::{BTreeMap, HashMap};

/// A finished run as its files tell it.
#[derive(Debug, Clone)]
pub struct RunTables {
    pub manifest: RunManifest,
    pub cells: Vec<CellRow>,
    pub prompts: Vec<PromptRow>,
    pub tokens: Vec<TokenRow>,
    /// Empty for a study without human data.
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
        let mut cells = read_cells(&folder.cells_path())?;
        if cells.is_empty() {
            return Err(
                Error::output("there is nothing to report: no cell was evaluated").at(folder.cells_path())
            );
        }
        sort_as_studied(&mut cells, &manifest.study.order);
        let prompts = read_prompts(&folder.prompts_path())?;
        let tokens = read_tokens(&folder.tokens_path())?;
        let compares = manifest.study.human_data.is_some() || folder.comparisons_path().exists();
        let comparisons = if compares { read_comparisons(&folder.comparisons_path())? } else { Vec::new() };
        Ok(RunTables { manifest, cells, prompts, tokens, comparisons })
    }
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
        ]
    });
}
