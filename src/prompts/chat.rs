//! Chat templates, rendered as transformers renders them. Text in, text out; knows no token ids.

use super::Message;
use crate::error::{Error, Result};

/// What a template may refer to besides the messages.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TemplateSettings {
    /// Special tokens by name, e.g. `bos_token`.
    pub special_tokens: Vec<(String, String)>,
    /// The date `strftime_now` tells, as `YYYY-MM-DD`. Frozen in the run plan, so that a prompt does not change overnight.
    pub date: String,
}

/// A compiled template, or the plain joining of texts for a model that has none.
#[derive(Debug, Clone)]
pub struct ChatTemplate {}

impl ChatTemplate {
    /// Compiles a Jinja source.
    ///
    /// # Errors
    /// Kind `Prompt` when it does not parse.
    pub fn new(source: &str, settings: &TemplateSettings) -> Result<Self> {
        let _ = (source, settings);
        Err(Error::prompt("chat templates have not landed yet"))
    }

    /// For base models: contents joined by blank lines.
    pub fn plain() -> Self {
        ChatTemplate {}
    }

    /// The full text, generation prompt included, then the answer prefix.
    ///
    /// # Errors
    /// Kind `Prompt` when the template raises, runs out of fuel, or uses what is not known.
    pub fn render(&self, messages: &[Message], answer_prefix: &str) -> Result<String> {
        let _ = (messages, answer_prefix);
        Err(Error::prompt("chat templates have not landed yet"))
    }

    /// False for [`ChatTemplate::plain`].
    pub fn is_chat(&self) -> bool {
        false
    }
}
