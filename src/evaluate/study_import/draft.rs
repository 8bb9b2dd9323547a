//! A study made from somebody else's file: questions with their options, put to a few personas in English. Knows no file formats.

use crate::error::{Error, Result};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Letters run from A to Z.
const OPTION_COUNT_MAX: usize = 26;

/// One question.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    pub id: String,
    pub text: String,
    /// In the file's order.
    pub options: Vec<String>,
}

impl Question {
    /// What is wrong with it, if anything is: what `study check` would refuse later, told now with its line.
    pub fn problem(&self) -> Option<String> {
        let count = self.options.len();
        let is_broken = |text: &str| text.chars().any(|c| c.is_control() && c != '\n');
        if self.text.trim().is_empty() || is_broken(&self.text) {
            return Some("the question is empty, or holds a control character".to_owned());
        }
        if !(2..=OPTION_COUNT_MAX).contains(&count) {
            return Some(format!("there are {count} options, not 2 to {OPTION_COUNT_MAX}"));
        }
        let cannot = |option: &&String| {
            option.trim().is_empty() || option.chars().any(|c| c.is_control() || "{}".contains(c))
        };
        if let Some(option) = self.options.iter().find(cannot) {
            return Some(format!(
                "`{}` cannot be an option: one line, without braces",
                option.escape_debug()
            ));
        }
        let folded: Vec<String> = self.options.iter().map(|option| option.to_lowercase()).collect();
        let twice = (1..count).find(|&index| folded[..index].contains(&folded[index]));
        twice.map(|index| format!("the option `{}` is there twice", self.options[index]))
    }
}

/// Who answers.
#[derive(Debug, Clone, PartialEq)]
pub struct DraftPersona {
    pub id: String,
    pub population_group: String,
    pub text: String,
}

/// A whole study.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    pub id: String,
    pub title: String,
    pub citation: String,
    pub caveats: Vec<String>,
    pub human_data: Option<String>,
    pub system_text: String,
    pub questions: Vec<Question>,
    pub personas: Vec<DraftPersona>,
    /// Whether the questions' own texts show the options, so that the prompt need not.
    pub shows_options_itself: bool,
}

impl Draft {
    /// `study.toml` and `en.toml`.
    ///
    /// # Errors
    /// Kind `Study` when nothing is left to ask.
    pub fn files(&self) -> Result<[(&'static str, String); 2]> {
        if self.questions.is_empty() {
            return Err(Error::study("nothing of the file can be asked, so there is no study"));
        }
        let mut scales: BTreeMap<&[String], String> = BTreeMap::new();
        for question in &self.questions {
            let next = format!("scale{}", scales.len() + 1);
            scales.entry(&question.options).or_insert(next);
        }
        let toml = |value: Value, head: &str| {
            let text = toml::to_string(&value)
                .map_err(|source| Error::study("the study cannot be written as TOML").because(source))?;
            Ok::<String, Error>(format!("{head}\n{text}"))
        };
        let study = "# Made from another file: read it through. prompts/README.md describes every field.";
        let words = "# Every text of the study in English; the questions and options are the file's.";
        Ok([
            ("study.toml", toml(self.structure(&scales), study)?),
            ("en.toml", toml(self.wording(&scales), words)?),
        ])
    }

    fn formats(&self) -> Vec<&'static str> {
        if self.shows_options_itself { vec!["written"] } else { vec!["label", "number", "letter"] }
    }

    fn structure(&self, scales: &BTreeMap<&[String], String>) -> Value {
        let option = |index: usize| json!({"code": (index + 1).to_string(), "value": (index + 1) as f64});
        let scale = |(options, id): (&&[String], &String)| json!({"id": id, "options": (0..options.len()).map(option).collect::<Vec<_>>()});
        let variable =
            |question: &Question| json!({"id": question.id, "scale": scales[question.options.as_slice()]});
        let persona =
            |persona: &DraftPersona| json!({"id": persona.id, "population_group": persona.population_group});
        let mut structure = json!({
            "schema_version": 1,
            "id": self.id,
            "title": self.title,
            "citation": self.citation,
            "caveats": self.caveats,
            "languages": ["en"],
            "formats": self.formats(),
            "option_orders": ["forward", "reversed"],
            "temperatures": [1.0],
            "facets": [],
            "default_subset": {
                "personas": self.personas.iter().map(|persona| &persona.id).collect::<Vec<_>>(),
                "languages": ["en"],
                "formats": self.formats()[..1],
            },
            "scales": scales.iter().map(scale).collect::<Vec<_>>(),
            "variables": self.questions.iter().map(variable).collect::<Vec<_>>(),
            "personas": self.personas.iter().map(persona).collect::<Vec<_>>(),
        });
        if let Some(id) = &self.human_data {
            structure["human_data"] = json!(id);
        }
        if self.shows_options_itself {
            structure["option_orders"] = json!(["forward"]);
            structure["elicitation_formats"] = json!({"written": {"key": "label", "show_options": false}});
        }
        structure
    }

    fn wording(&self, scales: &BTreeMap<&[String], String>) -> Value {
        let map = |entries: Vec<(&String, Value)>| {
            Value::Object(entries.into_iter().map(|(id, value)| (id.clone(), value)).collect::<Map<_, _>>())
        };
        let plain = |text: &str| json!(text.replace('{', "{{").replace('}', "}}"));
        let instruction = |format: &str| match format {
            "number" => "Reply only with the number of the option that fits best.",
            "letter" => "Reply only with the letter of the option that fits best.",
            _ => "Reply only with the words of the option that fits best, exactly as they are written above.",
        };
        let formats = self.formats().into_iter().map(|format| {
            (format.to_owned(), json!({"instruction": instruction(format), "answer_prefix": "Answer:"}))
        });
        json!({
            "language": "en",
            "system_text": self.system_text,
            "variables": map(self.questions.iter().map(|question| (&question.id, plain(&question.text))).collect()),
            "labels": map(scales.iter().map(|(options, id)| (id, json!(options))).collect()),
            "formats": Value::Object(formats.collect()),
            "personas": map(self.personas.iter().map(|persona| (&persona.id, plain(&persona.text))).collect()),
        })
    }
}

/// Letters, digits and hyphens of a name.
pub fn slug(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let text: String = name.chars().map(plain).collect();
    let parts: Vec<&str> = text.split('-').filter(|part| !part.is_empty()).collect();
    parts.join("-")
}
