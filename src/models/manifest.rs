//! A model's manifest, `NAME.toml`: where the model lies and the sha256 of each of its files. Believes nothing that it reads:
//! files are plain names within the model's own folder. Hashes nothing itself.

use super::places::ModelPlaces;
use crate::error::{Error, Result};
use crate::partial_file::PartialFile;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Component, Path, PathBuf};

/// What this build writes and reads.
const FORMAT_VERSION: u32 = 1;

/// A model has a few hundred files at most.
const MANIFEST_BYTES_MAX: u64 = 4 << 20;

/// The content of a manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelManifest {
    pub format_version: u32,
    pub name: String,
    /// The model's folder, or its one file; from the manifest's folder on where it is not absolute.
    pub path: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// Where it comes from, in the importer's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// `org/name` on a hub.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The commit of that repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    pub files: Vec<ManifestFile>,
}

/// One file of the model's folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestFile {
    pub name: String,
    pub size_bytes: u64,
    /// Lower-case hex.
    pub sha256: String,
}

/// Only the version, so that a later manifest says so and does not complain of a field.
#[derive(Deserialize)]
struct Version {
    format_version: u32,
}

impl ModelManifest {
    pub fn new(name: String, path: PathBuf, files: Vec<ManifestFile>) -> Self {
        ModelManifest {
            format_version: FORMAT_VERSION,
            name,
            path,
            family: None,
            source: None,
            license: None,
            repository: None,
            revision: None,
            files,
        }
    }

    /// # Errors
    /// Kind `Model`, with the line, for a file that is not a manifest, or one of another version, or names that lead out of
    /// the model's folder.
    pub fn read(path: &Path) -> Result<Self> {
        Self::from_text(&read_text(path)?, path)
    }

    /// `path` is told where the text is none.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn from_text(text: &str, path: &Path) -> Result<Self> {
        let broken = |error: toml::de::Error| {
            let start = error.span().map_or(0, |span| span.start.min(text.len()));
            let line = 1 + text.as_bytes()[..start].iter().filter(|byte| **byte == b'\n').count();
            Error::model(format!("not a model's manifest: {}", error.message().replace('\n', " ")))
                .at(path)
                .line(line)
                .hint("`respondent models import` writes one")
        };
        let version = toml::from_str::<Version>(text).map_err(broken)?.format_version;
        if version != FORMAT_VERSION {
            let message =
                format!("a manifest of format version {version}, and this build reads {FORMAT_VERSION}");
            return Err(Error::model(message).at(path).hint("import the model again"));
        }
        let manifest: ModelManifest = toml::from_str(text).map_err(broken)?;
        manifest.check().map_err(|message| Error::model(message).at(path))?;
        Ok(manifest)
    }

    fn check(&self) -> std::result::Result<(), String> {
        if self.files.is_empty() {
            return Err("the manifest names no files".to_owned());
        }
        for (index, file) in self.files.iter().enumerate() {
            if !is_plain_name(&file.name) {
                return Err(format!("`{}` does not lie in the model's own folder", file.name));
            }
            if self.files[..index].iter().any(|other| other.name == file.name) {
                return Err(format!("`{}` stands there twice", file.name));
            }
            let is_hex = file.sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            if file.sha256.len() != 64 || !is_hex {
                return Err(format!("the sha256 of `{}` is not 64 lower-case hex digits", file.name));
            }
        }
        Ok(())
    }

    /// The model's folder or file, for a manifest that lies at `manifest`.
    pub fn model_path(&self, manifest: &Path) -> PathBuf {
        manifest.parent().unwrap_or(Path::new("")).join(&self.path)
    }

    /// Puts it on disk in one piece.
    ///
    /// # Errors
    /// Kind `Output` where one is there and `force` is not given, or it cannot be written.
    pub fn write(&self, path: &Path, force: bool) -> Result<()> {
        let failed = |source| Error::output("cannot write the manifest").at(path).because(source);
        let text = toml::to_string(self)
            .map_err(|source| Error::output("cannot be a manifest").at(path).because(source))?;
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        refuse_existing(path, force)?;
        let mut file = PartialFile::create(path)?;
        file.write_all(text.as_bytes()).map_err(failed)?;
        file.finish()?;
        Ok(())
    }
}

