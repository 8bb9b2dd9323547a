//! Headers that lie, put together by hand, and goldens that were damaged: refused by name, and never a panic.

use super::{golden, refusal};
use proptest::prelude::*;
use respondent::models::gguf::GgufFile;
use std::path::Path;

pub fn assert_refused(bytes: &[u8], message: &str) {
    let error = refusal(bytes);
    assert!(error.to_string().contains(message), "{error}");
    assert!(error.to_string().contains("model.gguf"), "{error}");
    assert!(error.hint_text().is_some(), "{error}");
}

/// A header put together by hand.
pub struct Forged(pub Vec<u8>);

impl Forged {
    pub fn new(tensor_count: u64, entry_count: u64) -> Self {
        let mut forged = Forged(b"GGUF\x03\0\0\0".to_vec());
        forged.u64(tensor_count).u64(entry_count);
        forged
    }

    pub fn u32(&mut self, value: u32) -> &mut Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    pub fn text(&mut self, text: &str) -> &mut Self {
        self.u64(text.len() as u64);
        self.0.extend(text.as_bytes());
        self
    }

    pub fn tensor(&mut self, name: &str, sizes: &[u64], kind: u32, offset: u64) -> &mut Self {
        self.text(name).u32(sizes.len() as u32);
        for &size in sizes {
            self.u64(size);
        }
        self.u32(kind).u64(offset)
    }

    /// Pads to 32 bytes and adds data.
    pub fn data(&mut self, len: usize) -> &[u8] {
        self.0.resize(self.0.len().next_multiple_of(32) + len, 0);
        &self.0
    }
}

#[test]
fn counts_and_lengths_that_lie_are_refused() {
    assert_refused(&Forged::new(u64::MAX, 0).0, "the number of tensors is 18446744073709551615");
    assert_refused(&Forged::new(0, 1 << 60).0, "the number of metadata entries is 1152921504606846976");
    let mut long_key = Forged::new(0, 1);
    assert_refused(&long_key.u64(1 << 40).u64(0).0, "a metadata key takes 1099511627776 bytes");
    let entry = |kind: u32| {
        let mut forged = Forged::new(0, 1);
        forged.text("key").u32(kind);
        forged
    };
    assert_refused(&entry(8).u64(u64::MAX).0, "metadata `key` takes 18446744073709551615 bytes");
    assert_refused(&entry(13).u64(0).0, "metadata `key` has the unknown type 13");
    assert_refused(&entry(9).u32(10).u64(1 << 61).0, "elements of metadata `key` is 2305843009213693952");
    assert_refused(&entry(9).u32(8).u64(u64::MAX / 8).0, "the number of elements of metadata `key`");
    assert_refused(&entry(9).u32(77).u64(0).0, "metadata `key` has the unknown type 77");
    let mut bool = entry(7);
    bool.0.push(2);
    assert_refused(&bool.0, "metadata `key` is 2, which is neither true nor false");
    let mut deep = entry(9);
    for _ in 0..9 {
        deep.u32(9).u64(1);
    }
    assert_refused(&deep.0, "more than 4 deep");
    assert_refused(
        &Forged::new(0, 2).text("a").u32(4).u32(1).text("a").u32(4).u32(1).0,
        "`a` stands there twice",
    );
    let mut not_text = Forged::new(0, 1);
    not_text.u64(1).0.extend(b"\xff\x04\0\0\0\x01\0\0\0");
    assert_refused(&not_text.0, "a metadata key is not UTF-8 text");
}

