//! `respondent study new`, `list` and `schema`: a new study passes its check, runs and is held against people; nothing is written over; the
//! committed schemas are those of the types.

use super::harness::{repository, respondent};
use serde_json::Value;
use std::fs;

#[test]
fn a_new_study_passes_its_check_runs_and_is_compared_with_people() {
    let place = tempfile::tempdir().unwrap();
    let made = respondent(place.path(), &["study", "new", "own/mood"]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    assert!(made.stdout.contains("next: respondent study check own/mood"), "{}", made.stdout);
    let checked = respondent(place.path(), &["study", "check", "own/mood", "--json"]);
    assert_eq!(checked.code, 0, "{}", checked.stderr);
    let summary: Value = serde_json::from_str(&checked.stdout).unwrap();
    assert_eq!((&summary["id"], &summary["default_cell_count"]), (&"mood".into(), &48.into()));
    assert_eq!(summary["warnings"], Value::Array(Vec::new()));
    let run = respondent(place.path(), &["run", "own/mood", "--model", "control", "--quiet"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.contains("48 ok, 0 low_mass, 0 unusable"), "{}", run.stdout);
    assert!(run.stdout.contains("H1  supported"), "{}", run.stdout);
}

#[test]
fn nothing_is_written_over_and_a_study_needs_an_id() {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir(place.path().join("here")).unwrap();
    fs::write(place.path().join("file"), "mine").unwrap();
    for taken in ["here", "file"] {
        let outcome = respondent(place.path(), &["study", "new", taken]);
        assert_eq!(outcome.code, 6, "{}", outcome.stderr);
        assert!(outcome.stderr.contains("nothing is written over"), "{}", outcome.stderr);
    }
    assert_eq!(fs::read_to_string(place.path().join("file")).unwrap(), "mine");
    let outcome = respondent(place.path(), &["study", "new", "my study"]);
    assert_eq!(outcome.code, 2, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("`my study` is not an id"), "{}", outcome.stderr);
    assert!(!place.path().join("my study").exists());
    let outcome = respondent(place.path(), &["study", "new", "my study", "--id", "mine"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let text = fs::read_to_string(place.path().join("my study/study.toml")).unwrap();
    assert!(text.contains("\nid = \"mine\"\n"));
}

#[test]
fn studies_are_listed_with_why_some_cannot_be_used() {
    let place = tempfile::tempdir().unwrap();
    assert_eq!(respondent(place.path(), &["study", "new", "prompts/mood"]).code, 0);
    fs::create_dir(place.path().join("broken")).unwrap();
    fs::write(place.path().join("broken/study.toml"), "schema_version = 1\n").unwrap();
    let outcome = respondent(place.path(), &["study", "list", "--json"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let listed: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let names: Vec<&str> =
        listed["studies"].as_array().unwrap().iter().map(|study| study["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["isear", "social_emotions", "./broken", "prompts/mood"]);
    assert!(listed["studies"][2]["problem"].as_str().unwrap().contains("study.toml"));
    assert_eq!(
        (&listed["studies"][3]["item_count"], &listed["studies"][3]["problem"]),
        (&6.into(), &Value::Null)
    );
    let table = respondent(place.path(), &["study", "list"]).stdout;
    assert!(
        table.contains("Joy, anger and shame in two countries") && table.contains("cannot be used"),
        "{table}"
    );
}

/// After a change of the types: RESPONDENT_UPDATE=1 cargo test --release schemas
#[test]
fn schemas_are_those_of_the_types() {
    let place = tempfile::tempdir().unwrap();
    for (file, path) in [
        ("study", "prompts/study.schema.json"),
        ("wording", "prompts/wording.schema.json"),
        ("codebook", "human_data/codebook.schema.json"),
    ] {
        let printed = respondent(place.path(), &["study", "schema", file]);
        assert_eq!(printed.code, 0, "{}", printed.stderr);
        let path = repository(path);
        if std::env::var_os("RESPONDENT_UPDATE").is_some() {
            fs::write(&path, &printed.stdout).unwrap();
        }
        assert_eq!(printed.stdout, fs::read_to_string(path).unwrap(), "{file}");
    }
}

/// A schema that refused what the program takes would be worse than none.
#[test]
fn what_the_program_reads_fits_the_schemas() {
    let schema = |path: &str| -> Value {
        serde_json::from_str(&fs::read_to_string(repository(path)).unwrap()).unwrap()
    };
    let (study, wording) = (schema("prompts/study.schema.json"), schema("prompts/wording.schema.json"));
    for folder in ["prompts/isear", "prompts/social_emotions", "prompts/skeleton", "tests/studies/formats"] {
        for entry in fs::read_dir(repository(folder)).unwrap() {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            let value: toml::Value = toml::from_str(&text).unwrap();
            let value = serde_json::to_value(value).unwrap();
            let schema = if path.ends_with("study.toml") { &study } else { &wording };
            let errors: Vec<String> = jsonschema::validator_for(schema)
                .unwrap()
                .iter_errors(&value)
                .map(|error| error.to_string())
                .collect();
            assert!(errors.is_empty(), "{}: {errors:?}", path.display());
        }
    }
    let mut stray: Value = serde_json::from_str("{}").unwrap();
    stray["colour"] = "red".into();
    assert!(!jsonschema::is_valid(&study, &stray));
}
