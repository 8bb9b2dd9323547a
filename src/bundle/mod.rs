//! A model, a study and its people in one file, to be carried to a machine without a network: a tar archive that begins with a list of
//! what is in it, each file with its length and sha256. The same inputs give the same bytes. Knows files, not what they mean.

mod contents;
mod continued;
mod create;
mod layout;
mod open;

pub use create::{CreateBundle, create_bundle};
pub use open::{open_bundle, verify_bundle};

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The one layout that this program reads.
const FORMAT_VERSION: u32 = 1;

/// The archive's first entry.
const LIST_NAME: &str = "bundle.json";

/// No list is longer.
const LIST_BYTES_MAX: u64 = 16 << 20;

/// What a bundle holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleList {
    pub format_version: u32,
    /// The version of the program that made it.
    pub respondent: String,
    /// Folders or files below where it is opened; null for what travels with the program, or was not asked for.
    pub model: Option<String>,
    pub study: Option<String>,
    pub human_data: Option<String>,
    /// In the order of the archive.
    pub files: Vec<BundledFile>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundledFile {
    /// `models/NAME/FILE` and the like, with `/`; see `layout`.
    pub path: String,
    pub size_bytes: u64,
    pub sha256: String,
}

/// What became of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BundleReport {
    pub path: PathBuf,
    /// Files that were there already, whole.
    pub kept_count: usize,
    #[serde(flatten)]
    pub list: BundleList,
}

impl BundleList {
    pub fn size_bytes(&self) -> u64 {
        self.files.iter().fold(0, |sum, file| sum.saturating_add(file.size_bytes))
    }
}
