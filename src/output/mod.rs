//! Writes and reads result folders: Parquet, JSON, and the manifest that is written last.

pub mod records;
