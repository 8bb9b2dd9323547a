//! The header of a safetensors file.

#![no_main]

use respondent::engine::EngineDevice;
use respondent::models::{ModelFolder, read_weight_files};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let folder = respondent_fuzz::folder_with("model.safetensors", bytes);
    let device = EngineDevice::from_name("cpu").expect("every machine has one");
    let _ = read_weight_files(&ModelFolder::Directory(folder), &device);
});
