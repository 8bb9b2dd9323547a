//! Reads `prompts/` into studies, and turns cells of a study into prompts and prompts into text.
//! Knows nothing of token ids.

mod catalogue;
mod chat;
mod format;
mod hypotheses;
mod option_order;
mod render;
mod structure;
#[cfg(test)]
mod tests;
mod wording;

pub use catalogue::{DefaultSubset, Study, find_study};
pub(crate) use chat::special_token_text;
pub use chat::{
    ChatTemplate, PromptSettings, PromptWriter, TemplateChoice, TemplateSettings, Thinking, Treatment,
    check_date, pick_template,
};
pub use format::{AnswerKey, ElicitationFormat};
pub use option_order::OptionOrder;
pub use render::{Cell, render};
pub use wording::{FormatWording, Wording};

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Message {
    /// `system`, `user` or `assistant`.
    pub role: String,
    pub content: String,
}

/// Everything that is put to the model for one cell, before a chat template is applied.
#[derive(Debug, Clone, PartialEq)]
pub struct Prompt {
    pub messages: Vec<Message>,
    /// Put after the generation prompt; the response is read right behind it. May be empty.
    pub answer_prefix: String,
    /// In scale order, whatever the order shown.
    pub options: Vec<PromptOption>,
}

/// An option as this prompt presents it.
#[derive(Debug, Clone, PartialEq)]
pub struct PromptOption {
    /// The scale's code of the option.
    pub code: String,
    pub label: String,
    /// The strings that count as choosing it, most canonical first.
    pub surface_forms: Vec<String>,
    /// Beginnings of them, such as a code without what closes it, behind which the rest counts in whatever tokens.
    pub openings: Vec<String>,
}
