//! sha256 of files, several at once. Knows nothing of what they are.

use super::file::ModelFile;
use super::find::is_gguf;
use super::folder::ModelFolder;
use crate::error::Result;
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::path::Path;

/// What a file's bytes came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashedFile {
    pub size_bytes: u64,
    /// Lower-case hex.
    pub sha256: String,
}

/// Hashes files of a model on all threads. `advanced` is told bytes read since it was told last.
pub fn hash_files(
    model: &ModelFolder,
    names: &[String],
    advanced: &(dyn Fn(u64) + Sync),
) -> Vec<Result<HashedFile>> {
    names.par_iter().map(|name| hash(&model.open(name)?, advanced)).collect()
}

/// # Errors
/// Kind `Model` when it is not a file, is a link out of its folder and no GGUF file, or cannot be read.
pub fn hash_file(path: &Path, advanced: &(dyn Fn(u64) + Sync)) -> Result<HashedFile> {
    hash(&open_file(path)?, advanced)
}

fn hash(file: &ModelFile, advanced: &(dyn Fn(u64) + Sync)) -> Result<HashedFile> {
    let mut hash = Sha256::new();
    file.each_block(|block| {
        hash.update(block);
        advanced(block.len() as u64);
    })?;
    Ok(HashedFile { size_bytes: file.len(), sha256: super::hex(&hash.finalize()) })
}

/// # Errors
/// As [`hash_file`].
pub fn open_file(path: &Path) -> Result<ModelFile> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let model = match is_gguf(path) {
        true => ModelFolder::Gguf(path.to_owned()),
        false => ModelFolder::Directory(path.parent().unwrap_or(Path::new("")).to_owned()),
    };
    model.open(&name)
}
