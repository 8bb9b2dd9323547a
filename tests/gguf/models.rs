//! Models as GGUF files, against the same models as folders and what transformers computed of them; and the program on them.

use super::super::harness::{
    FamilyRows, decoder_on, golden_models, log_probs, max_difference, read_all, reference_devices,
    repository, respondent, respondent_with_input,
};
use respondent::engine::{Decoder, EngineDevice};
use respondent::models::{ModelConfig, ModelFolder, load, sha256_hex};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Largest |Δ log-prob| between both forms of a model. The values are the same; where a GGUF file has divisors for the formula
/// of a rope, its frequencies differ in the last bit.
const FORM_TOLERANCE: f64 = 1e-6;
const ROPE_TOLERANCE: f64 = 1e-5;
/// And to what transformers computed.
const TOLERANCE: f64 = 1e-4;

#[derive(serde::Deserialize)]
struct Expected {
    sequences: Vec<Vec<u32>>,
    log_probs: Vec<Vec<f64>>,
}

/// What was changed in each model's config so that a GGUF file can say it.
pub fn changes() -> BTreeMap<String, Map<String, Value>> {
    serde_json::from_slice(&std::fs::read(gguf_models().join("changes.json")).unwrap()).unwrap()
}

pub fn gguf_models() -> PathBuf {
    repository("tests/goldens/gguf_models")
}

/// A copy of a golden model with these fields in its config.
fn changed(name: &str, fields: &Map<String, Value>) -> TempDir {
    let (from, to) = (repository("tests/goldens/models").join(name), tempfile::tempdir().unwrap());
    std::fs::copy(from.join("model.safetensors"), to.path().join("model.safetensors")).unwrap();
    let mut config: Map<String, Value> =
        serde_json::from_slice(&std::fs::read(from.join("config.json")).unwrap()).unwrap();
    config.extend(fields.clone());
    std::fs::write(to.path().join("config.json"), serde_json::to_vec(&config).unwrap()).unwrap();
    to
}

fn all_log_probs(decoder: &Decoder, sequences: &[Vec<u32>]) -> Vec<Vec<f64>> {
    read_all(decoder, sequences, 4096, &[1.0]).iter().map(|readout| log_probs(readout, 0)).collect()
}

fn worst(one: &[Vec<f64>], other: &[Vec<f64>]) -> f64 {
    assert_eq!(one.len(), other.len());
    one.iter().zip(other).map(|(one, other)| max_difference(one, other)).fold(0.0, f64::max)
}

#[test]
fn both_forms_of_a_model_are_the_same() {
    let of_changed: BTreeMap<String, Vec<Vec<f64>>> =
        serde_json::from_slice(&std::fs::read(gguf_models().join("expected.json")).unwrap()).unwrap();
    let mut rows = FamilyRows::default();
    for (name, fields) in changes() {
        let directory = repository("tests/goldens/models").join(&name);
        let expected: Expected =
            serde_json::from_slice(&std::fs::read(directory.join("expected.json")).unwrap()).unwrap();
        let (folder, file) = (changed(&name, &fields), gguf_models().join(format!("{name}.gguf")));
        for (path, device) in reference_devices() {
            let of_file = all_log_probs(&decoder_on(&file, &device), &expected.sequences);
            let of_folder = all_log_probs(&decoder_on(folder.path(), &device), &expected.sequences);
            let forms = worst(&of_file, &of_folder);
            let reference = worst(&of_file, of_changed.get(&name).unwrap_or(&expected.log_probs));
            eprintln!("{name} on {}: {forms:.1e}, to transformers {reference:.1e}", device.kernel_name());
            let tolerance = if name.contains("rope3") { ROPE_TOLERANCE } else { FORM_TOLERANCE };
            assert!(forms <= tolerance, "{name}: both forms are {forms:e} apart");
            assert!(reference <= TOLERANCE, "{name}: {reference:e} off");
            rows.add(&name, path, reference);
        }
    }
    rows.check_readme(4);
    assert!(changes().len() >= 20 && changes().keys().all(|name| golden_models().contains(name)));
}