#[test]
fn tensors_that_lie_are_refused() {
    let one = |sizes: &[u64], kind: u32, offset: u64| {
        let mut forged = Forged::new(1, 0);
        forged.tensor("t", sizes, kind, offset);
        forged.data(64).to_vec()
    };
    assert_refused(
        &one(&[17], 0, 0),
        "tensor `t` takes 68 bytes from 0 of the data, but the file ends after 64",
    );
    assert_refused(&one(&[1], 0, 64), "tensor `t` takes 4 bytes from 64");
    assert_refused(&one(&[1], 0, u64::MAX - 31), "tensor `t` takes 4 bytes from 18446744073709551584");
    assert_refused(&one(&[1], 0, 8), "tensor `t` lies at 8, which is no multiple of the alignment 32");
    assert_refused(&one(&[4, 0], 0, 0), "tensor `t` has a size of 0");
    assert_refused(&one(&[1 << 32, 1 << 32], 0, 0), "tensor `t` has impossible sizes");
    assert_refused(&one(&[0, u64::MAX, u64::MAX], 0, 0), "tensor `t` has");
    assert_refused(&one(&[48], 8, 0), "rows of 48, which are no whole blocks of 32 Q8_0 values");
    assert_refused(&one(&[1; 5], 0, 0), "tensor `t` has 5 dimensions");
    assert_refused(&one(&[1], 99, 64), "tensor `t` takes 1 bytes from 64");
    let two = |name: &str, offset: u64| {
        let mut forged = Forged::new(2, 0);
        forged.tensor("a", &[9], 0, 0).tensor(name, &[1], 0, offset);
        forged.data(64).to_vec()
    };
    assert_refused(&two("b", 32), "tensors `a` and `b` overlap");
    assert_refused(&two("a", 64), "tensor `a` takes 4 bytes from 64");
    let mut twice = Forged::new(2, 0);
    twice.tensor("a", &[1], 0, 0).tensor("a", &[1], 0, 32);
    assert_refused(twice.data(64), "tensor `a` is there twice");
    let alignment = |alignment: u32| {
        let mut forged = Forged::new(0, 1);
        forged.text("general.alignment").u32(4).u32(alignment);
        forged.0
    };
    assert_refused(&alignment(24), "`general.alignment` is 24, no power of two");
    assert_refused(&alignment(0), "`general.alignment` is 0, no power of two");
}

#[test]
fn plain_values_that_are_no_numbers_are_counted() {
    for (kind, bytes) in [(0u32, f32::NAN.to_le_bytes().to_vec()), (1, vec![0, 0x7c]), (30, vec![0x80, 0xff])]
    {
        let mut forged = Forged::new(1, 0);
        forged.tensor("t", &[3, 2], kind, 0);
        let mut file = forged.data(24).to_vec();
        let at = file.len() - 24 + 4 * bytes.len();
        file[at..at + bytes.len()].copy_from_slice(&bytes);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.gguf");
        std::fs::write(&path, file).unwrap();
        let file = GgufFile::open(&path).unwrap();
        let matrix = file.matrix(&file.tensors()[0]).unwrap();
        matrix.read(0..1, &mut Vec::new()).unwrap();
        let error = matrix.read(1..2, &mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains("tensor `t` holds 1 values that are NaN or infinite"), "{error}");
    }
}

/// Opens the file and reads whatever can be read.
fn read_everything(path: &Path) {
    let Ok(file) = GgufFile::open(path) else { return };
    for (key, _) in file.metadata().iter() {
        let _ = file.metadata().get::<Vec<Vec<&str>>>(key);
        let _ = file.metadata().get::<Vec<i64>>(key);
        let _ = file.metadata().get::<&str>(key);
    }
    for tensor in file.tensors() {
        let _ = file.matrix(tensor).and_then(|matrix| matrix.to_tensor());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn damage_never_panics(
        name in prop::sample::select(vec!["metadata.gguf", "types.gguf", "unreadable.gguf", "split-00001-of-00003.gguf"]),
        changes in prop::collection::vec((0usize..2200, any::<u8>()), 0..6),
        len in 0usize..4000,
        keeps_len in any::<bool>(),
    ) {
        let mut bytes = std::fs::read(golden(name)).unwrap();
        for (at, value) in changes {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        if !keeps_len {
            bytes.resize(len, 7);
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("split-00001-of-00003.gguf");
        std::fs::write(&path, bytes).unwrap();
        read_everything(&path);
    }

    #[test]
    fn forged_headers_never_panic(
        counts in (0u64..4, 0u64..4),
        words in prop::collection::vec(prop_oneof![0u32..14, Just(u32::MAX), any::<u32>()], 0..60),
    ) {
        let mut forged = Forged::new(counts.0, counts.1);
        for word in words {
            forged.u32(word);
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.gguf");
        std::fs::write(&path, forged.0).unwrap();
        read_everything(&path);
    }
}
