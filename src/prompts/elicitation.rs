//! The formats and option orders of `study.toml`: which there are, what each is, and whether they can be told apart.

use super::structure::StudyFile;
use super::{ElicitationFormat, FormatKind};
use crate::data_folder::TextFile;
use crate::error::{Error, Result};
use serde::Deserialize;
use std::collections::HashMap;
use toml::Spanned;

/// An entry of `[[elicitation_formats]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FormatFile {
    pub id: Spanned<String>,
    kind: Spanned<String>,
    show_options: Option<Spanned<bool>>,
    domain_premise: Option<Spanned<bool>>,
}

/// The formats in the order of the list `formats`.
///
/// # Errors
/// With file and line, when the list names what is no format, or an entry is not in the list or contradicts itself.
pub(super) fn read_formats(file: &TextFile, study: &StudyFile) -> Result<Vec<ElicitationFormat>> {
    let listed = study.formats.as_ref();
    let is_listed = |entry: &&FormatFile| listed.iter().any(|id| id.as_ref() == entry.id.as_ref());
    if let Some(stray) = study.elicitation_formats.iter().find(|entry| !is_listed(entry)) {
        let message = format!("the elicitation format `{}` is not in the list `formats`", stray.id.as_ref());
        return Err(file.refuse(stray.id.span(), message));
    }
    let read = |id: &Spanned<String>| match study
        .elicitation_formats
        .iter()
        .find(|entry| entry.id.as_ref() == id.as_ref())
    {
        Some(entry) => read_format(file, entry),
        None => plain_format(file, id),
    };
    listed.iter().map(read).collect()
}

/// A format that is named by its kind and has no entry.
fn plain_format(file: &TextFile, id: &Spanned<String>) -> Result<ElicitationFormat> {
    let kind = FormatKind::named(id.as_ref()).ok_or_else(|| {
        let message = format!("unknown format `{}`", id.as_ref().escape_debug());
        let hint = format!("describe it in [[elicitation_formats]], or use a kind: {}", kind_names());
        file.refuse(id.span(), message).hint(hint)
    })?;
    Ok(ElicitationFormat { id: id.as_ref().clone(), kind, shows_options: true, has_premise: false })
}

fn read_format(file: &TextFile, entry: &FormatFile) -> Result<ElicitationFormat> {
    let (id, kind_name) = (entry.id.as_ref(), entry.kind.as_ref());
    let kind = FormatKind::named(kind_name).ok_or_else(|| {
        let message = format!("unknown kind of elicitation format `{}`", kind_name.escape_debug());
        file.refuse(entry.kind.span(), message).hint(format!("kinds are {}", kind_names()))
    })?;
    if FormatKind::named(id).is_some_and(|named| named != kind) {
        let message = format!("the elicitation format `{id}` has the name of another kind than its own");
        return Err(file.refuse(entry.id.span(), message));
    }
    let shows_options = entry.show_options.as_ref().is_none_or(|shows| *shows.as_ref());
    if let (false, FormatKind::Letter, Some(place)) = (shows_options, kind, &entry.show_options) {
        return Err(file.refuse(place.span(), "letters mean nothing where no option line shows them"));
    }
    let has_premise = entry.domain_premise.as_ref().is_some_and(|has| *has.as_ref());
    if let (true, false, Some(place)) = (has_premise, kind.is_full_text(), &entry.domain_premise) {
        let full: Vec<&str> =
            FormatKind::ALL.into_iter().filter(|kind| kind.is_full_text()).map(FormatKind::name).collect();
        let message = format!(
            "a format of kind `{kind_name}` is not normalised by a domain premise: its forms say nothing"
        );
        return Err(file.refuse(place.span(), message).hint(format!("kinds that are: {}", full.join(", "))));
    }
    Ok(ElicitationFormat { id: id.clone(), kind, shows_options, has_premise })
}

fn kind_names() -> String {
    FormatKind::ALL.map(FormatKind::name).join(", ")
}

/// Two orders that show the same would count one prompt twice.
///
/// # Errors
/// With file and line, when two orders show the options of a scale alike.
pub(super) fn check_orders(file: &TextFile, study: &StudyFile) -> Result<()> {
    for scale in &study.scales {
        let mut seen: HashMap<Vec<usize>, String> = HashMap::new();
        for order in study.option_orders.as_ref() {
            let shown = order.as_ref().shown(scale.options.as_ref().len());
            if let Some(other) = seen.insert(shown, order.as_ref().to_string()) {
                return Err(alike(file, order, &other, scale.id.as_ref()));
            }
        }
    }
    Ok(())
}

fn alike(file: &TextFile, order: &Spanned<super::OptionOrder>, other: &str, scale: &str) -> Error {
    let order_name = order.as_ref();
    let message = format!("`{other}` and `{order_name}` show the options of the scale `{scale}` alike");
    file.refuse(order.span(), message).hint("leave one of them out, or split the study by scale")
}
