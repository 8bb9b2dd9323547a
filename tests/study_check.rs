//! `respondent study check`: the built-in studies pass, faulty ones are refused, with the line or by who is missing, and what
//! nobody is there to decide is warned of.

use super::harness::{repository, respondent};
use serde_json::Value;

fn checked(study: &str) -> Value {
    let place = tempfile::tempdir().unwrap();
    let outcome = respondent(place.path(), &["study", "check", study, "--json"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    serde_json::from_str(&outcome.stdout).unwrap()
}

#[test]
fn built_in_studies_pass() {
    let isear = checked("isear");
    assert_eq!((&isear["item_count"], &isear["variable_count"]), (&Value::from(35), &Value::from(5)));
    assert_eq!((&isear["default_cell_count"], &isear["full_cell_count"]), (&1890.into(), &10080.into()));
    assert_eq!(
        (&isear["people"]["group_count"], isear["warnings"].as_array().unwrap().len()),
        (&16.into(), 0)
    );
    let social = checked("social_emotions");
    assert_eq!(social["people"], Value::Null);
    assert_eq!(social["warnings"][0], "no human data: H2, H3 will not be tested");
}

#[test]
fn a_study_folder_without_people_passes() {
    let formats = checked(repository("tests/studies/formats").to_str().unwrap());
    assert_eq!((&formats["people"], formats["warnings"].as_array().unwrap().len()), (&Value::Null, 0));
    assert!(formats["example"]["messages"].as_array().is_some_and(|messages| !messages.is_empty()));
}

#[test]
fn a_person_sees_what_is_asked() {
    let place = tempfile::tempdir().unwrap();
    let outcome = respondent(place.path(), &["study", "check", "isear"]);
    for part in ["35, of 5 variables", "1,890, with --full 10,080", "isear: 16 groups", "[user]", "[answer]"]
    {
        assert!(outcome.stdout.contains(part), "{part}: {}", outcome.stdout);
    }
}

#[test]
fn a_fault_is_told_with_its_line_and_missing_people_by_name() {
    let place = tempfile::tempdir().unwrap();
    let study = place.path().join("study");
    std::fs::create_dir(&study).unwrap();
    for file in std::fs::read_dir(repository("prompts/isear")).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), study.join(file.file_name())).unwrap();
    }
    let text = std::fs::read_to_string(study.join("study.toml")).unwrap();
    let write = |text: &str| std::fs::write(study.join("study.toml"), text).unwrap();
    let elsewhere = text.replace("population_group = \"SWE\"", "population_group = \"ATLANTIS\"");
    write(&elsewhere.replace("SWE = \"Sweden\"", "ATLANTIS = \"Atlantis\""));
    let outcome = respondent(place.path(), &["study", "check", "study"]);
    assert_eq!(outcome.code, 5);
    let nobody = "no counts of the group `ATLANTIS` for the item `INTS.joy`";
    assert!(outcome.stderr.contains(nobody), "{}", outcome.stderr);
    write(&text.replace("id = \"fear\"", "id = \"joy\""));
    let outcome = respondent(place.path(), &["study", "check", "study"]);
    assert_eq!(outcome.code, 4);
    assert!(outcome.stderr.contains("study.toml:"), "{}", outcome.stderr);
}
