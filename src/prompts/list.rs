//! Which studies there are: built in, and folders of the working directory and of its `prompts/`.

use super::catalogue::{BUILT_IN, STRUCTURE_FILE, find_study};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Folders that are looked into for studies.
const PLACES: [&str; 2] = [".", "prompts"];

/// One study, as far as it can be read.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StudyEntry {
    /// What a command calls it.
    pub name: String,
    pub is_built_in: bool,
    pub title: Option<String>,
    pub item_count: usize,
    pub persona_count: usize,
    pub languages: Vec<String>,
    pub human_data: Option<String>,
    /// Why it cannot be used.
    pub problem: Option<String>,
}

/// Built-in ones first, then by path.
pub fn list_studies() -> Vec<StudyEntry> {
    let built_in = BUILT_IN.iter().map(|folder| entry(folder.id.to_owned(), true));
    built_in.chain(own_folders().into_iter().map(|path| entry(path, false))).collect()
}

fn own_folders() -> Vec<String> {
    let inside = |place: &str| {
        let entries = std::fs::read_dir(place).into_iter().flatten();
        let mut found: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        found.retain(|path| path.join(STRUCTURE_FILE).is_file());
        found.sort();
        found
    };
    let all = PLACES.iter().flat_map(|place| inside(place));
    all.map(|path| as_argument(&path)).collect()
}

/// A path that no command takes for the name of a built-in study.
fn as_argument(path: &Path) -> String {
    let text = path.to_string_lossy();
    if text.contains(std::path::MAIN_SEPARATOR) { text.into_owned() } else { format!("./{text}") }
}

fn entry(name: String, is_built_in: bool) -> StudyEntry {
    let empty = StudyEntry {
        name,
        is_built_in,
        title: None,
        item_count: 0,
        persona_count: 0,
        languages: Vec::new(),
        human_data: None,
        problem: None,
    };
    match find_study(&empty.name) {
        Err(error) => StudyEntry { problem: Some(error.to_string()), ..empty },
        Ok(study) => StudyEntry {
            title: Some(study.title),
            item_count: study.items.len(),
            persona_count: study.personas.len(),
            languages: study.languages.iter().map(ToString::to_string).collect(),
            human_data: study.human_data,
            ..empty
        },
    }
}
