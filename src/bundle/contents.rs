//! Which files go into a bundle, and what they are called in it.

use super::BundledFile;
use super::create::Advanced;
use super::layout::{MANIFEST_ENDING, MODELS, PEOPLE, STUDIES, path_from_manifest, plain};
use crate::error::{Error, Result};
use crate::human_data::human_data_files;
use crate::models::{HashedFile, ModelFolder, ModelManifest, ModelPlaces, belonging_paths, hash_file};
use crate::prompts::study_files;
use std::path::{Path, PathBuf};

/// Where a file's bytes come from.
pub enum Source {
    Disk(PathBuf),
    Text(String),
}

/// A file that is to be bundled, and its hash.
pub struct Content {
    pub file: BundledFile,
    pub source: Source,
}

/// All contents, with the places of model, study and people among them.
#[derive(Default)]
pub struct Contents {
    pub model: Option<String>,
    pub study: Option<String>,
    pub human_data: Option<String>,
    pub contents: Vec<Content>,
}

impl Contents {
    /// A model by name or path, with the manifest where the name is a manifest's; the built-in one is in the program and adds nothing.
    /// `advanced` is told bytes hashed, half of what there is to do: they are written too.
    ///
    /// # Errors
    /// Kind `Model` for one that is not there, has no files or cannot be read.
    pub fn add_model(&mut self, name_or_path: &str, advanced: &Advanced<'_>) -> Result<()> {
        let model = ModelFolder::find(name_or_path)?;
        let (folder, name, found_at) = match &model {
            ModelFolder::BuiltIn => return Ok(()),
            ModelFolder::Directory(path) => {
                let name = plain(&model.name());
                (format!("{MODELS}/{name}"), name, path)
            }
            ModelFolder::Gguf(path) => (MODELS.to_owned(), plain(&name_of(path)), path),
        };
        let paths = belonging_paths(&model)?;
        if paths.is_empty() {
            return Err(Error::model("has no files that belong to a model").at(name_or_path));
        }
        let len = |path: &PathBuf| path.metadata().map_or(0, |found| found.len());
        let total = Some(2 * paths.iter().map(len).sum::<u64>());
        for path in paths {
            let HashedFile { size_bytes, sha256 } = hash_file(&path, &|bytes| advanced(bytes, total))?;
            let packed = packed_name(&model, &name_of(&path));
            let file = BundledFile { path: format!("{folder}/{packed}"), size_bytes, sha256 };
            self.contents.push(Content { file, source: Source::Disk(path) });
        }
        if let Some(mut manifest) = manifest_of(name_or_path, found_at) {
            for file in &mut manifest.files {
                file.name = packed_name(&model, &file.name);
            }
            self.add_manifest(name_or_path, manifest, &name)?;
        }
        self.model = Some(format!("{MODELS}/{name}"));
        Ok(())
    }

    /// The manifest of a model that is packed as `model`, where its name is looked up on the other side. Where the model lies is written anew, as
    /// seen from there: the manifest's own path may be absolute, and of this machine. Its hashes stay those of the import, so that `models verify`
    /// tells there what it tells here.
    fn add_manifest(&mut self, name: &str, manifest: ModelManifest, model: &str) -> Result<()> {
        let parts = Path::new(name).components().map(|part| plain(&part.as_os_str().to_string_lossy()));
        let parts: Vec<String> = parts.collect();
        let file = parts.join("/") + MANIFEST_ENDING;
        let path = path_from_manifest(&file, model).into();
        let text = toml::to_string(&ModelManifest { path, ..manifest })
            .map_err(|source| Error::model("its manifest cannot be bundled").at(name).because(source))?;
        self.add_texts(MODELS, vec![(file, text)]);
        Ok(())
    }

    /// A study by id or path, and the people that it names.
    ///
    /// # Errors
    /// Kinds `Study` and `HumanData` for what is not valid.
    pub fn add_study(&mut self, name_or_path: &str) -> Result<()> {
        let found = study_files(name_or_path)?;
        let place = format!("{STUDIES}/{}", plain(&found.id));
        self.add_texts(&place, found.files);
        self.study = Some(place);
        if let Some(id) = found.human_data {
            let place = format!("{PEOPLE}/{}", plain(&id));
            self.add_texts(&place, human_data_files(&id)?);
            self.human_data = Some(place);
        }
        Ok(())
    }

    fn add_texts(&mut self, folder: &str, files: Vec<(String, String)>) {
        for (name, text) in files {
            let file = BundledFile {
                path: format!("{folder}/{name}"),
                size_bytes: text.len() as u64,
                sha256: crate::data_folder::sha256(text.as_bytes()),
            };
            self.contents.push(Content { file, source: Source::Text(text) });
        }
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// A GGUF file is called in commands, so its name is made plain. In a folder files are found by their names: those stay.
fn packed_name(model: &ModelFolder, name: &str) -> String {
    match model {
        ModelFolder::Gguf(_) => plain(name),
        _ => name.to_owned(),
    }
}

/// The manifest by which a model was found: of that name, and leading to where the model is. What is a path is not looked up.
fn manifest_of(name: &str, found_at: &Path) -> Option<ModelManifest> {
    if Path::new(name).exists() {
        return None;
    }
    let places = ModelPlaces::from_env();
    places.own().find_map(|folder| {
        let path = folder.join(format!("{name}{MANIFEST_ENDING}"));
        let manifest = ModelManifest::read(&path).ok()?;
        (manifest.model_path(&path) == found_at).then_some(manifest)
    })
}
