//! The four Parquet tables of a result folder: streaming writers and readers of their rows.
//! Knows the rows, not where their numbers come from.

mod cells;
mod columns;
mod comparisons;
mod headers;
mod prompts;
mod table;
mod tokens;

use crate::error::Result;
use crate::output::records::{CellRow, ComparisonRow, PromptRow, TokenRow};
use std::path::Path;

pub use table::{TableRow, TableWriter, differing_columns, each_row};

/// Writes `cells.parquet`.
pub type CellWriter = TableWriter<CellRow>;
/// Writes `prompts.parquet`.
pub type PromptWriter = TableWriter<PromptRow>;
/// Writes `tokens.parquet`.
pub type TokenWriter = TableWriter<TokenRow>;
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

/// All rows of a `tokens.parquet`, in file order.
///
/// # Errors
/// As [`read_cells`].
pub fn read_tokens(path: &Path) -> Result<Vec<TokenRow>> {
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
