//! Chat templates against what transformers renders: every case of `goldens/templates/expected.json`, byte by byte.

use std::fs;
use std::path::{Path, PathBuf};

use respondent::error::ErrorKind;
use respondent::prompts::{ChatTemplate, Message, TemplateSettings};
use serde::Deserialize;

#[derive(Deserialize)]
struct Expected {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    template: String,
    conversation: String,
    messages: Vec<Message>,
    special_tokens: serde_json::Map<String, serde_json::Value>,
    date: String,
    add_generation_prompt: bool,
    rendered: Option<String>,
    /// What the template itself raised.
    error: Option<String>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/templates")
}

impl Case {
    fn template(&self) -> ChatTemplate {
        let source = fs::read_to_string(folder().join(&self.template)).unwrap();
        let config = serde_json::Value::Object(self.special_tokens.clone());
        let settings = TemplateSettings::from_tokenizer_config(&config, &self.date);
        ChatTemplate::new(&source, &settings).unwrap()
    }

    /// What is wrong, if anything is.
    fn complaint(&self) -> Option<String> {
        let template = self.template();
        let got = match self.add_generation_prompt {
            true => template.render(&self.messages, ""),
            false => template.render_transcript(&self.messages),
        };
        let fine = match (&got, &self.rendered, &self.error) {
            (Ok(text), Some(rendered), None) => text == rendered,
            (Err(error), None, Some(raised)) => {
                error.kind() == ErrorKind::Prompt && error.to_string().ends_with(raised)
            }
            _ => false,
        };
        let expected = self.rendered.as_ref().or(self.error.as_ref());
        let case = format!("{} / {}", self.template, self.conversation);
        (!fine).then(|| format!("{case}\n  expected {expected:?}\n  got      {got:?}"))
    }
}

#[test]
fn every_case_is_rendered_as_transformers_renders_it() {
    let expected: Expected =
        serde_json::from_str(&fs::read_to_string(folder().join("expected.json")).unwrap()).unwrap();
    assert!(expected.cases.len() > 50, "the goldens are gone");
    let complaints: Vec<String> = expected.cases.iter().filter_map(Case::complaint).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn the_answer_prefix_goes_behind_the_generation_prompt() {
    let expected: Expected =
        serde_json::from_str(&fs::read_to_string(folder().join("expected.json")).unwrap()).unwrap();
    let with_prompt = |case: &&Case| case.add_generation_prompt && case.rendered.is_some();
    for case in expected.cases.iter().filter(with_prompt) {
        let text = case.template().render(&case.messages, "Reply:").unwrap();
        assert_eq!(text, case.rendered.clone().unwrap() + "Reply:");
    }
}
