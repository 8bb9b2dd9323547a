//! One safetensors file: its header, checked against the file's length, and its tensors.
//! Nothing is mapped: a tensor's bytes are read when it is asked for.

use super::folder::{ModelFolder, ReadSeek, read_at};
use crate::error::{Error, Result};
use candle_core::{Device, Tensor, WithDType};
use half::{bf16, f16};
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The format's own limit on the header.
const HEADER_BYTES_MAX: u64 = 100_000_000;

/// An open file with its directory of tensors.
pub struct SafetensorsFile {
    file: Box<dyn ReadSeek>,
    path: PathBuf,
    data_start: u64,
    tensors: BTreeMap<String, TensorInfo>,
}

impl SafetensorsFile {
    /// Reads and checks the header.
    ///
    /// # Errors
    /// Kind `Model`: too short, a header that is not one, or tensors that do not lie within the file.
    pub fn open(folder: &ModelFolder, name: &str) -> Result<Self> {
        let path = folder.describe(name);
        let (mut file, file_len) = folder.open(name)?;
        let broken = |message: String| {
            Error::model(message)
                .at(&path)
                .hint("the file is damaged or was not copied whole; fetch it again")
        };
        let mut len = [0; 8];
        read_at(&mut *file, 0, &mut len).map_err(|_| broken(format!("{file_len} bytes hold no header")))?;
        let header_len = u64::from_le_bytes(len);
        if header_len > HEADER_BYTES_MAX || header_len + 8 > file_len {
            return Err(broken(format!("a header of {header_len} bytes does not fit a file of {file_len}")));
        }
        let mut header = vec![0; header_len as usize];
        read_at(&mut *file, 8, &mut header)
            .map_err(|source| broken("unreadable header".into()).because(source))?;
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
        Ok(SafetensorsFile { file, path, data_start: 8 + header_len, tensors })
    }

    pub fn tensors(&self) -> impl Iterator<Item = (&str, &TensorInfo)> {
        self.tensors.iter().map(|(name, info)| (name.as_str(), info))
    }

    /// A tensor in the dtype it is stored in, in main memory.
    ///
    /// # Errors
    /// Kind `Model` for another shape or dtype than expected, or a value that is NaN or infinite.
    pub fn read(&mut self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let info = &self.tensors[name];
        if info.shape != shape {
            return Err(Error::model(format!(
                "tensor `{name}` is {:?}, but the config asks for {shape:?}",
                info.shape
            ))
            .at(&self.path));
        }
        let mut bytes = vec![0; info.data_offsets.1 - info.data_offsets.0];
        read_at(&mut *self.file, self.data_start + info.data_offsets.0 as u64, &mut bytes).map_err(
            |source| Error::model(format!("tensor `{name}` cannot be read")).at(&self.path).because(source),
        )?;
        match info.dtype {
            Dtype::F32 => self.finite(name, shape, numbers(&bytes, f32::from_le_bytes), |v| v.is_finite()),
            Dtype::BF16 => self.finite(name, shape, numbers(&bytes, bf16::from_le_bytes), |v| v.is_finite()),
            Dtype::F16 => self.finite(name, shape, numbers(&bytes, f16::from_le_bytes), |v| v.is_finite()),
            other => {
                Err(Error::model(format!("tensor `{name}` has dtype {other:?}; F32, BF16 and F16 are read"))
                    .at(&self.path))
            }
        }
    }

    fn finite<T: WithDType>(
        &self,
        name: &str,
        shape: &[usize],
        values: Vec<T>,
        is_finite: impl Fn(&T) -> bool + Sync,
    ) -> Result<Tensor> {
        let bad_count = values.iter().filter(|value| !is_finite(value)).count();
        if bad_count > 0 {
            return Err(Error::model(format!(
                "tensor `{name}` holds {bad_count} values that are NaN or infinite"
            ))
            .at(&self.path)
            .hint("the weights are damaged; verify the file against its publisher's hash"));
        }
        Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
    }
}

fn numbers<T, const SIZE: usize>(bytes: &[u8], number: impl Fn([u8; SIZE]) -> T) -> Vec<T> {
    bytes.as_chunks().0.iter().map(|&bytes| number(bytes)).collect()
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
