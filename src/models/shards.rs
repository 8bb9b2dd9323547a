//! The tensors of one safetensors file, or of several behind an index. Knows no names that a family gives.

use super::config::ModelConfig;
use super::families::TensorNames;
use super::file::ModelFile;
use super::folder::{ModelFolder, parse_json};
use super::safetensors::SafetensorsFile;
use super::weights::WeightFiles;
use crate::engine::{EngineDevice, StoredMatrix};
use crate::error::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

#[derive(serde::Deserialize)]
struct ShardIndex {
    weight_map: BTreeMap<String, String>,
}

/// Open files.
pub struct Shards {
    folder: ModelFolder,
    file_names: Vec<String>,
    files: Vec<SafetensorsFile>,
    /// Tensor name to index of its file.
    places: BTreeMap<String, usize>,
}

impl Shards {
    /// Opens `model.safetensors`, or every file that `model.safetensors.index.json` names.
    ///
    /// # Errors
    /// Kind `Model`: neither is there, a header is broken, a tensor stands in two files, or the index names a tensor
    /// that its file does not hold.
    pub fn open(folder: &ModelFolder) -> Result<Self> {
        let index = shard_index(folder)?;
        let file_names = file_names(index.as_ref());
        let mut shards = Shards {
            folder: folder.clone(),
            file_names: file_names.clone(),
            files: Vec::new(),
            places: BTreeMap::new(),
        };
        for name in &file_names {
            shards.add_file(name)?;
        }
        if let Some(index) = index {
            for (tensor, file) in &index.weight_map {
                let found = shards.places.get(tensor).map(|&place| &file_names[place]);
                if found != Some(file) {
                    return Err(Error::model(format!("tensor `{tensor}` is not in {file}"))
                        .at(folder.describe(INDEX)));
                }
            }
        }
        Ok(shards)
    }

    fn add_file(&mut self, name: &str) -> Result<()> {
        let file = SafetensorsFile::open(&self.folder, name)?;
        for (tensor, _) in file.tensors() {
            if self.places.insert(tensor.to_owned(), self.files.len()).is_some() {
                return Err(Error::model(format!("tensor `{tensor}` is also in another file"))
                    .at(self.folder.describe(name)));
            }
        }
        self.files.push(file);
        Ok(())
    }
}

impl WeightFiles for Shards {
    fn files(&self) -> Vec<(String, &ModelFile)> {
        self.file_names.iter().cloned().zip(self.files.iter().map(SafetensorsFile::file)).collect()
    }

    fn tensor_names(&self) -> Vec<&str> {
        self.places.keys().map(String::as_str).collect()
    }

    fn names(&self, config: &ModelConfig) -> TensorNames {
        TensorNames::of(config)
    }

    fn matrix(&self, name: &str, shape: &[usize]) -> Result<Option<StoredMatrix>> {
        self.places.get(name).map(|&place| self.files[place].matrix(name, shape)).transpose()
    }

    fn needed_bytes(&self, device: &EngineDevice) -> u64 {
        let values = self.files.iter().flat_map(SafetensorsFile::tensors);
        values.map(|(_, info)| padded_count(&info.shape)).sum::<u64>() * device.bytes_per_value()
    }
}

/// The weight files of a folder, by name.
///
/// # Errors
/// Kind `Model` when there are none, or the index is broken.
pub fn weight_file_names(folder: &ModelFolder) -> Result<Vec<String>> {
    Ok(file_names(shard_index(folder)?.as_ref()))
}

/// The index, where there is no single file.
fn shard_index(folder: &ModelFolder) -> Result<Option<ShardIndex>> {
    if folder.open_if_present(SINGLE)?.is_some() {
        return Ok(None);
    }
    let Some(bytes) = folder.read_small_if_present(INDEX)? else { return Err(no_weights(folder)) };
    let index: ShardIndex = parse_json(&bytes, &folder.describe(INDEX))?;
    if index.weight_map.is_empty() {
        return Err(Error::model("weight_map is empty").at(folder.describe(INDEX)));
    }
    Ok(Some(index))
}

fn file_names(index: Option<&ShardIndex>) -> Vec<String> {
    match index {
        None => vec![SINGLE.to_owned()],
        Some(index) => index.weight_map.values().cloned().collect::<BTreeSet<_>>().into_iter().collect(),
    }
}

/// Values that a tensor takes once it is packed: rows fill whole chunks of the kernels, and columns whole panels.
pub fn padded_count(shape: &[usize]) -> u64 {
    match *shape {
        [rows, columns] => rows.next_multiple_of(32) as u64 * columns.next_multiple_of(32) as u64,
        _ => shape.iter().product::<usize>() as u64,
    }
}

fn no_weights(folder: &ModelFolder) -> Error {
    let error = Error::model("no weights").at(folder.describe(SINGLE));
    let pickled = ["pytorch_model.bin", "pytorch_model.bin.index.json", "consolidated.00.pth"];
    match pickled.iter().find(|name| matches!(folder.open_if_present(name), Ok(Some(_)))) {
        Some(name) => {
            error.hint(format!("{name} is a pickle, which can run code; convert it to safetensors first"))
        }
        None => error.hint(format!("the directory needs {SINGLE}, or {INDEX} and the files it names")),
    }
}
