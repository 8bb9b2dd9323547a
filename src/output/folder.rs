//! The folder one run writes into: claimed before any work, so that a bad place is refused at once and nothing is
//! overwritten.
//! Knows the names of the files in it, not what they hold.

use crate::error::{Error, Result};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// A folder of results that exists on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultFolder {
    path: PathBuf,
}

impl ResultFolder {
    /// Creates `path` and its parents. Of two runs that claim one path, one succeeds.
    ///
    /// # Errors
    /// Kind `Output` when `path` exists, whatever it is, or cannot be created.
    pub fn claim(path: &Path) -> Result<Self> {
        create_parent(path)?;
        match std::fs::create_dir(path) {
            Ok(()) => Ok(ResultFolder { path: path.to_owned() }),
            Err(source) if source.kind() == ErrorKind::AlreadyExists => {
                Err(Error::output("this path exists already, and results are never overwritten")
                    .at(path)
                    .hint("choose another --out"))
            }
            Err(source) => Err(not_writable(path, source)),
        }
    }

    /// Creates `PARENT/STEM-001`, or the next number that is free. Characters of `stem` that do not belong in a
    /// file name become `-`.
    ///
    /// # Errors
    /// Kind `Output` when `parent` is not a writable directory.
    pub fn claim_numbered(parent: &Path, stem: &str) -> Result<Self> {
        let stem = file_name_safe(stem);
        for number in 1..=u32::MAX {
            let path = parent.join(format!("{stem}-{number:03}"));
            create_parent(&path)?;
            // create_dir decides, not a look beforehand: two runs started together must not share a folder
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(ResultFolder { path }),
                Err(source) if source.kind() == ErrorKind::AlreadyExists => continue,
                Err(source) => return Err(not_writable(&path, source)),
            }
        }
        Err(Error::output("every numbered folder is taken").at(parent).hint("name one with --out"))
    }

    /// A folder written earlier.
    ///
    /// # Errors
    /// Kind `Output` when there is no directory at `path`.
    pub fn open(path: &Path) -> Result<Self> {
        if !path.is_dir() {
            return Err(Error::output("there is no result folder here").at(path));
        }
        Ok(ResultFolder { path: path.to_owned() })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// One row per cell × temperature × option.
    pub fn cells_path(&self) -> PathBuf {
        self.path.join("cells.parquet")
    }

    /// One row per prompt.
    pub fn prompts_path(&self) -> PathBuf {
        self.path.join("prompts.parquet")
    }

    /// One row per prompt × temperature.
    pub fn tokens_path(&self) -> PathBuf {
        self.path.join("tokens.parquet")
    }

    /// One row per compared unit × predictor × metric.
    pub fn comparisons_path(&self) -> PathBuf {
        self.path.join("comparisons.parquet")
    }

    /// What has been read so far; there while a run is unfinished.
    pub fn journal_path(&self) -> PathBuf {
        self.path.join("journal")
    }

    /// What a shard cost; written when all of it is in the journal.
    pub fn shard_path(&self) -> PathBuf {
        self.path.join("shard.json")
    }

    /// Written last: a folder without it is unfinished.
    pub fn manifest_path(&self) -> PathBuf {
        self.path.join("manifest.json")
    }

    pub fn report_path(&self) -> PathBuf {
        self.path.join("report.html")
    }

    /// sha256 in hex of each table that is there, by file name.
    ///
    /// # Errors
    /// Kind `Output` when one cannot be read.
    pub fn table_hashes(&self) -> Result<BTreeMap<String, String>> {
        let mut hashes = BTreeMap::new();
        for path in self.table_paths() {
            if path.is_file() {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let failed = |source| Error::output("cannot be read").at(&path).because(source);
                hashes.insert(name, sha256_of(&path).map_err(failed)?);
            }
        }
        Ok(hashes)
    }

    fn table_paths(&self) -> [PathBuf; 4] {
        [self.cells_path(), self.prompts_path(), self.tokens_path(), self.comparisons_path()]
    }

    /// What was opened and is not finished.
    fn partial_paths(&self) -> Vec<PathBuf> {
        let partial = self.table_paths().map(|path| path.with_extension("parquet.partial"));
        let others = [self.journal_path().with_extension("partial"), self.path.join("manifest.json.partial")];
        partial.into_iter().chain(others).collect()
    }

    /// Whether there is nothing in it but what was opened and never finished.
    ///
    /// # Errors
    /// Kind `Output` when it cannot be read.
    pub fn holds_nothing_finished(&self) -> Result<bool> {
        self.holds_only(&self.partial_paths())
    }

    fn holds_only(&self, paths: &[PathBuf]) -> Result<bool> {
        let failed = |source| Error::output("cannot be read").at(&self.path).because(source);
        for entry in std::fs::read_dir(&self.path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            // A link would lead out of the folder.
            if !(paths.contains(&entry.path()) && entry.file_type().map_err(failed)?.is_file()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether it is what a merge leaves that was killed: the right to be at it, tables whole or not, and nothing else.
    ///
    /// # Errors
    /// Kind `Output` when it cannot be read.
    pub fn holds_an_unsealed_merge(&self) -> Result<bool> {
        let right = self.journal_path().with_extension("partial");
        Ok(right.is_file()
            && self.holds_only(&[self.partial_paths(), self.table_paths().to_vec()].concat())?)
    }

    /// Takes the folder away with what was opened and never finished, unless there is anything else in it.
    pub fn remove_if_nothing_was_finished(self) {
        for path in self.partial_paths() {
            // What cannot be removed stays behind under a name that says what it is.
            let _ = std::fs::remove_file(path);
        }
        let _ = std::fs::remove_dir(&self.path);
    }

    /// Takes away the tables of a folder that was never sealed, and what was never finished.
    pub fn remove_unsealed(self) {
        for path in self.table_paths() {
            let _ = std::fs::remove_file(path);
        }
        self.remove_if_nothing_was_finished();
    }

    /// Whether the run that wrote this folder came to its end.
    pub fn is_finished(&self) -> bool {
        self.manifest_path().is_file()
    }
}

/// The sha256 of a file, in lower-case hex.
///
/// # Errors
/// When it cannot be read.
pub fn sha256_of(path: &Path) -> io::Result<String> {
    let (mut file, mut hasher) = (std::fs::File::open(path)?, Sha256::new());
    let mut block = vec![0; 1 << 16];
    loop {
        match file.read(&mut block)? {
            0 => break,
            len => hasher.update(&block[..len]),
        }
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn create_parent(path: &Path) -> Result<()> {
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => std::fs::create_dir_all(parent).map_err(|source| not_writable(parent, source)),
        None => Ok(()),
    }
}

fn not_writable(path: &Path, source: io::Error) -> Error {
    Error::output("cannot create this folder")
        .at(path)
        .because(source)
        .hint("choose an --out inside a folder you may write to")
}

fn file_name_safe(stem: &str) -> String {
    let keep = |c: char| if c.is_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let safe: String = stem.chars().map(keep).collect();
    // a leading dot would hide the folder, and an empty stem would start with a hyphen
    match safe.trim_start_matches(['.', '-']) {
        "" => "results".to_owned(),
        trimmed => trimmed.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn claims_a_new_path_with_its_parents() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a/b/run");
        let folder = ResultFolder::claim(&path).unwrap();
        assert!(path.is_dir());
        assert!(!folder.is_finished());
        assert_eq!(ResultFolder::open(&path).unwrap(), folder);
    }

    #[test]
    fn refuses_what_exists_be_it_folder_or_file() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("file"), "").unwrap();
        std::fs::create_dir(root.path().join("folder")).unwrap();
        for name in ["file", "folder"] {
            let error = ResultFolder::claim(&root.path().join(name)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Output);
            assert!(error.to_string().contains("exists already"), "{error}");
            assert_eq!(error.hint_text(), Some("choose another --out"));
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_folder_is_taken_over_only_from_a_run_that_had_not_begun() {
        let root = tempfile::tempdir().unwrap();
        let folder = ResultFolder::claim(&root.path().join("run")).unwrap();
        let partial = folder.path().join("journal.partial");
        std::fs::write(&partial, "respondent").unwrap();
        std::fs::write(folder.path().join("cells.parquet.partial"), "PAR1").unwrap();
        assert!(folder.holds_nothing_finished().unwrap());
        std::fs::remove_file(&partial).unwrap();
        std::os::unix::fs::symlink(root.path().join("elsewhere"), &partial).unwrap();
        assert!(!folder.holds_nothing_finished().unwrap(), "a link leads out of it");
        std::fs::remove_file(&partial).unwrap();
        std::fs::write(folder.path().join("notes.txt"), "mine").unwrap();
        assert!(!folder.holds_nothing_finished().unwrap());
    }

    #[test]
    fn a_place_that_cannot_be_written_is_named() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        std::fs::write(&file, "").unwrap();
        for claimed in [ResultFolder::claim(&file.join("run")), ResultFolder::claim_numbered(&file, "run")] {
            let error = claimed.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Output);
            assert!(error.to_string().contains(file.to_str().unwrap()), "{error}");
            assert!(error.hint_text().is_some());
        }
    }

    #[test]
    fn numbers_go_on_from_what_is_there() {
        let root = tempfile::tempdir().unwrap();
        let parent = root.path().join("results");
        let name = |folder: ResultFolder| folder.path().file_name().unwrap().to_str().unwrap().to_owned();
        assert_eq!(
            name(ResultFolder::claim_numbered(&parent, "isear-control").unwrap()),
            "isear-control-001"
        );
        assert_eq!(
            name(ResultFolder::claim_numbered(&parent, "isear-control").unwrap()),
            "isear-control-002"
        );
        assert_eq!(name(ResultFolder::claim_numbered(&parent, "a/b c").unwrap()), "a-b-c-001");
        assert_eq!(name(ResultFolder::claim_numbered(&parent, "../..").unwrap()), "results-001");
    }

    #[test]
    fn runs_started_together_get_folders_of_their_own() {
        let root = tempfile::tempdir().unwrap();
        let claim = || ResultFolder::claim_numbered(root.path(), "run").unwrap().path().to_owned();
        let mut paths: Vec<PathBuf> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..16).map(|_| scope.spawn(claim)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        paths.sort();
        paths.dedup();
        assert_eq!(paths.len(), 16);
    }

    #[test]
    fn opening_nothing_is_an_error() {
        let error = ResultFolder::open(Path::new("/nonexistent-directory")).unwrap_err();
        assert_eq!(error.to_string(), "/nonexistent-directory: there is no result folder here");
    }
}
