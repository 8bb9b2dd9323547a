//! One open file of a model, read at offsets by many threads at once. Nothing is mapped: a file that shrinks while it is read
//! is an error, not a signal, and rows that are packed as they come need no second copy either way.

use crate::error::{Error, Result};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Bytes read at once by who goes through a whole file.
const BLOCK_BYTES: usize = 1 << 20;

/// A file, with the name that messages give it.
#[derive(Debug)]
pub struct ModelFile {
    content: Content,
    len: u64,
    path: PathBuf,
}

#[derive(Debug)]
enum Content {
    BuiltIn(&'static [u8]),
    #[cfg(unix)]
    Disk(File),
    /// Where reading at an offset moves the file's own place.
    #[cfg(not(unix))]
    Disk(std::sync::Mutex<File>),
}

impl ModelFile {
    pub fn built_in(bytes: &'static [u8], path: PathBuf) -> Self {
        ModelFile { content: Content::BuiltIn(bytes), len: bytes.len() as u64, path }
    }

    pub fn on_disk(file: File, len: u64, path: PathBuf) -> Self {
        #[cfg(not(unix))]
        let file = std::sync::Mutex::new(file);
        ModelFile { content: Content::Disk(file), len, path }
    }

    /// Bytes that it had when it was opened.
    pub fn len(&self) -> u64 {
        self.len
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads exactly `buffer.len()` bytes from `offset` on.
    ///
    /// # Errors
    /// Kind `Model` when they are not there.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        self.read_exact(offset, buffer)
            .map_err(|source| Error::model("cannot be read").at(&self.path).because(source))
    }

    fn read_exact(&self, offset: u64, buffer: &mut [u8]) -> std::io::Result<()> {
        match &self.content {
            Content::BuiltIn(bytes) => {
                let range = offset as usize..offset as usize + buffer.len();
                let bytes = bytes.get(range).ok_or(std::io::ErrorKind::UnexpectedEof)?;
                buffer.copy_from_slice(bytes);
                Ok(())
            }
            #[cfg(unix)]
            Content::Disk(file) => std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset),
            #[cfg(not(unix))]
            Content::Disk(file) => {
                use std::io::{Read, Seek, SeekFrom};
                let mut file = file.lock().expect("no thread panics while it reads");
                file.seek(SeekFrom::Start(offset))?;
                file.read_exact(buffer)
            }
        }
    }

    /// Hands over the whole file, block by block in order.
    ///
    /// # Errors
    /// Kind `Model` when it cannot be read.
    pub fn each_block(&self, mut each: impl FnMut(&[u8])) -> Result<()> {
        let mut buffer = vec![0; BLOCK_BYTES];
        for start in (0..self.len).step_by(BLOCK_BYTES) {
            let block = &mut buffer[..BLOCK_BYTES.min((self.len - start) as usize)];
            self.read_at(start, block)?;
            each(block);
        }
        Ok(())
    }

    /// In lower-case hex.
    ///
    /// # Errors
    /// Kind `Model` when it cannot be read.
    pub fn sha256(&self) -> Result<String> {
        let mut hash = Sha256::new();
        self.each_block(|block| hash.update(block))?;
        Ok(super::hex(&hash.finalize()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_files_read_alike() {
        let bytes: &'static [u8] = b"0123456789";
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, bytes).unwrap();
        let on_disk = ModelFile::on_disk(File::open(&path).unwrap(), 10, path);
        for file in [ModelFile::built_in(bytes, "b".into()), on_disk] {
            let mut four = [0; 4];
            file.read_at(3, &mut four).unwrap();
            assert_eq!(&four, b"3456");
            assert!(file.read_at(7, &mut four).unwrap_err().to_string().contains("cannot be read"));
            let mut whole = Vec::new();
            file.each_block(|block| whole.extend_from_slice(block)).unwrap();
            assert_eq!(whole, bytes);
            assert_eq!(file.sha256().unwrap(), super::super::sha256_hex(bytes));
        }
    }
}
