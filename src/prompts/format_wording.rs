//! How a format asks in one language, read from `[formats.<id>]` of a wording file, with every piece that its kind needs.

use super::structure::{ScaleFile, StudyFile};
use super::wording::{Entries, Labels, check_keys, clean, fill, read_text};
use super::{ElicitationFormat, FormatKind};
use crate::data_folder::TextFile;
use crate::error::Result;
use serde::Deserialize;
use std::collections::BTreeSet;
use toml::Spanned;

/// How one elicitation format asks in one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormatWording {
    /// Closes the user message. Placeholders for the ends of the scale, and doubled braces, are still in it.
    instruction: String,
    /// Put at the start of the model's turn; may be empty.
    pub answer_prefix: String,
    /// How sentences go on, one per option of each scale; the labels where the file gives none.
    pub continuations: Vec<Vec<String>>,
    /// What stands before a response when nothing is asked. `Some` where the format has one.
    pub domain_premise: Option<String>,
}

impl FormatWording {
    /// The instruction for one scale, given the codes and labels of its ends.
    ///
    /// # Errors
    /// Never for an instruction that was read: its placeholders were checked.
    pub fn instruction(&self, ends: ScaleEnds<'_>) -> std::result::Result<String, String> {
        fill(&self.instruction, &ends.words())
    }
}

