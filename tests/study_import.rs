//! `respondent study import`: opinions become a study with people of an assumed number, a benchmark's task a study; what cannot be asked is
//! told with its line, and nothing half written is left.

use super::harness::{Outcome, respondent};
use respondent::human_data::find_human_data;
use serde_json::Value;
use std::fs;
use tempfile::TempDir;

const OPINIONS: &str = r#"question,selections,options,source
"Is it good? {really}","defaultdict(<class 'list'>, {'Brazil': [0.5, 0.3, 0.1, 0.1], 'France (2020)': [0.2, 0.2, 0.4, 0.2], 'Japan': [0.25, 0.25, 0.25, 0.25]})","['Good', ""It's fair"", 'Bad', 'DK/Refused']",X
"How often, |a| or b?","{'Brazil': [0.25, 0.75], 'France (2020)': [0.5, 0.5]}","['Often', 'Never']",X
Only Japan?,{'Japan': [1.0]},['Yes'],X
Twice?,"{'Brazil': [0.5, 0.5], 'France (2020)': [0.5, 0.5]}","['Yes', 'yes']",X
Too much?,"{'Brazil': [0.5, 0.9], 'France (2020)': [0.5, 0.5]}","['Yes', 'No']",X
Torn?,"{'Brazil': [0.5, 0.5",['Yes'],X
"#;

const TASK: &str = r#"
task: tiny
dataset_path: nowhere/none
output_type: multiple_choice
description: "Choose. "
doc_to_text: "{{ question.strip() }}\nAnswer:"
doc_to_choice: choices
doc_to_target: label
num_fewshot: 2
metric_list:
  - metric: acc
"#;

fn place(files: &[(&str, &str)]) -> TempDir {
    let place = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(place.path().join(name), text).unwrap();
    }
    place
}

fn json(outcome: &Outcome) -> Value {
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    serde_json::from_str(&outcome.stdout).unwrap()
}

