//! `respondent verify`: an untouched folder is whole and its sample comes back to the bit; a touched one is found out, by its hash or by the
//! cell that differs; another model or study is refused.

use super::harness::{ModelCopy, respondent};
use respondent::output::{CellWriter, read_cells};
use serde_json::Value;
use std::fs;
use tempfile::TempDir;

const MODEL: &str = "control";

fn finished() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    assert_eq!(respondent(place.path(), &["study", "new", "own"]).code, 0);
    let run = respondent(
        place.path(),
        &["run", "own", "--out", "out", "--quiet", "--certify", "0", "--replicates", "50"],
    );
    assert_eq!(run.code, 0, "{}", run.stderr);
    place
}

#[test]
fn an_untouched_folder_is_as_stated_to_the_bit() {
    let place = finished();
    let outcome = respondent(place.path(), &["verify", "out", "--model", MODEL, "--cells", "12", "--json"]);
    assert_eq!(outcome.code, 0, "{} {}", outcome.stdout, outcome.stderr);
    let told: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(told["whole_files"].as_array().unwrap().len(), 4);
    assert_eq!(
        (&told["sample"]["cell_count"], &told["sample"]["differing_cells"]),
        (&12.into(), &Value::Array(Vec::new()))
    );
    // 12 cells × 3 temperatures × 4 options × 3 numbers.
    assert_eq!(told["sample"]["number_count"], 432);
    let files = respondent(place.path(), &["verify", "out"]);
    assert_eq!(files.code, 0, "{}", files.stderr);
    assert!(
        files.stdout.contains("whole    tokens.parquet") && files.stdout.contains("--model says"),
        "{}",
        files.stdout
    );
}

#[test]
fn a_changed_number_is_found_by_hash_and_by_cell() {
    let place = finished();
    let path = place.path().join("out/cells.parquet");
    let mut rows = read_cells(&path).unwrap();
    let changed = rows[0].log_prob.unwrap();
    rows[0].log_prob = Some(f64::from_bits(changed.to_bits() + 1));
    let cell = rows[0].cell_id.clone();
    let mut writer = CellWriter::create(&path, &["emotion".to_owned(), "orientation".to_owned()]).unwrap();
    writer.write_all(rows).unwrap();
    writer.finish().unwrap();
    let outcome = respondent(place.path(), &["verify", "out", "--model", MODEL, "--cells", "48", "--quiet"]);
    assert_eq!(outcome.code, 6, "{}", outcome.stdout);
    assert!(
        outcome.stdout.contains("altered  cells.parquet") && outcome.stdout.contains("1 cells differ"),
        "{}",
        outcome.stdout
    );
    assert!(outcome.stdout.contains(&format!("differs  {cell}")), "{}", outcome.stdout);
    fs::remove_file(place.path().join("out/prompts.parquet")).unwrap();
    let outcome = respondent(place.path(), &["verify", "out"]);
    assert!(outcome.stdout.contains("altered  prompts.parquet"), "{}", outcome.stdout);
}

#[test]
fn another_model_or_study_is_refused() {
    let (place, model) = (finished(), ModelCopy::new());
    model.edit("model.safetensors", |bytes| *bytes.last_mut().unwrap() ^= 1);
    let outcome = respondent(place.path(), &["verify", "out", "--model", model.path()]);
    assert_eq!(outcome.code, 2, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("weights_sha256 was"), "{}", outcome.stderr);
    let words = place.path().join("own/en.toml");
    let text = fs::read_to_string(&words).unwrap();
    fs::write(&words, text.replace("How long", "For how long")).unwrap();
    let outcome = respondent(place.path(), &["verify", "out", "--model", MODEL]);
    assert!(outcome.stderr.contains("study_sha256 was"), "{}", outcome.stderr);
}
