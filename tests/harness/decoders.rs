//! Decoders of golden models.

use respondent::engine::{Decoder, EngineDevice};
use respondent::models::{ModelConfig, ModelFolder, load};
use std::path::{Path, PathBuf};

/// A path inside the repository.
pub fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

pub fn decoder(directory: &Path) -> Decoder {
    decoder_on(directory, &EngineDevice::from_name("cpu").unwrap())
}

/// Of a directory, or of a GGUF file.
pub fn decoder_on(directory: &Path, device: &EngineDevice) -> Decoder {
    let folder = ModelFolder::find(directory.to_str().unwrap()).unwrap();
    let config = ModelConfig::read(&folder).unwrap();
    load(&folder, &config, device, &|_, _| ()).unwrap().decoder
}
