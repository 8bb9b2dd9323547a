//! Reads a header from front to back, in pieces that grow with what is asked for. Knows numbers and strings, and that nothing
//! may be longer than the rest of the file.

use super::super::file::ModelFile;
use crate::error::{Error, Result};
use std::ops::Range;
use std::path::Path;

/// No header is longer: the largest vocabularies known make some 20 MiB.
const HEADER_BYTES_MAX: u64 = 256 << 20;

/// The first piece that is read.
const PIECE_BYTES: u64 = 64 << 10;

/// A place in a file's header, and everything that was read up to it.
pub struct HeaderReader<'a> {
    file: &'a ModelFile,
    bytes: Vec<u8>,
    at: usize,
}

impl<'a> HeaderReader<'a> {
    pub fn new(file: &'a ModelFile) -> Self {
        HeaderReader { file, bytes: Vec::new(), at: 0 }
    }

    pub fn path(&self) -> &'a Path {
        self.file.path()
    }

    /// Bytes from the file's start.
    pub fn position(&self) -> usize {
        self.at
    }

    /// Bytes of the file that lie behind this place.
    pub fn left(&self) -> u64 {
        self.file.len() - self.at as u64
    }

    /// The header's bytes up to `end`, no longer than they have to be.
    pub fn into_bytes(mut self, end: usize) -> Vec<u8> {
        self.bytes.truncate(end);
        self.bytes.shrink_to_fit();
        self.bytes
    }

    /// An error about this file's content.
    pub fn broken(&self, message: impl Into<String>) -> Error {
        broken(self.path(), message)
    }

    /// Steps over `len` bytes and tells where they are.
    pub fn take(&mut self, len: u64, what: &str) -> Result<Range<usize>> {
        if len > self.left() {
            return Err(self
                .broken(format!("{what} takes {len} bytes, but only {} are left in the file", self.left())));
        }
        let end = self.at as u64 + len;
        if end > HEADER_BYTES_MAX {
            return Err(Error::model(format!(
                "{what} makes the header longer than {HEADER_BYTES_MAX} bytes"
            ))
            .at(self.path())
            .hint("no known model has such a header; the file is damaged"));
        }
        self.read_to(end)?;
        let range = self.at..end as usize;
        self.at = range.end;
        Ok(range)
    }

    /// Reads until `end`, which lies within the file, is at hand.
    fn read_to(&mut self, end: u64) -> Result<()> {
        let len = self.bytes.len() as u64;
        if end <= len {
            return Ok(());
        }
        let target = end.max(2 * len).max(PIECE_BYTES).min(self.file.len());
        self.bytes.resize(target as usize, 0);
        self.file.read_at(len, &mut self.bytes[len as usize..])
    }

    fn array<const SIZE: usize>(&mut self, what: &str) -> Result<[u8; SIZE]> {
        let range = self.take(SIZE as u64, what)?;
        Ok(self.bytes[range].try_into().expect("as many bytes as were asked for"))
    }

    pub fn byte(&mut self, what: &str) -> Result<u8> {
        Ok(self.array::<1>(what)?[0])
    }

    pub fn u32(&mut self, what: &str) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    pub fn u64(&mut self, what: &str) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array(what)?))
    }

    /// A count of things of which each takes at least `bytes_min` bytes of the file.
    pub fn count(&mut self, bytes_min: u64, what: &str) -> Result<u64> {
        let count = self.u64(what)?;
        if count > self.left() / bytes_min {
            return Err(
                self.broken(format!("{what} is {count}, more than the {} bytes left can hold", self.left()))
            );
        }
        Ok(count)
    }

    /// Steps over a string: its length in bytes, then the bytes.
    pub fn skip_string(&mut self, what: &str) -> Result<Range<usize>> {
        let len = self.u64(what)?;
        self.take(len, what)
    }

    /// A string that names something.
    pub fn name(&mut self, what: &str) -> Result<String> {
        let range = self.skip_string(what)?;
        match std::str::from_utf8(&self.bytes[range]) {
            Ok(name) => Ok(name.to_owned()),
            Err(source) => Err(self.broken(format!("{what} is not UTF-8 text")).because(source)),
        }
    }
}

/// An error about a file that does not hold together.
pub fn broken(path: &Path, message: impl Into<String>) -> Error {
    Error::model(message)
        .at(path)
        .hint("the file is damaged or was not copied whole; fetch it again or convert the model anew")
}
