//! sha256 of files, several at once. Knows nothing of what they are.

use super::file::ModelFile;
use super::folder::ModelFolder;
use crate::error::Result;
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// What a file's bytes came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashedFile {
    pub size_bytes: u64,
    /// Lower-case hex.
    pub sha256: String,
}

/// Hashes files on all threads. `advanced` is told bytes read since it was told last.
pub fn hash_files(paths: &[PathBuf], advanced: &(dyn Fn(u64) + Sync)) -> Vec<Result<HashedFile>> {
    paths.par_iter().map(|path| hash_file(path, advanced)).collect()
}

/// # Errors
/// Kind `Model` when it is not a file or cannot be read.
pub fn hash_file(path: &Path, advanced: &(dyn Fn(u64) + Sync)) -> Result<HashedFile> {
    let (file, mut hash) = (open_file(path)?, Sha256::new());
    file.each_block(|block| {
        hash.update(block);
        advanced(block.len() as u64);
    })?;
    Ok(HashedFile { size_bytes: file.len(), sha256: super::hex(&hash.finalize()) })
}

/// # Errors
/// As [`hash_file`].
pub fn open_file(path: &Path) -> Result<ModelFile> {
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    ModelFolder::Directory(folder).open(&path.file_name().unwrap_or_default().to_string_lossy())
}
