//! A whole GGUF model, whatever number of files it lies in: what is in it, and the bytes of its tensors.

use super::super::file::ModelFile;
use super::super::rows::FileRows;
use super::metadata::Metadata;
use super::part::Part;
use super::split;
use super::tensors::TensorInfo;
use crate::engine::StoredMatrix;
use crate::error::Result;
use std::collections::HashMap;
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
            tensor_name: tensor.name().to_owned(),
            start: tensor.offset,
            row_bytes: format.row_bytes(row_len),
            row_count,
            format,
        };
        Ok(StoredMatrix::new(row_count, row_len, format, Arc::new(rows)))
    }
}
