//! `[formats.ID]` of a wording file: how a format asks in one language, with every piece that it needs and no other.
//! Every field is described in `prompts/README.md`.

use super::structure::{self, StudyFile};
use super::wording::{Entries, Labels, Texts, check_keys, fill, ids, plain_text, read_labels};
use super::{AnswerKey, ElicitationFormat};
use crate::data_folder::TextFile;
use crate::error::Result;
use crate::spanned::Spanned;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// How one elicitation format asks in one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormatWording {
    /// Closes the user message; may hold the placeholders of [`SCALE_PLACEHOLDERS`] and, where options are asked about one by
    /// one, of [`OPTION_PLACEHOLDERS`].
    pub instruction: String,
    /// Put at the start of the model's turn; may be empty. Where options are asked about one by one it has placeholders too.
    pub answer_prefix: String,
    /// In its place for some variables, by id: the beginning of a sentence that the option goes on with.
    pub answer_prefixes: BTreeMap<String, String>,
    /// By scale id, for each option what is written instead of its label; empty where labels are.
    pub continuations: BTreeMap<String, Vec<String>>,
    /// What stands before a response when nothing is asked, for a format that has it.
    pub domain_premise: Option<String>,
}

/// What an instruction may say of the item's scale.
pub(super) const SCALE_PLACEHOLDERS: [&str; 4] =
    ["lowest_code", "highest_code", "lowest_label", "highest_label"];

/// What a format that asks about each option by itself may say of the option.
pub(super) const OPTION_PLACEHOLDERS: [&str; 2] = ["code", "label"];

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FormatTexts {
    /// Closes the user message.
    instruction: Spanned<String>,
    /// Opens the model's turn; may be empty.
    answer_prefix: Spanned<String>,
    /// Another one for some variables.
    #[serde(default)]
    answer_prefixes: Texts,
    /// By scale, other words than its labels.
    continuations: Option<Spanned<Entries<Labels>>>,
    /// What stands before a response when nothing is asked.
    domain_premise: Option<Spanned<String>>,
}

/// Reads the texts of all formats.
///
/// # Errors
/// With file and line, when a piece is missing, or is there for nothing.
pub(super) fn read_formats(
    file: &TextFile,
    texts: &Spanned<Entries<FormatTexts>>,
    study: &StudyFile,
) -> Result<BTreeMap<String, FormatWording>> {
    let read = |format: ElicitationFormat| {
        let words = &texts.as_ref()[format.id.as_str()];
        Ok((format.id.clone(), read_format(file, &format, words, study)?))
    };
    structure::formats(study).into_iter().map(read).collect()
}

fn read_format(
    file: &TextFile,
    format: &ElicitationFormat,
    words: &FormatTexts,
    study: &StudyFile,
) -> Result<FormatWording> {
    let variables = ids(study.variables.iter().map(|variable| &variable.id));
    let mut answer_prefixes = BTreeMap::new();
    for (variable, prefix) in &words.answer_prefixes {
        if !variables.contains(&variable.as_ref().as_str()) {
            let message = format!("the study has no variable `{}`", variable.as_ref());
            return Err(file.refuse(variable.span(), message));
        }
        answer_prefixes.insert(variable.as_ref().clone(), read_prefix(file, format, prefix)?);
    }
    let instruction = read_instruction(file, format, &words.instruction)?;
    let wording = FormatWording {
        instruction,
        answer_prefix: read_prefix(file, format, &words.answer_prefix)?,
        answer_prefixes,
        continuations: read_continuations(file, format, words, study)?,
        domain_premise: read_premise(file, format, words)?,
    };
    if format.key == AnswerKey::Count && !says_which_option(&wording) {
        let message = format!("the format `{}` does not say which option it asks about", format.id);
        let hint = "write {label} or {code} into the instruction, or into every answer prefix";
        return Err(file.refuse(words.instruction.span(), message).hint(hint));
    }
    Ok(wording)
}

/// Checked with what will stand in the placeholders; kept as it is, for that to be put in.
fn read_instruction(file: &TextFile, format: &ElicitationFormat, text: &Spanned<String>) -> Result<String> {
    let template = plain_text(file, text)?;
    let of_option = if format.key == AnswerKey::Count { &OPTION_PLACEHOLDERS[..] } else { &[] };
    let known: Vec<(&str, &str)> =
        SCALE_PLACEHOLDERS.iter().chain(of_option).map(|name| (*name, "")).collect();
    fill(&template, &known).map_err(|message| file.refuse(text.span(), message))?;
    Ok(template)
}

/// White space and braces are part of an answer prefix, and nothing is put into it but an option that is asked about.
fn read_prefix(file: &TextFile, format: &ElicitationFormat, prefix: &Spanned<String>) -> Result<String> {
    if !prefix.as_ref().is_empty() {
        plain_text(file, prefix)?;
    }
    if format.key == AnswerKey::Count {
        let known = OPTION_PLACEHOLDERS.map(|name| (name, ""));
        fill(prefix.as_ref(), &known).map_err(|message| file.refuse(prefix.span(), message))?;
    }
    Ok(prefix.as_ref().clone())
}

fn says_which_option(wording: &FormatWording) -> bool {
    let says = |text: &String| OPTION_PLACEHOLDERS.iter().any(|name| text.contains(&format!("{{{name}}}")));
    let mut prefixes = [&wording.answer_prefix].into_iter().chain(wording.answer_prefixes.values());
    says(&wording.instruction) || prefixes.all(says)
}

fn read_continuations(
    file: &TextFile,
    format: &ElicitationFormat,
    words: &FormatTexts,
    study: &StudyFile,
) -> Result<BTreeMap<String, Vec<String>>> {
    let Some(table) = &words.continuations else { return Ok(BTreeMap::new()) };
    if format.key != AnswerKey::Label {
        let message = format!("the format `{}` does not have its labels written", format.id);
        return Err(file.refuse(table.span(), message).hint("continuations stand in for labels"));
    }
    check_keys(file, "scale", table, &ids(study.scales.iter().map(|scale| &scale.id)))?;
    let read = |scale: &structure::ScaleFile| {
        let id = scale.id.as_ref();
        let texts = read_labels(file, scale.options.as_ref().len(), &table.as_ref()[id.as_str()])?;
        Ok((id.clone(), texts))
    };
    study.scales.iter().map(read).collect()
}

fn read_premise(file: &TextFile, format: &ElicitationFormat, words: &FormatTexts) -> Result<Option<String>> {
    let id = &format.id;
    match (&words.domain_premise, format.has_premise) {
        (None, false) => Ok(None),
        (Some(text), true) => plain_text(file, text).map(|_| Some(text.as_ref().clone())),
        (None, true) => Err(file
            .refuse(words.instruction.span(), format!("the format `{id}` has no `domain_premise` here"))
            .hint("write what stands before a response when nothing is asked, e.g. the answer prefix alone")),
        (Some(text), false) => Err(file
            .refuse(text.span(), format!("the study does not give the format `{id}` a domain premise"))
            .hint("write `domain_premise = true` under [elicitation_formats.ID]")),
    }
}
