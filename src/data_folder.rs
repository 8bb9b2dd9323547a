//! Reads the small text files of a data folder, from the binary or from disk, and refuses with file and line.
//! Knows nothing of what the files mean.

use crate::error::{Error, ErrorKind, Result};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A data file is written by hand or counts people; one that is larger was not meant.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// A folder whose files were compiled in, so that an installed binary works anywhere.
#[derive(Debug)]
pub struct EmbeddedFolder {
    pub id: &'static str,
    /// Where the files lie in the repository; messages name it.
    pub place: &'static str,
    /// File names and their text.
    pub files: &'static [(&'static str, &'static str)],
}

/// A folder that is read from.
#[derive(Debug)]
pub struct DataFolder {
    origin: Origin,
    kind: ErrorKind,
}

#[derive(Debug)]
enum Origin {
    Embedded(&'static EmbeddedFolder),
    /// As it was given, for messages, and with every link resolved, for the check on escapes.
    Disk {
        given: PathBuf,
        resolved: PathBuf,
    },
}

impl DataFolder {
    /// The built-in folder of that id, else the folder at that path. `noun` is what messages call the thing.
    ///
    /// # Errors
    /// Of the given kind, when it is neither.
    pub fn find(
        name_or_path: &str,
        built_in: &'static [EmbeddedFolder],
        noun: &str,
        kind: ErrorKind,
    ) -> Result<Self> {
        if let Some(folder) = built_in.iter().find(|folder| folder.id == name_or_path) {
            return Ok(DataFolder { origin: Origin::Embedded(folder), kind });
        }
        let known: Vec<&str> = built_in.iter().map(|folder| folder.id).collect();
        let hint = format!("built in: {}; anything else is the path of a folder", known.join(", "));
        let given = PathBuf::from(name_or_path);
        let resolved = given.canonicalize().map_err(|source| {
            let message = format!("there is no {noun} `{name_or_path}`");
            Error::new(kind, message).hint(hint.as_str()).because(source)
        })?;
        if !resolved.is_dir() {
            return Err(Error::new(kind, format!("a {noun} is a folder")).at(&given).hint(hint));
        }
        Ok(DataFolder { origin: Origin::Disk { given, resolved }, kind })
    }

    /// The path that messages give for a file of this folder.
    pub fn path_of(&self, name: &str) -> PathBuf {
        match &self.origin {
            Origin::Embedded(folder) => Path::new(folder.place).join(name),
            Origin::Disk { given, .. } => given.join(name),
        }
    }

    /// The text of a file, `None` where there is none. `name` is a plain file name.
    ///
    /// # Errors
    /// When it leads out of the folder, is not a regular file, is over 4 MiB, or is not UTF-8.
    pub fn read(&self, name: &str) -> Result<Option<TextFile>> {
        self.read_up_to(name, MAX_FILE_BYTES)
    }

    /// As [`DataFolder::read`], for a file that may be larger.
    ///
    /// # Errors
    /// As there, with the size that is given.
    pub fn read_up_to(&self, name: &str, bytes_max: u64) -> Result<Option<TextFile>> {
        let path = self.path_of(name);
        let text = match &self.origin {
            Origin::Embedded(folder) => {
                folder.files.iter().find(|(file, _)| *file == name).map(|(_, text)| (*text).to_owned())
            }
            Origin::Disk { resolved, .. } => read_inside(resolved, name, &path, self.kind, bytes_max)?,
        };
        Ok(text.map(|text| TextFile { path, text, kind: self.kind }))
    }

    /// A file without which the folder is nothing.
    ///
    /// # Errors
    /// As [`DataFolder::read`], and when the file is not there.
    pub fn require(&self, name: &str) -> Result<TextFile> {
        let missing = || Error::new(self.kind, "there is no such file").at(self.path_of(name));
        self.read(name)?.ok_or_else(missing)
    }
}

fn read_inside(
    folder: &Path,
    name: &str,
    shown: &Path,
    kind: ErrorKind,
    bytes_max: u64,
) -> Result<Option<String>> {
    let refuse = |message: &str| Error::new(kind, message).at(shown);
    let resolved = match folder.join(name).canonicalize() {
        Ok(resolved) => resolved,
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(refuse("cannot be read").because(source)),
    };
    if !resolved.starts_with(folder) {
        return Err(refuse("leads out of its folder").hint("put the file itself there, not a link"));
    }
    if !resolved.is_file() {
        return Err(refuse("is not a regular file"));
    }
    let unreadable = |source: std::io::Error| refuse("cannot be read").because(source);
    let mut text = String::new();
    let file = fs::File::open(&resolved).map_err(unreadable)?;
    file.take(bytes_max + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > bytes_max {
        return Err(refuse(&format!("is larger than {} MiB", bytes_max >> 20)));
    }
    Ok(Some(text))
}

/// A file that was read, with what it takes to say where in it something is wrong.
#[derive(Debug)]
pub struct TextFile {
    pub path: PathBuf,
    pub text: String,
    kind: ErrorKind,
}

impl TextFile {
    /// A file that lies in no data folder.
    pub fn on_disk(path: &Path, text: String, kind: ErrorKind) -> Self {
        TextFile { path: path.to_owned(), text, kind }
    }

    /// A refusal that names this file and the line on which the byte range starts.
    pub fn refuse(&self, place: Range<usize>, message: impl Into<String>) -> Error {
        let before = &self.text.as_bytes()[..place.start.min(self.text.len())];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        self.refuse_line(line, message)
    }

    /// A refusal that names this file and a 1-based line.
    pub fn refuse_line(&self, line: usize, message: impl Into<String>) -> Error {
        Error::new(self.kind, message).at(&self.path).line(line)
    }

    /// Reads the whole file as TOML.
    ///
    /// # Errors
    /// With the line, when it does not parse or has a field that `T` does not know.
    pub fn parse_toml<T: serde::de::DeserializeOwned>(&self) -> Result<T> {
        toml::from_str(&self.text)
            .map_err(|error| self.refuse(error.span().unwrap_or(0..0), error.message().replace('\n', " ")))
    }

    /// SHA-256 of the file's bytes, hex.
    pub fn sha256(&self) -> String {
        sha256(self.text.as_bytes())
    }
}

/// SHA-256, hex.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// SHA-256 over several files in name order, hex: for each, its name, a zero byte, its length in bytes as decimal
/// digits, a zero byte, its bytes. Only the last part of a path counts as the name, so a copy has the same hash.
pub fn sha256_of_files(files: &[&TextFile]) -> String {
    let name = |file: &TextFile| file.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut named: Vec<(String, &str)> = files.iter().map(|file| (name(file), file.text.as_str())).collect();
    named.sort_unstable();
    let mut hasher = Sha256::new();
    for (name, text) in named {
        hasher.update(name);
        hasher.update([0]);
        hasher.update(text.len().to_string());
        hasher.update([0]);
        hasher.update(text);
    }
    hex(&hasher.finalize())
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}
