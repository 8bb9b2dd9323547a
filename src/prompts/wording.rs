//! `<language>.toml`: every text of a study in one language, and everything that can be wrong with it.
//! Every field is described in `prompts/README.md`.

use super::format_wording::{FormatTexts, FormatWording, read_formats};
use super::structure::{SituationFile, StudyFile, VariableFile};
use super::{AnswerKey, ElicitationFormat};
use crate::data_folder::TextFile;
use crate::error::Result;
use crate::spanned::Spanned;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Entries by id, both with their place in the file.
pub(super) type Entries<T> = BTreeMap<Spanned<String>, T>;
pub(super) type Texts = Entries<Spanned<String>>;
pub(super) type Labels = Spanned<Vec<Spanned<String>>>;

/// What a study says in one language besides its personas, stems and labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wording {
    /// The system message, with `{persona}` where the persona's text goes.
    pub system_text: String,
    /// By format id.
    pub formats: BTreeMap<String, FormatWording>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WordingFile {
    /// The tag again.
    language: Spanned<String>,
    /// The system message; {persona} marks where the persona's text goes.
    system_text: Spanned<String>,
    /// How a situation is put; only in a study with situations.
    situation_text: Option<Spanned<String>>,
    /// For each situation the words for the placeholders of `situation_text`.
    situations: Option<Spanned<Entries<Texts>>>,
    /// For each variable the text that asks for it.
    variables: Spanned<Texts>,
    /// For each item wording but the first its texts for all variables.
    item_wordings: Option<Spanned<Entries<Spanned<Texts>>>>,
    /// For each scale one label per option, lowest first.
    labels: Spanned<Entries<Labels>>,
    formats: Spanned<Entries<FormatTexts>>,
    /// For each persona its text.
    personas: Spanned<Texts>,
}

/// One language of a study, complete and checked against its structure.
#[derive(Debug)]
pub(super) struct LanguageTexts {
    pub wording: Wording,
    /// Persona texts in the structure's order.
    pub personas: Vec<String>,
    /// Labels of each scale, in the structure's order.
    pub labels: Vec<Vec<String>>,
    /// By variable, in each item wording.
    variables: BTreeMap<String, Vec<String>>,
    /// Filled in, by situation id.
    situations: BTreeMap<String, String>,
}

impl LanguageTexts {
    /// What is asked: the situation where there is one, a blank line, and the variable's text.
    /// In that order, so that the prompts of one situation share their beginning.
    pub fn stems(&self, variable: &VariableFile, situation: Option<&SituationFile>) -> Vec<String> {
        let stem = |asked: &String| match situation {
            Some(situation) => format!("{}\n\n{asked}", self.situations[situation.id.as_ref()]),
            None => asked.clone(),
        };
        self.variables[variable.id.as_ref()].iter().map(stem).collect()
    }
}

/// Reads one language's texts.
///
/// # Errors
/// With file and line, when a text is missing, empty, unknown to the study, or cannot be told from another.
pub(super) fn read_texts(file: &TextFile, language: &str, study: &StudyFile) -> Result<LanguageTexts> {
    let texts: WordingFile = file.parse_toml()?;
    if texts.language.as_ref() != language {
        let message =
            format!("this file is read for `{language}` and says it is `{}`", texts.language.as_ref());
        return Err(file.refuse(texts.language.span(), message));
    }
    let personas = ids(study.personas.iter().map(|persona| &persona.id));
    let scales = ids(study.scales.iter().map(|scale| &scale.id));
    let formats: Vec<String> = study.formats.as_ref().iter().map(|format| format.as_ref().clone()).collect();
    let formats: Vec<&str> = formats.iter().map(String::as_str).collect();
    check_keys(file, "persona", &texts.personas, &personas)?;
    check_keys(
        file,
        "variable",
        &texts.variables,
        &ids(study.variables.iter().map(|variable| &variable.id)),
    )?;
    check_keys(file, "scale", &texts.labels, &scales)?;
    check_keys(file, "format", &texts.formats, &formats)?;

    let by_id = read_plain_texts(file, "persona", &texts.personas)?;
    Ok(LanguageTexts {
        wording: Wording {
            system_text: read_system_text(file, &texts.system_text)?,
            formats: read_formats(file, &texts.formats, study)?,
        },
        personas: personas.iter().map(|id| by_id[*id].clone()).collect(),
        labels: study
            .scales
            .iter()
            .map(|scale| {
                read_labels(
                    file,
                    scale.options.as_ref().len(),
                    &texts.labels.as_ref()[scale.id.as_ref().as_str()],
                )
            })
            .collect::<Result<_>>()?,
        variables: read_variables(file, &texts, study)?,
        situations: read_situations(file, &texts, study)?,
    })
}

