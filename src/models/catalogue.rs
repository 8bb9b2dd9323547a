//! Every model on disk: the built-in one, manifests, folders of models, and Hugging Face's cache. Reads configs and headers.

use super::card::{ModelCard, TextCard};
use super::find::is_gguf;
use super::folder::{BUILT_IN_NAME, ModelFolder};
use super::hf_cache::{Snapshot, snapshots};
use super::manifest::{ModelManifest, manifest_paths};
use super::places::ModelPlaces;
use crate::error::{Error, Result};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Folders in folders of models that are gone into: `org/name` is two.
const DEPTH_MAX: usize = 2;

/// One model, whether it can be used or not.
#[derive(Debug, Serialize)]
pub struct CatalogueEntry {
    /// What `--model` takes.
    pub name: String,
    /// `None` for the built-in one.
    pub path: Option<PathBuf>,
    /// The manifest that names it.
    pub manifest: Option<PathBuf>,
    /// Of all files that lie directly in its folder.
    pub size_bytes: u64,
    /// `None` where it cannot be used.
    pub card: Option<ModelCard>,
    /// Why it cannot be used.
    pub problem: Option<String>,
}

/// A name and where it leads, not looked at yet.
struct Candidate {
    name: String,
    path: PathBuf,
    manifest: Option<PathBuf>,
    problem: Option<String>,
}

/// All models of the places, the built-in one first. A model is told once, by its manifest's name where it has one.
pub fn catalogue(places: &ModelPlaces) -> Vec<CatalogueEntry> {
    let mut candidates = manifest_candidates(places);
    for folder in places.own() {
        collect(folder, folder, DEPTH_MAX, &mut candidates);
    }
    for snapshot in places.hf_cache.iter().flat_map(|cache| snapshots(cache)) {
        collect_snapshot(snapshot, &mut candidates);
    }
    let mut seen = BTreeSet::new();
    candidates.retain(|candidate| {
        let full = candidate.path.canonicalize().unwrap_or_else(|_| candidate.path.clone());
        let is_first = seen.insert(full);
        is_first || candidate.manifest.is_some()
    });
    let built_in = CatalogueEntry::new(BUILT_IN_NAME.to_owned(), None, Ok(ModelFolder::BuiltIn));
    let others: Vec<CatalogueEntry> = candidates.into_par_iter().map(Candidate::into_entry).collect();
    std::iter::once(built_in).chain(others).collect()
}

fn manifest_candidates(places: &ModelPlaces) -> Vec<Candidate> {
    let candidate = |path: PathBuf| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let (model, problem) = match ModelManifest::read(&path) {
            Ok(manifest) => (manifest.model_path(&path), None),
            Err(error) => (path.clone(), Some(error.to_string())),
        };
        Candidate { manifest: Some(path), problem, ..Candidate::new(name, model) }
    };
    manifest_paths(places).into_iter().map(candidate).collect()
}

/// Model folders and GGUF files below `folder`, named from `root` on.
fn collect(root: &Path, folder: &Path, depth: usize, candidates: &mut Vec<Candidate>) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let is_dir = path.is_dir();
        if (is_dir && is_model_folder(&path)) || (!is_dir && is_gguf(&path)) {
            let below = path.strip_prefix(root).unwrap_or(&path);
            candidates.push(Candidate::new(below.to_string_lossy().into_owned(), path));
        } else if is_dir && depth > 1 {
            collect(root, &path, depth - 1, candidates);
        }
    }
}

/// A snapshot as one model, or where it is a collection of GGUF files, each of them.
fn collect_snapshot(snapshot: Snapshot, candidates: &mut Vec<Candidate>) {
    let files = ModelFolder::Directory(snapshot.path.clone()).files().unwrap_or_default();
    let ggufs = files.iter().filter(|(name, _)| is_gguf(Path::new(name)));
    let of_gguf =
        |name: &String| Candidate::new(format!("{}/{name}", snapshot.name()), snapshot.path.join(name));
    let ggufs: Vec<Candidate> = ggufs.map(|(name, _)| of_gguf(name)).collect();
    match is_model_folder(&snapshot.path) || ggufs.is_empty() {
        true => candidates.push(Candidate::new(snapshot.name(), snapshot.path)),
        false => candidates.extend(ggufs),
    }
}

