//! `respondent verify`: an untouched folder is whole and its sample comes back to the bit; a touched one is found out, by its hash or by the
//! cell that differs; another model or study is refused.

use super::harness::{ModelCopy, repository, respondent};
use respondent::output::{CellWriter, PromptWriter, TokenWriter, read_cells, read_prompts, read_tokens};
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
        (&told["sample"]["cell_count"], &told["sample"]["differences"]),
        (&12.into(), &Value::Array(Vec::new()))
    );
    // 12 cells × (3 temperatures × 4 options, a prompt, 3 temperatures of its next token).
    assert_eq!(told["sample"]["row_count"], 192);
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
    assert!(
        outcome.stdout.contains(&format!("differs  {cell}  cells.parquet: log_prob\n")),
        "{}",
        outcome.stdout
    );
    fs::remove_file(place.path().join("out/prompts.parquet")).unwrap();
    let outcome = respondent(place.path(), &["verify", "out"]);
    assert!(outcome.stdout.contains("altered  prompts.parquet"), "{}", outcome.stdout);
}

#[test]
fn what_is_said_of_prompts_and_tokens_is_held_too() {
    let place = finished();
    let out = place.path().join("out");
    let mut prompts = read_prompts(&out.join("prompts.parquet")).unwrap();
    prompts[3].rendered_text.push('!');
    let mut tokens = read_tokens(&out.join("tokens.parquet")).unwrap();
    tokens[7].nucleus_size += 1;
    let lost = tokens.pop().unwrap().cell_id;
    let changed = [prompts[3].cell_id.clone(), tokens[7].cell_id.clone()];
    let mut writer = PromptWriter::create(&out.join("prompts.parquet"), &[]).unwrap();
    writer.write_all(prompts).unwrap();
    writer.finish().unwrap();
    let mut writer = TokenWriter::create(&out.join("tokens.parquet"), &[]).unwrap();
    writer.write_all(tokens).unwrap();
    writer.finish().unwrap();
    let outcome = respondent(place.path(), &["verify", "out", "--model", MODEL, "--cells", "48", "--quiet"]);
    assert_eq!(outcome.code, 6, "{}", outcome.stdout);
    for told in [
        format!("differs  {}  prompts.parquet: rendered_text\n", changed[0]),
        format!("differs  {}  tokens.parquet: nucleus_size\n", changed[1]),
        format!("differs  {lost}  tokens.parquet: cell_id, asked_option,"),
    ] {
        assert!(outcome.stdout.contains(&told), "{told}: {}", outcome.stdout);
    }
    assert!(outcome.stdout.contains("3 cells differ"), "{}", outcome.stdout);
}

/// Formats with premises, conversations and verbalised distributions, whose cells have several prompts.
#[test]
fn cells_of_all_formats_come_back_to_the_bit() {
    let place = tempfile::tempdir().unwrap();
    let study = repository("tests/studies/formats");
    let run =
        ["run", study.to_str().unwrap(), "--out", "out", "--quiet", "--certify", "0", "--replicates", "50"];
    let outcome = respondent(place.path(), &run);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let outcome =
        respondent(place.path(), &["verify", "out", "--model", MODEL, "--cells", "1000", "--quiet"]);
    assert_eq!(outcome.code, 0, "{} {}", outcome.stdout, outcome.stderr);
    assert!(outcome.stdout.contains("all the same to the bit"), "{}", outcome.stdout);
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

#[test]
fn what_no_plan_comes_to_is_found() {
    let place = finished();
    let path = place.path().join("out/cells.parquet");
    let mut rows = read_cells(&path).unwrap();
    let mut made_up = rows[0].clone();
    made_up.cell_id.push_str("/made-up");
    rows.push(made_up);
    let mut writer = CellWriter::create(&path, &["emotion".to_owned(), "orientation".to_owned()]).unwrap();
    writer.write_all(rows).unwrap();
    writer.finish().unwrap();
    let outcome = respondent(place.path(), &["verify", "out", "--model", MODEL, "--quiet"]);
    assert!(
        outcome.code == 6 && outcome.stderr.contains("and the run's plan comes to"),
        "{}",
        outcome.stderr
    );
    // A table that the manifest does not state is not the run's.
    let manifest = place.path().join("out/manifest.json");
    let mut json: Value = serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
    json["tables"].as_object_mut().unwrap().remove("comparisons.parquet").unwrap();
    fs::write(&manifest, json.to_string()).unwrap();
    let outcome = respondent(place.path(), &["verify", "out"]);
    assert!(
        outcome.code == 6 && outcome.stdout.contains("altered  comparisons.parquet"),
        "{}",
        outcome.stdout
    );
}
