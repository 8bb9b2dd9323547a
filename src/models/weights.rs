//! All tensors of a model, from one safetensors file or several behind an index. Keeps account of what was read, so that
//! nothing is missing and nothing is left over; hashes the files.

use super::families::NamedTensors;
use super::folder::{ModelFolder, parse_json};
use super::safetensors::SafetensorsFile;
use crate::engine::{EngineDevice, StoredFormat, StoredMatrix};
use crate::error::{Error, Result};
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// How many tensors an error names before it counts the rest.
const NAMED_COUNT_MAX: usize = 4;

#[derive(serde::Deserialize)]
struct ShardIndex {
    weight_map: BTreeMap<String, String>,
}

/// Open weight files.
pub struct WeightStore {
    folder: ModelFolder,
    file_names: Vec<String>,
    files: Vec<SafetensorsFile>,
    /// Tensor name to index of its file.
    places: BTreeMap<String, usize>,
    account: Mutex<Account>,
}

/// What was asked for so far.
#[derive(Default)]
struct Account {
    unread: BTreeSet<String>,
    dtypes: BTreeSet<&'static str>,
    parameter_count: u64,
}

impl WeightStore {
    /// Opens `model.safetensors`, or every file that `model.safetensors.index.json` names, for weights that will be held on
    /// this device.
    ///
    /// # Errors
    /// Kind `Model`: neither is there, a header is broken, a tensor stands in two files, or the index names a tensor
    /// that its file does not hold.
    pub fn open(folder: &ModelFolder, device: &EngineDevice) -> Result<Self> {
        let index = shard_index(folder)?;
        let file_names = file_names(index.as_ref());
        let mut store = WeightStore {
            folder: folder.clone(),
            file_names,
            files: Vec::new(),
            places: BTreeMap::new(),
            account: Mutex::default(),
        };
        for name in store.file_names.clone() {
            store.add_file(&name)?;
        }
        if let Some(index) = index {
            for (tensor, file) in &index.weight_map {
                let found = store.places.get(tensor).map(|&place| &store.file_names[place]);
                if found != Some(file) {
                    return Err(Error::model(format!("tensor `{tensor}` is not in {file}"))
                        .at(folder.describe(INDEX)));
                }
            }
        }
        store.refuse_too_large(device)?;
        Ok(store)
    }

    /// What does not fit would end the process without a word.
    fn refuse_too_large(&self, device: &EngineDevice) -> Result<()> {
        let elements = |file: &SafetensorsFile| -> u64 {
            file.tensors().map(|(_, info)| padded_count(&info.shape)).sum()
        };
        let needed_bytes = self.files.iter().map(elements).sum::<u64>() * device.bytes_per_value();
        match super::memory::available_bytes() {
            Some(available) if needed_bytes > available => Err(Error::model(format!(
                "the weights take {:.1} GiB in {}, and {:.1} GiB of memory are free",
                gibibytes(needed_bytes),
                device.dtype(),
                gibibytes(available)
            ))
            .at(self.folder.describe(&self.file_names[0]))
            .hint("use a smaller model or a machine with more memory")),
            _ => Ok(()),
        }
    }

    fn add_file(&mut self, name: &str) -> Result<()> {
        let file = SafetensorsFile::open(&self.folder, name)?;
        for (tensor, _) in file.tensors() {
            if self.places.insert(tensor.to_owned(), self.files.len()).is_some() {
                return Err(Error::model(format!("tensor `{tensor}` is also in another file"))
                    .at(self.folder.describe(name)));
            }
            self.account().unread.insert(tensor.to_owned());
        }
        self.files.push(file);
        Ok(())
    }

    fn account(&self) -> std::sync::MutexGuard<'_, Account> {
        self.account.lock().expect("no thread panics while it keeps the account")
    }

    /// # Errors
    /// Kind `Model`, naming tensors that nothing asked for and that are not to be ignored.
    pub fn refuse_unread(&self, is_ignored: impl Fn(&str) -> bool) -> Result<()> {
        let account = self.account();
        let unread: Vec<&str> =
            account.unread.iter().map(String::as_str).filter(|name| !is_ignored(name)).collect();
        if unread.is_empty() {
            return Ok(());
        }
        let named = &unread[..unread.len().min(NAMED_COUNT_MAX)];
        let more = match unread.len() - named.len() {
            0 => String::new(),
            count => format!(" and {count} more"),
        };
        Err(Error::model(format!("the config does not explain the tensors {}{more}", named.join(", ")))
            .at(self.folder.describe(&self.file_names[0]))
            .hint("config.json and the weights belong to different models"))
    }

    pub fn parameter_count(&self) -> u64 {
        self.account().parameter_count
    }

    /// dtypes of what was read, joined by `+`.
    pub fn stored_dtype(&self) -> String {
        self.account().dtypes.iter().copied().collect::<Vec<_>>().join("+")
    }

    /// Of one file its sha256; of several the sha256 over `name`, NUL and the file's sha256, in name order.
    pub fn sha256(&self) -> Result<String> {
        let hashes = self.files.par_iter().map(|file| file.file().sha256()).collect::<Result<Vec<_>>>()?;
        if let [only] = &hashes[..] {
            return Ok(only.clone());
        }
        let mut all = Sha256::new();
        for (name, hash) in self.file_names.iter().zip(&hashes) {
            all.update(name);
            all.update([0]);
            all.update(hash);
        }
        Ok(super::hex(&all.finalize()))
    }

    /// Reads all files once and does nothing with them. Returns their bytes.
    ///
    /// # Errors
    /// Kind `Model` when one cannot be read.
    pub fn read_through(&self) -> Result<u64> {
        let mut byte_count = 0;
        for file in &self.files {
            file.file().each_block(|block| byte_count += std::hint::black_box(block).len() as u64)?;
        }
        Ok(byte_count)
    }
}

impl NamedTensors for WeightStore {
    fn matrix(&self, name: &str, shape: &[usize]) -> Result<StoredMatrix> {
        let Some(&place) = self.places.get(name) else {
            return Err(Error::model(format!("tensor `{name}` {shape:?} is missing from the weights"))
                .at(self.folder.describe(&self.file_names[0]))
                .hint(
                    "config.json and the weights belong to different models, or the download is incomplete",
                ));
        };
        let matrix = self.files[place].matrix(name, shape)?;
        let mut account = self.account();
        account.unread.remove(name);
        account.dtypes.insert(match matrix.format() {
            StoredFormat::F32 => "f32",
            StoredFormat::Bf16 => "bf16",
            StoredFormat::F16 => "f16",
            StoredFormat::Ggml(_) => "ggml",
        });
        account.parameter_count += shape.iter().product::<usize>() as u64;
        Ok(matrix)
    }

    fn contains(&self, name: &str) -> bool {
        self.places.contains_key(name)
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

pub fn gibibytes(bytes: u64) -> f64 {
    bytes as f64 / (1u64 << 30) as f64
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