/// The lowest and the highest option of a scale.
#[derive(Debug, Clone, Copy)]
pub struct ScaleEnds<'a> {
    pub codes: [&'a str; 2],
    pub labels: [&'a str; 2],
}

impl<'a> ScaleEnds<'a> {
    fn words(self) -> [(&'static str, &'a str); 4] {
        let ([lowest_code, highest_code], [lowest_label, highest_label]) = (self.codes, self.labels);
        [
            ("lowest_code", lowest_code),
            ("lowest_label", lowest_label),
            ("highest_code", highest_code),
            ("highest_label", highest_label),
        ]
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FormatTexts {
    instruction: Spanned<String>,
    answer_prefix: Spanned<String>,
    continuations: Option<Spanned<Entries<Labels>>>,
    domain_premise: Option<Spanned<String>>,
}

/// Reads the texts of one format. `labels` are those of each scale, in the study's order.
///
/// # Errors
/// With file and line, when a piece is missing, or is there for nothing.
pub(super) fn read_format_wording(
    file: &TextFile,
    format: &ElicitationFormat,
    texts: &FormatTexts,
    study: &StudyFile,
    labels: &[Vec<String>],
) -> Result<FormatWording> {
    Ok(FormatWording {
        instruction: read_instruction(file, format, &texts.instruction, study, labels)?,
        answer_prefix: read_answer_prefix(file, format, &texts.answer_prefix)?,
        continuations: read_continuations(file, format, texts, study, labels)?,
        domain_premise: read_premise(file, format, texts)?,
    })
}

fn read_instruction(
    file: &TextFile,
    format: &ElicitationFormat,
    text: &Spanned<String>,
    study: &StudyFile,
    labels: &[Vec<String>],
) -> Result<String> {
    let template = clean(file, text)?;
    for (scale, labels) in study.scales.iter().zip(labels) {
        let ends = ends(scale, labels);
        let filled = fill(&template, &ends.words()).map_err(|message| file.refuse(text.span(), message))?;
        let by_code = matches!(format.kind, FormatKind::Number | FormatKind::JsonCode);
        if let (false, true, Some(code)) =
            (format.shows_options, by_code, ends.codes.iter().find(|code| !filled.contains(**code)))
        {
            let (id, scale) = (&format.id, scale.id.as_ref());
            let message = format!(
                "the format `{id}` shows no options, and this does not say what `{code}` of scale `{scale}` is"
            );
            let hint = "write the ends of the scale, e.g. from {lowest_code} ({lowest_label}) to {highest_code} ({highest_label})";
            return Err(file.refuse(text.span(), message).hint(hint));
        }
    }
    Ok(template)
}

fn ends<'a>(scale: &'a ScaleFile, labels: &'a [String]) -> ScaleEnds<'a> {
    let codes: Vec<&str> =
        scale.options.as_ref().iter().map(|option| option.code.as_ref().as_str()).collect();
    let last = codes.len() - 1;
    ScaleEnds { codes: [codes[0], codes[last]], labels: [&labels[0], &labels[last]] }
}

/// What opens a model's turn is taken as it stands.
fn read_answer_prefix(file: &TextFile, format: &ElicitationFormat, text: &Spanned<String>) -> Result<String> {
    let prefix = text.as_ref();
    let id = &format.id;
    if prefix.is_empty() {
        let needed = match format.kind {
            FormatKind::Sentence => "how the sentence begins",
            kind if kind.is_json() => "the field whose value is the response",
            _ => return Ok(String::new()),
        };
        return Err(
            file.refuse(text.span(), format!("the answer prefix of the format `{id}` has to be {needed}"))
        );
    }
    clean(file, text)?;
    match format.kind.is_json() {
        true if !prefix.trim_end().ends_with(':') => Err(file
            .refuse(text.span(), format!("the answer prefix of the format `{id}` does not open a JSON field"))
            .hint("it ends in a colon, e.g. '{\"response\": '")),
        true => Ok(prefix.clone()),
        false if prefix.contains(['{', '}']) => {
            Err(file.refuse(text.span(), "an answer prefix has no placeholders, and braces only in JSON"))
        }
        false => Ok(prefix.clone()),
    }
}

fn read_continuations(
    file: &TextFile,
    format: &ElicitationFormat,
    texts: &FormatTexts,
    study: &StudyFile,
    labels: &[Vec<String>],
) -> Result<Vec<Vec<String>>> {
    let Some(table) = &texts.continuations else { return Ok(labels.to_vec()) };
    if format.kind != FormatKind::Sentence {
        let message = format!("the format `{}` is not of kind `sentence`", format.id);
        return Err(file.refuse(table.span(), message).hint("only a sentence goes on"));
    }
    let scales: Vec<&str> = study.scales.iter().map(|scale| scale.id.as_ref().as_str()).collect();
    check_keys(file, "scale", table, &scales)?;
    let of_scale = |scale: &ScaleFile| {
        let continuations = &table.as_ref()[scale.id.as_ref().as_str()];
        let (found, wanted) = (continuations.as_ref().len(), scale.options.as_ref().len());
        if found != wanted {
            let message = format!("there are {found} continuations for a scale of {wanted} options");
            return Err(file.refuse(continuations.span(), message));
        }
        let mut seen = BTreeSet::new();
        continuations.as_ref().iter().map(|text| read_continuation(file, text, &mut seen)).collect()
    };
    study.scales.iter().map(of_scale).collect()
}

fn read_continuation(file: &TextFile, text: &Spanned<String>, seen: &mut BTreeSet<String>) -> Result<String> {
    let words = read_text(file, text, &[])?;
    if words != *text.as_ref() || words.contains('\n') {
        return Err(file.refuse(
            text.span(),
            "a continuation is one line without white space around it, and without braces",
        ));
    }
    if !seen.insert(words.clone()) {
        let message = format!("the continuation `{words}` cannot be told from another of its scale");
        return Err(file.refuse(text.span(), message));
    }
    Ok(words)
}

fn read_premise(file: &TextFile, format: &ElicitationFormat, texts: &FormatTexts) -> Result<Option<String>> {
    let id = &format.id;
    match (&texts.domain_premise, format.has_premise) {
        (None, false) => Ok(None),
        (None, true) => Err(file
            .refuse(
                texts.instruction.span(),
                format!("the format `{id}` has no `domain_premise` in this language"),
            )
            .hint("write what stands before a response when nothing is asked, e.g. the answer prefix alone")),
        (Some(text), false) => Err(file
            .refuse(
                text.span(),
                format!("the study does not say that the format `{id}` has a domain premise"),
            )
            .hint("write `domain_premise = true` for it in [[elicitation_formats]]")),
        (Some(text), true) => clean(file, text).map(|_| Some(text.as_ref().clone())),
    }
}
