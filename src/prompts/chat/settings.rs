//! Which template a model is asked through, and what becomes of its thinking: choices, as a run plan keeps them.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{SOURCE_LEN_MAX, check_date};
use crate::error::{Error, Result};

/// How conversations become prompts. Part of what decides the numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptSettings {
    pub template: TemplateChoice,
    pub thinking: Thinking,
    /// What a chat template that asks for today is told, as `YYYY-MM-DD`.
    pub template_date: String,
}

impl Default for PromptSettings {
    /// The model's own template, thinking closed, and the date that the command line takes.
    fn default() -> Self {
        PromptSettings {
            template: TemplateChoice::Model,
            thinking: Thinking::Closed,
            template_date: "2025-01-01".to_owned(),
        }
    }
}

impl PromptSettings {
    /// # Errors
    /// Kind `Usage` when the date is none.
    pub fn check(&self) -> Result<()> {
        check_date(&self.template_date)
    }
}

/// Where the chat template comes from. Written as `model`, `none` or a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum TemplateChoice {
    /// The model's own; plain text for a model without one.
    Model,
    /// Plain text, whatever the model has.
    None,
    File(PathBuf),
}

impl From<String> for TemplateChoice {
    fn from(text: String) -> Self {
        match text.as_str() {
            "model" => TemplateChoice::Model,
            "none" => TemplateChoice::None,
            _ => TemplateChoice::File(text.into()),
        }
    }
}

impl From<TemplateChoice> for String {
    fn from(choice: TemplateChoice) -> Self {
        match choice {
            TemplateChoice::Model => "model".to_owned(),
            TemplateChoice::None => "none".to_owned(),
            TemplateChoice::File(path) => path.display().to_string(),
        }
    }
}

impl TemplateChoice {
    /// `model`, `none` or `file`: what a record says that is read on other machines.
    pub fn origin(&self) -> &'static str {
        match self {
            TemplateChoice::Model => "model",
            TemplateChoice::None => "none",
            TemplateChoice::File(_) => "file",
        }
    }

    /// The source to compile, given the model's own.
    ///
    /// # Errors
    /// Kind `Usage` when a named file cannot be read, is too large for a template, or is not UTF-8.
    pub fn source(&self, own: Option<String>) -> Result<Option<String>> {
        match self {
            TemplateChoice::Model => Ok(own),
            TemplateChoice::None => Ok(None),
            TemplateChoice::File(path) => read(path).map(Some),
        }
    }
}

fn read(path: &Path) -> Result<String> {
    let refuse = |what: &str| Error::usage(what).at(path).hint("--template takes `none` or a Jinja file");
    let failed = |source: std::io::Error| refuse("the chat template cannot be read").because(source);
    // Looked at before it is opened: opening a pipe would wait for a writer.
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return Err(refuse("the chat template is not a file"));
    }
    if metadata.len() > SOURCE_LEN_MAX as u64 {
        return Err(refuse(&format!("the chat template has more than {SOURCE_LEN_MAX} bytes")));
    }
    std::fs::read_to_string(path).map_err(failed)
}

/// What becomes of a reasoning model's thinking, which comes before what is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Thinking {
    /// Switched off where the template has a switch, and closed where its prompt leaves a block open.
    Closed,
    /// As the template has it by itself.
    AsIs,
}
