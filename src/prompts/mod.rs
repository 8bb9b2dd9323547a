//! Reads `prompts/` into studies, and turns cells of a study into prompts and prompts into text.
//! Knows nothing of token ids.

mod battery;
mod catalogue;
mod chat;
mod format;
mod format_wording;
mod hypotheses;
mod list;
mod option_order;
mod render;
mod schema;
mod skeleton;
mod structure;
#[cfg(test)]
mod tests;
mod wording;

pub use battery::Battery;
pub use catalogue::{DefaultSubset, Study, StudyFiles, find_study, study_files};
pub(crate) use chat::special_token_text;
pub use chat::{
    ChatTemplate, PromptSettings, PromptWriter, TemplateChoice, TemplateSettings, Thinking, Treatment,
    check_date, pick_template,
};
pub use format::{AnswerKey, COUNT_MAX, ElicitationFormat};
pub use format_wording::FormatWording;
pub use list::{StudyEntry, list_studies};
pub use option_order::OptionOrder;
pub use render::{Cell, render, render_all};
pub use schema::{study_schema, wording_schema};
pub use skeleton::{create_study, create_study_folder};
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
    /// What stands before a response when nothing is asked. `None` where the format has no such thing.
    pub domain_premise: Option<String>,
    /// The option that is asked about, as an index into the scale. `None` where the response is one of the options.
    pub asked_option: Option<usize>,
    /// What was chosen of the items that come before in the conversation, in their order; indices into their scales.
    pub earlier: Vec<usize>,
    /// False where it asks one of the earlier items, for the probability of the response that others go on from.
    pub asks_own_item: bool,
    /// Texts that count as none of `options`, though they begin like one.
    pub excluded: Vec<String>,
    /// In scale order, whatever the order shown; where one option is asked about, the numbers from 0 to 100.
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
