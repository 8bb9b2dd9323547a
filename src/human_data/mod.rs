//! Reads `human_data/`: option counts of people, with their provenance, checked against the hash it states.
//! Knows nothing of models.

use crate::error::{Error, Result};
use crate::survey::Marginal;

/// A human data set.
#[derive(Debug, Clone)]
pub struct HumanData {
    pub id: String,
    pub citation: String,
    pub caveats: Vec<String>,
    /// One per population group × item.
    pub marginals: Vec<Marginal>,
    /// Of the counts file, hex.
    pub sha256: String,
}

/// A built-in data set by id, or a folder by path.
///
/// # Errors
/// Kind `HumanData`, with file and line where a file is at fault.
pub fn find_human_data(name_or_path: &str) -> Result<HumanData> {
    let _ = name_or_path;
    Err(Error::human_data("human data has not landed yet"))
}
