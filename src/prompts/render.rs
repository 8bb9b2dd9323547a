//! One cell of a study to one prompt. What varies most comes last, so that prompts share long beginnings:
//! language, persona, situation, variable, options, instruction, answer prefix.

use super::wording::{SCALE_PLACEHOLDERS, fill};
use super::{ElicitationFormat, Message, OptionOrder, Prompt, PromptOption, Study};
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

/// Renders a cell.
///
/// # Errors
/// Kind `Study` when an index is out of range or the study lacks a text in this language.
pub fn render(study: &Study, cell: &Cell) -> Result<Prompt> {
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
    let (lines, options) = present(scale, labels, format, cell.order);
    let instruction = fill(&asked.instruction, &scale_words(scale, labels)).map_err(Error::study)?;
    let lines = if format.shows_options { format!("{}\n\n", lines.join("\n")) } else { String::new() };
    let user = format!("{stem}\n\n{lines}{instruction}");
    let message = |role: &str, content: String| Message { role: role.to_owned(), content };
    Ok(Prompt {
        messages: vec![message("system", system), message("user", user)],
        answer_prefix: asked.answer_prefixes.get(&item.variable).unwrap_or(&asked.answer_prefix).clone(),
        options,
    })
}

/// The option lines in the order shown, and the options in scale order.
fn present(
    scale: &ResponseScale,
    labels: &[String],
    format: &ElicitationFormat,
    order: OptionOrder,
) -> (Vec<String>, Vec<PromptOption>) {
    let shown = order.shown(scale.option_count());
    let mut shown_at = vec![0; shown.len()];
    for (position, index) in shown.iter().enumerate() {
        shown_at[*index] = position;
    }
    let entries: Vec<(&str, &str, usize)> = (scale.options.iter().zip(labels).zip(shown_at))
        .map(|((option, label), position)| (option.code.as_str(), label.as_str(), position))
        .collect();
    let lines = shown.iter().filter_map(|index| entries.get(*index));
    let lines = lines.map(|(code, label, position)| format.option_line(code, label, *position)).collect();
    let options = entries.iter().map(|(code, label, position)| PromptOption {
        code: (*code).to_owned(),
        label: (*label).to_owned(),
        surface_forms: format.surface_forms(code, label, *position),
        openings: format.openings(code, label, *position),
    });
    (lines, options.collect())
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
