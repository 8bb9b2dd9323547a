//! A model's files against its manifest: what changed, what is missing, what was added. Offline.

use super::find::is_gguf;
use super::folder::ModelFolder;
use super::hashing::hash_files;
use super::import::belongs;
use super::manifest::{ManifestFile, ModelManifest, manifest_path, manifest_paths};
use super::places::ModelPlaces;
use crate::error::{Error, Result};
use std::fmt;
use std::path::{Path, PathBuf};

/// How one file stands to its manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileState {
    Matches,
    /// Another sha256, of the same bytes in number.
    Changed,
    /// Bytes that it has, where that alone says it.
    Resized(u64),
    Missing,
    /// The manifest does not name it, and the model would be read from it.
    Extra,
    Unreadable(String),
}

impl fmt::Display for FileState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileState::Matches => f.write_str("ok"),
            FileState::Changed => f.write_str("CHANGED: another sha256"),
            FileState::Resized(bytes) => write!(f, "CHANGED: {bytes} bytes are there"),
            FileState::Missing => f.write_str("MISSING"),
            FileState::Extra => f.write_str("EXTRA: not in the manifest"),
            FileState::Unreadable(why) => write!(f, "UNREADABLE: {why}"),
        }
    }
}

/// One row of the outcome.
#[derive(Debug, Clone)]
pub struct VerifiedFile {
    pub model: String,
    pub file: String,
    /// What the manifest says; for an extra file what is there.
    pub size_bytes: u64,
    pub state: FileState,
}

/// Manifests to go through, each with its path.
#[derive(Debug)]
pub struct Manifests(Vec<(PathBuf, ModelManifest)>);

impl Manifests {
    /// Those of the given names or paths; all that there are where none is given.
    ///
    /// # Errors
    /// Kind `Model` when one is broken or absent, or there are none at all.
    pub fn find(names: &[String], places: &ModelPlaces) -> Result<Self> {
        let paths = match names {
            [] => manifest_paths(places),
            names => names.iter().map(|name| one(name, places)).collect::<Result<_>>()?,
        };
        if paths.is_empty() {
            let folders: Vec<String> = places.own().map(|folder| folder.display().to_string()).collect();
            let message = format!("there are no manifests in {}", folders.join(", "));
            return Err(Error::model(message).hint("`respondent models import PATH` writes one"));
        }
        let read = paths.into_iter().map(|path| Ok((path.clone(), ModelManifest::read(&path)?)));
        Ok(Manifests(read.collect::<Result<_>>()?))
    }

    /// Bytes that the manifests name.
    pub fn size_bytes(&self) -> u64 {
        let files = self.0.iter().flat_map(|(_, manifest)| &manifest.files);
        files.fold(0, |sum, file| sum.saturating_add(file.size_bytes))
    }

    /// Hashes every file again. `advanced` is told bytes done since it was told last, files that need no hashing included.
    pub fn verify(&self, advanced: &(dyn Fn(u64) + Sync)) -> Vec<VerifiedFile> {
        self.0.iter().flat_map(|(path, manifest)| verify_one(path, manifest, advanced)).collect()
    }
}

fn one(name: &str, places: &ModelPlaces) -> Result<PathBuf> {
    let given = Path::new(name);
    if given.is_file() {
        return Ok(given.to_owned());
    }
    let candidates: Vec<PathBuf> = places.own().map(|folder| manifest_path(folder, name)).collect();
    if let Some(found) = candidates.iter().find(|path| path.is_file()) {
        return Ok(found.clone());
    }
    let looked_at: Vec<String> = candidates.iter().map(|path| path.display().to_string()).collect();
    Err(Error::model(format!("no manifest `{name}`; looked for {}", looked_at.join(", ")))
        .hint("`respondent models import PATH` writes one"))
}

fn verify_one(path: &Path, manifest: &ModelManifest, advanced: &(dyn Fn(u64) + Sync)) -> Vec<VerifiedFile> {
    let model = noted_model(manifest.model_path(path));
    let row = |file: &str, size_bytes, state| VerifiedFile {
        model: manifest.name.clone(),
        file: file.to_owned(),
        size_bytes,
        state,
    };
    // Only what has the right length is worth reading.
    let looked: Vec<(&ManifestFile, Option<FileState>)> = manifest
        .files
        .iter()
        .map(|file| {
            let state = first_look(&model, file);
            if state.is_some() {
                advanced(file.size_bytes);
            }
            (file, state)
        })
        .collect();
    let unhashed = looked.iter().filter(|(_, state)| state.is_none());
    let names: Vec<String> = unhashed.map(|(file, _)| file.name.clone()).collect();
    let mut hashed = hash_files(&model, &names, advanced).into_iter();
    let mut rows: Vec<VerifiedFile> = looked
        .into_iter()
        .map(|(file, state)| {
            let state = state.unwrap_or_else(|| match hashed.next().expect("each was hashed") {
                Ok(found) if found.sha256 == file.sha256 => FileState::Matches,
                Ok(_) => FileState::Changed,
                Err(error) => FileState::Unreadable(error.to_string()),
            });
            row(&file.name, file.size_bytes, state)
        })
        .collect();
    if let ModelFolder::Directory(_) = &model {
        let there = model.files().unwrap_or_default();
        let extra = there
            .into_iter()
            .filter(|(name, _)| belongs(name) && !manifest.files.iter().any(|file| file.name == *name));
        rows.extend(extra.map(|(name, size_bytes)| row(&name, size_bytes, FileState::Extra)));
    }
    rows
}

/// What lies, or lay, at the path that a manifest notes.
fn noted_model(path: PathBuf) -> ModelFolder {
    match is_gguf(&path) && !path.is_dir() {
        true => ModelFolder::Gguf(path),
        false => ModelFolder::Directory(path),
    }
}

/// What is wrong with a file before its bytes are read; `None` where it has the right length.
fn first_look(model: &ModelFolder, told: &ManifestFile) -> Option<FileState> {
    match model.open_if_present(&told.name) {
        Ok(None) => Some(FileState::Missing),
        Ok(Some(file)) if file.len() != told.size_bytes => Some(FileState::Resized(file.len())),
        Ok(Some(_)) => None,
        Err(error) => Some(FileState::Unreadable(error.to_string())),
    }
}
