//! One file of GGUF, and reading it at any place from many threads. Does not know whether there are other parts.

use super::header::{HeaderReader, broken};
use super::metadata::{Metadata, MetadataEntries};
use super::tensors::{self, TensorInfo};
use crate::error::{Error, Result};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Alignment of tensors in files that do not say.
const ALIGNMENT_DEFAULT: u32 = 32;

/// An open file with its header.
pub struct Part {
    pub file: PositionedFile,
    pub metadata: Metadata,
    pub tensors: Vec<TensorInfo>,
}

impl Part {
    /// Reads and checks the header.
    pub fn open(path: &Path) -> Result<Self> {
        let file = PositionedFile::open(path)?;
        let mut header = HeaderReader::new(&file);
        check_version(&mut header)?;
        let tensor_count = tensors::read_count(&mut header)?;
        let entry_count = MetadataEntries::count(&mut header)?;
        let entries = MetadataEntries::read(&mut header, entry_count)?;
        let metadata_end = header.position();
        let mut tensors = tensors::read_infos(&mut header, tensor_count)?;
        let infos_end = header.position() as u64;
        let metadata = entries.with_bytes(path.to_owned(), header.into_bytes(metadata_end));
        let alignment = alignment(&metadata)?;
        let data_start = infos_end.next_multiple_of(alignment);
        tensors::place(&mut tensors, data_start, alignment, file.len())
            .map_err(|message| broken(path, message))?;
        Ok(Part { file, metadata, tensors })
    }
}

/// The magic number and a version that can be read.
fn check_version(header: &mut HeaderReader<'_>) -> Result<()> {
    let path = header.path();
    let refuse = |message: String, hint: &str| Err(Error::model(message).at(path).hint(hint));
    if header.u32("the magic number")?.to_le_bytes() != *b"GGUF" {
        return refuse("not a GGUF file".into(), "a GGUF file starts with the letters GGUF");
    }
    match header.u32("the version")? {
        2 | 3 => Ok(()),
        1 => refuse(
            "GGUF version 1 is not read".into(),
            "convert the model anew; version 1 was replaced in 2023",
        ),
        version if version & 0xffff == 0 => refuse(
            "a big-endian GGUF file is not read".into(),
            "turn it round with gguf-convert-endian of the Python package gguf, or fetch the usual little-endian file",
        ),
        version => refuse(format!("GGUF version {version} is not known"), "versions 2 and 3 are read"),
    }
}

fn alignment(metadata: &Metadata) -> Result<u64> {
    const KEY: &str = "general.alignment";
    let alignment = metadata.get::<u32>(KEY)?.unwrap_or(ALIGNMENT_DEFAULT);
    match alignment.is_power_of_two() {
        true => Ok(alignment.into()),
        false => Err(broken(metadata.path(), format!("metadata `{KEY}` is {alignment}, no power of two"))),
    }
}

/// A file of a known length that many threads may read at once.
pub struct PositionedFile {
    file: File,
    path: PathBuf,
    len: u64,
    #[cfg(not(unix))]
    cursor: std::sync::Mutex<()>,
}

impl PositionedFile {
    pub fn open(path: &Path) -> Result<Self> {
        let failed = |source: std::io::Error| Error::model("cannot be read").at(path).because(source);
        // Looked at before it is opened: opening a pipe would wait for a writer.
        let metadata = std::fs::metadata(path).map_err(failed)?;
        if !metadata.is_file() {
            return Err(Error::model("is not a file").at(path));
        }
        Ok(PositionedFile {
            file: File::open(path).map_err(failed)?,
            path: path.to_owned(),
            len: metadata.len(),
            #[cfg(not(unix))]
            cursor: std::sync::Mutex::new(()),
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn len(&self) -> u64 {
        self.len
    }

    /// Reads exactly `buffer.len()` bytes at `offset`.
    #[cfg(unix)]
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> std::io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.file, buffer, offset)
    }

    /// Reads exactly `buffer.len()` bytes at `offset`, one thread at a time.
    #[cfg(not(unix))]
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> std::io::Result<()> {
        use std::io::{Read, Seek, SeekFrom};
        let _cursor = self.cursor.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        (&self.file).seek(SeekFrom::Start(offset))?;
        (&self.file).read_exact(buffer)
    }
}
