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

impl ElicitationFormat {
    /// The strings that count as choosing an option, most canonical first.
    ///
    /// What the format asks for (code, letter or label), bare and behind one space, since it depends on the tokenizer
    /// and on the answer prefix which of the two a model continues with. A label counts with its first letter
    /// capitalised too: models open a sentence that way. Nothing longer counts ("3." continues "3", which is already
    /// counted), and nothing that another option could share.
    pub fn surface_forms(self, code: &str, label: &str, shown_index: usize) -> Vec<String> {
        let key = self.answer_key(code, label, shown_index);
        let capitalised = capitalise(&key);
        let mut forms = vec![key.clone(), format!(" {key}")];
        if self == ElicitationFormat::Label && capitalised != key {
            forms.push(capitalised.clone());
            forms.push(format!(" {capitalised}"));
        }
        forms
    }

    /// The line that shows an option. A code stays with its option; letters go by the position shown.
    pub fn option_line(self, code: &str, label: &str, shown_index: usize) -> String {
        match self {
            ElicitationFormat::Label => format!("- {label}"),
            ElicitationFormat::Number | ElicitationFormat::Letter => {
                format!("{}. {label}", self.answer_key(code, label, shown_index))
            }
        }
    }

    fn answer_key(self, code: &str, label: &str, shown_index: usize) -> String {
        match self {
            ElicitationFormat::Number => code.to_owned(),
            ElicitationFormat::Letter => letter(shown_index).to_string(),
            ElicitationFormat::Label => label.to_owned(),
        }
    }
}

/// A for 0. Studies have at most 26 options in a scale.
fn letter(shown_index: usize) -> char {
    let letters = 'A'..='Z';
    letters.clone().nth(shown_index).unwrap_or(*letters.end())
}

fn capitalise(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    first + chars.as_str()
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
