//! Which files go into a bundle, and what they are called in it.

use super::BundledFile;
use crate::error::{Error, Result};
use crate::human_data::human_data_files;
use crate::models::{ModelFolder, belonging_paths, hash_file};
use crate::prompts::study_files;
use std::path::PathBuf;

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
    /// A model by name or path; the built-in one is in the program and adds nothing. `advanced` is told bytes hashed.
    ///
    /// # Errors
    /// Kind `Model` for one that is not there or cannot be read.
    pub fn add_model(&mut self, name_or_path: &str, advanced: &(dyn Fn(u64) + Sync)) -> Result<()> {
        let model = ModelFolder::find(name_or_path)?;
        let paths = match &model {
            ModelFolder::BuiltIn => return Ok(()),
            ModelFolder::Directory(_) | ModelFolder::Gguf(_) => belonging_paths(&model)?,
        };
        let name = plain(&model.name());
        let folder = match &model {
            ModelFolder::Gguf(_) => "models".to_owned(),
            _ => format!("models/{name}"),
        };
        for path in &paths {
            let hashed = hash_file(path, advanced)?;
            let file_name = path.file_name().unwrap_or_default().to_string_lossy();
            let path_inside = format!("{folder}/{file_name}");
            let file =
                BundledFile { path: path_inside, size_bytes: hashed.size_bytes, sha256: hashed.sha256 };
            self.contents.push(Content { file, source: Source::Disk(path.clone()) });
        }
        self.model = match (&model, self.contents.last()) {
            (ModelFolder::Gguf(path), _) => {
                Some(format!("models/{}", path.file_name().unwrap_or_default().to_string_lossy()))
            }
            (_, Some(_)) => Some(folder),
            _ => return Err(Error::model("has no files that belong to a model").at(name_or_path)),
        };
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

/// The last part of a name, of characters that every system takes.
fn plain(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    last.chars().map(kept).collect::<String>().trim_start_matches('.').to_owned()
}