#[test]
fn opinions_become_a_study_with_people() {
    let place = place(&[("opinions.csv", OPINIONS)]);
    let arguments = [
        "study",
        "import",
        "opinions",
        "opinions.csv",
        "--groups",
        "Brazil,France (2020)",
        "--people",
        "200",
        "--missing",
        "DK/Refused",
        "--into",
        "own",
        "--json",
    ];
    let report = json(&respondent(place.path(), &arguments));
    assert_eq!((&report["id"], &report["question_count"]), (&"own".into(), &2.into()));
    let reasons: Vec<(u64, &str)> = report["left_out"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["line"].as_u64().unwrap(), row["reason"].as_str().unwrap()))
        .collect();
    assert_eq!(reasons.iter().map(|row| row.0).collect::<Vec<_>>(), [4, 5, 6, 7]);
    for ((_, reason), told) in
        reasons.iter().zip(["1 options", "is there twice", "add up to 1.4", "a list goes on"])
    {
        assert!(reason.contains(told), "{reason}");
    }
    let data = find_human_data(place.path().join("human_data/own").to_str().unwrap()).unwrap();
    assert_eq!(data.kind.name(), "assumed_n");
    let brazil = data.marginal("Brazil", "q1").unwrap();
    let expected = [0.5, 0.3, 0.1].map(|share| share / 0.9 * 180.0);
    assert!(brazil.counts.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{:?}", brazil.counts);
    assert_eq!(brazil.missing_count, 20.0);
    let checked = json(&respondent(place.path(), &["study", "check", "own", "--json"]));
    assert_eq!(checked["people"]["group_count"], 2);
    assert!(
        checked["example"]["messages"][1]["content"].as_str().unwrap().starts_with("Is it good? {really}\n")
    );
    let run = respondent(place.path(), &["run", "own", "--model", "control", "--quiet", "--full"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let again = respondent(place.path(), &arguments);
    assert_eq!(again.code, 6, "{}", again.stderr);
}

#[test]
fn groups_that_are_not_there_are_answered_with_those_that_are() {
    let place = place(&[("opinions.csv", OPINIONS)]);
    let unnamed = ["study", "import", "opinions", "opinions.csv", "--people", "100", "--into", "own"];
    let outcome = respondent(place.path(), &unnamed);
    assert_eq!(outcome.code, 5, "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("no groups were named") && outcome.stderr.contains("Japan (2)"),
        "{}",
        outcome.stderr
    );
    let outcome = respondent(
        place.path(),
        &[
            "study",
            "import",
            "opinions",
            "opinions.csv",
            "--groups",
            "Brazil,Atlantis",
            "--people",
            "100",
            "--into",
            "own",
        ],
    );
    assert_eq!(outcome.code, 5, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("Brazil (4), France (2020) (4), Japan (2)"), "{}", outcome.stderr);
    assert!(!place.path().join("own").exists() && !place.path().join("human_data").exists());
}

#[test]
fn a_task_becomes_a_study() {
    let documents = concat!(
        "{\"question\": \" Two and two? \", \"choices\": [\"three\", \"four\"], \"label\": 1}\n\n",
        "{\"question\": \"Is it {so}?\", \"choices\": [\"yes\", \"no\", \"maybe\"], \"label\": 0}\n",
        "{\"question\": \"One?\", \"choices\": [\"yes\"]}\n",
        "{\"choices\": [\"yes\", \"no\"]}\n",
        "not json\n"
    );
    let place = place(&[("task.yaml", TASK), ("docs.jsonl", documents)]);
    let arguments =
        ["study", "import", "lm-eval", "task.yaml", "--docs", "docs.jsonl", "--into", "own", "--json"];
    let report = json(&respondent(place.path(), &arguments));
    assert_eq!((&report["question_count"], &report["human_data"]), (&2.into(), &Value::Null));
    let lines: Vec<u64> =
        report["left_out"].as_array().unwrap().iter().map(|row| row["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [4, 5, 6]);
    let checked = json(&respondent(place.path(), &["study", "check", "own", "--json"]));
    assert_eq!((&checked["title"], &checked["elicitation_formats"][0]), (&"tiny".into(), &"label".into()));
    let content = checked["example"]["messages"][1]["content"].as_str().unwrap();
    assert!(content.starts_with("Choose. Two and two?\nAnswer:\n\n- three\n- four\n"), "{content}");
    let run = respondent(place.path(), &["run", "own", "--model", "control", "--quiet"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
}

#[test]
fn options_that_the_text_shows_are_not_shown_again_and_templates_make_lists() {
    let task = TASK
        .replace("doc_to_choice: choices", "doc_to_choice: \"{{ [a, b] }}\"")
        .replace("question.strip() }}", "question }} A {{ a }} B {{ b }}");
    let place = place(&[
        ("task.yaml", &task),
        ("docs.jsonl", "{\"question\": \"Which?\", \"a\": \"left\", \"b\": \"right\"}\n"),
    ]);
    let arguments =
        ["study", "import", "lm-eval", "task.yaml", "--docs", "docs.jsonl", "--into", "own", "--json"];
    json(&respondent(place.path(), &arguments));
    let checked = json(&respondent(place.path(), &["study", "check", "own", "--json"]));
    assert_eq!(checked["elicitation_formats"], serde_json::json!(["written"]));
    assert_eq!(checked["example"]["options"], serde_json::json!(["left", "right"]));
}

#[test]
fn what_only_python_knows_is_refused() {
    for (change, told) in [
        (
            TASK.replace("doc_to_choice: choices", "doc_to_choice: !function utils.choices"),
            "is a function in Python",
        ),
        (TASK.replace("multiple_choice", "generate_until"), "only multiple_choice"),
        (format!("include: other.yaml\n{TASK}"), "includes `other.yaml`"),
        (format!("process_docs: x\n{TASK}"), "nothing here runs"),
        (TASK.replace("{{ question.strip() }}", "{{ question"), "is no template"),
        ("[".to_owned(), "cannot be read as a task"),
    ] {
        let place = place(&[
            ("task.yaml", &change),
            ("docs.jsonl", "{\"question\": \"a\", \"choices\": [\"b\", \"c\"]}\n"),
        ]);
        let outcome = respondent(
            place.path(),
            &["study", "import", "lm-eval", "task.yaml", "--docs", "docs.jsonl", "--into", "own"],
        );
        assert_eq!(outcome.code, 4, "{}", outcome.stderr);
        assert!(
            outcome.stderr.contains(told) && outcome.stderr.contains("task.yaml"),
            "no `{told}` in {}",
            outcome.stderr
        );
        assert!(!place.path().join("own").exists());
    }
}
