//! Where a model's files are: a folder on disk, one GGUF file, or inside the binary. Knows names and bytes, not their meaning.

use super::file::ModelFile;
use super::find::{find_path, gguf_parts, is_gguf};
use super::hf_cache::repository_of;
use super::inside;
use super::places::ModelPlaces;
use crate::error::{Error, Result};
use std::fs::File;
use std::path::{Path, PathBuf};

/// The name of the model that the binary carries.
pub const BUILT_IN_NAME: &str = "control";

/// No config, tokenizer or template is larger; the largest tokenizers known are under 40 MiB.
const SMALL_FILE_BYTES_MAX: u64 = 256 << 20;

/// The built-in model's files.
const BUILT_IN: &[(&str, &[u8])] = &[
    ("config.json", include_bytes!("../../models/control/config.json")),
    ("tokenizer.json", include_bytes!("../../models/control/tokenizer.json")),
    ("tokenizer_config.json", include_bytes!("../../models/control/tokenizer_config.json")),
    ("chat_template.jinja", include_bytes!("../../models/control/chat_template.jinja")),
    ("model.safetensors", include_bytes!("../../models/control/model.safetensors")),
];

/// A model's files by name.
#[derive(Debug, Clone)]
pub enum ModelFolder {
    BuiltIn,
    Directory(PathBuf),
    /// All in one file, of a split model in any part of it.
    Gguf(PathBuf),
}

impl ModelFolder {
    /// The built-in model by its name; else a directory's or GGUF file's path, the name of a manifest or of a model's folder, or a repository in Hugging
    /// Face's cache. `./control` is a directory of that name.
    ///
    /// # Errors
    /// Kind `Model`, with what was looked at, when it is none of them.
    pub fn find(name_or_path: &str) -> Result<Self> {
        // The name goes first, so that what lies in the working directory does not change what a command means.
        if name_or_path == BUILT_IN_NAME {
            return Ok(ModelFolder::BuiltIn);
        }
        Self::at(&find_path(name_or_path, &ModelPlaces::from_env())?)
    }

