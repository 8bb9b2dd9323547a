//! `respondent compare`: finished runs held against each other.

use super::harness::{Outcome, respondent};
use respondent::output::read_comparisons;
use serde_json::Value;
use std::path::Path;
use tempfile::TempDir;

/// A small part of the built-in study.
fn run(place: &Path, out: &str, more: &[&str]) {
    let arguments = ["run", "isear", "--quiet", "--personas", "USA,BRA", "--languages", "en", "--out", out];
    let outcome = respondent(place, &[&arguments[..], more].concat());
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
}

fn compare(place: &TempDir, arguments: &[&str]) -> Outcome {
    respondent(place.path(), &[&["compare"], arguments].concat())
}

fn compared(place: &TempDir, arguments: &[&str]) -> Value {
    let outcome = compare(place, &[arguments, &["--json"]].concat());
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    serde_json::from_str(&outcome.stdout).unwrap()
}

#[test]
fn values_are_those_of_the_runs_and_a_run_does_not_differ_from_itself() {
    let place = tempfile::tempdir().unwrap();
    run(place.path(), "one", &[]);
    let found = compared(&place, &["one", "one", "--temperature", "0.5,1"]);
    let pair = &found["pairs"][0];
    assert_eq!((&pair["largest_total_variation"], &pair["only_in_other_count"]), (&0.0.into(), &0.into()));
    assert_eq!(found["runs"][1]["unlike_first"], Value::Array(Vec::new()));
    let rows = pair["differences"].as_array().unwrap();
    let comparisons = read_comparisons(&place.path().join("one/comparisons.parquet")).unwrap();
    let mut count = 0;
    for row in rows {
        assert_eq!((&row["difference"], &row["interval_high"]), (&0.0.into(), &0.0.into()));
        let text = |name: &str| row[name].as_str().map(str::to_owned);
        let same = comparisons.iter().find(|known| {
            known.predictor == "model"
                && text("level").as_ref() == Some(&known.level)
                && text("metric").as_ref() == Some(&known.metric)
                && (text("item"), text("persona")) == (known.item.clone(), known.persona.clone())
                && text("elicitation_format") == known.elicitation_format
                && row["temperature"].as_f64() == known.temperature
        });
        assert!((same.unwrap().value - row["value"].as_f64().unwrap()).abs() < 1e-12, "{row}");
        count += 1;
    }
    assert!(count > 1000, "{count}");
}

#[test]
fn another_way_of_asking_shows_and_other_people_are_refused() {
    let place = tempfile::tempdir().unwrap();
    run(place.path(), "chat", &["--formats", "number", "--option-orders", "forward"]);
    run(place.path(), "plain", &["--formats", "number,letter", "--template", "none", "--unusable-mass", "0"]);
    let found = compared(&place, &["chat", "plain"]);
    let unlike = serde_json::json!(["chat template", "prompting", "cells", "answer-mass thresholds"]);
    assert_eq!(found["runs"][1]["unlike_first"], unlike);
    let pair = &found["pairs"][0];
    assert_eq!(pair["shared_unit_count"], 70, "2 personas, 35 items");
    assert_eq!(pair["only_in_other_count"], 70, "the letters");
    let figure = |name: &str| pair[name].as_f64().unwrap();
    assert!(figure("mean_total_variation") > 0.0);
    assert!(figure("mean_total_variation") < figure("largest_total_variation"));

    let text = compare(&place, &["chat", "plain", "--metric", "total_variation"]);
    assert!(text.stdout.contains("total_variation against people, B minus A"), "{}", text.stdout);
    assert!(text.stdout.contains("B is unlike A in chat template"), "{}", text.stdout);

    let unknown = compare(&place, &["chat", "plain", "--metric", "distance"]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("wasserstein_1"), "{}", unknown.stderr);

    let manifest = place.path().join("plain/manifest.json");
    let mut other: Value = serde_json::from_slice(&std::fs::read(&manifest).unwrap()).unwrap();
    other["identity"]["human_data_sha256"] = "0".repeat(64).into();
    std::fs::write(&manifest, other.to_string()).unwrap();
    let refused = compare(&place, &["chat", "plain"]);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert!(refused.stderr.contains("another human data") && refused.stderr.contains("--allow-different"));
    assert_eq!(
        compared(&place, &["chat", "plain", "--allow-different"])["pairs"][0]["shared_unit_count"],
        70
    );
}
