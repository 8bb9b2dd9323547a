//! One safetensors file: its header, checked against the file's length, and its tensors, of which rows are read when they are
//! asked for. Knows no names that a family gives.

use super::file::ModelFile;
use super::folder::ModelFolder;
use super::rows::FileRows;
use crate::engine::{StoredFormat, StoredMatrix};
use crate::error::{Error, Result};
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The format's own limit on the header.
const HEADER_BYTES_MAX: u64 = 100_000_000;

/// An open file with its directory of tensors.
pub struct SafetensorsFile {
    file: Arc<ModelFile>,
    data_start: u64,
    tensors: BTreeMap<String, TensorInfo>,
}

impl SafetensorsFile {
    /// Reads and checks the header.
    ///
    /// # Errors
    /// Kind `Model`: too short, a header that is not one, or tensors that do not lie within the file.
    pub fn open(folder: &ModelFolder, name: &str) -> Result<Self> {
        let file = folder.open(name)?;
        let file_len = file.len();
        let broken = |message: String| {
            Error::model(message)
                .at(file.path())
                .hint("the file is damaged or was not copied whole; fetch it again")
        };
        let mut len = [0; 8];
        file.read_at(0, &mut len).map_err(|_| broken(format!("{file_len} bytes hold no header")))?;
        let header_len = u64::from_le_bytes(len);
        if header_len > HEADER_BYTES_MAX || header_len + 8 > file_len {
            return Err(broken(format!("a header of {header_len} bytes does not fit a file of {file_len}")));
        }
        let mut header = vec![0; header_len as usize];
        file.read_at(8, &mut header)?;
        let metadata: Metadata = serde_json::from_slice(&header)
            .map_err(|source| broken("not a safetensors header".into()).because(source))?;
        let data_len = file_len - 8 - header_len;
        let tensors: BTreeMap<String, TensorInfo> =
            metadata.tensors().into_iter().map(|(name, info)| (name, info.clone())).collect();
        for (name, info) in &tensors {
            check_info(name, info, data_len).map_err(broken)?;
        }
        let end = tensors.values().map(|info| info.data_offsets.1 as u64).max().unwrap_or(0);
        if end != data_len {
            return Err(broken(format!("{} bytes behind the last tensor belong to none", data_len - end)));
        }
        Ok(SafetensorsFile { file: Arc::new(file), data_start: 8 + header_len, tensors })
    }

    pub fn tensors(&self) -> impl Iterator<Item = (&str, &TensorInfo)> {
        self.tensors.iter().map(|(name, info)| (name.as_str(), info))
    }

    pub fn file(&self) -> &ModelFile {
        &self.file
    }

    /// A tensor as a matrix of rows along its last axis; a vector is one row. Nothing is read yet.
    ///
    /// # Errors
    /// Kind `Model` for another shape than expected, or a dtype that is not read.
    pub fn matrix(&self, name: &str, shape: &[usize]) -> Result<StoredMatrix> {
        let info = &self.tensors[name];
        if info.shape != shape {
            return Err(Error::model(format!(
                "tensor `{name}` is {:?}, but the config asks for {shape:?}",
                info.shape
            ))
            .at(self.file.path()));
        }
        let format = match info.dtype {
            Dtype::F32 => StoredFormat::F32,
            Dtype::BF16 => StoredFormat::Bf16,
            Dtype::F16 => StoredFormat::F16,
            other => {
                let message = format!("tensor `{name}` has dtype {other:?}; F32, BF16 and F16 are read");
                return Err(Error::model(message).at(self.file.path()));
            }
        };
        let column_count = shape.last().copied().unwrap_or(1);
        let row_count = shape.iter().rev().skip(1).product();
        let rows = FileRows {
            file: self.file.clone(),
            tensor_name: name.to_owned(),
            start: self.data_start + info.data_offsets.0 as u64,
            row_bytes: format.row_bytes(column_count),
            row_count,
            format,
        };
        Ok(StoredMatrix::new(row_count, column_count, format, Arc::new(rows)))
    }
}

fn check_info(name: &str, info: &TensorInfo, data_len: u64) -> std::result::Result<(), String> {
    let (start, end) = info.data_offsets;
    if start > end || end as u64 > data_len {
        return Err(format!(
            "tensor `{name}` lies at {start}..{end}, but there are {data_len} bytes of data"
        ));
    }
    let bits = info.shape.iter().try_fold(info.dtype.bitsize(), |bits, &size| bits.checked_mul(size));
    if bits != Some((end - start).saturating_mul(8)) {
        return Err(format!("tensor `{name}` of shape {:?} cannot be {} bytes", info.shape, end - start));
    }
    Ok(())
}
