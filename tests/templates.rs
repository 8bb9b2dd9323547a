//! Chat templates against what transformers renders, byte by byte: every case of `goldens/templates/expected.json`, and
//! of a folder of real templates where `RESPONDENT_TEMPLATES` names one that `goldens/make_templates.py` has been over.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use respondent::error::{ErrorKind, Result};
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
    variables: BTreeMap<String, bool>,
    date: String,
    add_generation_prompt: bool,
    rendered: Option<String>,
    /// What the template itself raised.
    error: Option<String>,
    /// What Jinja said where the template is at fault.
    failed: Option<String>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/templates")
}

fn cases(folder: &Path) -> Vec<Case> {
    let expected: Expected =
        serde_json::from_str(&fs::read_to_string(folder.join("expected.json")).unwrap()).unwrap();
    assert!(expected.cases.len() > 50, "the goldens are gone");
    expected.cases
}

impl Case {
    fn template(&self, folder: &Path) -> Result<ChatTemplate> {
        let source = fs::read_to_string(folder.join(&self.template)).unwrap();
        let config = serde_json::Value::Object(self.special_tokens.clone());
        let settings = TemplateSettings {
            switches: self.variables.clone(),
            ..TemplateSettings::from_tokenizer_config(&config, &self.date)
        };
        ChatTemplate::new(&source, &settings)
    }

    /// What is wrong, if anything is.
    fn complaint(&self, folder: &Path) -> Option<String> {
        let got = self.template(folder).and_then(|template| match self.add_generation_prompt {
            true => template.render(&self.messages, ""),
            false => template.render_transcript(&self.messages),
        });
        let fine = match (&got, &self.rendered, &self.error, &self.failed) {
            (Ok(text), Some(rendered), None, None) => text == rendered,
            (Err(error), None, Some(raised), None) => {
                error.kind() == ErrorKind::Prompt && error.to_string().ends_with(raised)
            }
            (Err(error), None, None, Some(_)) => error.kind() == ErrorKind::Prompt,
            _ => false,
        };
        let expected = self.rendered.as_ref().or(self.error.as_ref()).or(self.failed.as_ref());
        let case = format!("{} / {} / {:?}", self.template, self.conversation, self.variables);
        (!fine).then(|| format!("{case}\n  expected {expected:?}\n  got      {got:?}"))
    }
}

#[test]
fn every_case_is_rendered_as_transformers_renders_it() {
    let complaints: Vec<String> =
        cases(&folder()).iter().filter_map(|case| case.complaint(&folder())).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn real_templates_are_rendered_as_transformers_renders_them() {
    let Some(folder) = std::env::var_os("RESPONDENT_TEMPLATES").map(PathBuf::from) else {
        println!("skipped: RESPONDENT_TEMPLATES names no folder of templates with an expected.json");
        return;
    };
    let cases = cases(&folder);
    let complaints: Vec<String> = cases.iter().filter_map(|case| case.complaint(&folder)).collect();
    println!("{} of {} cases differ", complaints.len(), cases.len());
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn the_answer_prefix_goes_behind_the_generation_prompt() {
    let with_prompt = |case: &&Case| case.add_generation_prompt && case.rendered.is_some();
    for case in cases(&folder()).iter().filter(with_prompt) {
        let text = case.template(&folder()).unwrap().render(&case.messages, "Reply:").unwrap();
        assert_eq!(text, case.rendered.clone().unwrap() + "Reply:");
    }
}