/// # Errors
/// Kind `Output` where a manifest would be overwritten unasked.
pub fn refuse_existing(path: &Path, force: bool) -> Result<()> {
    if force || fs::symlink_metadata(path).is_err() {
        return Ok(());
    }
    let message = "this manifest exists already";
    Err(Error::output(message).at(path).hint("choose another --name, or overwrite it with --force"))
}

/// Where the manifest of that name lies in a folder.
pub fn manifest_path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.toml"))
}

/// Paths of all manifests of the places, by folder and name.
pub fn manifest_paths(places: &ModelPlaces) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for folder in places.own() {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut found: Vec<PathBuf> =
            entries.filter(|path| path.extension().is_some_and(|extension| extension == "toml")).collect();
        found.sort();
        all.extend(found);
    }
    all
}

/// A file's name and nothing else.
pub fn is_plain_name(name: &str) -> bool {
    let plain = matches!(Path::new(name).components().collect::<Vec<_>>()[..], [Component::Normal(_)]);
    plain && !name.contains(['/', '\\', '\0'])
}

fn read_text(path: &Path) -> Result<String> {
    let failed = |source| Error::model("cannot be read").at(path).because(source);
    // Looked at before it is opened: opening a pipe would wait for a writer.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(Error::model("is not a file").at(path));
    }
    let mut text = String::new();
    let file = File::open(path).map_err(failed)?;
    file.take(MANIFEST_BYTES_MAX + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > MANIFEST_BYTES_MAX {
        return Err(Error::model("is too long for a manifest").at(path));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str) -> ManifestFile {
        ManifestFile { name: name.to_owned(), size_bytes: 3, sha256: "ab".repeat(32) }
    }

    fn manifest(files: &[&str]) -> ModelManifest {
        let files = files.iter().map(|name| file(name)).collect();
        ModelManifest {
            license: Some("MIT".to_owned()),
            ..ModelManifest::new("a".to_owned(), "a".into(), files)
        }
    }

    #[test]
    fn reads_back_what_was_written_and_overwrites_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = manifest_path(&folder.path().join("models"), "a");
        let written = manifest(&["config.json", "model.safetensors"]);
        written.write(&path, false).unwrap();
        assert_eq!(ModelManifest::read(&path).unwrap(), written);
        assert_eq!(written.model_path(&path), folder.path().join("models/a"));
        let error = written.write(&path, false).unwrap_err();
        assert!(error.to_string().contains("exists already"), "{error}");
        let other = manifest(&["config.json"]);
        other.write(&path, true).unwrap();
        assert_eq!(ModelManifest::read(&path).unwrap(), other);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no .partial is left");
    }

    #[test]
    fn what_is_not_a_manifest_is_refused_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        let good = toml::to_string(&manifest(&["config.json"])).unwrap();
        for (text, part) in [
            (good.replace("format_version = 1", "format_version = 7\nnews = 1"), "format version 7"),
            (good.replace("name = \"a\"", "name = \"a\"\nnews = 1"), "a.toml:3: not a model's manifest"),
            (good.replace("config.json", "../config.json"), "`../config.json` does not lie in"),
            (good.replace("config.json", "/etc/passwd"), "`/etc/passwd` does not lie in"),
            (good.replace("config.json", ".."), "`..` does not lie in"),
            (good.replace("abab", "xxxx"), "64 lower-case hex"),
            (format!("{good}\n{}", &good[good.find("[[").unwrap()..]), "stands there twice"),
            ("files = []\nformat_version = 1\nname = \"a\"\npath = \"a\"".to_owned(), "names no files"),
            ("[a".to_owned(), "a.toml:1:"),
        ] {
            fs::write(&path, text).unwrap();
            let error = ModelManifest::read(&path).unwrap_err().to_string();
            assert!(error.contains(part), "{part} in {error}");
        }
    }
}