pub(super) fn ids<'a>(entries: impl Iterator<Item = &'a Spanned<String>>) -> Vec<&'a str> {
    entries.map(|id| id.as_ref().as_str()).collect()
}

/// A table has an entry for everything declared in `study.toml` and for nothing else.
pub(super) fn check_keys<T>(
    file: &TextFile,
    noun: &str,
    table: &Spanned<Entries<T>>,
    declared: &[&str],
) -> Result<()> {
    if let Some(key) = table.as_ref().keys().find(|key| !declared.contains(&key.as_ref().as_str())) {
        return Err(file.refuse(key.span(), format!("the study has no {noun} `{}`", key.as_ref())));
    }
    match declared.iter().find(|id| !table.as_ref().contains_key(**id)) {
        Some(id) => Err(file.refuse(table.span(), format!("there is no text for the {noun} `{id}`"))),
        None => Ok(()),
    }
}

fn read_plain_texts(file: &TextFile, noun: &str, table: &Spanned<Texts>) -> Result<BTreeMap<String, String>> {
    let mut seen: HashMap<String, &str> = HashMap::new();
    let mut texts = BTreeMap::new();
    for (id, text) in table.as_ref() {
        let words = read_text(file, text, &[])?;
        if let Some(other) = seen.insert(words.clone(), id.as_ref()) {
            let message = format!("the {noun}s `{other}` and `{}` read the same", id.as_ref());
            return Err(file.refuse(text.span(), message));
        }
        texts.insert(id.as_ref().clone(), words);
    }
    Ok(texts)
}

/// Every variable in every item wording; no two read the same.
fn read_variables(
    file: &TextFile,
    texts: &WordingFile,
    study: &StudyFile,
) -> Result<BTreeMap<String, Vec<String>>> {
    let base = read_plain_texts(file, "variable", &texts.variables)?;
    let mut found: BTreeMap<String, Vec<String>> =
        base.into_iter().map(|(id, text)| (id, vec![text])).collect();
    let others = ids(study.item_wordings.iter().flat_map(|ids| ids.as_ref().iter().skip(1)));
    let none = Spanned::new(0..0, BTreeMap::new());
    let tables = texts.item_wordings.as_ref().unwrap_or(&none);
    check_keys(file, "item wording", tables, &others)?;
    let variables = ids(study.variables.iter().map(|variable| &variable.id));
    for wording in others {
        let table = &tables.as_ref()[wording];
        check_keys(file, "variable", table, &variables)?;
        let worded = read_plain_texts(file, "variable", table)?;
        for (id, text) in table.as_ref() {
            let words = &worded[id.as_ref()];
            if let Some(other) = found.iter().find(|(_, known)| known.contains(words)) {
                let message =
                    format!("the wording `{wording}` of `{}` reads like `{}`", id.as_ref(), other.0);
                return Err(file.refuse(text.span(), message));
            }
        }
        for (id, text) in worded {
            found.entry(id).or_default().push(text);
        }
    }
    Ok(found)
}

/// The system text keeps its placeholder: personas are filled in as prompts are rendered.
fn read_system_text(file: &TextFile, text: &Spanned<String>) -> Result<String> {
    read_text(file, text, &[("persona", "{persona}")])?;
    let template = plain_text(file, text)?;
    if !template.contains("{persona}") {
        return Err(file
            .refuse(text.span(), "the system text does not say where the persona goes")
            .hint("write {persona} where its text belongs"));
    }
    Ok(template)
}

