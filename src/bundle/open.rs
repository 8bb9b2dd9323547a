//! A bundle to files, or only gone through: nothing of it counts that its list does not say, and nothing leaves the folder it is opened in. Before
//! anything is written the whole list is held against the layout, and the folders on the way are looked at.

use super::create::Advanced;
use super::layout::{check_layout, path_in_manifest};
use super::{BundleList, BundleReport, BundledFile, FORMAT_VERSION, LIST_BYTES_MAX, LIST_NAME};
use crate::data_folder::hex;
use crate::error::{Error, Result};
use crate::models::{ModelManifest, hash_file};
use crate::partial_file::PartialFile;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

/// Goes through a bundle and holds every file against the list.
///
/// # Errors
/// Kind `Output`, naming what is not as the list says, or what the list says that is nothing a bundle holds.
pub fn verify_bundle(path: &Path, advanced: &Advanced<'_>) -> Result<BundleReport> {
    walk(path, None, advanced)
}

/// Puts the files of a bundle below `into`, each whole or not at all. Files that are there with the same bytes are kept, so that an opening that was
/// ended can be begun again.
///
/// # Errors
/// Kind `Output` for a bundle that is not as its list says or whose list is none that is made here, for another file in the place of one of it, for
/// a link in the place of a folder, and for what cannot be written.
pub fn open_bundle(path: &Path, into: &Path, advanced: &Advanced<'_>) -> Result<BundleReport> {
    walk(path, Some(into), advanced)
}

fn walk(path: &Path, into: Option<&Path>, advanced: &Advanced<'_>) -> Result<BundleReport> {
    let broken = |message: String| Error::output(message).at(path);
    let unreadable =
        |source: io::Error| Error::output("is not a bundle, or a damaged one").at(path).because(source);
    let file = File::open(path).map_err(|source| Error::output("cannot be read").at(path).because(source))?;
    let len = file.metadata().map_err(unreadable)?.len();
    let mut archive = tar::Archive::new(BufReader::new(file));
    let mut entries = archive.entries().map_err(unreadable)?;
    let list = match entries.next() {
        Some(first) => read_list(first.map_err(unreadable)?, path)?,
        None => return Err(broken("is empty".to_owned())),
    };
    check_layout(&list, path)?;
    if list.size_bytes() > len {
        return Err(broken(format!("its list tells of {} bytes, and it has {len}", list.size_bytes())));
    }
    if let Some(into) = into {
        refuse_links(into, &list)?;
    }
    let mut kept_count = 0;
    let mut expected = list.files.iter();
    for entry in entries {
        let mut entry = entry.map_err(unreadable)?;
        let Some(told) = expected.next() else {
            return Err(broken("has more files than its list".to_owned()));
        };
        let is_it = entry.path_bytes().as_ref() == told.path.as_bytes()
            && entry.header().entry_type().is_file()
            && entry.size() == told.size_bytes;
        if !is_it {
            return Err(broken(format!("has something else where its list says {}", told.path)));
        }
        let manifest = match path_in_manifest(&list, &told.path) {
            Some(model) => Some(read_manifest(&mut entry, told, &model, path)?),
            None => None,
        };
        let mut content: Box<dyn Read> = match &manifest {
            Some(text) => Box::new(text.as_bytes()),
            None => Box::new(&mut entry),
        };
        let target = into.map(|into| into.join(&told.path));
        match target.as_ref().filter(|target| target.symlink_metadata().is_ok()) {
            Some(there) => {
                keep(there, told)?;
                kept_count += 1;
                advanced(told.size_bytes, Some(list.size_bytes()));
            }
            None => {
                let read = |bytes| advanced(bytes, Some(list.size_bytes()));
                take(&mut content, told, target, path, &read)?;
            }
        }
    }
    match expected.next() {
        Some(missing) => Err(broken(format!("ends before {}", missing.path))),
        None => Ok(BundleReport { path: into.unwrap_or(path).to_owned(), kept_count, list }),
    }
}

