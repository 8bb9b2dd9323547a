//! Writes and reads result folders: Parquet, JSON, and the manifest that is written last.
//! Knows nothing of models or of how a number came about.

pub mod records;

#[cfg(test)]
pub(crate) mod fixtures;
mod folder;
mod journal;
mod manifest;
mod parquet;

pub use folder::{ResultFolder, sha256_of};
pub use journal::{FoundJournal, Journal, UnbegunJournal, remove_journal};
pub use manifest::{read_manifest, read_shard_card, write_manifest, write_shard_card};
pub use parquet::{
    CellWriter, ComparisonWriter, PromptWriter, TableRow, TableWriter, TokenWriter, differing_columns,
    each_row, read_cells, read_comparisons, read_prompts, read_tokens,
};
