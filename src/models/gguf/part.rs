//! One file of GGUF and its header. Does not know whether there are other parts.

use super::super::file::ModelFile;
use super::super::folder::ModelFolder;
use super::header::{HeaderReader, broken};
use super::metadata::{Metadata, MetadataEntries};
use super::tensors::{self, TensorInfo};
use crate::error::{Error, Result};

/// Alignment of tensors in files that do not say.
const ALIGNMENT_DEFAULT: u32 = 32;

/// An open file with its header.
pub struct Part {
    pub file: ModelFile,
    pub metadata: Metadata,
    pub tensors: Vec<TensorInfo>,
}

impl Part {
    /// Reads and checks the header; `None` where there is no such file.
    pub fn open_if_present(model: &ModelFolder, name: &str) -> Result<Option<Self>> {
        model.open_if_present(name)?.map(Self::read).transpose()
    }

    fn read(file: ModelFile) -> Result<Self> {
        let mut header = HeaderReader::new(&file);
        check_version(&mut header)?;
        let tensor_count = tensors::read_count(&mut header)?;
        let entry_count = MetadataEntries::count(&mut header)?;
        let entries = MetadataEntries::read(&mut header, entry_count)?;
        let metadata_end = header.position();
        let mut tensors = tensors::read_infos(&mut header, tensor_count)?;
        let infos_end = header.position() as u64;
        let metadata = entries.with_bytes(file.path().to_owned(), header.into_bytes(metadata_end));
        let alignment = alignment(&metadata)?;
        let data_start = infos_end.next_multiple_of(alignment);
        tensors::place(&mut tensors, data_start, alignment, file.len())
            .map_err(|message| broken(file.path(), message))?;
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
