//! A config.json.

#![no_main]

use respondent::models::ModelConfig;
use std::path::Path;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = ModelConfig::parse(bytes, Path::new("config.json"));
});