fn read_list(mut entry: tar::Entry<impl Read>, path: &Path) -> Result<BundleList> {
    let refuse = |message: String| Error::output(message).at(path);
    if entry.path_bytes().as_ref() != LIST_NAME.as_bytes() || entry.size() > LIST_BYTES_MAX {
        return Err(refuse(format!("does not begin with {LIST_NAME}: it is no bundle")));
    }
    let mut text = Vec::new();
    entry.read_to_end(&mut text).map_err(|source| refuse("is damaged".to_owned()).because(source))?;
    let value: serde_json::Value = serde_json::from_slice(&text)
        .map_err(|source| refuse("its list is no JSON".to_owned()).because(source))?;
    // The version first: of a later one other fields are to be expected.
    match value.get("format_version").and_then(serde_json::Value::as_u64) {
        Some(version) if version == u64::from(FORMAT_VERSION) => {}
        Some(version) => {
            return Err(refuse(format!(
                "is of format version {version}; this program reads {FORMAT_VERSION}"
            )));
        }
        None => return Err(refuse("its list has no format_version".to_owned())),
    }
    serde_json::from_value(value)
        .map_err(|source| refuse("its list is not as it should be".to_owned()).because(source))
}

/// A manifest leads to the bundle's own model. By another path it would have a name stand for whatever folder of this machine.
fn read_manifest(entry: &mut impl Read, told: &BundledFile, model: &str, bundle: &Path) -> Result<String> {
    let refuse = |message: &str| Error::output(format!("{} {message}", told.path)).at(bundle);
    if told.size_bytes > LIST_BYTES_MAX {
        return Err(refuse("is too long for a manifest"));
    }
    let mut text = String::new();
    entry.read_to_string(&mut text).map_err(|source| refuse("is damaged, or was cut off").because(source))?;
    let manifest = ModelManifest::from_text(&text, bundle)
        .map_err(|error| refuse("is no manifest of a model").because(error))?;
    match manifest.path == Path::new(model) {
        true => Ok(text),
        false => Err(refuse("does not lead to the bundle's model")),
    }
}

/// A link in the place of a folder would lead out of the one that was named. That one itself may be a link: its owner named it.
fn refuse_links(into: &Path, list: &BundleList) -> Result<()> {
    let folders = list.files.iter().flat_map(|file| Path::new(&file.path).ancestors().skip(1));
    let mut places = folders.filter(|folder| !folder.as_os_str().is_empty()).map(|folder| into.join(folder));
    match places.find(|place| place.is_symlink()) {
        Some(link) => Err(Error::output("is a link, and would be written through")
            .at(link)
            .hint("open the bundle in another folder, or take the link away")),
        None => Ok(()),
    }
}

/// A file that is there already has to be the one.
fn keep(there: &Path, told: &BundledFile) -> Result<()> {
    let is_same =
        there.symlink_metadata().is_ok_and(|found| found.is_file() && found.len() == told.size_bytes)
            && hash_file(there, &|_| ())?.sha256 == told.sha256;
    match is_same {
        true => Ok(()),
        false => Err(Error::output("is there, and is another file than the bundle's")
            .at(there)
            .hint("open the bundle in another folder")),
    }
}

/// Reads one entry, writes it where it belongs, and lets it count only with the hash that was told.
fn take(
    entry: &mut impl Read,
    told: &BundledFile,
    target: Option<PathBuf>,
    path: &Path,
    advanced: &dyn Fn(u64),
) -> Result<()> {
    let mut file = match &target {
        Some(target) => {
            let folder = target.parent().unwrap_or(Path::new("."));
            std::fs::create_dir_all(folder)
                .map_err(|source| Error::output("cannot be created").at(folder).because(source))?;
            Some(PartialFile::create(target)?)
        }
        None => None,
    };
    let (mut hash, mut read, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 20]);
    loop {
        let count = entry
            .read(&mut buffer)
            .map_err(|source| Error::output("is damaged, or was cut off").at(path).because(source))?;
        if count == 0 {
            break;
        }
        read += count as u64;
        hash.update(&buffer[..count]);
        if let Some(file) = &mut file {
            let failed = |source| {
                Error::output("cannot be written").at(target.as_deref().unwrap_or(path)).because(source)
            };
            file.write_all(&buffer[..count]).map_err(failed)?;
        }
        advanced(count as u64);
    }
    let found = hex(&hash.finalize());
    if found != told.sha256 || read != told.size_bytes {
        if let Some(file) = file {
            file.discard();
        }
        return Err(Error::output(format!(
            "{} has the sha256 {found}, not the {} of its list",
            told.path, told.sha256
        ))
        .at(path)
        .hint("the bundle was altered or damaged on its way: carry it over again"));
    }
    file.map_or(Ok(()), |file| file.finish().map(drop))
}
