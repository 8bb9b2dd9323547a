//! The tensors of a GGUF model as weights. Knows shapes and bytes, not what a tensor is for.

use super::super::config::ModelConfig;
use super::super::families::TensorNames;
use super::super::file::ModelFile;
use super::super::weights::WeightFiles;
use super::file::GgufFile;
use super::names;
use super::tensors::TensorInfo;
use crate::engine::{EngineDevice, StoredMatrix};
use crate::error::{Error, Result};

impl WeightFiles for GgufFile {
    fn files(&self) -> Vec<(String, &ModelFile)> {
        let name =
            |file: &ModelFile| file.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.files().map(|file| (name(file), file)).collect()
    }

    fn tensor_names(&self) -> Vec<&str> {
        self.tensors().iter().map(TensorInfo::name).collect()
    }

    fn names(&self, config: &ModelConfig) -> TensorNames {
        names::of(config, |name| self.tensor(name).is_some())
    }

    fn matrix(&self, name: &str, shape: &[usize]) -> Result<Option<StoredMatrix>> {
        let Some(tensor) = self.tensor(name) else { return Ok(None) };
        // Writers may leave outer dimensions of 1 away.
        let significant =
            |shape: &[usize]| -> Vec<usize> { shape.iter().copied().skip_while(|&size| size == 1).collect() };
        if significant(tensor.shape()) != significant(shape) {
            return Err(Error::model(format!(
                "tensor `{name}` is {:?}, but the config asks for {shape:?}",
                tensor.shape()
            ))
            .at(self.metadata().path()));
        }
        GgufFile::matrix(self, tensor).map(Some)
    }

    fn needed_bytes(&self, device: &EngineDevice) -> u64 {
        let bytes = |tensor: &TensorInfo| {
            let format = tensor.kind().format()?;
            let values = tensor.row_count() as f64 * tensor.row_len() as f64;
            Some((values * device.bytes_per_value_of(format)) as u64)
        };
        self.tensors().iter().filter_map(bytes).sum()
    }
}
