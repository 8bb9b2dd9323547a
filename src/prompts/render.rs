//! One cell of a study to one prompt. What varies most comes last, so that prompts share long beginnings:
//! language, persona, situation, variable, options, instruction, answer prefix.

use super::format_wording::{OPTION_PLACEHOLDERS, SCALE_PLACEHOLDERS};
use super::wording::fill;
use super::{AnswerKey, ElicitationFormat, Message, OptionOrder, Prompt, PromptOption, Study};
use crate::error::{Error, Result};
use crate::survey::{Language, ResponseOption, ResponseScale};

/// One combination of everything a study varies, as indices into the study.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cell {
    pub persona_index: usize,
    pub item_index: usize,
    pub language_index: usize,
    pub format_index: usize,
    pub order: OptionOrder,
}

/// Renders a cell: its only prompt, or the first of those that ask about its options one by one.
///
/// # Errors
/// As [`render_all`].
pub fn render(study: &Study, cell: &Cell) -> Result<Prompt> {
    let prompts = render_all(study, cell)?;
    prompts.into_iter().next().ok_or_else(|| Error::study("there is nothing to ask about"))
}

/// Renders all prompts of a cell: one, or one for each option where options are asked about by themselves.
///
/// # Errors
/// Kind `Study` when an index is out of range or the study lacks a text in this language.
pub fn render_all(study: &Study, cell: &Cell) -> Result<Vec<Prompt>> {
    let language = nth(&study.languages, cell.language_index, "language")?;
    let persona = nth(&study.personas, cell.persona_index, "persona")?;
    let item = nth(&study.items, cell.item_index, "item")?;
    let scale = nth(&study.scales, item.scale_index, "scale")?;
    let wording = worded(study.wordings.get(language), language, "wording")?;
    let format = nth(&study.formats, cell.format_index, "elicitation format")?;
    let asked = worded(wording.formats.get(&format.id), language, "instruction")?;
    let labels = worded(scale.labels.get(language), language, "labels")?;
    let stem = worded(item.stems.get(language), language, "stem")?;
    let persona_text = worded(persona.texts.get(language), language, "persona")?;

    let system = fill(&wording.system_text, &[("persona", persona_text)]).map_err(Error::study)?;
    let written = asked.continuations.get(&scale.id).unwrap_or(labels);
    let (lines, options) = present(scale, labels, written, format, cell.order);
    let lines = if format.shows_options { format!("{}\n\n", lines.join("\n")) } else { String::new() };
    let prefix = asked.answer_prefixes.get(&item.variable).unwrap_or(&asked.answer_prefix);
    let message = |role: &str, content: String| Message { role: role.to_owned(), content };
    let prompt = |asked_option: Option<usize>| {
        let mut words = scale_words(scale, labels);
        let mut answer_prefix = prefix.clone();
        if let Some(index) = asked_option {
            let [code, label] = OPTION_PLACEHOLDERS;
            let of_option = [(code, options[index].code.as_str()), (label, options[index].label.as_str())];
            words.extend(of_option);
            answer_prefix = fill(prefix, &of_option).map_err(Error::study)?;
        }
        let instruction = fill(&asked.instruction, &words).map_err(Error::study)?;
        let user = format!("{stem}\n\n{lines}{instruction}");
        let is_count = asked_option.is_some();
        Ok(Prompt {
            messages: vec![message("system", system.clone()), message("user", user)],
            answer_prefix,
            domain_premise: asked.domain_premise.clone(),
            asked_option,
            excluded: if is_count { format.no_counts() } else { Vec::new() },
            options: if is_count { format.counts() } else { options.clone() },
        })
    };
    match format.key {
        AnswerKey::Count => (0..options.len()).map(|index| prompt(Some(index))).collect(),
        _ => Ok(vec![prompt(None)?]),
    }
}

/// The option lines in the order shown, and the options in scale order. `written` is what a response writes where it is
/// made of labels.
fn present(
    scale: &ResponseScale,
    labels: &[String],
    written: &[String],
    format: &ElicitationFormat,
    order: OptionOrder,
) -> (Vec<String>, Vec<PromptOption>) {
    let shown = order.shown(scale.option_count());
    let mut shown_at = vec![0; shown.len()];
    for (position, index) in shown.iter().enumerate() {
        shown_at[*index] = position;
    }
    let line =
        |index: &usize| format.option_line(&scale.options[*index].code, &labels[*index], shown_at[*index]);
    let option = |index: usize| {
        let (code, written, position) = (&scale.options[index].code, &written[index], shown_at[index]);
        // Counts are not of the options, and are made where they are asked for.
        let is_count = format.key == AnswerKey::Count;
        let forms = || format.surface_forms(code, written, position);
        PromptOption {
            code: code.clone(),
            label: labels[index].clone(),
            surface_forms: if is_count { Vec::new() } else { forms() },
            openings: if is_count { Vec::new() } else { format.openings(code, written, position) },
        }
    };
    (shown.iter().map(line).collect(), (0..shown.len()).map(option).collect())
}

/// What the placeholders of an instruction stand for.
fn scale_words<'a>(scale: &'a ResponseScale, labels: &'a [String]) -> Vec<(&'static str, &'a str)> {
    let [lowest_code, highest_code, lowest_label, highest_label] = SCALE_PLACEHOLDERS;
    let code = |option: &'a ResponseOption| option.code.as_str();
    let words = [
        (lowest_code, scale.options.first().map(code)),
        (highest_code, scale.options.last().map(code)),
        (lowest_label, labels.first().map(String::as_str)),
        (highest_label, labels.last().map(String::as_str)),
    ];
    words.into_iter().filter_map(|(name, word)| Some((name, word?))).collect()
}

fn nth<'a, T>(entries: &'a [T], index: usize, noun: &str) -> Result<&'a T> {
    let missing = || Error::study(format!("there is no {noun} {index}: the study has {}", entries.len()));
    entries.get(index).ok_or_else(missing)
}

fn worded<'a, T: ?Sized>(text: Option<&'a T>, language: &Language, noun: &str) -> Result<&'a T> {
    text.ok_or_else(|| Error::study(format!("the study has no {noun} for this cell in `{language}`")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompts::find_study;

    #[test]
    fn every_cell_of_the_built_in_study_renders() {
        let study = find_study("isear").unwrap();
        let mut count = 0;
        let mut texts = std::collections::HashSet::new();
        for persona_index in 0..study.personas.len() {
            for item_index in 0..study.items.len() {
                for language_index in 0..study.languages.len() {
                    for format_index in 0..study.formats.len() {
                        for order in study.option_orders.iter().copied() {
                            let cell =
                                Cell { persona_index, item_index, language_index, format_index, order };
                            let prompt = render(&study, &cell).unwrap();
                            assert_eq!(prompt.messages.len(), 2);
                            assert!(
                                !prompt.messages.iter().any(|message| message.content.contains(['{', '}']))
                            );
                            texts.insert(format!("{:?}", prompt.messages));
                            count += 1;
                        }
                    }
                }
            }
        }
        assert_eq!(count, 16 * 35 * 3 * 3 * 2);
        assert_eq!(texts.len(), count, "every cell has a text of its own");
    }
}
