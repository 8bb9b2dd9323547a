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

pub fn decoder_on(directory: &Path, device: &EngineDevice) -> Decoder {
    let folder = ModelFolder::Directory(directory.to_owned());
    let config =
        ModelConfig::parse(&folder.read_small("config.json").unwrap(), &directory.join("config.json"));
    load(&folder, &config.unwrap(), device, &|_, _| ()).unwrap().decoder
}
