//! Reads `prompts/` into studies, and turns cells of a study into prompts and prompts into text.
//! Knows nothing of token ids.

mod catalogue;
mod chat;
mod elicitation;
mod format;
mod format_wording;
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
pub use format::{Closing, ElicitationFormat, FormatKind, ShownOption, SurfaceForm};
pub use format_wording::{FormatWording, ScaleEnds};
pub use option_order::OptionOrder;
pub use render::{Cell, render};
pub use wording::Wording;

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
    /// The text behind which responses are read once more, to be set against those to the prompt. `None` where the format
    /// has none.
    pub domain_premise: Option<String>,
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
    pub surface_forms: Vec<SurfaceForm>,
}
