//! A tokenizer.json, and text through what it gives.

#![no_main]

use respondent::tokens::{TextKind, TextTokenizer};
use std::path::Path;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(tokenizer) = TextTokenizer::from_bytes(bytes, 64, Path::new("tokenizer.json")) {
        let _ = tokenizer.encode_text("Ein Satz, 10 Wörter: ▁\n", TextKind::Plain);
    }
});
