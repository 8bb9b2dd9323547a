//! A model on disk to a manifest: which of its files belong to it, and their hashes.

use super::card::ModelCard;
use super::find::is_gguf;
use super::folder::{BUILT_IN_NAME, ModelFolder};
use super::hashing::hash_files;
use super::hf_cache::repository_of;
use super::manifest::{ManifestFile, ModelManifest, is_plain_name, manifest_path, refuse_existing};
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

/// The files of a model's folder, besides its weights, that decide what the model does.
pub const SMALL_FILES: &[&str] = &[
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "model.safetensors.index.json",
];

/// What a manifest is to be made of.
#[derive(Debug, Clone)]
pub struct ImportRequest {
    pub model: ModelFolder,
    /// `None`: the model's own name, without its organisation.
    pub name: Option<String>,
    pub source: Option<String>,
    pub license: Option<String>,
    /// The folder that the manifest is to lie in.
    pub into: PathBuf,
    pub force: bool,
}

/// A manifest that was written.
#[derive(Debug)]
pub struct Imported {
    pub path: PathBuf,
    pub manifest: ModelManifest,
}

/// Whether a file of this name belongs to a model in Hugging Face layout.
pub fn belongs(name: &str) -> bool {
    SMALL_FILES.contains(&name) || name.ends_with(".safetensors")
}

/// Hashes a model's files and writes its manifest. `progress` is told bytes hashed since it was told last and all bytes.
///
/// # Errors
/// Kind `Model` for a model that is not supported or cannot be read, `Usage` for an impossible name, `Output` for a
/// manifest that is there already or cannot be written.
pub fn import(request: &ImportRequest, progress: &(dyn Fn(u64, u64) + Sync)) -> Result<Imported> {
    let ModelFolder::Directory(given) = &request.model else {
        return Err(Error::usage("the built-in model needs no manifest"));
    };
    let name = manifest_name(request)?;
    let path = manifest_path(&request.into, &name);
    refuse_existing(&path, request.force)?;
    let folder =
        given.canonicalize().map_err(|source| Error::model("cannot be found").at(given).because(source))?;
    let family = ModelCard::read(&request.model)?.family;
    let files: Vec<(String, u64)> =
        request.model.files()?.into_iter().filter(|(name, _)| belongs(name)).collect();
    let total = files.iter().map(|(_, size_bytes)| size_bytes).sum();
    let paths: Vec<PathBuf> = files.iter().map(|(name, _)| folder.join(name)).collect();
    let hashed = hash_files(&paths, &|done| progress(done, total));
    let files = files.into_iter().zip(hashed).map(|((name, _), hashed)| {
        let hashed = hashed?;
        Ok(ManifestFile { name, size_bytes: hashed.size_bytes, sha256: hashed.sha256 })
    });
    let files = files.collect::<Result<Vec<_>>>()?;
    let (repository, revision) = repository_of(&folder).unzip();
    let manifest = ModelManifest {
        family: Some(family.to_owned()),
        source: request.source.clone(),
        license: request.license.clone(),
        repository,
        revision,
        ..ModelManifest::new(name, seen_from(&request.into, &folder), files)
    };
    manifest.write(&path, request.force)?;
    Ok(Imported { path, manifest })
}

fn manifest_name(request: &ImportRequest) -> Result<String> {
    let own = || request.model.name().rsplit('/').next().unwrap_or_default().to_owned();
    let name = request.name.clone().unwrap_or_else(own);
    let shape = |message: String| {
        Err(Error::usage(message).hint("give one with --name, of letters, digits, `.`, `_` and `-`"))
    };
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if !is_plain_name(&name) || name.starts_with('.') || !name.bytes().all(known) {
        return shape(format!("`{name}` cannot be a manifest's name"));
    }
    if name == BUILT_IN_NAME || is_gguf(Path::new(&name)) {
        return shape(format!("the name `{name}` means something else already"));
    }
    Ok(name)
}

/// The path that a manifest notes: relative where the model lies below the manifest's folder, so that both can move.
fn seen_from(manifest_folder: &Path, model: &Path) -> PathBuf {
    let below = manifest_folder.canonicalize().ok().and_then(|folder| model.strip_prefix(folder).ok());
    match below {
        Some(below) if !below.as_os_str().is_empty() => below.to_owned(),
        _ => model.to_owned(),
    }
}
