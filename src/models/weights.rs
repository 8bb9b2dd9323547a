//! All tensors of a model, whatever files they lie in. Keeps account of what was read, so that nothing is missing and nothing
//! is left over; hashes the files.

use super::config::ModelConfig;
use super::families::{NamedTensors, TensorNames};
use super::file::ModelFile;
use super::folder::ModelFolder;
use super::gguf::{GgmlType, GgufFile};
use super::shards::Shards;
use crate::engine::{EngineDevice, StoredFormat, StoredMatrix};
use crate::error::{Error, Result};
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;

/// How many tensors an error names before it counts the rest.
const NAMED_COUNT_MAX: usize = 4;

/// Open files of tensors.
pub trait WeightFiles: Send + Sync {
    /// With their own names, sorted by them; one at least.
    fn files(&self) -> Vec<(String, &ModelFile)>;

    fn tensor_names(&self) -> Vec<&str>;

    /// How this kind of file spells the tensors of a model.
    fn names(&self, config: &ModelConfig) -> TensorNames;

    /// `None` where there is no such tensor.
    ///
    /// # Errors
    /// Kind `Model` for another shape than expected, or numbers that are not read.
    fn matrix(&self, name: &str, shape: &[usize]) -> Result<Option<StoredMatrix>>;

    /// What all of them take once they are loaded.
    fn needed_bytes(&self, device: &EngineDevice) -> u64;
}

/// Open weight files.
pub struct WeightStore {
    files: Box<dyn WeightFiles>,
    names: BTreeSet<String>,
    account: Mutex<Account>,
}

/// What was asked for so far.
#[derive(Default)]
struct Account {
    unread: BTreeSet<String>,
    dtypes: BTreeSet<String>,
    parameter_count: u64,
}

impl WeightStore {
    /// Opens the weights of a folder, or of a GGUF file, that will be held on this device.
    ///
    /// # Errors
    /// Kind `Model`: there are none, a header is broken, or they do not fit the memory.
    pub fn open(folder: &ModelFolder, device: &EngineDevice) -> Result<Self> {
        let files: Box<dyn WeightFiles> = match folder {
            ModelFolder::Gguf(path) => Box::new(GgufFile::open(path)?),
            _ => Box::new(Shards::open(folder)?),
        };
        let names: BTreeSet<String> = files.tensor_names().into_iter().map(str::to_owned).collect();
        let account = Mutex::new(Account { unread: names.clone(), ..Account::default() });
        let store = WeightStore { files, names, account };
        store.refuse_too_large(device)?;
        Ok(store)
    }

    /// What does not fit would end the process without a word.
    fn refuse_too_large(&self, device: &EngineDevice) -> Result<()> {
        let needed_bytes = self.files.needed_bytes(device);
        match crate::system_memory::available_bytes() {
            Some(available) if needed_bytes > available => Err(Error::model(format!(
                "the weights take {:.1} GiB in {}, and {:.1} GiB of memory are free",
                gibibytes(needed_bytes),
                device.dtype(),
                gibibytes(available)
            ))
            .at(self.path())
            .hint("use a smaller model or a machine with more memory")),
            _ => Ok(()),
        }
    }

    /// Of the first file.
    fn path(&self) -> &Path {
        self.files.files()[0].1.path()
    }

    /// How the tensors are spelt.
    pub fn names(&self, config: &ModelConfig) -> TensorNames {
        self.files.names(config)
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
            .at(self.path())
            .hint("the config and the weights belong to different models"))
    }

    pub fn parameter_count(&self) -> u64 {
        self.account().parameter_count
    }

    /// dtypes of the matrices that were read, joined by `+`.
    pub fn stored_dtype(&self) -> String {
        self.account().dtypes.iter().map(String::as_str).collect::<Vec<_>>().join("+")
    }

    /// Of one file its sha256; of several the sha256 over `name`, NUL and the file's sha256, in name order.
    pub fn sha256(&self) -> Result<String> {
        let files = self.files.files();
        let hashes = files.par_iter().map(|(_, file)| file.sha256()).collect::<Result<Vec<_>>>()?;
        if let [only] = &hashes[..] {
            return Ok(only.clone());
        }
        let mut all = Sha256::new();
        for ((name, _), hash) in files.iter().zip(&hashes) {
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
        for (_, file) in self.files.files() {
            file.each_block(|block| byte_count += std::hint::black_box(block).len() as u64)?;
        }
        Ok(byte_count)
    }
}

impl NamedTensors for WeightStore {
    fn matrix(&self, name: &str, shape: &[usize]) -> Result<StoredMatrix> {
        let Some(matrix) = self.files.matrix(name, shape)? else {
            return Err(Error::model(format!("tensor `{name}` {shape:?} is missing from the weights"))
                .at(self.path())
                .hint(
                    "the config and the weights belong to different models, or the download is incomplete",
                ));
        };
        let mut account = self.account();
        account.unread.remove(name);
        let dtype = match matrix.format() {
            StoredFormat::F32 => "f32".to_owned(),
            StoredFormat::Bf16 => "bf16".to_owned(),
            StoredFormat::F16 => "f16".to_owned(),
            StoredFormat::Ggml(dtype) => GgmlType::of(dtype).to_string().to_lowercase(),
        };
        // Norms and biases are often kept in f32, whatever the matrices are in.
        if shape.len() > 1 {
            account.dtypes.insert(dtype);
        }
        account.parameter_count += shape.iter().product::<usize>() as u64;
        Ok(matrix)
    }

    fn contains(&self, name: &str) -> bool {
        self.names.contains(name)
    }
}

pub fn gibibytes(bytes: u64) -> f64 {
    bytes as f64 / (1u64 << 30) as f64
}