fn read_situations(
    file: &TextFile,
    texts: &WordingFile,
    study: &StudyFile,
) -> Result<BTreeMap<String, String>> {
    let declared = ids(study.situations.iter().map(|situation| &situation.id));
    let none = Spanned::new(0..0, BTreeMap::new());
    let situations = texts.situations.as_ref().unwrap_or(&none);
    let Some(template) = &texts.situation_text else {
        return match declared.is_empty() && situations.as_ref().is_empty() {
            true => Ok(BTreeMap::new()),
            false => Err(file.refuse(situations.span(), "there is no `situation_text` for the situations")),
        };
    };
    if declared.is_empty() {
        return Err(file.refuse(template.span(), "the study has no situations"));
    }
    check_keys(file, "situation", situations, &declared)?;
    let mut filled = BTreeMap::new();
    let mut seen: HashMap<String, &str> = HashMap::new();
    for (id, words) in situations.as_ref() {
        let mut values = Vec::new();
        for (name, word) in words {
            values.push((name.as_ref().as_str(), read_text(file, word, &[])?));
        }
        let values: Vec<(&str, &str)> = values.iter().map(|(name, word)| (*name, word.as_str())).collect();
        let text = read_text(file, template, &values)?;
        if let Some(other) = seen.insert(text.clone(), id.as_ref()) {
            let message = format!("the situations `{other}` and `{}` read the same", id.as_ref());
            return Err(file.refuse(id.span(), message));
        }
        filled.insert(id.as_ref().clone(), text);
    }
    Ok(filled)
}

/// Labels are single lines, one per option, and whatever counts as one label counts as no other.
pub(super) fn read_labels(file: &TextFile, option_count: usize, labels: &Labels) -> Result<Vec<String>> {
    let found = labels.as_ref().len();
    if found != option_count {
        let message = format!("there are {found} labels for a scale of {option_count} options");
        return Err(file.refuse(labels.span(), message));
    }
    let mut forms = BTreeSet::new();
    for (index, label) in labels.as_ref().iter().enumerate() {
        let text = label.as_ref();
        read_text(file, label, &[])?;
        if text.trim() != text || text.contains('\n') {
            return Err(file.refuse(label.span(), "a label is one line without white space around it"));
        }
        for form in ElicitationFormat::plain(AnswerKey::Label).surface_forms("", text, index) {
            if !forms.insert(form) {
                let message = format!("the label `{text}` cannot be told from another of its scale");
                return Err(file.refuse(label.span(), message));
            }
        }
    }
    Ok(labels.as_ref().iter().map(|label| label.as_ref().clone()).collect())
}

/// A text with its placeholders filled in and the white space around it gone. Line ends are `\n` however the file
/// ends its lines, so that a prompt does not depend on the editor.
pub(super) fn read_text(file: &TextFile, text: &Spanned<String>, words: &[(&str, &str)]) -> Result<String> {
    fill(&plain_text(file, text)?, words).map_err(|message| file.refuse(text.span(), message))
}

/// The same with its placeholders as they are.
pub(super) fn plain_text(file: &TextFile, text: &Spanned<String>) -> Result<String> {
    let unix = text.as_ref().replace("\r\n", "\n");
    if unix.trim().is_empty() {
        return Err(file.refuse(text.span(), "this text is empty"));
    }
    if unix.contains(|c: char| c.is_control() && c != '\n') {
        return Err(file.refuse(text.span(), "this text holds a control character"));
    }
    Ok(unix.trim().to_owned())
}

/// Puts `words` in place of `{name}`. What is put in is not looked at again, and a brace is nothing else than the
/// edge of a placeholder, unless it is doubled: `{{` and `}}` are braces.
pub(super) fn fill(template: &str, words: &[(&str, &str)]) -> std::result::Result<String, String> {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(open) = rest.find(['{', '}']) {
        filled.push_str(&rest[..open]);
        if let Some(brace) = ["{{", "}}"].into_iter().find(|brace| rest[open..].starts_with(brace)) {
            filled.push_str(&brace[..1]);
            rest = &rest[open + 2..];
            continue;
        }
        let inner = rest[open..].strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let (name, after) = inner.ok_or_else(|| "a brace is not part of a placeholder".to_owned())?;
        let known = words.iter().find(|(known, _)| *known == name);
        let (_, word) = known.ok_or_else(|| unknown_placeholder(name, words))?;
        filled.push_str(word);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

fn unknown_placeholder(name: &str, words: &[(&str, &str)]) -> String {
    let known: Vec<String> = words.iter().map(|(known, _)| format!("{{{known}}}")).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    format!("the placeholder {{{}}} is unknown here; known: {known}", name.escape_debug())
}
