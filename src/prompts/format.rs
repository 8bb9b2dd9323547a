//! How a response is asked for: by number, by letter, or by the option's own words; with the options shown or not; closed by what a
//! response must end with. A format is data: a study may declare its own.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a response is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerKey {
    /// The option's code, which stays with the option whatever the order shown.
    Number,
    /// A letter by position shown: A is always the first line.
    Letter,
    /// The option's label, word for word.
    Label,
}

impl AnswerKey {
    pub const ALL: [AnswerKey; 3] = [AnswerKey::Number, AnswerKey::Letter, AnswerKey::Label];
}

impl fmt::Display for AnswerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AnswerKey::Number => "number",
            AnswerKey::Letter => "letter",
            AnswerKey::Label => "label",
        })
    }
}

/// An elicitation format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ElicitationFormat {
    pub id: String,
    pub key: AnswerKey,
    /// Whether the prompt has a line for each option. Without, the instruction has to say what they are.
    pub shows_options: bool,
    /// What a response has to end with, any of them: `}` of a JSON field. Empty where it ends as it likes.
    pub closings: Vec<String>,
}

impl ElicitationFormat {
    /// The format that a key names without further ado: options shown, nothing that closes.
    pub fn plain(key: AnswerKey) -> Self {
        ElicitationFormat { id: key.to_string(), key, shows_options: true, closings: Vec::new() }
    }

    /// The strings that count as choosing an option, most canonical first.
    ///
    /// What the format asks for (code, letter or label), bare and behind one space, since it depends on the tokenizer
    /// and on the answer prefix which of the two a model continues with. A label counts with its first letter
    /// capitalised too: models open a sentence that way. Where the format has closings, each of these with each of them and
    /// nothing without; where it has none, nothing longer counts ("3." continues "3", which is already counted), and nothing
    /// that another option could share.
    pub fn surface_forms(&self, code: &str, label: &str, shown_index: usize) -> Vec<String> {
        let forms = self.written_keys(code, label, shown_index);
        if self.closings.is_empty() {
            return forms;
        }
        let closed = |form: &String| {
            self.closings.iter().map(move |closing| format!("{form}{closing}")).collect::<Vec<_>>()
        };
        forms.iter().flat_map(closed).collect()
    }

    /// The forms without their closings, where they have any.
    pub fn openings(&self, code: &str, label: &str, shown_index: usize) -> Vec<String> {
        if self.closings.is_empty() { Vec::new() } else { self.written_keys(code, label, shown_index) }
    }

    fn written_keys(&self, code: &str, label: &str, shown_index: usize) -> Vec<String> {
        let key = self.answer_key(code, label, shown_index);
        let capitalised = capitalise(&key);
        let mut keys = vec![key.clone(), format!(" {key}")];
        if self.key == AnswerKey::Label && capitalised != key {
            keys.push(capitalised.clone());
            keys.push(format!(" {capitalised}"));
        }
        keys
    }

    /// The line that shows an option. A code stays with its option; letters go by the position shown.
    pub fn option_line(&self, code: &str, label: &str, shown_index: usize) -> String {
        match self.key {
            AnswerKey::Label => format!("- {label}"),
            AnswerKey::Number | AnswerKey::Letter => {
                format!("{}. {label}", self.answer_key(code, label, shown_index))
            }
        }
    }

    fn answer_key(&self, code: &str, label: &str, shown_index: usize) -> String {
        match self.key {
            AnswerKey::Number => code.to_owned(),
            AnswerKey::Letter => letter(shown_index).to_string(),
            AnswerKey::Label => label.to_owned(),
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
        f.write_str(&self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closing_is_part_of_every_form() {
        let closings = vec!["}".to_owned(), "\n}".to_owned()];
        let format = ElicitationFormat {
            id: "json".to_owned(),
            closings,
            ..ElicitationFormat::plain(AnswerKey::Number)
        };
        assert_eq!(format.surface_forms("1", "few", 0), ["1}", "1\n}", " 1}", " 1\n}"]);
        assert_eq!(format.openings("1", "few", 0), ["1", " 1"]);
        assert!(ElicitationFormat::plain(AnswerKey::Number).openings("1", "few", 0).is_empty());
    }
}
