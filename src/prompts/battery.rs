//! Items that are asked one after another in one conversation: which, in which order, and with what responses to the earlier ones.
//! Knows no texts.

use super::structure::{StudyFile, VariableFile};
use super::{AnswerKey, ElicitationFormat, Study};
use crate::data_folder::TextFile;
use crate::error::Result;
use crate::spanned::Spanned;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most prompts of one cell: one for each way to respond to the items before its own, and for each of these items on the way.
const PROMPT_COUNT_MAX: usize = 1_000;

/// `[elicitation_formats.ID.battery]`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BatteryFile {
    /// Conversations: lists of variables in the order in which they are asked. Others are asked by themselves.
    pub variables: Spanned<Vec<Vec<Spanned<String>>>>,
    /// Codes of the responses to earlier variables. Without, all responses are gone through, each as probable as the model makes it.
    pub fixed: Option<BTreeMap<Spanned<String>, Spanned<String>>>,
}

/// Items in one conversation, earlier responses in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Battery {
    /// Conversations: variables in the order in which they are asked.
    pub variables: Vec<Vec<String>>,
    /// By variable the code of the response that it is taken to have had, where it comes before others. `None`: earlier responses are
    /// marginalised, all of them gone through, each with its probability.
    pub fixed: Option<BTreeMap<String, String>>,
}

impl Battery {
    pub(super) fn new(file: &BatteryFile) -> Self {
        let plain = |text: &Spanned<String>| text.as_ref().clone();
        Battery {
            variables: file.variables.as_ref().iter().map(|list| list.iter().map(plain).collect()).collect(),
            fixed: file
                .fixed
                .as_ref()
                .map(|fixed| fixed.iter().map(|(variable, code)| (plain(variable), plain(code))).collect()),
        }
    }

    /// The variables that are asked before one.
    pub fn before(&self, variable: &str) -> &[String] {
        let place = |list: &Vec<String>| list.iter().position(|known| known == variable);
        let found = self.variables.iter().find_map(|list| Some(&list[..place(list)?]));
        found.unwrap_or_default()
    }
}

impl Study {
    /// The items that a format asks before one in the same conversation, in their order.
    pub fn earlier_items(&self, format: &ElicitationFormat, item_index: usize) -> Vec<usize> {
        let (Some(battery), Some(item)) = (&format.battery, self.items.get(item_index)) else {
            return Vec::new();
        };
        // Items stand situation by situation, and in each the same variables.
        let first = self.items[0].situation();
        let variable_count = self.items.iter().take_while(|other| other.situation() == first).count();
        let begin = item_index - item_index % variable_count;
        let of_situation = &self.items[begin..begin + variable_count];
        let index_of = |variable: &String| {
            of_situation.iter().position(|other| other.variable == *variable).map(|place| begin + place)
        };
        battery.before(&item.variable).iter().filter_map(index_of).collect()
    }

    /// Prompts that one cell of a format and item takes.
    pub fn prompt_count(&self, format: &ElicitationFormat, item_index: usize) -> usize {
        let options = |index: usize| self.scales[self.items[index].scale_index].option_count();
        let Some(battery) = &format.battery else {
            return if format.key == AnswerKey::Count { options(item_index) } else { 1 };
        };
        match battery.fixed {
            Some(_) => 1,
            None => path_count(self.earlier_items(format, item_index).into_iter().map(options)),
        }
    }
}

/// Beginnings of all paths through these numbers of options, the empty one too: 1 + a + ab + ...
fn path_count(option_counts: impl Iterator<Item = usize>) -> usize {
    let mut paths: usize = 1;
    option_counts.fold(1_usize, |all, count| {
        paths = paths.saturating_mul(count);
        all.saturating_add(paths)
    })
}

/// Refuses a battery that the study cannot ask.
pub(super) fn check_battery(
    file: &TextFile,
    study: &StudyFile,
    key: AnswerKey,
    has_premise: bool,
    battery: &BatteryFile,
) -> Result<()> {
    let lists = battery.variables.as_ref();
    if key == AnswerKey::Count {
        return Err(file
            .refuse(battery.variables.span(), "counts are of options by themselves, not of items in a row"));
    }
    if has_premise {
        return Err(file.refuse(battery.variables.span(), "a domain premise is of items by themselves"));
    }
    if lists.is_empty() || lists.iter().any(|list| list.len() < 2) {
        return Err(file.refuse(battery.variables.span(), "a conversation is of two variables or more"));
    }
    let mut seen: Vec<&str> = Vec::new();
    for id in lists.iter().flatten() {
        if !study.variables.iter().any(|variable| variable.id.as_ref() == id.as_ref()) {
            return Err(file.refuse(id.span(), format!("the study has no variable `{}`", id.as_ref())));
        }
        if seen.contains(&id.as_ref().as_str()) {
            return Err(file.refuse(id.span(), format!("the variable `{}` is asked twice", id.as_ref())));
        }
        seen.push(id.as_ref());
    }
    match &battery.fixed {
        Some(fixed) => check_fixed(file, study, lists, fixed, battery),
        None => lists.iter().try_for_each(|list| {
            let earlier = &list[..list.len() - 1];
            let count = path_count(earlier.iter().filter_map(|id| Some(codes(study, id.as_ref())?.len())));
            if count <= PROMPT_COUNT_MAX {
                return Ok(());
            }
            let message = format!(
                "the last item of this conversation takes {count} prompts, more than {PROMPT_COUNT_MAX}"
            );
            let hint = "shorter conversations, or `fixed` responses to the earlier items";
            Err(file.refuse(list[0].span(), message).hint(hint))
        }),
    }
}

/// Every variable that comes before another has a response, and no other has.
fn check_fixed(
    file: &TextFile,
    study: &StudyFile,
    lists: &[Vec<Spanned<String>>],
    fixed: &BTreeMap<Spanned<String>, Spanned<String>>,
    battery: &BatteryFile,
) -> Result<()> {
    let earlier: Vec<&str> =
        lists.iter().flat_map(|list| &list[..list.len() - 1]).map(|id| id.as_ref().as_str()).collect();
    if let Some(id) = earlier.iter().find(|id| !fixed.contains_key(**id)) {
        let message = format!("`fixed` says no response to `{id}`, which comes before others");
        return Err(file.refuse(battery.variables.span(), message));
    }
    for (id, code) in fixed {
        if !earlier.contains(&id.as_ref().as_str()) {
            return Err(file.refuse(id.span(), format!("`{}` comes before no other variable", id.as_ref())));
        }
        if !codes(study, id.as_ref()).is_some_and(|codes| codes.contains(&code.as_ref().as_str())) {
            let message =
                format!("the scale of `{}` has no option `{}`", id.as_ref(), code.as_ref().escape_debug());
            return Err(file.refuse(code.span(), message));
        }
    }
    Ok(())
}

/// The codes of a variable's scale.
fn codes<'a>(study: &'a StudyFile, variable: &str) -> Option<Vec<&'a str>> {
    let is_it = |known: &&VariableFile| known.id.as_ref() == variable;
    let scale = study.variables.iter().find(is_it)?.scale.as_ref();
    let scale = study.scales.iter().find(|known| known.id.as_ref() == scale)?;
    Some(scale.options.as_ref().iter().map(|option| option.code.as_ref().as_str()).collect())
}
