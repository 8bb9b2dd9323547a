//! Fetches a model from a hub into Hugging Face's cache: a revision resolved to one commit, the files of that commit that a model
//! needs, each held against the hub's own hash. Only in builds with the feature `hub`; the one module that opens connections.
//!
//! With hf-hub 0.5 and not 1.0, which is a rewrite: 0.5 continues a download where it broke off (1.0 begins it again, unless
//! the hub serves its chunk protocol), is synchronous, and brings 22 crates into the build that are not there already (1.0
//! some 150, among them an asynchronous runtime). What 0.5 lacks is done here: other cache variables than HF_HOME, hashes, and
//! a token from the environment alone. One thing stays: 0.5 shows the token also to the host to which the hub sends it for a large
//! file's size.

mod check;
mod files;
mod repository;

use super::config::ModelConfig;
use super::find::is_gguf;
use super::folder::ModelFolder;
use super::hf_cache::RepositoryName;
use super::import::{ImportRequest, Imported, check_name, import};
use super::manifest::{manifest_path, refuse_existing};
use super::places::ModelPlaces;
use super::shards::weight_file_names;
use crate::error::{Error, Result};
use files::{INDEX, needed_files};
use repository::HubRepository;
use std::path::{Path, PathBuf};

const DEFAULT_ENDPOINT: &str = "https://huggingface.co";

/// What is to be fetched.
#[derive(Debug, Clone)]
pub struct FetchRequest {
    /// `org/name[@revision]`.
    pub model: String,
    /// This file instead of the safetensors and what goes with them.
    pub gguf_file: Option<String>,
    /// Of the manifest; `None`: the repository's name without its organisation.
    pub name: Option<String>,
    /// The folder for the manifest.
    pub into: PathBuf,
    pub force: bool,
}

/// Where the hub is and who asks.
#[derive(Clone)]
pub struct HubSettings {
    pub endpoint: String,
    pub token: Option<String>,
    pub offline: bool,
}

impl HubSettings {
    /// `HF_ENDPOINT`, `HF_TOKEN` and `HF_HUB_OFFLINE`; no file is read.
    pub fn from_env() -> Self {
        let text = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        let is_true = |value: String| ["1", "ON", "YES", "TRUE"].contains(&value.to_uppercase().as_str());
        HubSettings {
            endpoint: text("HF_ENDPOINT").map_or(DEFAULT_ENDPOINT.to_owned(), |endpoint| {
                endpoint.trim().trim_end_matches('/').to_owned()
            }),
            token: text("HF_TOKEN").map(|token| token.trim().to_owned()),
            offline: text("HF_HUB_OFFLINE").is_some_and(is_true),
        }
    }
}

/// What happens meanwhile.
#[derive(Debug, Clone, Copy)]
pub enum FetchEvent<'a> {
    /// The revision is this commit.
    Resolved { commit: &'a str, endpoint: &'a str },
    /// A file begins, or begins again.
    Started { file: &'a str, size_bytes: u64 },
    /// Bytes since the last event, those of an earlier attempt included.
    Advanced { bytes: u64 },
    /// It is there and was checked.
    Finished { file: &'a str, size_bytes: u64, check: &'a str },
}

/// Fetches a model and writes its manifest.
///
/// # Errors
/// Kind `Usage` for what cannot be asked; `Model` when the hub cannot be reached, does not have it, or sends other bytes than
/// it says; `Output` when the manifest is there already or cannot be written.
pub fn fetch(
    request: &FetchRequest,
    settings: &HubSettings,
    places: &ModelPlaces,
    listener: &dyn Fn(FetchEvent<'_>),
) -> Result<Imported> {
    let name = RepositoryName::parse(&request.model).ok_or_else(|| {
        Error::usage(format!("`{}` cannot be a model's name on a hub", request.model))
            .hint("it is org/name, or org/name@revision")
    })?;
    if settings.offline {
        return Err(Error::usage("HF_HUB_OFFLINE is set, so nothing is fetched"));
    }
    let cache = places.hf_cache.as_deref().ok_or_else(|| {
        Error::usage("there is no place for the files")
            .hint("set HF_HOME to a folder for Hugging Face's cache")
    })?;
    let own_name = || name.repository.rsplit('/').next().unwrap_or_default().to_owned();
    let manifest_name = request.name.clone().unwrap_or_else(own_name);
    check_name(&manifest_name)?;
    refuse_existing(&manifest_path(&request.into, &manifest_name), request.force)?;
    let hub = HubRepository::open(&name, cache, settings, listener)?;
    let model = match &request.gguf_file {
        Some(file) => fetch_gguf(&hub, file)?,
        None => fetch_folder(&hub)?,
    };
    hub.note_ref(&name)?;
    let imported = ImportRequest {
        path: model,
        name: Some(manifest_name),
        source: Some(format!("{}/{}", settings.endpoint, name.repository)),
        license: None,
        into: request.into.clone(),
        force: request.force,
    };
    import(&imported, &|_, _| ())
}

/// Config first: what cannot be used is known before its weights are fetched.
fn fetch_folder(hub: &HubRepository<'_>) -> Result<PathBuf> {
    let needed = needed_files(&hub.file_names, &hub.name)?;
    for file in &needed.small {
        hub.fetch(file)?;
        if file == "config.json" {
            let folder = ModelFolder::Directory(hub.snapshot());
            ModelConfig::parse(&folder.read_small(file)?, &folder.describe(file))?;
        }
    }
    let folder = ModelFolder::Directory(hub.snapshot());
    let weights = match needed.single_weights {
        Some(file) => vec![file],
        None => {
            hub.fetch(INDEX)?;
            weight_file_names(&folder)?
        }
    };
    for file in &weights {
        if !hub.file_names.contains(file) {
            let message = format!("the index names `{file}`, which is not there");
            return Err(Error::model(message).at(folder.describe(INDEX)));
        }
        hub.fetch(file)?;
    }
    Ok(hub.snapshot())
}

fn fetch_gguf(hub: &HubRepository<'_>, file: &str) -> Result<PathBuf> {
    if !is_gguf(Path::new(file)) {
        return Err(Error::usage(format!("--file takes a .gguf file, not `{file}`")));
    }
    for part in super::find::gguf_parts(file) {
        if !hub.file_names.contains(&part) {
            return Err(Error::model(format!("there is no `{part}` in {}", hub.name))
                .hint(format!("what is there: {}", files::ggufs(&hub.file_names))));
        }
        hub.fetch(&part)?;
    }
    Ok(hub.snapshot().join(file))
}
