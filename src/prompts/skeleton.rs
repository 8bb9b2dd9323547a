//! A new study's folder: a small study that runs as it is, to be changed into one's own.

use super::structure::is_id;
use crate::error::{Error, Result};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

const STRUCTURE: &str = include_str!("../../prompts/skeleton/study.toml");
const ENGLISH: &str = include_str!("../../prompts/skeleton/en.toml");

/// Makes `folder`, with a study of that id; without one, the folder's name is the id. Tells the files.
///
/// # Errors
/// Kind `Usage` when the id is none, kind `Output` when the folder is there already, whatever it is, or cannot be made.
pub fn create_study(folder: &Path, id: Option<&str>) -> Result<Vec<PathBuf>> {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let id = id.unwrap_or(&name);
    let structure = STRUCTURE.replacen("id = \"skeleton\"", &format!("id = \"{id}\""), 1);
    create_study_folder(folder, id, &[("study.toml", structure.as_str()), ("en.toml", ENGLISH)])
}

/// Makes a folder with the files of a study of that id. Nothing half written is left.
///
/// # Errors
/// As [`create_study`].
pub fn create_study_folder(folder: &Path, id: &str, files: &[(&str, &str)]) -> Result<Vec<PathBuf>> {
    if !is_id(id, "-_") {
        return Err(Error::usage(format!("`{}` is not an id", id.escape_debug()))
            .hint("name the folder in letters, digits, `-` and `_`, or give an --id"));
    }
    let failed = |source: std::io::Error| Error::output("cannot be made").at(folder).because(source);
    if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    fs::create_dir(folder).map_err(|source| match source.kind() {
        ErrorKind::AlreadyExists => Error::output("this is there already, and nothing is written over")
            .at(folder)
            .hint("choose another folder"),
        _ => failed(source),
    })?;
    let write = |(name, text): &(&str, &str)| {
        let path = folder.join(name);
        fs::write(&path, text).map(|()| path)
    };
    let written: std::io::Result<Vec<PathBuf>> = files.iter().map(write).collect();
    written.map_err(|source| {
        // Half a study is none. What cannot be taken away again stays, and is told by the error.
        let _ = fs::remove_dir_all(folder);
        failed(source)
    })
}