    /// What lies at a path, in whatever packaging.
    ///
    /// # Errors
    /// Kind `Model` when it is nothing that a model comes in.
    pub fn at(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Ok(ModelFolder::Directory(path.to_owned()));
        }
        if is_gguf(path) && path.is_file() {
            return Ok(ModelFolder::Gguf(path.to_owned()));
        }
        Err(Error::model("is not a model").at(path).hint(
            "a model is a directory with config.json, model.safetensors and tokenizer.json, or a .gguf file",
        ))
    }

    /// What to call the model: the repository's name in Hugging Face's cache, else the directory's own, or the file's.
    pub fn name(&self) -> String {
        match self {
            ModelFolder::BuiltIn => BUILT_IN_NAME.to_owned(),
            ModelFolder::Directory(path) => {
                let full = path.canonicalize().unwrap_or_else(|_| path.clone());
                if let Some((repository, _)) = repository_of(&full) {
                    return repository;
                }
                full.file_name().unwrap_or(full.as_os_str()).to_string_lossy().into_owned()
            }
            ModelFolder::Gguf(path) => path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        }
    }

    /// How messages name a file of this model.
    pub fn describe(&self, name: &str) -> PathBuf {
        match self {
            ModelFolder::BuiltIn => Path::new("built-in control").join(name),
            ModelFolder::Directory(path) => path.join(name),
            ModelFolder::Gguf(path) if is_gguf(Path::new(name)) => path.with_file_name(name),
            ModelFolder::Gguf(path) => path.clone(),
        }
    }

    /// Where a file on disk lies once every link is followed; `None` where there is none. Whoever opens, hashes, copies or
    /// lists a model's files comes by here.
    ///
    /// # Errors
    /// Kind `Model` for a name that is not plain, or a link that leads out of the model.
    pub fn real_path(&self, name: &str) -> Result<Option<PathBuf>> {
        match self {
            ModelFolder::BuiltIn => Ok(None),
            ModelFolder::Directory(folder) => inside::of_folder(folder, name),
            ModelFolder::Gguf(named) => inside::of_gguf(named, name),
        }
    }

    /// Names and bytes of all files that lie directly in it, or of all parts of a GGUF file, by name. What cannot be looked at is left out.
    ///
    /// # Errors
    /// Kind `Model` when the directory cannot be listed.
    pub fn files(&self) -> Result<Vec<(String, u64)>> {
        let names: Vec<String> = match self {
            ModelFolder::BuiltIn => {
                let files = BUILT_IN.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.len() as u64));
                return Ok(files.collect());
            }
            ModelFolder::Gguf(path) => gguf_parts(&path.file_name().unwrap_or_default().to_string_lossy()),
            ModelFolder::Directory(directory) => {
                let entries = std::fs::read_dir(directory)
                    .map_err(|source| Error::model("cannot be listed").at(directory).because(source))?;
                entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
            }
        };
        let listed = names.into_iter().filter_map(|name| self.listed_bytes(&name).map(|bytes| (name, bytes)));
        let mut files: Vec<(String, u64)> = listed.collect();
        files.sort();
        Ok(files)
    }

    /// `None` for what is not a file. One that leads out of the model has the bytes of the link itself, and is not kept quiet:
    /// whoever opens it is told.
    fn listed_bytes(&self, name: &str) -> Option<u64> {
        let path = self.describe(name);
        let found = std::fs::metadata(&path).ok().filter(std::fs::Metadata::is_file)?;
        match self.real_path(name) {
            Ok(_) => Some(found.len()),
            Err(_) => std::fs::symlink_metadata(&path).ok().map(|link| link.len()),
        }
    }

    /// A file for reading at offsets.
    pub fn open(&self, name: &str) -> Result<ModelFile> {
        self.open_if_present(name)?.ok_or_else(|| {
            Error::model("no such file").at(self.describe(name)).hint(
                "a model directory holds config.json, tokenizer.json, and model.safetensors or its index",
            )
        })
    }

    pub fn open_if_present(&self, name: &str) -> Result<Option<ModelFile>> {
        let path = self.describe(name);
        if let ModelFolder::BuiltIn = self {
            let found = BUILT_IN.iter().find(|file| file.0 == name);
            return Ok(found.map(|&(_, bytes)| ModelFile::built_in(bytes, path)));
        }
        let Some(real) = self.real_path(name)? else { return Ok(None) };
        let failed = |source: std::io::Error| Error::model("cannot be read").at(&path).because(source);
        // Looked at before it is opened: opening a pipe would wait for a writer.
        let metadata = std::fs::metadata(&real).map_err(failed)?;
        if !metadata.is_file() {
            return Err(Error::model("is not a file").at(&path));
        }
        let file = File::open(&real).map_err(failed)?;
        Ok(Some(ModelFile::on_disk(file, metadata.len(), path)))
    }

    pub fn read_small(&self, name: &str) -> Result<Vec<u8>> {
        read_all(&self.open(name)?)
    }

    pub fn read_small_if_present(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.open_if_present(name)?.map(|file| read_all(&file)).transpose()
    }
}

fn read_all(file: &ModelFile) -> Result<Vec<u8>> {
    if file.len() > SMALL_FILE_BYTES_MAX {
        let message = format!("{} bytes are too many for this file", file.len());
        return Err(Error::model(message).at(file.path()));
    }
    let mut bytes = vec![0; file.len() as usize];
    file.read_at(0, &mut bytes)?;
    Ok(bytes)
}

/// Whether weights with this sha256 are the built-in model's, wherever they were read.
pub fn is_control(weights_sha256: &str) -> bool {
    let weights = BUILT_IN.iter().find(|file| file.0 == "model.safetensors");
    weights.is_some_and(|file| super::sha256_hex(file.1) == weights_sha256)
}

/// Parses JSON, naming file and line where it is broken.
pub fn parse_json<T: serde::de::DeserializeOwned>(bytes: &[u8], path: &Path) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|source| {
        Error::model("not valid JSON for this file").at(path).line(source.line()).because(source)
    })
}
