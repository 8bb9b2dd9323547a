//! The text side of a model: its config, tokenizer and chat template, ready to encode. No weights.

use super::vocabulary::open_tokenizer;
use crate::error::{Error, Result};
use crate::models::{ModelFiles, ModelFolder, sha256_hex};
use crate::prompts::{ChatTemplate, Message, TemplateSettings, pick_template};
use crate::tokens::{TextKind, TextTokenizer};

/// What turns messages into token ids for one model.
pub struct Speaker {
    pub files: ModelFiles,
    pub tokenizer: TextTokenizer,
    pub template: ChatTemplate,
    /// Of the template's text; of the empty string where there is none.
    pub template_sha256: String,
}

impl Speaker {
    /// Reads a model's small files. `date` is what a template that asks for today is told, as `YYYY-MM-DD`.
    ///
    /// # Errors
    /// Kind `Model` for absent or broken files, kind `Prompt` for a template that does not parse.
    pub fn open(folder: &ModelFolder, date: &str) -> Result<Self> {
        let mut files = ModelFiles::read(folder)?;
        let tokenizer =
            open_tokenizer(&mut files, folder)?.with_position_count(files.config.decoder.position_count_max);
        let source = match &files.template_file {
            Some(source) => Some(source.clone()),
            None => pick_template(&files.tokenizer_config["chat_template"])?,
        };
        let template = match &source {
            None => ChatTemplate::plain(),
            Some(source) => {
                let settings = TemplateSettings::from_tokenizer_config(&files.tokenizer_config, date);
                ChatTemplate::new(source, &settings)?
            }
        };
        let template_sha256 = sha256_hex(source.unwrap_or_default().as_bytes());
        Ok(Speaker { files, tokenizer, template, template_sha256 })
    }

    /// The text of a conversation as the model is to see it, and how to tokenise it.
    ///
    /// # Errors
    /// Kind `Prompt` when the template raises.
    pub fn render(&self, messages: &[Message], answer_prefix: &str) -> Result<(String, TextKind)> {
        let kind = if self.template.is_chat() { TextKind::Chat } else { TextKind::Plain };
        Ok((self.template.render(messages, answer_prefix)?, kind))
    }

    /// # Errors
    /// Kind `Prompt` when a path is longer than the model was made for.
    pub fn check_len(&self, token_count: usize) -> Result<()> {
        let limit = self.files.config.decoder.position_count_max;
        if token_count <= limit {
            return Ok(());
        }
        Err(Error::prompt(format!("{token_count} tokens do not fit the model's {limit} positions")))
    }
}
