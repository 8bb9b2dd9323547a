//! Which files go into a bundle, and what they are called in it.

use super::BundledFile;
use super::create::Advanced;
use crate::error::{Error, Result};
use crate::human_data::human_data_files;
use crate::models::{HashedFile, ModelFolder, belonging_paths, hash_file};
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
    /// A model by name or path; the built-in one is in the program and adds nothing. `advanced` is told bytes hashed, half of
    /// what there is to do: they are written too.
    ///
    /// # Errors
    /// Kind `Model` for one that is not there, has no files or cannot be read.
    pub fn add_model(&mut self, name_or_path: &str, advanced: &Advanced<'_>) -> Result<()> {
        let model = ModelFolder::find(name_or_path)?;
        let (folder, place) = match &model {
            ModelFolder::BuiltIn => return Ok(()),
            ModelFolder::Directory(_) => {
                let folder = format!("models/{}", plain(&model.name()));
                (folder.clone(), folder)
            }
            ModelFolder::Gguf(path) => ("models".to_owned(), format!("models/{}", name_of(path))),
        };
        let paths = belonging_paths(&model)?;
        if paths.is_empty() {
            return Err(Error::model("has no files that belong to a model").at(name_or_path));
        }
        let len = |path: &PathBuf| path.metadata().map_or(0, |found| found.len());
        let total = Some(2 * paths.iter().map(len).sum::<u64>());
        for path in paths {
            let HashedFile { size_bytes, sha256 } = hash_file(&path, &|bytes| advanced(bytes, total))?;
            let file = BundledFile { path: format!("{folder}/{}", name_of(&path)), size_bytes, sha256 };
            self.contents.push(Content { file, source: Source::Disk(path) });
        }
        self.model = Some(place);
        Ok(())
    }

    /// A study by id or path, and the people that it names.
    ///
    /// # Errors
    /// Kinds `Study` and `HumanData` for what is not valid.
    pub fn add_study(&mut self, name_or_path: &str) -> Result<()> {
        let found = study_files(name_or_path)?;
        let place = format!("prompts/{}", plain(&found.id));
        self.add_texts(&place, found.files);
        self.study = Some(place);
        if let Some(id) = found.human_data {
            let place = format!("human_data/{}", plain(&id));
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

/// The last part of a name, of characters that every system takes.
fn plain(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    last.chars().map(kept).collect::<String>().trim_start_matches('.').to_owned()
}
