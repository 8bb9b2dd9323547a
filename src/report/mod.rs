//! The report page, made from a result folder alone.
use std::path::{Path, PathBuf};
pub fn write_report(folder: &Path) -> crate::error::Result<PathBuf> {
    Ok(folder.to_owned())
}
