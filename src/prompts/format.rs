//! How a response is asked for: by number, by letter, or by the option's own words; with the options shown or not; closed by what a
//! response must end with. A format is data: a study may declare its own.

use super::{Battery, PromptOption};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a response is made of.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum AnswerKey {
    /// The option's code, which stays with the option whatever the order shown.
    Number,
    /// A letter by position shown: A is always the first line.
    Letter,
    /// The option's label, word for word.
    Label,
    /// For each option by itself, how many of a hundred people would choose it: a number from 0 to 100.
    Count,
}

impl AnswerKey {
    /// Those that name a format by themselves.
    pub const PLAIN: [AnswerKey; 3] = [AnswerKey::Number, AnswerKey::Letter, AnswerKey::Label];
    pub const ALL: [AnswerKey; 4] =
        [AnswerKey::Number, AnswerKey::Letter, AnswerKey::Label, AnswerKey::Count];
}

impl fmt::Display for AnswerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AnswerKey::Number => "number",
            AnswerKey::Letter => "letter",
            AnswerKey::Label => "label",
            AnswerKey::Count => "count",
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
    /// Whether responses are also read behind a text that asks nothing, for a distribution normalised by it.
    pub has_premise: bool,
    /// Which items are asked in one conversation; `None` where each is asked by itself.
    pub battery: Option<Battery>,
}

impl ElicitationFormat {
    /// The format that a key names without further ado: options shown, nothing that closes.
    pub fn plain(key: AnswerKey) -> Self {
        ElicitationFormat {
            id: key.to_string(),
            key,
            shows_options: true,
            closings: Vec::new(),
            has_premise: false,
            battery: None,
        }
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
        let mut keys = match self.key {
            AnswerKey::Number => vec![code.to_owned()],
            AnswerKey::Letter => vec![letter(shown_index).to_string()],
            AnswerKey::Label => vec![label.to_owned(), capitalise(label)],
            AnswerKey::Count => (0..=COUNT_MAX).map(|count| count.to_string()).collect(),
        };
        keys.dedup();
        keys.into_iter().flat_map(|key| [key.clone(), format!(" {key}")]).collect()
    }

    /// The line that shows an option. A code stays with its option; letters go by the position shown.
    pub fn option_line(&self, code: &str, label: &str, shown_index: usize) -> String {
        match self.key {
            AnswerKey::Label | AnswerKey::Count => format!("- {label}"),
            AnswerKey::Number => format!("{code}. {label}"),
            AnswerKey::Letter => format!("{}. {label}", letter(shown_index)),
        }
    }

    /// The counts as what a response chooses among, in ascending order, for a format that asks for them.
    pub(super) fn counts(&self) -> Vec<PromptOption> {
        let count = |count: u32| {
            let text = count.to_string();
            let plain = ElicitationFormat { key: AnswerKey::Number, ..self.clone() };
            PromptOption {
                surface_forms: plain.surface_forms(&text, "", 0),
                openings: plain.openings(&text, "", 0),
                label: text.clone(),
                code: text,
            }
        };
        (0..=COUNT_MAX).map(count).collect()
    }

    /// Numbers that begin like a count and are none, where nothing has to close one: what goes on in another digit.
    pub(super) fn no_counts(&self) -> Vec<String> {
        let longer = |count: u32| (0..10).map(move |digit| format!("{count}{digit}"));
        let is_count = |text: &String| (1..=COUNT_MAX).any(|count| count.to_string() == *text);
        let texts = (0..=COUNT_MAX).flat_map(longer).filter(|text| !is_count(text));
        let spaced = texts.flat_map(|text| [text.clone(), format!(" {text}")]);
        if self.closings.is_empty() { spaced.collect() } else { Vec::new() }
    }
}

/// People of whom a verbalised distribution tells.
pub const COUNT_MAX: u32 = 100;

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