fn is_model_folder(path: &Path) -> bool {
    ["config.json", "model.safetensors", "model.safetensors.index.json"]
        .iter()
        .any(|name| path.join(name).is_file())
}

impl Candidate {
    fn new(name: String, path: PathBuf) -> Self {
        Candidate { name, path, manifest: None, problem: None }
    }

    fn into_entry(self) -> CatalogueEntry {
        let model = match self.problem {
            Some(problem) => Err(Error::model(problem)),
            None if !self.path.exists() => {
                Err(Error::model(format!("the model is gone: there is no {}", self.path.display())))
            }
            None => ModelFolder::at(&self.path),
        };
        CatalogueEntry { manifest: self.manifest, ..CatalogueEntry::new(self.name, Some(self.path), model) }
    }
}

impl CatalogueEntry {
    fn new(name: String, path: Option<PathBuf>, model: Result<ModelFolder>) -> Self {
        let size_bytes = match &model {
            Ok(model) => model.files().map_or(0, |files| files.iter().map(|(_, bytes)| bytes).sum()),
            Err(_) => {
                path.as_deref().and_then(|path| path.metadata().ok()).map_or(0, |metadata| metadata.len())
            }
        };
        let card = model.and_then(|model| {
            let card = ModelCard::read(&model)?;
            match TextCard::read(&model)?.tokenizer {
                Some(_) => Ok(card),
                None => Err(Error::model("has no tokenizer, so only bench can use it")),
            }
        });
        let (card, problem) = match card {
            Ok(card) => (Some(card), None),
            Err(error) => (None, Some(error.to_string())),
        };
        CatalogueEntry { name, path, manifest: None, size_bytes, card, problem }
    }
}

/// Everything that can be told about one model without reading its weights.
#[derive(Debug, Serialize)]
pub struct Inspection {
    pub name: String,
    /// `None` for the built-in one.
    pub path: Option<PathBuf>,
    #[serde(flatten)]
    pub card: ModelCard,
    #[serde(flatten)]
    pub text: TextCard,
    /// Of all files that lie directly in its folder.
    pub size_bytes: u64,
    /// The first manifest that names it.
    pub manifest: Option<PathBuf>,
    /// Of that manifest, by file; not computed again.
    pub sha256: BTreeMap<String, String>,
}

/// # Errors
/// Kind `Model` for a model that is broken or not supported.
pub fn inspect(model: &ModelFolder, places: &ModelPlaces) -> Result<Inspection> {
    let path = match model {
        ModelFolder::BuiltIn => None,
        ModelFolder::Directory(path) | ModelFolder::Gguf(path) => Some(path.clone()),
    };
    let manifest = path.as_deref().and_then(|path| manifest_of(path, places));
    let (manifest, files) = manifest.map(|(path, manifest)| (path, manifest.files)).unzip();
    Ok(Inspection {
        name: model.name(),
        card: ModelCard::read(model)?,
        text: TextCard::read(model)?,
        size_bytes: model.files()?.iter().map(|(_, bytes)| bytes).sum(),
        path,
        manifest,
        sha256: files.into_iter().flatten().map(|file| (file.name, file.sha256)).collect(),
    })
}

fn manifest_of(model: &Path, places: &ModelPlaces) -> Option<(PathBuf, ModelManifest)> {
    let full = model.canonicalize().ok()?;
    let all = manifest_paths(places).into_iter();
    let mut read = all.filter_map(|path| Some((path.clone(), ModelManifest::read(&path).ok()?)));
    read.find(|(path, manifest)| {
        manifest.model_path(path).canonicalize().is_ok_and(|of_manifest| of_manifest == full)
    })
}
