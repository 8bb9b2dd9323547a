//! Reads `human_data/`: option counts of people, with their provenance, checked against the hash it states.
//! Knows nothing of models.

mod counts;
mod fit;
mod provenance;
#[cfg(test)]
mod tests;

use crate::data_folder::{DataFolder, EmbeddedFolder};
use crate::error::{ErrorKind, Result};
use crate::survey::Marginal;
use std::path::PathBuf;

const PROVENANCE_FILE: &str = "provenance.toml";
const COUNTS_FILE: &str = "counts.tsv";

/// Data sets that travel with the binary.
static BUILT_IN: &[EmbeddedFolder] = &[EmbeddedFolder {
    id: "isear",
    place: "human_data/isear",
    files: &[
        (PROVENANCE_FILE, include_str!("../../human_data/isear/provenance.toml")),
        (COUNTS_FILE, include_str!("../../human_data/isear/counts.tsv")),
    ],
}];

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
    pub title: String,
    /// What was counted, and from what.
    pub counted: String,
    /// What is known of the licence of the source.
    pub licence: String,
    /// Where the counts were read, for messages.
    pub path: PathBuf,
    /// For each marginal its 1-based line in the counts file.
    pub marginal_lines: Vec<usize>,
}

impl HumanData {
    /// The counts of one group on one item.
    pub fn marginal(&self, population_group: &str, item: &str) -> Option<&Marginal> {
        let wanted =
            |marginal: &&Marginal| marginal.population_group == population_group && marginal.item == item;
        self.marginals.iter().find(wanted)
    }
}

/// A built-in data set by id, or a folder by path.
///
/// # Errors
/// Kind `HumanData`, with file and line where a file is at fault.
pub fn find_human_data(name_or_path: &str) -> Result<HumanData> {
    let folder = DataFolder::find(name_or_path, BUILT_IN, "human data set", ErrorKind::HumanData)?;
    let file = folder.require(PROVENANCE_FILE)?;
    let provenance = provenance::read(&file)?;
    let counts_file = folder.require(COUNTS_FILE)?;
    provenance.check_hash(&file, &counts_file)?;
    let (marginals, marginal_lines) = counts::read(&counts_file, &provenance.columns)?.into_iter().unzip();
    Ok(HumanData {
        id: provenance.id.into_inner(),
        title: provenance.title.into_inner(),
        citation: provenance.citation.into_inner(),
        counted: provenance.counted.into_inner(),
        licence: provenance.licence.into_inner(),
        caveats: provenance.caveats,
        marginals,
        marginal_lines,
        sha256: counts_file.sha256(),
        path: counts_file.path,
    })
}
