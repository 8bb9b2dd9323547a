//! A model on disk to a manifest: which of its files belong to it, and their hashes.

use super::card::ModelCard;
use super::find::{gguf_parts, is_gguf};
use super::folder::{BUILT_IN_NAME, ModelFolder};
use super::hashing::{HashedFile, hash_files};
use super::hf_cache::repository_of;
use super::inside::real_folder;
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
    /// A folder or a GGUF file.
    pub path: PathBuf,
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

/// Paths of the files that belong to a model on disk.
///
/// # Errors
/// Kind `Model` for one that is not there, or is built in, or a file of it that is a link out of its folder.
pub fn belonging_paths(model: &ModelFolder) -> Result<Vec<PathBuf>> {
    let path = match model {
        ModelFolder::BuiltIn => {
            return Err(Error::model("the built-in model is in the program, not in files"));
        }
        ModelFolder::Directory(path) | ModelFolder::Gguf(path) => resolved(path)?,
    };
    let (folder, names) = files_of(&path)?;
    let model = ModelFolder::at(&path)?;
    let inside = |name: String| model.real_path(&name).map(|_| folder.join(name));
    names.into_iter().map(inside).collect()
}

/// Hashes a model's files and writes its manifest. `progress` is told bytes hashed since it was told last and all bytes.
///
/// # Errors
/// Kind `Model` for a model that is not supported, cannot be read, or has a link out of its folder among its files, `Usage` for
/// an impossible name, `Output` for a manifest that is there already or cannot be written.
pub fn import(request: &ImportRequest, progress: &(dyn Fn(u64, u64) + Sync)) -> Result<Imported> {
    let model = resolved(&request.path)?;
    let name = request.name.clone().unwrap_or_else(|| own_name(&model));
    check_name(&name)?;
    let path = manifest_path(&request.into, &name);
    refuse_existing(&path, request.force)?;
    let (folder, file_names) = files_of(&model)?;
    let found = ModelFolder::at(&model)?;
    let family = Some(ModelCard::read(&found)?.family.to_owned());
    let there = found.files()?.into_iter().filter(|(name, _)| file_names.contains(name));
    let total: u64 = there.map(|(_, bytes)| bytes).sum();
    let hashed = hash_files(&found, &file_names, &|done| progress(done, total));
    let files = file_names.into_iter().zip(hashed).map(|(name, hashed)| {
        let HashedFile { size_bytes, sha256 } = hashed?;
        Ok(ManifestFile { name, size_bytes, sha256 })
    });
    let files = files.collect::<Result<Vec<_>>>()?;
    let (repository, revision) = repository_of(&folder).unzip();
    let manifest = ModelManifest {
        family,
        source: request.source.clone(),
        license: request.license.clone(),
        repository,
        revision,
        ..ModelManifest::new(name, seen_from(&request.into, &model), files)
    };
    manifest.write(&path, request.force)?;
    Ok(Imported { path, manifest })
}

/// Absolute and without links, but for the last part of a file: in Hugging Face's cache that is a link to a name that says
/// nothing.
fn resolved(path: &Path) -> Result<PathBuf> {
    let failed = |source| Error::model("cannot be found").at(path).because(source);
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) if path.is_file() => Ok(real_folder(parent).map_err(failed)?.join(name)),
        _ => path.canonicalize().map_err(failed),
    }
}

/// The folder that a model's files lie in, and their names.
fn files_of(model: &Path) -> Result<(PathBuf, Vec<String>)> {
    if model.is_dir() {
        let files = ModelFolder::Directory(model.to_owned()).files()?;
        return Ok((
            model.to_owned(),
            files.into_iter().map(|(name, _)| name).filter(|name| belongs(name)).collect(),
        ));
    }
    match (model.parent(), model.file_name().and_then(|name| name.to_str())) {
        (Some(folder), Some(name)) if is_gguf(model) => Ok((folder.to_owned(), gguf_parts(name))),
        _ => Err(Error::model("is neither a model's folder nor a GGUF file").at(model)),
    }
}

/// The repository's name without its organisation, or the folder's or file's own.
fn own_name(model: &Path) -> String {
    if let Some((repository, _)) = repository_of(model) {
        return repository.rsplit('/').next().unwrap_or_default().to_owned();
    }
    let name = if model.is_dir() { model.file_name() } else { model.file_stem() };
    name.unwrap_or_default().to_string_lossy().into_owned()
}

/// # Errors
/// Kind `Usage` for what cannot name a manifest.
pub fn check_name(name: &str) -> Result<()> {
    let refuse = |message: String| {
        Err(Error::usage(message).hint("give one with --name, of letters, digits, `.`, `_` and `-`"))
    };
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if !is_plain_name(name) || name.starts_with('.') || !name.bytes().all(known) {
        return refuse(format!("`{name}` cannot be a manifest's name"));
    }
    if name == BUILT_IN_NAME || is_gguf(Path::new(name)) {
        return refuse(format!("the name `{name}` means something else already"));
    }
    Ok(())
}

/// The path that a manifest notes: relative where the model lies below the manifest's folder, so that both can move.
fn seen_from(manifest_folder: &Path, model: &Path) -> PathBuf {
    let below = manifest_folder.canonicalize().ok().and_then(|folder| model.strip_prefix(folder).ok());
    match below {
        Some(below) if !below.as_os_str().is_empty() => below.to_owned(),
        _ => model.to_owned(),
    }
}
