//! A file that carries its final name only once it is whole: written as `NAME.partial`, synced, renamed.
//! Knows nothing of what is written.

use crate::error::{Error, Result};
use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// A file being written. Dropped unfinished, it stays behind under its `.partial` name and the final name is untouched.
#[derive(Debug)]
pub struct PartialFile {
    file: BufWriter<File>,
    partial_path: PathBuf,
    final_path: PathBuf,
}

impl PartialFile {
    /// Opens `PATH.partial`, over whatever an earlier unfinished attempt left there.
    ///
    /// # Errors
    /// Kind `Output` when it cannot be created.
    pub fn create(final_path: &Path) -> Result<Self> {
        let partial_path = partial_path(final_path);
        // Made anew, never opened: a link of that name would be followed.
        let removed = match std::fs::remove_file(&partial_path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(source),
            _ => Ok(()),
        };
        let file = removed
            .and_then(|()| File::create_new(&partial_path))
            .map_err(|source| Error::output("cannot create this file").at(&partial_path).because(source))?;
        Ok(PartialFile { file: BufWriter::new(file), partial_path, final_path: final_path.to_owned() })
    }

    /// Takes the unfinished file away.
    pub fn discard(self) {
        // What cannot be removed stays behind under a name that says what it is.
        let _ = std::fs::remove_file(&self.partial_path);
    }

    /// Puts the bytes on disk first and under the final name second, so that the name never stands for half a file.
    ///
    /// # Errors
    /// Kind `Output` when the disk is full or the rename is refused.
    pub fn finish(self) -> Result<PathBuf> {
        let PartialFile { file, partial_path, final_path } = self;
        let failed = |source: io::Error| {
            Error::output("cannot finish writing this file").at(&final_path).because(source)
        };
        let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
        file.sync_all().map_err(failed)?;
        drop(file);
        std::fs::rename(&partial_path, &final_path).map_err(failed)?;
        sync_directory_of(&final_path).map_err(failed)?;
        Ok(final_path)
    }
}

/// Held until the file is closed, however the process ends. False where the file system has no locks, as some of clusters have none. `what` the other process
/// is at work on is a word for people.
///
/// # Errors
/// Kind `Output` when another process holds it.
pub fn lock_against_others(file: &File, path: &Path, what: &str) -> Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => {
            Err(Error::output(format!("another process is at work on this {what}"))
                .at(path)
                .hint("wait for it, or stop it first"))
        }
        Err(TryLockError::Error(source)) if source.kind() == io::ErrorKind::Unsupported => Ok(false),
        Err(TryLockError::Error(source)) => {
            Err(Error::output("cannot be locked against other processes").at(path).because(source))
        }
    }
}

impl Write for PartialFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// The name of a file that is not whole.
pub fn partial_path(final_path: &Path) -> PathBuf {
    let mut name = OsString::from(final_path);
    name.push(".partial");
    PathBuf::from(name)
}

/// A rename lasts through a power cut only once its directory is synced; elsewhere than on Unix a directory cannot be
/// opened.
pub fn sync_directory_of(path: &Path) -> io::Result<()> {
    if cfg!(unix)
        && let Some(directory) = path.parent()
    {
        let is_here = directory.as_os_str().is_empty();
        File::open(if is_here { Path::new(".") } else { directory })?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn the_final_name_appears_only_on_finish() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.txt");
        let mut file = PartialFile::create(&path).unwrap();
        file.write_all(b"whole").unwrap();
        assert!(!path.exists());
        assert_eq!(file.finish().unwrap(), path);
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
        assert!(!partial_path(&path).exists());
    }

    #[test]
    fn dropped_unfinished_it_leaves_the_old_file_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.txt");
        std::fs::write(&path, "old").unwrap();
        let mut file = PartialFile::create(&path).unwrap();
        file.write_all(b"new").unwrap();
        drop(file);
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert!(partial_path(&path).exists());
    }

    #[test]
    fn discarded_it_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        PartialFile::create(&folder.path().join("rows.txt")).unwrap().discard();
        assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none());
    }

    #[test]
    fn a_missing_directory_is_named() {
        let error = PartialFile::create(Path::new("/nonexistent-directory/rows.txt")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Output);
        assert!(error.to_string().contains("/nonexistent-directory/rows.txt.partial"), "{error}");
    }
}
