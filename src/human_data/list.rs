//! Which data sets there are: built in, and in `human_data/` of the working directory.

use super::{BUILT_IN, HUMAN_DATA_FOLDER, PROVENANCE_FILE, find_human_data};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// One data set, as far as it can be read.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HumanEntry {
    /// What a study calls it.
    pub name: String,
    pub path: Option<PathBuf>,
    pub title: Option<String>,
    pub kind: Option<&'static str>,
    pub group_count: usize,
    pub item_count: usize,
    /// Fewest and most people behind a group and item, missing ones left out.
    pub n: Option<(f64, f64)>,
    /// Why it cannot be used.
    pub problem: Option<String>,
}

/// Built-in ones first, then by name.
pub fn list_human_data() -> Vec<HumanEntry> {
    let mut names: Vec<(String, Option<PathBuf>)> =
        BUILT_IN.iter().map(|folder| (folder.id.to_owned(), None)).collect();
    let mut own: Vec<PathBuf> = std::fs::read_dir(HUMAN_DATA_FOLDER)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join(PROVENANCE_FILE).is_file())
        .collect();
    own.sort();
    for path in own {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !names.iter().any(|(known, _)| *known == name) {
            names.push((name, Some(path)));
        }
    }
    names.into_iter().map(|(name, path)| entry(name, path.as_deref())).collect()
}

fn entry(name: String, path: Option<&Path>) -> HumanEntry {
    let mut entry = HumanEntry {
        name,
        path: path.map(Path::to_owned),
        title: None,
        kind: None,
        group_count: 0,
        item_count: 0,
        n: None,
        problem: None,
    };
    match find_human_data(&entry.name) {
        Err(error) => entry.problem = Some(error.to_string()),
        Ok(data) => {
            let groups: BTreeSet<&str> =
                data.marginals.iter().map(|marginal| marginal.population_group.as_str()).collect();
            let items: BTreeSet<&str> =
                data.marginals.iter().map(|marginal| marginal.item.as_str()).collect();
            (entry.group_count, entry.item_count) = (groups.len(), items.len());
            let counts = || data.marginals.iter().map(|marginal| marginal.n());
            entry.n = Some((counts().fold(f64::INFINITY, f64::min), counts().fold(0.0, f64::max)));
            (entry.title, entry.kind) = (Some(data.title), Some(data.kind.name()));
        }
    }
    entry
}
