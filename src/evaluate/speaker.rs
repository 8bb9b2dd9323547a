//! The text side of a model: its config, tokenizer and chat template, ready to encode. No weights.

use super::vocabulary::open_tokenizer;
use crate::error::{Error, Result};
use crate::models::{ModelFiles, ModelFolder, sha256_hex};
use crate::output::records::PromptingCard;
use crate::prompts::{Message, PromptSettings, PromptWriter, TemplateSettings, pick_template};
use crate::tokens::{TextKind, TextTokenizer};

/// What turns messages into token ids for one model.
pub struct Speaker {
    pub files: ModelFiles,
    pub tokenizer: TextTokenizer,
    pub writer: PromptWriter,
    /// What is done to conversations, as it is recorded.
    pub prompting: PromptingCard,
    /// Of the template's text; of the empty string where there is none.
    pub template_sha256: String,
}

impl Speaker {
    /// Reads a model's small files, and finds out how its template is to be asked.
    ///
    /// # Errors
    /// Kind `Model` for absent or broken files, kind `Prompt` for a template that does not parse or refuses every
    /// conversation, kind `Usage` for a template file that cannot be read.
    pub fn open(folder: &ModelFolder, settings: &PromptSettings) -> Result<Self> {
        let mut files = ModelFiles::read(folder)?;
        let tokenizer =
            open_tokenizer(&mut files, folder)?.with_position_count(files.config.decoder.position_count_max);
        let own = match &files.template_file {
            Some(source) => Some(source.clone()),
            None => pick_template(&files.tokenizer_config["chat_template"])?,
        };
        let source = settings.template.source(own)?;
        let writer = match &source {
            None => PromptWriter::plain(),
            Some(source) => {
                let date = &settings.template_date;
                let variables = TemplateSettings::from_tokenizer_config(&files.tokenizer_config, date);
                PromptWriter::new(source, &variables, settings.thinking)?
            }
        };
        let prompting = prompting_card(settings, &writer);
        let template_sha256 = sha256_hex(source.unwrap_or_default().as_bytes());
        Ok(Speaker { files, tokenizer, writer, prompting, template_sha256 })
    }

    /// The text of a conversation as the model is to see it, and how to tokenise it.
    ///
    /// # Errors
    /// Kind `Prompt` when the template raises.
    pub fn render(&self, messages: &[Message], answer_prefix: &str) -> Result<(String, TextKind)> {
        let kind = if self.writer.is_chat() { TextKind::Chat } else { TextKind::Plain };
        Ok((self.writer.write(messages, answer_prefix)?, kind))
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

fn prompting_card(settings: &PromptSettings, writer: &PromptWriter) -> PromptingCard {
    let treatment = writer.treatment();
    let (template, system_text) = match (writer.is_chat(), treatment.folds_system_text) {
        (false, _) => ("none", "joined"),
        (true, true) => (settings.template.origin(), "folded"),
        (true, false) => (settings.template.origin(), "own_role"),
    };
    PromptingCard {
        template: template.to_owned(),
        system_text: system_text.to_owned(),
        switches: treatment.switches.clone(),
        closed_thinking: treatment.closed_thinking.clone(),
    }
}
