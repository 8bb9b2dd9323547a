//! Reads `human_data/`: option counts of people, with their provenance, checked against the hash it states.
//! Knows nothing of models.

mod counts;
mod fit;
mod import;
mod list;
mod max_entropy;
mod new;
mod participants;
mod provenance;
#[cfg(test)]
mod tests;

use crate::data_folder::{DataFolder, EmbeddedFolder};
use crate::error::{ErrorKind, Result};
use crate::survey::{Marginal, Participants};
use std::path::{Path, PathBuf};

pub use import::{BadRow, ImportReport, ImportSettings, codebook_schema, import_people};
pub use list::{HumanEntry, list_human_data};
pub use new::{NewHumanData, NewRow, NewSource, Target};
pub use provenance::HumanKind;

use participants::RESPONSES_FILE;

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
    pub kind: HumanKind,
    /// One per population group × item.
    pub marginals: Vec<Marginal>,
    /// The people one by one, by group; none where the data set keeps counts alone.
    pub participants: Vec<Participants>,
    /// Of the counts file, hex.
    pub sha256: String,
    /// Of the file of responses, where there is one.
    pub responses_sha256: Option<String>,
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

    /// A group's people one by one, where that is known.
    pub fn participants_of(&self, population_group: &str) -> Option<&Participants> {
        self.participants.iter().find(|group| group.population_group == population_group)
    }
}

/// Where a data set of that id is looked for when it is not built in.
const HUMAN_DATA_FOLDER: &str = "human_data";

fn folder_of(name_or_path: &str) -> Result<DataFolder> {
    let own = Path::new(HUMAN_DATA_FOLDER).join(name_or_path);
    let is_own =
        !BUILT_IN.iter().any(|folder| folder.id == name_or_path) && own.join(PROVENANCE_FILE).is_file();
    let own = own.to_string_lossy();
    let name_or_path = if is_own { &*own } else { name_or_path };
    DataFolder::find(name_or_path, BUILT_IN, "human data set", ErrorKind::HumanData)
}

/// The files of a data set that is valid, with their names.
///
/// # Errors
/// As [`find_human_data`].
pub fn human_data_files(name_or_path: &str) -> Result<Vec<(String, String)>> {
    let data = find_human_data(name_or_path)?;
    let folder = folder_of(name_or_path)?;
    let mut files = vec![folder.require(PROVENANCE_FILE)?, folder.require(COUNTS_FILE)?];
    if data.responses_sha256.is_some() {
        files.extend(folder.read_up_to(RESPONSES_FILE, participants::BYTES_MAX)?);
    }
    let name = |file: &crate::data_folder::TextFile| {
        file.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    };
    Ok(files.into_iter().map(|file| (name(&file), file.text)).collect())
}

/// A built-in data set by id, a folder of that name in `human_data/`, or a folder by path.
///
/// # Errors
/// Kind `HumanData`, with file and line where a file is at fault.
pub fn find_human_data(name_or_path: &str) -> Result<HumanData> {
    let folder = folder_of(name_or_path)?;
    let file = folder.require(PROVENANCE_FILE)?;
    let provenance = provenance::read(&file)?;
    let counts_file = folder.require(COUNTS_FILE)?;
    provenance.counts.check_hash(&file, &counts_file)?;
    let (marginals, marginal_lines): (Vec<Marginal>, _) =
        counts::read(&counts_file, &provenance.columns, provenance.kind)?.into_iter().unzip();
    let responses = match &provenance.responses {
        Some(stated) => {
            let responses = folder.read_up_to(RESPONSES_FILE, participants::BYTES_MAX)?;
            let missing =
                || file.refuse(stated.sha256.span(), format!("there is no {RESPONSES_FILE} beside this"));
            let responses = responses.ok_or_else(missing)?;
            stated.check_hash(&file, &responses)?;
            Some(responses)
        }
        None => None,
    };
    let participants = match &responses {
        Some(responses) => participants::read(responses, &marginals, provenance.kind)?,
        None => Vec::new(),
    };
    Ok(HumanData {
        id: provenance.id.into_inner(),
        title: provenance.title.into_inner(),
        citation: provenance.citation.into_inner(),
        counted: provenance.counted.into_inner(),
        licence: provenance.licence.into_inner(),
        caveats: provenance.caveats,
        kind: provenance.kind,
        marginals,
        marginal_lines,
        participants,
        responses_sha256: responses.map(|responses| responses.sha256()),
        sha256: counts_file.sha256(),
        path: counts_file.path,
    })
}
