//! How a model is asked, and what the results say of it: folded system text, closed thinking, templates by choice.

use super::harness::{ModelCopy, Outcome, repository, respondent, respondent_with_input};
use serde_json::{Value, json};
use std::path::Path;

const NOTHING_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The control with another template.
fn model_with(template: &str) -> ModelCopy {
    let model = ModelCopy::new();
    std::fs::copy(template_path(template), model.file("chat_template.jinja")).unwrap();
    model
}

fn template_path(template: &str) -> std::path::PathBuf {
    repository("tests/goldens/templates").join(template)
}

/// A small run; the manifest and the report of it.
fn run(place: &Path, model: &ModelCopy, arguments: &[&str]) -> (Value, String) {
    let small = ["--personas", "USA", "--languages", "en", "--formats", "number", "--json", "--quiet"];
    let outcome = respondent(place, &[&["run", "--model", model.path()], &small[..], arguments].concat());
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let told: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let report = place.join(told["report"].as_str().unwrap());
    (told["manifest"].clone(), std::fs::read_to_string(report).unwrap())
}

fn score(model: &ModelCopy, arguments: &[&str], line: &Value) -> Outcome {
    let arguments = [&["score", "--model", model.path(), "--quiet"], arguments].concat();
    respondent_with_input(&std::env::temp_dir(), &arguments, &format!("{line}\n"))
}

fn scored(model: &ModelCopy, arguments: &[&str], line: &Value) -> Value {
    let outcome = score(model, arguments, line);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    serde_json::from_str(&outcome.stdout).unwrap()
}

#[test]
fn system_text_without_a_role_is_folded_and_the_results_say_so() {
    let place = tempfile::tempdir().unwrap();
    let (manifest, report) = run(place.path(), &model_with("no_system.jinja"), &[]);
    let expected =
        json!({"template": "model", "system_text": "folded", "switches": {}, "closed_thinking": null});
    assert_eq!(
        (&manifest["format_version"], &manifest["prompting"]),
        (&json!(respondent::output::records::FORMAT_VERSION), &expected)
    );
    assert!(report.contains("no system role: system text stands before the first user message"));
}

#[test]
fn opened_thoughts_are_closed_unless_they_are_to_stay() {
    let place = tempfile::tempdir().unwrap();
    let model = model_with("opened_thoughts.jinja");
    let (manifest, report) = run(place.path(), &model, &[]);
    assert_eq!(manifest["prompting"]["closed_thinking"], "\n</think>\n\n");
    assert!(report.contains("the opened block of thoughts was closed with"));
    let (manifest, report) = run(place.path(), &model, &["--thinking", "as-is"]);
    assert_eq!(
        (&manifest["prompting"]["closed_thinking"], &manifest["plan"]["thinking"]),
        (&json!(null), &json!("as-is"))
    );
    assert!(report.contains("nothing added"));
    let (manifest, _) = run(place.path(), &model_with("thinking.jinja"), &[]);
    assert_eq!(manifest["prompting"]["switches"], json!({"enable_thinking": false}));
}

#[test]
fn the_template_can_be_chosen() {
    let place = tempfile::tempdir().unwrap();
    let model = ModelCopy::new();
    let (plain, report) = run(place.path(), &model, &["--template", "none"]);
    assert_eq!(
        (&plain["prompting"]["template"], &plain["prompting"]["system_text"]),
        (&json!("none"), &json!("joined"))
    );
    assert_eq!(plain["identity"]["template_sha256"], NOTHING_SHA256);
    assert!(report.contains("plain text"));
    let (own, _) = run(place.path(), &model, &[]);
    let path = repository("models/control/chat_template.jinja");
    let (file, _) = run(place.path(), &model, &["--template", path.to_str().unwrap()]);
    assert_eq!(
        (&own["prompting"]["template"], &file["prompting"]["template"]),
        (&json!("model"), &json!("file"))
    );
    assert_eq!(own["identity"]["template_sha256"], file["identity"]["template_sha256"]);
    assert_ne!(own["identity"]["template_sha256"], plain["identity"]["template_sha256"]);
}

#[test]
fn score_asks_in_the_same_way_and_says_so_on_lines_with_messages() {
    let model = model_with("no_system.jinja");
    let messages =
        json!([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Yes or no?"}]);
    let folded = json!([{"role": "user", "content": "Be brief.\n\nYes or no?"}]);
    let line = |messages: &Value| json!({"id": 1, "messages": messages, "options": ["Yes", "No"]});
    let told = scored(&model, &[], &line(&messages));
    assert_eq!(told, scored(&model, &[], &line(&folded)));
    assert_eq!(told["prompting"]["system_text"], "folded");
    let prompt = json!({"id": 1, "prompt": "Be brief.\n\nYes or no?", "options": ["Yes", "No"]});
    assert!(scored(&model, &[], &prompt).get("prompting").is_none());
    let plain = scored(&model, &["--template", "none"], &line(&messages));
    assert_eq!(plain, scored(&model, &[], &prompt));
    let path = repository("models/control/chat_template.jinja");
    let own = scored(&model, &["--template", path.to_str().unwrap()], &line(&messages));
    assert_eq!(own, scored(&ModelCopy::new(), &[], &line(&messages)));
}

#[test]
fn what_is_no_template_is_refused_before_anything_is_computed() {
    let model = ModelCopy::new();
    let line = json!({"prompt": "Hi"});
    for path in ["nowhere.jinja", "/dev/zero", "/", model.file("model.safetensors").to_str().unwrap()] {
        let outcome = score(&model, &["--template", path], &line);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""), "{}", outcome.stderr);
        assert!(outcome.stderr.contains(path) && outcome.stderr.contains("--template"), "{}", outcome.stderr);
    }
    model.edit("chat_template.jinja", |bytes| *bytes = b"{{ raise_exception('Only on Sundays') }}".to_vec());
    let outcome = score(&model, &[], &line);
    assert_eq!(outcome.code, 7);
    assert!(outcome.stderr.contains("Only on Sundays"), "{}", outcome.stderr);
    assert_eq!(score(&model, &["--template", "none"], &line).code, 0);
}
