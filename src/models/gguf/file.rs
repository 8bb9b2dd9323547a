//! A whole GGUF model, whatever number of files it lies in: what is in it, and the bytes of its tensors.

use super::super::file::ModelFile;
use super::metadata::Metadata;
use super::part::Part;
use super::split;
use super::tensors::TensorInfo;
use crate::engine::{StoredFormat, StoredMatrix, StoredRows};
use crate::error::{Error, Result};
use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// An open model.
pub struct GgufFile {
    files: Vec<Arc<ModelFile>>,
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
            files.push(Arc::new(file));
            metadata.get_or_insert(own);
        }
        let metadata = metadata.expect("there is one part at least");
        Ok(GgufFile { files, metadata, tensors, places })
    }

    /// Of the first part, which has everything that is not about splitting.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    pub fn into_metadata(self) -> Metadata {
        self.metadata
    }

    /// All tensors, in the order of the files.
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    pub fn tensor(&self, name: &str) -> Option<&TensorInfo> {
        self.places.get(name).map(|&place| &self.tensors[place])
    }

    /// The files, in the order of the parts.
    pub fn files(&self) -> impl Iterator<Item = &ModelFile> {
        self.files.iter().map(Arc::as_ref)
    }

    /// A tensor of this file as a matrix of rows along its innermost dimension; a vector is one row. Nothing is read yet.
    ///
    /// # Errors
    /// Kind `Model` when the tensor's type cannot be read as weights.
    pub fn matrix(&self, tensor: &TensorInfo) -> Result<StoredMatrix> {
        let file = &self.files[tensor.part];
        let format = tensor.format(file.path())?;
        let (row_count, row_len) = (tensor.row_count(), tensor.row_len());
        let rows = FileRows {
            file: file.clone(),
            tensor: tensor.clone(),
            row_bytes: format.row_bytes(row_len),
            format,
        };
        Ok(StoredMatrix::new(row_count, row_len, format, Arc::new(rows)))
    }
}

/// Rows of one tensor.
struct FileRows {
    file: Arc<ModelFile>,
    tensor: TensorInfo,
    row_bytes: usize,
    format: StoredFormat,
}

impl StoredRows for FileRows {
    fn read(&self, rows: Range<usize>, bytes: &mut [u8]) -> Result<()> {
        self.file.read_at(self.tensor.offset + (rows.start * self.row_bytes) as u64, bytes)?;
        match not_finite_count(self.format, bytes) {
            0 => Ok(()),
            count => Err(Error::model(format!(
                "tensor `{}` holds {count} values that are NaN or infinite in its rows {rows:?}",
                self.tensor.name()
            ))
            .at(self.file.path())
            .hint("the weights are damaged; verify the file against its publisher's hash")),
        }
    }
}

/// Plain values whose exponent is all ones. Blocks are looked at when they are taken apart.
fn not_finite_count(format: StoredFormat, bytes: &[u8]) -> usize {
    let halves =
        |mask: u16| bytes.as_chunks().0.iter().filter(|&&two| u16::from_le_bytes(two) & mask == mask).count();
    match format {
        StoredFormat::Bf16 => halves(0x7f80),
        StoredFormat::F16 => halves(0x7c00),
        StoredFormat::F32 => {
            let mask = 0x7f80_0000;
            bytes.as_chunks().0.iter().filter(|&&four| u32::from_le_bytes(four) & mask == mask).count()
        }
        StoredFormat::Ggml(_) => 0,
    }
}
