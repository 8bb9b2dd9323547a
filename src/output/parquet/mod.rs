//! The three Parquet tables of a result folder: streaming writers and readers of their rows.
//! Knows the rows, not where their numbers come from.

mod cells;
mod columns;
mod comparisons;
mod prompts;
mod table;

use crate::error::Result;
use crate::output::records::{CellRow, ComparisonRow, PromptRow};
use std::path::Path;

pub use table::TableWriter;

/// Writes `cells.parquet`.
pub type CellWriter = TableWriter<CellRow>;
/// Writes `prompts.parquet`.
pub type PromptWriter = TableWriter<PromptRow>;
/// Writes `comparisons.parquet`.
pub type ComparisonWriter = TableWriter<ComparisonRow>;

/// All rows of a `cells.parquet`, in file order.
///
/// # Errors
/// Kind `Output` when the file is missing, is not Parquet, or lacks a column or has it in another type.
pub fn read_cells(path: &Path) -> Result<Vec<CellRow>> {
    table::read_rows(path)
}

/// All rows of a `prompts.parquet`, in file order.
///
/// # Errors
/// As [`read_cells`].
pub fn read_prompts(path: &Path) -> Result<Vec<PromptRow>> {
    table::read_rows(path)
}

/// All rows of a `comparisons.parquet`, in file order.
///
/// # Errors
/// As [`read_cells`].
pub fn read_comparisons(path: &Path) -> Result<Vec<ComparisonRow>> {
    table::read_rows(path)
}

#[cfg(test)]
mod tests;
