//! A whole GGUF model, whatever number of files it lies in: what is in it, and the bytes of its tensors.

use super::metadata::Metadata;
use super::part::{Part, PositionedFile};
use super::split;
use super::tensors::TensorInfo;
use crate::engine::dequantise;
use crate::error::{Error, Result};
use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

/// An open model. Reading needs no exclusive access, so that many threads may read at once.
pub struct GgufFile {
    files: Vec<PositionedFile>,
    metadata: Metadata,
    tensors: Vec<TensorInfo>,
    /// Name to index.
    places: HashMap<String, usize>,
}

impl GgufFile {
    /// Opens a file; of a split model any part, and with it the others that lie beside it.
    ///
    /// # Errors
    /// Kind `Model`: not GGUF, big-endian or of another version, a header that does not fit the file, tensors that overlap, are not
    /// aligned or lie outside, a key or tensor that is there twice, parts that are missing or do not belong together.
    pub fn open(path: &Path) -> Result<Self> {
        let parts = split::open_all(path)?;
        let (mut files, mut metadata, mut tensors) = (Vec::new(), None, Vec::new());
        let mut places = HashMap::new();
        for (index, Part { file, metadata: own, tensors: infos }) in parts.into_iter().enumerate() {
            for mut info in infos {
                info.part = index;
                if places.insert(info.name().to_owned(), tensors.len()).is_some() {
                    let message = format!("tensor `{}` is there twice", info.name());
                    return Err(super::header::broken(file.path(), message));
                }
                tensors.push(info);
            }
            files.push(file);
            metadata.get_or_insert(own);
        }
        let metadata = metadata.expect("there is one part at least");
        Ok(GgufFile { files, metadata, tensors, places })
    }

    /// Of the first part, which has everything that is not about splitting.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// All tensors, in the order of the files.
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    pub fn tensor(&self, name: &str) -> Option<&TensorInfo> {
        self.places.get(name).map(|&place| &self.tensors[place])
    }

    /// The files, in the order of the parts.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(PositionedFile::path)
    }

    /// The bytes of some rows of a tensor of this file, in place of what was in `bytes`.
    ///
    /// # Errors
    /// Kind `Model` when the tensor's type cannot be read as weights, or reading fails.
    ///
    /// # Panics
    /// When there are no such rows.
    pub fn read_rows(&self, tensor: &TensorInfo, rows: Range<usize>, bytes: &mut Vec<u8>) -> Result<()> {
        let file = &self.files[tensor.part];
        tensor.refuse_unreadable(file.path())?;
        assert!(rows.start <= rows.end && rows.end <= tensor.row_count(), "rows {rows:?} of {tensor:?}");
        let row_bytes = tensor.row_bytes().expect("readable types have a size");
        bytes.clear();
        bytes.resize(rows.len() * row_bytes, 0);
        file.read_at(tensor.offset + rows.start as u64 * row_bytes as u64, bytes).map_err(|source| {
            Error::model(format!("tensor `{}` cannot be read", tensor.name())).at(file.path()).because(source)
        })
    }

    /// All values of a tensor of this file, as f32.
    ///
    /// # Errors
    /// As [`Self::read_rows`].
    pub fn read_f32(&self, tensor: &TensorInfo) -> Result<Vec<f32>> {
        let mut bytes = Vec::new();
        self.read_rows(tensor, 0..tensor.row_count(), &mut bytes)?;
        let mut values = Vec::with_capacity(tensor.value_count());
        dequantise(tensor.kind().readable().expect("read_rows refuses others"), &bytes, &mut values);
        Ok(values)
    }
}
