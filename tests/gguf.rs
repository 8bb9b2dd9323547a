//! GGUF files: what the `gguf` package wrote is read to the bit, and what is damaged or lies is refused.

mod contradictions;
mod control;
mod damage;
mod models;

use super::harness::repository;
use damage::{Forged, assert_refused};
use respondent::error::Error;
use respondent::models::gguf::{GgmlType, GgufFile, TensorInfo, Value};
use std::path::{Path, PathBuf};

fn golden(name: &str) -> PathBuf {
    repository("tests/goldens/gguf").join(name)
}

fn open(name: &str) -> GgufFile {
    GgufFile::open(&golden(name)).unwrap()
}

/// What opening a file of these bytes says.
fn refusal(bytes: &[u8]) -> Error {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    std::fs::write(&path, bytes).unwrap();
    GgufFile::open(&path).err().expect("it should be refused")
}

fn values(file: &GgufFile, tensor: &TensorInfo) -> Vec<f32> {
    let matrix = file.matrix(tensor).unwrap();
    let mut bytes = Vec::new();
    matrix.read(0..tensor.row_count(), &mut bytes).unwrap();
    matrix.format().to_f32(&bytes, tensor.row_len()).unwrap()
}

#[test]
fn values_are_the_reference_s_to_the_bit() {
    let file = open("types.gguf");
    let expected: Vec<u32> = std::fs::read(golden("types.f32"))
        .unwrap()
        .as_chunks()
        .0
        .iter()
        .map(|&bytes| u32::from_le_bytes(bytes))
        .collect();
    let mut at = 0;
    for tensor in file.tensors() {
        let bits: Vec<u32> = values(&file, tensor).into_iter().map(f32::to_bits).collect();
        assert_eq!(bits, expected[at..][..bits.len()], "{}", tensor.name());
        at += bits.len();
    }
    assert_eq!(at, expected.len());
    assert_eq!(file.tensors().len(), 25);
}

#[test]
fn rows_are_read_one_by_one_from_many_threads() {
    let file = open("types.gguf");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for tensor in file.tensors() {
                    let (mut whole, mut row_bytes) = (Vec::new(), Vec::new());
                    let matrix = file.matrix(tensor).unwrap();
                    matrix.read(0..tensor.row_count(), &mut whole).unwrap();
                    for row in 0..tensor.row_count() {
                        matrix.read(row..row + 1, &mut row_bytes).unwrap();
                        assert_eq!(row_bytes, whole[row * row_bytes.len()..][..row_bytes.len()]);
                    }
                }
            });
        }
    });
}

#[test]
fn shapes_are_outermost_first() {
    let file = open("types.gguf");
    let shape = |name: &str| file.tensor(name).map(TensorInfo::shape);
    assert_eq!(shape("experts.Q8_0"), Some(&[2, 3, 64][..]));
    assert_eq!(shape("random.Q4_K"), Some(&[4, 256][..]));
    assert_eq!(shape("vector.F32"), Some(&[5][..]));
    let experts = file.tensor("experts.Q8_0").unwrap();
    assert_eq!((experts.row_count(), experts.row_len(), experts.row_bytes()), (6, 64, Some(68)));
    let vector = file.tensor("vector.F32").unwrap();
    assert_eq!((vector.row_count(), vector.row_len()), (1, 5));
    assert!(file.tensor("vector").is_none());
}

#[test]
fn types_are_those_of_ggml() {
    let table: Vec<(u32, String, usize, usize)> =
        serde_json::from_slice(&std::fs::read(golden("types.json")).unwrap()).unwrap();
    for (id, name, len, bytes) in &table {
        let kind = GgmlType::from_id(*id);
        assert!(kind.name().unwrap().eq_ignore_ascii_case(name), "{kind} {name}");
        assert_eq!(kind.block(), Some((*len, *bytes)), "{name}");
    }
    let known = (0..1000).filter(|&id| GgmlType::from_id(id).block().is_some()).count();
    assert_eq!(known, table.len());
}

