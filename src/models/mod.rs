//! Reads `models/`, and model folders and GGUF files elsewhere: config, weights, tokenizer and template, into a decoder.
//! Knows nothing of surveys.

mod card;
mod catalogue;
mod config;
mod families;
mod file;
mod files;
mod find;
mod folder;
pub mod gguf;
mod hashing;
mod hf_cache;
#[cfg(feature = "hub")]
pub mod hub;
mod import;
mod inside;
mod manifest;
mod places;
mod quantise;
mod random;
mod rows;
mod safetensors;
mod shapes;
mod shards;
mod verify;
mod weights;

use crate::engine::{Decoder, EngineDevice};
use crate::error::Result;
use sha2::{Digest, Sha256};

pub use card::{MemoryCard, ModelCard, RopeCard, TextCard};
pub use catalogue::{CatalogueEntry, Inspection, catalogue, inspect};
pub use config::{Family, ModelConfig, TensorLayout};
pub use files::{ModelFiles, TokenizerFile};
pub use find::find_path;
pub use folder::{BUILT_IN_NAME, ModelFolder, is_control};
pub use hashing::{HashedFile, hash_file};
pub use import::{ImportRequest, Imported, belonging_paths, import};
pub use manifest::{ManifestFile, ModelManifest};
pub use places::ModelPlaces;
pub use quantise::{Quantisation, QuantisedWeights};
pub use random::random_decoder;
pub use shapes::{shape_config, shape_names};
pub use verify::{FileState, Manifests, VerifiedFile};

/// A decoder and what its weights were.
#[derive(Debug)]
pub struct LoadedModel {
    pub decoder: Decoder,
    pub weights_sha256: String,
    pub parameter_count: u64,
    /// dtypes found on disk, joined by `+`.
    pub stored_dtype: String,
}

/// Reads the weights into a decoder, and hashes their files meanwhile. `progress` is told layers read and layers in all.
///
/// # Errors
/// Kind `Model`: a truncated or lying file, a tensor that is absent, unexpected, of another shape or dtype than the
/// config says, or that holds NaN or infinity.
pub fn load(
    folder: &ModelFolder,
    config: &ModelConfig,
    device: &EngineDevice,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<LoadedModel> {
    let store = weights::WeightStore::open(folder, device)?;
    // A file's hash keeps one thread busy for as long as the others pack.
    let (decoder, weights_sha256) =
        rayon::join(|| decoder_of(&store, config, None, device, progress), || store.sha256());
    Ok(LoadedModel {
        decoder: decoder?,
        parameter_count: store.parameter_count(),
        stored_dtype: store.stored_dtype(),
        weights_sha256: weights_sha256?,
    })
}

/// The sha256 of a model's weights, as [`load`] has it.
///
/// # Errors
/// Kind `Model` when they cannot be read.
pub fn weights_sha256(folder: &ModelFolder, device: &EngineDevice) -> Result<String> {
    weights::WeightStore::open(folder, device)?.sha256()
}

/// The decoder alone, of weights as they are or quantised on the way, as a GGML file would hold them.
///
/// # Errors
/// As [`load`].
pub fn load_decoder(
    folder: &ModelFolder,
    config: &ModelConfig,
    quantisation: Option<Quantisation>,
    device: &EngineDevice,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Decoder> {
    decoder_of(&weights::WeightStore::open(folder, device)?, config, quantisation, device, progress)
}

fn decoder_of(
    store: &weights::WeightStore,
    config: &ModelConfig,
    quantisation: Option<Quantisation>,
    device: &EngineDevice,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Decoder> {
    let names = store.names(config);
    let mut source = families::NamedWeights::new(store, config, names, progress);
    let decoder = match quantisation {
        None => Decoder::new(config.decoder.clone(), &mut source, device)?,
        Some(quantisation) => {
            let mut source = QuantisedWeights { source: &mut source, quantisation };
            Decoder::new(config.decoder.clone(), &mut source, device)?
        }
    };
    store.refuse_unread(|name| names.ignores(name))?;
    Ok(decoder)
}

/// Reads a model's weight files once, for the time that it takes. Returns their bytes.
///
/// # Errors
/// Kind `Model`, as [`load`].
pub fn read_weight_files(folder: &ModelFolder, device: &EngineDevice) -> Result<u64> {
    weights::WeightStore::open(folder, device)?.read_through()
}

/// Lower-case hex of the sha256 of `bytes`.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
