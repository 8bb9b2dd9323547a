//! A GGUF file: everything that can be read out of it.

#![no_main]

use respondent::models::gguf::GgufFile;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let folder = respondent_fuzz::folder_with("model.gguf", bytes);
    let Ok(file) = GgufFile::open(&folder.join("model.gguf")) else { return };
    for (key, _) in file.metadata().iter() {
        let _ = file.metadata().get::<Vec<&str>>(key);
        let _ = file.metadata().get::<Vec<Vec<i64>>>(key);
    }
    for tensor in file.tensors() {
        let _ = file.matrix(tensor).and_then(|matrix| matrix.to_tensor());
    }
});