#[test]
fn other_types_are_listed_and_refused_by_name() {
    let file = open("unreadable.gguf");
    for tensor in file.tensors() {
        if tensor.name() == "readable" {
            assert_eq!(values(&file, tensor), [0.0, 1.0, 2.0, 3.0]);
            continue;
        }
        assert_eq!(tensor.shape(), [2, 256]);
        assert_eq!(tensor.kind().to_string(), tensor.name());
        let error = file.matrix(tensor).unwrap_err();
        let name = tensor.name();
        assert!(error.to_string().contains(&format!("`{name}` is of type {name}")), "{error}");
        assert!(error.hint_text().unwrap().contains("Q2_K to Q6_K"));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    std::fs::write(&path, Forged::new(1, 0).tensor("new", &[7], 99, 0).data(1)).unwrap();
    let file = GgufFile::open(&path).unwrap();
    let error = file.matrix(&file.tensors()[0]).unwrap_err();
    assert!(error.to_string().contains("`new` is of type unknown type 99"), "{error}");
}

#[test]
fn metadata_of_every_type_is_read() {
    let file = open("metadata.gguf");
    let metadata = file.metadata();
    let get = |key: &str| metadata.require::<u64>(key).unwrap();
    assert_eq!((get("one.uint8"), get("one.uint16"), get("one.uint32")), (255, 65_535, 4_294_967_295));
    assert_eq!(get("one.uint64"), u64::MAX);
    let get = |key: &str| metadata.require::<i64>(key).unwrap();
    assert_eq!((get("one.int8"), get("one.int16"), get("one.int32")), (-128, -32_768, -2_147_483_648));
    assert_eq!(get("one.int64"), i64::MIN);
    assert_eq!(metadata.require::<f32>("one.float32").unwrap(), 0.1);
    assert_eq!(metadata.require::<f64>("one.float64").unwrap(), 0.1);
    assert!(metadata.require::<bool>("one.bool").unwrap());
    assert_eq!(metadata.require::<&str>("one.string").unwrap(), "naïve ▁text\n");
    assert_eq!(metadata.require::<&str>("one.empty_string").unwrap(), "");
    assert_eq!(metadata.require::<&str>("general.architecture").unwrap(), "llama");
    for (key, value) in [("many.uint8", 255), ("many.uint16", 65_535), ("many.uint32", 4_294_967_295)] {
        assert_eq!(metadata.require::<Vec<u32>>(key).unwrap(), [value, 1]);
    }
    for (key, value) in [("many.int8", -128), ("many.int16", -32_768), ("many.int32", -2_147_483_648)] {
        assert_eq!(metadata.require::<Vec<i32>>(key).unwrap(), [value, 1]);
    }
    assert_eq!(metadata.require::<Vec<i64>>("many.int64").unwrap(), [i64::MIN, 1]);
    assert_eq!(metadata.require::<Vec<u64>>("many.uint64").unwrap(), [u64::MAX, 1]);
    assert_eq!(metadata.require::<Vec<f32>>("many.float32").unwrap(), [0.1, 1.0]);
    assert_eq!(metadata.require::<Vec<f64>>("many.float64").unwrap(), [0.1, 1.0]);
    assert_eq!(metadata.require::<Vec<bool>>("many.bool").unwrap(), [true, true]);
    assert_eq!(metadata.require::<Vec<&str>>("many.string").unwrap(), ["", "▁a", "b\0c"]);
    let nested: Vec<Vec<Vec<u16>>> = metadata.require("nested").unwrap();
    assert_eq!(nested, [vec![vec![1, 2], vec![3]], vec![vec![4]]]);
    assert_eq!(metadata.require::<Vec<Vec<&str>>>("nested_text").unwrap(), [vec!["a", "bc"], vec!["d"]]);
    assert_eq!(metadata.get::<u32>("absent").unwrap(), None);
    let bytes = metadata.iter().find(|(key, _)| *key == "one.bytes").unwrap().1;
    assert_eq!(bytes, Value::String(b"\xff\xfe"));
    assert_eq!(metadata.iter().count(), 31);
    assert_eq!(values(&file, file.tensor("second").unwrap()), [0.0, 1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn metadata_that_does_not_fit_is_named() {
    let file = open("metadata.gguf");
    let metadata = file.metadata();
    let check = |error: Option<Error>, expected: &str| {
        let error = error.unwrap();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(error.to_string().contains("metadata.gguf") && error.hint_text().is_some());
    };
    check(metadata.require::<u32>("llama.block_count").err(), "`llama.block_count` is missing");
    check(
        metadata.get::<u32>("one.uint64").err(),
        "the integer 18446744073709551615 where an integer that fits u32",
    );
    check(metadata.get::<u32>("one.int8").err(), "the integer -128 where an integer that fits u32");
    check(metadata.get::<u32>("one.string").err(), "a string where an integer");
    check(metadata.get::<&str>("one.bytes").err(), "text that is not UTF-8 where UTF-8 text");
    check(metadata.get::<&str>("many.string").err(), "an array of 3 string where text");
    check(metadata.get::<Vec<&str>>("many.bytes").err(), "at [1] text that is not UTF-8");
    check(metadata.get::<Vec<u32>>("one.uint8").err(), "the integer 255 where an array");
    check(metadata.get::<f32>("one.float64").err(), "the f64 0.1 where an f32");
}

#[test]
fn a_long_vocabulary_is_read_in_no_time() {
    const COUNT: u64 = 150_000;
    let mut forged = Forged::new(0, 2);
    forged.text("tokenizer.ggml.tokens").u32(9).u32(8).u64(COUNT);
    (0..COUNT).for_each(|id| _ = forged.text(&format!("token {id}")));
    forged.text("tokenizer.ggml.scores").u32(9).u32(6).u64(COUNT);
    (0..COUNT).for_each(|id| _ = forged.u32((id as f32).to_bits()));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    std::fs::write(&path, &forged.0).unwrap();
    let start = std::time::Instant::now();
    let file = GgufFile::open(&path).unwrap();
    let tokens: Vec<&str> = file.metadata().require("tokenizer.ggml.tokens").unwrap();
    let scores: Vec<f32> = file.metadata().require("tokenizer.ggml.scores").unwrap();
    let elapsed = start.elapsed();
    assert_eq!((tokens.len(), tokens[149_999]), (150_000, "token 149999"));
    assert_eq!((scores.len(), scores[149_999]), (150_000, 149_999.0));
    eprintln!("{COUNT} tokens and scores: {elapsed:?}");
    // A hundred times what it takes, so that only a change of kind fails on a busy machine.
    assert!(elapsed.as_millis() < 1_000, "{elapsed:?}");
}

#[test]
fn real_vocabularies_are_read() {
    let folder = repository("../shared/data/gguf-vocab");
    if !folder.is_dir() {
        eprintln!("skipped: {} is not there", folder.display());
        return;
    }
    for (name, model, count) in
        [("gpt-2", "gpt2", 50_257), ("llama-spm", "llama", 32_000), ("phi-3", "llama", 32_064)]
    {
        let file = GgufFile::open(&folder.join(format!("ggml-vocab-{name}.gguf"))).unwrap();
        let metadata = file.metadata();
        assert_eq!(metadata.require::<&str>("tokenizer.ggml.model").unwrap(), model);
        assert_eq!(metadata.require::<Vec<&str>>("tokenizer.ggml.tokens").unwrap().len(), count);
        assert_eq!(metadata.require::<Vec<i32>>("tokenizer.ggml.token_type").unwrap().len(), count);
        assert_eq!(metadata.get::<Vec<f32>>("tokenizer.ggml.scores").unwrap().is_some(), model == "llama");
    }
}

#[test]
fn a_split_model_opens_from_any_part() {
    for part in 1..=3 {
        let file = open(&format!("split-0000{part}-of-00003.gguf"));
        assert_eq!(file.metadata().require::<&str>("general.name").unwrap(), "split in three");
        assert_eq!(file.files().count(), 3);
        assert_eq!(file.tensors().len(), 5);
        for (index, tensor) in file.tensors().iter().enumerate() {
            assert_eq!(tensor.name(), format!("tensor.{index}"));
            assert_eq!(values(&file, tensor), [index as f32; 6]);
        }
    }
}

/// The parts of the split golden, changed by `change`, opened by the part `opened`.
fn changed_split(opened: u16, change: impl Fn(&Path)) -> Error {
    let folder = tempfile::tempdir().unwrap();
    for part in 1..=3 {
        let name = format!("split-0000{part}-of-00003.gguf");
        std::fs::copy(golden(&name), folder.path().join(name)).unwrap();
    }
    change(folder.path());
    let path = folder.path().join(format!("split-0000{opened}-of-00003.gguf"));
    GgufFile::open(&path).err().expect("it should be refused")
}

#[test]
fn parts_that_do_not_belong_together_are_refused() {
    let part = |folder: &Path, part: u16| folder.join(format!("split-0000{part}-of-00003.gguf"));
    let error = changed_split(1, |folder| std::fs::remove_file(part(folder, 2)).unwrap());
    assert!(error.to_string().contains("part 2 of 3 is missing"), "{error}");
    assert!(error.to_string().contains("split-00002-of-00003.gguf"), "{error}");
    let copy = |folder: &Path, from: u16, to: u16| {
        std::fs::copy(part(folder, from), part(folder, to)).unwrap();
    };
    let error = changed_split(1, |folder| copy(folder, 3, 2));
    assert!(error.to_string().contains("part 2 of 3, by its metadata part 3 of 3"), "{error}");
    let error = changed_split(3, |folder| copy(folder, 2, 3));
    assert!(error.to_string().contains("its name does not end in `-00002-of-00003.gguf`"), "{error}");
    let error = changed_split(1, |folder| {
        std::fs::write(part(folder, 2), std::fs::read(golden("types.gguf")).unwrap()).unwrap();
    });
    assert!(error.to_string().contains("`split.no` is missing"), "{error}");
    let replace = |path: PathBuf, from: &[u8], to: &[u8]| {
        let mut bytes = std::fs::read(&path).unwrap();
        let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
        bytes[at..at + from.len()].copy_from_slice(to);
        std::fs::write(path, bytes).unwrap();
    };
    let error = changed_split(1, |folder| replace(part(folder, 3), b"tensor.4", b"tensor.0"));
    assert!(error.to_string().contains("`tensor.0` is there twice"), "{error}");
    let count = |count: u8| [b"split.tensors.count\x05\0\0\0", &[count][..]].concat();
    let error = changed_split(2, |folder| replace(part(folder, 3), &count(5), &count(6)));
    assert!(error.to_string().contains("`split.tensors.count` is not what the first part says"), "{error}");
    let error = changed_split(2, |folder| {
        (1..=3).for_each(|number| replace(part(folder, number), &count(5), &count(6)));
    });
    assert!(error.to_string().contains("should hold 6 tensors, but hold 5"), "{error}");
}

#[test]
fn a_part_under_another_name_says_how_it_should_be_called() {
    let error = refusal(&std::fs::read(golden("split-00002-of-00003.gguf")).unwrap());
    assert!(error.to_string().contains("does not end in `-00002-of-00003.gguf`"), "{error}");
}

#[test]
fn version_2_is_version_3() {
    let mut bytes = std::fs::read(golden("types.gguf")).unwrap();
    bytes[4] = 2;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(GgufFile::open(&path).unwrap().tensors(), open("types.gguf").tensors());
}

#[test]
fn what_is_not_gguf_or_another_version_is_refused_by_name() {
    let bytes = std::fs::read(golden("types.gguf")).unwrap();
    let with_version = |version: [u8; 4]| [b"GGUF", &version[..], &bytes[8..]].concat();
    assert_refused(&with_version([1, 0, 0, 0]), "GGUF version 1 is not read");
    assert_refused(&with_version([4, 0, 0, 0]), "GGUF version 4 is not known");
    assert_refused(&with_version([0, 0, 0, 3]), "big-endian");
    assert_refused(b"", "the magic number takes 4 bytes, but only 0 are left");
    assert_refused(b"PK\x03\x04----", "not a GGUF file");
    assert_refused(b"GGUF\x03\0", "the version takes 4 bytes, but only 2 are left");
    let folder = tempfile::tempdir().unwrap();
    let error = GgufFile::open(folder.path()).err().unwrap();
    assert!(error.to_string().contains("is not a file"), "{error}");
}
