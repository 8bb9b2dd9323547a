//! How a response is asked for: by number, by letter, or by the option's own words.

use std::fmt;

/// The elicitation format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ElicitationFormat {
    /// The option's code, which stays with the option whatever the order shown.
    Number,
    /// A letter by position shown: A is always the first line.
    Letter,
    /// The option's label, word for word.
    Label,
}

impl fmt::Display for ElicitationFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ElicitationFormat::Number => "number",
            ElicitationFormat::Letter => "letter",
            ElicitationFormat::Label => "label",
        })
    }
}
