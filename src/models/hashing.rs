//! sha256 of files, several at once. Knows nothing of what they are.

use crate::error::{Error, Result};
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Bytes between two reports.
const BLOCK_BYTES: usize = 1 << 20;

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
    let mut hash = Sha256::new();
    let size_bytes = each_block(path, |block| {
        hash.update(block);
        advanced(block.len() as u64);
    })?;
    Ok(HashedFile { size_bytes, sha256: super::hex(&hash.finalize()) })
}

/// Hands over a file block by block and returns its bytes.
///
/// # Errors
/// As [`hash_file`].
pub fn each_block(path: &Path, mut each: impl FnMut(&[u8])) -> Result<u64> {
    let failed = |source| Error::model("cannot be read").at(path).because(source);
    // Looked at before it is opened: opening a pipe would wait for a writer.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(Error::model("is not a file").at(path));
    }
    let mut file = File::open(path).map_err(failed)?;
    let mut buffer = vec![0; BLOCK_BYTES];
    let mut size_bytes = 0;
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(size_bytes),
            Ok(len) => {
                each(&buffer[..len]);
                size_bytes += len as u64;
            }
            Err(source) if source.kind() == std::io::ErrorKind::Interrupted => {}
            Err(source) => return Err(failed(source)),
        }
    }
}
