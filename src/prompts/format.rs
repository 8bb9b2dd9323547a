//! How a response is asked for, and which strings count as choosing an option. `prompts/README.md` has the kinds in words.

use std::fmt;

/// What a response is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FormatKind {
    /// The option's code, which stays with the option whatever the order shown.
    Number,
    /// A letter by position shown: A is always the first line.
    Letter,
    /// The option's label, word for word.
    Label,
    /// The rest of a sentence that the answer prefix begins: the option's continuation, else its label.
    Sentence,
    /// The option's code as the value of a JSON field that the answer prefix opens.
    JsonCode,
    /// The option's label as the value of a JSON field that the answer prefix opens.
    JsonLabel,
}

/// What has to follow a surface form for it to count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Closing {
    /// Anything.
    #[default]
    Anything,
    /// The quotation mark that ends a JSON string.
    Quote,
    /// The end of a JSON value that is no string: `}` or `,`, white space before them or alone.
    JsonEnd,
}

impl Closing {
    /// Whether a text that follows a form closes it. An empty text closes nothing but [`Closing::Anything`].
    pub fn permits(self, following: &str) -> bool {
        let json_space = |c| matches!(c, ' ' | '\t' | '\n' | '\r');
        match self {
            Closing::Anything => true,
            Closing::Quote => following.starts_with('"'),
            Closing::JsonEnd => {
                let after = following.trim_start_matches(json_space);
                !following.is_empty() && (after.is_empty() || after.starts_with(['}', ',']))
            }
        }
    }

    /// The shortest texts that close a form, one for each way to begin.
    pub fn samples(self) -> &'static [&'static str] {
        match self {
            Closing::Anything => &[],
            Closing::Quote => &["\""],
            Closing::JsonEnd => &["}", ",", " ", "\t", "\n", "\r"],
        }
    }
}

/// A string that counts as choosing an option, if what follows closes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SurfaceForm {
    pub text: String,
    pub closing: Closing,
}

impl SurfaceForm {
    /// A form behind which anything may follow.
    pub fn open(text: impl Into<String>) -> Self {
        SurfaceForm { text: text.into(), closing: Closing::Anything }
    }
}

/// An option as a prompt presents it.
#[derive(Debug, Clone, Copy)]
pub struct ShownOption<'a> {
    pub code: &'a str,
    pub label: &'a str,
    /// How a sentence goes on for it.
    pub continuation: &'a str,
    /// Place among the option lines, from 0.
    pub position: usize,
}

/// An elicitation format of a study.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElicitationFormat {
    /// The name that results give it.
    pub id: String,
    pub kind: FormatKind,
    /// Whether the options are listed in front of the instruction.
    pub shows_options: bool,
    /// Whether responses are also read behind a domain premise, for a distribution normalised by it.
    pub has_premise: bool,
}

impl fmt::Display for ElicitationFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)
    }
}

impl FormatKind {
    pub const ALL: [FormatKind; 6] = [
        FormatKind::Number,
        FormatKind::Letter,
        FormatKind::Label,
        FormatKind::Sentence,
        FormatKind::JsonCode,
        FormatKind::JsonLabel,
    ];

    /// The kind of this name, which is also the id of a format that needs no entry of its own.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    pub fn name(self) -> &'static str {
        match self {
            FormatKind::Number => "number",
            FormatKind::Letter => "letter",
            FormatKind::Label => "label",
            FormatKind::Sentence => "sentence",
            FormatKind::JsonCode => "json_code",
            FormatKind::JsonLabel => "json_label",
        }
    }

    /// Whether the response is the option's own words, which some are likelier to be written than others whatever is asked.
    pub fn is_full_text(self) -> bool {
        matches!(self, FormatKind::Label | FormatKind::Sentence | FormatKind::JsonLabel)
    }

    pub fn is_json(self) -> bool {
        matches!(self, FormatKind::JsonCode | FormatKind::JsonLabel)
    }

    /// The strings that count as choosing an option, most canonical first.
    ///
    /// What the format asks for, bare and behind one space, since it depends on the tokenizer and on the answer prefix which
    /// of the two a model continues with. A label counts with its first letter capitalised too: models open a sentence
    /// that way. Nothing longer counts ("3." continues "3", which is already counted), and nothing that another option
    /// could share. A JSON value counts once it is closed; a code may stand in quotation marks or not.
    pub fn surface_forms(self, option: &ShownOption<'_>) -> Vec<SurfaceForm> {
        let open = |text: &str| (text.to_owned(), Closing::Anything);
        let keys = match self {
            FormatKind::Number => vec![open(option.code)],
            FormatKind::Letter => vec![open(&letter(option.position).to_string())],
            FormatKind::Label => label_texts(option.label).iter().map(|text| open(text)).collect(),
            FormatKind::Sentence => vec![open(option.continuation)],
            FormatKind::JsonCode => {
                let code = json_string(option.code);
                vec![(option.code.to_owned(), Closing::JsonEnd), (format!("\"{code}"), Closing::Quote)]
            }
            FormatKind::JsonLabel => (label_texts(option.label).iter())
                .map(|text| (format!("\"{}", json_string(text)), Closing::Quote))
                .collect(),
        };
        let spaced = |(text, closing): (String, Closing)| {
            let behind_space = format!(" {text}");
            [SurfaceForm { text, closing }, SurfaceForm { text: behind_space, closing }]
        };
        keys.into_iter().flat_map(spaced).collect()
    }

    /// The line that shows an option. A code stays with its option; letters go by the position shown.
    pub fn option_line(self, option: &ShownOption<'_>) -> String {
        match self {
            FormatKind::Label | FormatKind::Sentence | FormatKind::JsonLabel => format!("- {}", option.label),
            FormatKind::Number | FormatKind::JsonCode => format!("{}. {}", option.code, option.label),
            FormatKind::Letter => format!("{}. {}", letter(option.position), option.label),
        }
    }
}

/// A label as it is written and, where that differs, with its first letter capitalised.
pub(super) fn label_texts(label: &str) -> Vec<String> {
    let capitalised = capitalise(label);
    if capitalised == label { vec![capitalised] } else { vec![label.to_owned(), capitalised] }
}

/// The inside of a JSON string. Codes and labels hold no control characters.
fn json_string(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// A for 0. Studies have at most 26 options in a scale.
fn letter(position: usize) -> char {
    let letters = 'A'..='Z';
    letters.clone().nth(position).unwrap_or(*letters.end())
}

fn capitalise(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    first + chars.as_str()
}
