//! The files of a result folder, read back as far as the page needs them: cells at one temperature, tokens counted row by row. So memory goes with
//! the cells and not with everything that is told of them. Knows nothing of the page.

use super::token_tally::TokenTally;
use crate::error::{Error, Result};
use crate::output::records::{CellRow, ComparisonRow, PromptRow, RunManifest};
use crate::output::{ResultFolder, each_row, read_manifest};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::path::Path;

/// How many cells with little answer mass are kept account of in particular.
pub const WORST_COUNT: usize = 8;

/// A finished run as its files tell it.
#[derive(Debug, Clone)]
pub struct RunTables {
    pub manifest: RunManifest,
    /// Ascending.
    pub temperatures: Vec<f64>,
    /// The temperature that is reported unless another is named: 1, or the nearest to it that was asked for.
    pub temperature: f64,
    /// At the reported temperature.
    pub cells: Vec<CellRow>,
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
        let (mut cells, temperatures) = reported_cells(&folder.cells_path())?;
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
        each_row(&folder.tokens_path(), |row| {
            tokens.add(row);
            ControlFlow::Continue(())
        })?;
        let compares = manifest.study.human_data.is_some() || folder.comparisons_path().exists();
        let mut comparisons = Vec::new();
        if compares {
            each_row(&folder.comparisons_path(), |row: ComparisonRow| {
                if row.level == "group" || row.temperature.is_none_or(|at| at == temperature) {
                    comparisons.push(row);
                }
                ControlFlow::Continue(())
            })?;
        }
        Ok(RunTables { manifest, temperatures, temperature, cells, prompt, tokens, comparisons })
    }
}

/// The rows at the temperature nearest to 1, the lower of two; and all temperatures there are.
fn reported_cells(path: &Path) -> Result<(Vec<CellRow>, Vec<f64>)> {
    let (mut rows, mut seen): (Vec<CellRow>, BTreeSet<u64>) = (Vec::new(), BTreeSet::new());
    let order = |a: f64, b: f64| (a - 1.0).abs().total_cmp(&(b - 1.0).abs()).then_with(|| a.total_cmp(&b));
    each_row(path, |row: CellRow| {
        seen.insert(row.temperature.to_bits());
        match rows.first().map_or(Ordering::Equal, |kept| order(row.temperature, kept.temperature)) {
            Ordering::Greater => return ControlFlow::Continue(()),
            // What was kept so far is not what is reported.
            Ordering::Less => rows.clear(),
            Ordering::Equal => (),
        }
        rows.push(row);
        ControlFlow::Continue(())
    })?;
    let mut temperatures: Vec<f64> = seen.into_iter().map(f64::from_bits).collect();
    temperatures.sort_by(f64::total_cmp);
    Ok((rows, temperatures))
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