#[test]
fn a_model_in_several_files_is_the_one_in_a_single_file() {
    let device = EngineDevice::from_name("cpu").unwrap();
    let sequences = [vec![1, 33, 38, 37], vec![1, 33, 5]];
    let whole = all_log_probs(&decoder_on(&gguf_models().join("llama_falcon3.gguf"), &device), &sequences);
    let parts = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(gguf_models().join("split")).unwrap() {
        let from = entry.unwrap().path();
        std::fs::copy(&from, parts.path().join(from.file_name().unwrap())).unwrap();
    }
    let part = |number: usize| parts.path().join(format!("llama_falcon3-{number:05}-of-00004.gguf"));
    for number in [1, 3] {
        assert_eq!(all_log_probs(&decoder_on(&part(number), &device), &sequences), whole, "part {number}");
    }
    std::fs::remove_file(part(4)).unwrap();
    let line = "{\"id\": 1, \"input_ids\": [1, 5], \"wanted\": [5]}\n";
    let first = part(1);
    let arguments = ["score", "--quiet", "--model", first.to_str().unwrap()];
    let outcome = respondent_with_input(&std::env::temp_dir(), &arguments, line);
    assert_eq!(outcome.code, 3, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("00004-of-00004"), "{}", outcome.stderr);
}

fn model(name: &str) -> String {
    gguf_models().join(name).to_str().unwrap().to_owned()
}

#[test]
fn score_reads_text_and_ids_with_the_file_s_own_tokenizer() {
    let line = |id: &str, key: &str, value: Value| json!({"id": id, key: value, "wanted": [4, 5]});
    let lines = [
        // <s>, "the" and "c" with their spaces, "an".
        line("ids", "input_ids", json!([1, 33, 38, 37])),
        line("text", "prompt", json!("the can")),
        // The template writes the first token, and the role is spelt in letters.
        line("chat", "messages", json!([{"role": "user", "content": "the can"}])),
    ];
    let input: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let arguments = ["score", "--quiet", "--model", &model("llama_falcon3.gguf")];
    let outcome = respondent_with_input(&std::env::temp_dir(), &arguments, &input);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    let lines: Vec<Value> = outcome.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["log_probs"], lines[1]["log_probs"]);
    assert_ne!(lines[0]["log_probs"], lines[2]["log_probs"]);
    let decoder =
        decoder_on(Path::new(&model("llama_falcon3.gguf")), &EngineDevice::from_name("cpu").unwrap());
    let expected = all_log_probs(&decoder, &[vec![1, 33, 38, 37]]);
    assert!((lines[0]["log_probs"][1].as_f64().unwrap() - expected[0][5]).abs() < 1e-6);
}

#[test]
fn bench_needs_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    let prompts = "{\"input_ids\": [1, 5, 6]}\n{\"input_ids\": [1, 5, 7, 8]}\n";
    std::fs::write(folder.path().join("prompts.jsonl"), prompts).unwrap();
    // The config of the second takes a tensor, rope divisors, and is read before anything is measured.
    for name in ["qwen2_yarn", "llama_rope3_parameters"] {
        let model = model(&format!("{name}.gguf"));
        let arguments = ["bench", "--model", &model, "--workload", "prompts.jsonl", "--verify", "--json"];
        let outcome = respondent(folder.path(), &[arguments.as_slice(), &["--threads", "2"]].concat());
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        let record: Value = serde_json::from_str(&outcome.stdout).unwrap();
        assert_eq!((&record["model"], &record["thread_count"]), (&name.into(), &2.into()));
    }
}

#[test]
fn stored_types_and_hashes_are_told() {
    let device = EngineDevice::from_name("cpu").unwrap();
    for (name, stored_dtype) in [("llama_falcon3", "bf16"), ("mixtral_no_window", "f16+f32")] {
        let folder = ModelFolder::find(&model(&format!("{name}.gguf"))).unwrap();
        assert_eq!(folder.name(), name);
        let loaded = load(&folder, &ModelConfig::read(&folder).unwrap(), &device, &|_, _| ()).unwrap();
        assert_eq!(loaded.stored_dtype, stored_dtype);
        let bytes = std::fs::read(model(&format!("{name}.gguf"))).unwrap();
        assert_eq!(loaded.weights_sha256, sha256_hex(&bytes));
    }
}
