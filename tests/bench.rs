//! `respondent bench`: what it measures is there and within reason, its log-probs are the engine's, bad input is refused.

use super::harness::{Outcome, repository, respondent};
use serde_json::Value;
use std::path::Path;
use tempfile::tempdir;

fn bench(place: &Path, arguments: &[&str]) -> Outcome {
    respondent(place, &[&["bench", "--repeat", "1", "--json", "--quiet"], arguments].concat())
}

fn record(outcome: &Outcome) -> Value {
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    serde_json::from_str(&outcome.stdout).unwrap()
}

fn log_probs(file: &Path) -> Vec<Vec<f64>> {
    let line = |line: &str| {
        let value: Value = serde_json::from_str(line).unwrap();
        assert_eq!(value.as_object().unwrap().len(), 1);
        serde_json::from_value(value["log_probs"].clone()).unwrap()
    };
    std::fs::read_to_string(file).unwrap().lines().map(line).collect()
}

#[test]
fn a_small_shape_is_measured_and_checked() {
    let place = tempdir().unwrap();
    let outcome = bench(
        place.path(),
        &["--shape", "tiny", "--workload", "survey", "--verify", "--log-probs", "read.jsonl"],
    );
    let record = record(&outcome);
    assert_eq!(outcome.stderr, "", "--quiet is quiet");
    assert_eq!(record["workload"]["trie_token_count"], 8_760);
    assert_eq!(record["workload"]["flat_token_count"], 64_800);
    let number = |name: &str| record[name].as_f64().unwrap_or_else(|| panic!("no {name} in {record}"));
    let wall = number("median_wall_seconds");
    assert!(wall > 0.0 && wall == number("min_wall_seconds") && wall == number("max_wall_seconds"));
    assert!((number("prompts_per_second") * wall - 240.0).abs() < 1e-6);
    assert!((number("logical_tokens_per_second") * wall - 64_800.0).abs() < 1e-3);
    assert!((number("computed_tokens_per_second") * wall - 8_760.0).abs() < 1e-3);
    assert!(record["read_wall_seconds"].is_null() && number("load_wall_seconds") > 0.0);
    assert_eq!(record["verification"]["prompt_count"], 8);
    assert!(record["verification"]["largest_difference_nats"].as_f64().unwrap() < 1e-4);

    // By hand: qkv 128 × 256 in two layers for all; output and MLP behind the first for all, behind the last for 240.
    let behind = 128 * 128 + 3 * 128 * 384;
    let linear = 2u64 * (128 * 256 * 8_760 * 2 + behind * (8_760 + 240));
    assert_eq!(record["flops"]["linear_flops"], linear);
    assert_eq!(record["flops"]["readout_flops"], 2 * 128 * 1024 * 240);
    for name in ["linear_peak_fraction", "whole_peak_fraction"] {
        assert!(number(name) > 0.0 && number(name) <= 1.2, "{name} in {record}");
    }
    let shares = record["stages"]["thread_share"].as_object().unwrap();
    let total: f64 = shares.values().map(|share| share.as_f64().unwrap()).sum();
    assert_eq!(shares.len(), 7);
    assert!((total - 1.0).abs() < 1e-6, "{shares:?}");

    let read = log_probs(&place.path().join("read.jsonl"));
    assert_eq!(read.len(), 240);
    assert!(read.iter().all(|read| read.len() == 6 && read.iter().all(|l| *l < 0.0 && l.is_finite())));
}

#[test]
fn candle_claims_no_more_than_it_measured() {
    let place = tempdir().unwrap();
    let record =
        record(&bench(place.path(), &["--shape", "tiny", "--workload", "flat", "--kernel", "candle"]));
    assert_eq!(record["kernel"], "candle-f32");
    assert!(record["linear_peak_fraction"].is_null() && record["stages"]["thread_seconds"].is_null());
    let readout = 2u64 * 128 * 1024 * 24;
    // All rows go through both layers.
    let linear = 2u64 * (128 * 256 + 128 * 128 + 3 * 128 * 384) * 6_480 * 2;
    assert_eq!(record["flops"]["linear_flops"], linear);
    assert_eq!(record["flops"]["readout_flops"], readout);
}

#[test]
fn a_file_of_ids_on_a_model_from_disk() {
    let place = tempdir().unwrap();
    let ids = "{\"input_ids\": [1, 2, 3], \"wanted\": [7, 5]}\n{\"input_ids\": [1, 2], \"wanted\": [5]}\n";
    std::fs::write(place.path().join("ids.jsonl"), ids).unwrap();
    let model = repository("models/control");
    let bench_arguments = [
        "--model",
        model.to_str().unwrap(),
        "--workload",
        "ids.jsonl",
        "--verify",
        "--log-probs",
        "read.jsonl",
    ];
    let record = record(&bench(place.path(), &bench_arguments));
    assert_eq!(record["workload"]["trie_token_count"], 3);
    assert!(record["read_wall_seconds"].as_f64().unwrap() > 0.0);
    let scored = super::harness::respondent_with_input(
        place.path(),
        &["score", "--model", model.to_str().unwrap(), "--quiet"],
        ids,
    );
    let scored: Vec<Value> = scored.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let read = log_probs(&place.path().join("read.jsonl"));
    assert_eq!(read.len(), scored.len());
    for (read, scored) in read.iter().zip(&scored) {
        let scored: Vec<f64> = serde_json::from_value(scored["log_probs"].clone()).unwrap();
        assert_eq!(read, &scored, "the same numbers as `respondent score`");
    }
}

#[test]
fn what_cannot_be_measured_is_refused_first() {
    let place = tempdir().unwrap();
    std::fs::write(place.path().join("bad.jsonl"), "{\"input_ids\": [1]}\n{\"input_ids\": [4096]}\n")
        .unwrap();
    for (arguments, part) in [
        (&["--workload", "bad.jsonl"][..], "bad.jsonl:2: token id 4096 is beyond the vocabulary of 1024"),
        (&["--workload", "no.jsonl"], "no.jsonl: cannot be read"),
        (&["--shape", "gpt-5"], "unknown shape `gpt-5`"),
        (&["--repeat", "0"], "--repeat must be from 1 to 1000, not 0"),
        (&["--token-budget", "0"], "the token budget is 0"),
        (&["--model", "control"], "cannot be used with"),
    ] {
        let shape = if arguments.contains(&"--shape") { &[][..] } else { &["--shape", "tiny"] };
        let outcome = respondent(place.path(), &[&["bench"], shape, arguments].concat());
        assert_eq!(outcome.code, 2, "{outcome:?}");
        assert!(outcome.stdout.is_empty() && outcome.stderr.contains(part), "{outcome:?}");
    }
    let outcome = respondent(place.path(), &["bench", "--shape", "tiny", "--log-probs", "no/such/file"]);
    assert_eq!(outcome.code, 6, "{outcome:?}");
    assert!(!outcome.stderr.contains("peak"), "nothing was measured: {}", outcome.stderr);
}

#[test]
fn quantised_weights_give_what_candle_makes_of_them() {
    let place = tempfile::tempdir().unwrap();
    for quantisation in ["q8_0", "q6_k", "q4_k"] {
        let arguments =
            ["bench", "--shape", "tiny", "--quantise", quantisation, "--verify", "--repeat", "1", "--json"];
        let outcome = respondent(place.path(), &arguments);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        let record: Value = serde_json::from_str(&outcome.stdout).unwrap();
        assert_eq!(record["quantisation"], quantisation);
        assert!(record["verification"]["largest_difference_nats"].as_f64().unwrap() < 1e-4);
    }
}
