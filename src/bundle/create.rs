//! Files to a bundle. Everything is hashed first, for the list stands in front; then written, from where an earlier attempt ended.

use super::contents::{Content, Contents, Source};
use super::continued::ContinuedFile;
use super::layout::check_layout;
use super::{BundleList, BundleReport, FORMAT_VERSION, LIST_NAME};
use crate::data_folder::hex;
use crate::error::{Error, Result};
use crate::partial_file::{lock_against_others, partial_path, sync_directory_of};
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// What is to be bundled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateBundle {
    pub model: Option<String>,
    pub study: Option<String>,
    pub out: PathBuf,
}

/// Told of work as it is done: bytes since the last call, and how many it will be where that is known.
pub type Advanced<'a> = dyn Fn(u64, Option<u64>) + Sync + 'a;

/// Makes a bundle. An attempt that was ended is left as `OUT.partial`, and the next one goes on from it.
///
/// # Errors
/// Kind `Usage` where there is nothing to bundle, `Output` for a file that is there already, is being written by another process or cannot be
/// written, and what keeps model, study or people from being read.
pub fn create_bundle(request: &CreateBundle, advanced: &Advanced<'_>) -> Result<BundleReport> {
    if request.out.exists() {
        return Err(is_there(&request.out));
    }
    let mut contents = Contents::default();
    if let Some(model) = &request.model {
        contents.add_model(model, advanced)?;
    }
    if let Some(study) = &request.study {
        contents.add_study(study)?;
    }
    if contents.contents.is_empty() {
        return Err(Error::usage("there is nothing to bundle").hint(
            "name a --model other than the built-in control, which travels with the program, or a --study",
        ));
    }
    let list = BundleList {
        format_version: FORMAT_VERSION,
        respondent: env!("CARGO_PKG_VERSION").to_owned(),
        model: contents.model,
        study: contents.study,
        human_data: contents.human_data,
        files: contents.contents.iter().map(|content| content.file.clone()).collect(),
    };
    // Here, and not only where it is opened: who could rename a file is on this side.
    check_layout(&list, &request.out)?;
    write(&request.out, &list, &contents.contents, advanced)?;
    Ok(BundleReport { path: request.out.clone(), kept_count: 0, list })
}

fn is_there(out: &Path) -> Error {
    Error::output("is there already").at(out).hint("give another name, or take it away")
}

fn write(out: &Path, list: &BundleList, contents: &[Content], advanced: &Advanced<'_>) -> Result<()> {
    let partial = partial_path(out);
    let failed = |source: io::Error| Error::output("cannot be written").at(&partial).because(source);
    let file = claim(&partial, out)?;
    let mut archive = tar::Builder::new(ContinuedFile::new(file).map_err(failed)?);
    let text = serde_json::to_string_pretty(list)
        .map_err(|source| Error::output("the list cannot be written").because(source))?;
    append(&mut archive, LIST_NAME, text.len() as u64, text.as_bytes()).map_err(failed)?;
    for Content { file, source } in contents {
        let appended = match source {
            Source::Text(text) => append(&mut archive, &file.path, file.size_bytes, text.as_bytes()),
            Source::Disk(path) => {
                let opened = File::open(path)
                    .map_err(|source| Error::model("cannot be read").at(path).because(source))?;
                // As in the list, or the archive would say what is not so.
                let total = Some(2 * list.size_bytes());
                let mut read =
                    Hashed { inner: opened.take(file.size_bytes), hash: Sha256::new(), advanced, total };
                let appended = append(&mut archive, &file.path, file.size_bytes, &mut read);
                if appended.is_ok() && hex(&read.hash.finalize()) != file.sha256 {
                    return Err(Error::model("was altered while it was bundled")
                        .at(path)
                        .hint("bundle it again"));
                }
                appended
            }
        };
        appended.map_err(failed)?;
    }
    let file = archive.into_inner().and_then(ContinuedFile::into_file).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    std::fs::rename(&partial, out).and_then(|()| sync_directory_of(out)).map_err(failed)?;
    // Only now: a process that got the lock before the rename would write over what is whole.
    drop(file);
    Ok(())
}

/// Opens the unfinished file as it is, new or left by a process that is no more, for this process alone.
fn claim(partial: &Path, out: &Path) -> Result<File> {
    // A link of that name would be written through.
    if partial.is_symlink() {
        return Err(Error::output("is a link").at(partial).hint("take it away"));
    }
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(partial);
    let file = file.map_err(|source| Error::output("cannot be written").at(partial).because(source))?;
    lock_against_others(&file, partial, "file")?;
    // Another process may have finished it since this one looked: then this is its file under another name, or a new one beside it.
    if out.exists() {
        if file.metadata().is_ok_and(|found| found.len() == 0) {
            // What cannot be removed stays behind under a name that says what it is.
            let _ = std::fs::remove_file(partial);
        }
        return Err(is_there(out));
    }
    Ok(file)
}

/// With nothing in its header that is not the file's own.
fn append(archive: &mut tar::Builder<impl Write>, path: &str, size: u64, bytes: impl Read) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    archive.append_data(&mut header, path, bytes)
}

/// What passes, hashed and told of.
struct Hashed<'a, R> {
    inner: R,
    hash: Sha256,
    advanced: &'a Advanced<'a>,
    total: Option<u64>,
}

impl<R: Read> Read for Hashed<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hash.update(&buffer[..count]);
        (self.advanced)(count as u64, self.total);
        Ok(count)
    }
}
