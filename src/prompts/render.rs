//! One cell of a study to one prompt. What varies most comes last, so that prompts share long beginnings:
//! language, persona, situation, variable, options, instruction, answer prefix.

use super::wording::fill;
use super::{
    ElicitationFormat, FormatWording, Message, OptionOrder, Prompt, PromptOption, ScaleEnds, ShownOption,
    Study,
};
use crate::error::{Error, Result};
use crate::survey::{Language, ResponseScale};

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
    let asked = worded(wording.formats.get(cell.format_index), language, "instruction")?;
    let labels = worded(scale.labels.get(language), language, "labels")?;
    let stem = worded(item.stems.get(language), language, "stem")?;
    let persona_text = worded(persona.texts.get(language), language, "persona")?;

    let system = fill(&wording.system_text, &[("persona", persona_text)]).map_err(Error::study)?;
    let words = Words { format, asked, scale, scale_index: item.scale_index, labels };
    let (lines, options) = present(&words, cell.order);
    let instruction = asked.instruction(words.ends()).map_err(Error::study)?;
    let user = match format.shows_options {
        true => format!("{stem}\n\n{}\n\n{instruction}", lines.join("\n")),
        false => format!("{stem}\n\n{instruction}"),
    };
    let message = |role: &str, content: String| Message { role: role.to_owned(), content };
    Ok(Prompt {
        messages: vec![message("system", system), message("user", user)],
        answer_prefix: asked.answer_prefix.clone(),
        domain_premise: asked.domain_premise.clone(),
        options,
    })
}

/// What a cell says about its options.
struct Words<'a> {
    format: &'a ElicitationFormat,
    asked: &'a FormatWording,
    scale: &'a ResponseScale,
    scale_index: usize,
    labels: &'a [String],
}

impl Words<'_> {
    fn ends(&self) -> ScaleEnds<'_> {
        let last = self.scale.options.len() - 1;
        let code = |index: usize| self.scale.options[index].code.as_str();
        ScaleEnds { codes: [code(0), code(last)], labels: [&self.labels[0], &self.labels[last]] }
    }
}

/// The option lines in the order shown, and the options in scale order.
fn present(words: &Words<'_>, order: OptionOrder) -> (Vec<String>, Vec<PromptOption>) {
    let shown = order.shown(words.scale.option_count());
    let mut shown_at = vec![0; shown.len()];
    for (position, index) in shown.iter().enumerate() {
        shown_at[*index] = position;
    }
    let continuations = &words.asked.continuations[words.scale_index];
    let entries: Vec<ShownOption<'_>> = (words.scale.options.iter().zip(words.labels))
        .zip(continuations.iter().zip(shown_at))
        .map(|((option, label), (continuation, position))| ShownOption {
            code: &option.code,
            label,
            continuation,
            position,
        })
        .collect();
    let kind = words.format.kind;
    let lines = shown.iter().filter_map(|index| entries.get(*index)).map(|entry| kind.option_line(entry));
    let options = entries.iter().map(|entry| PromptOption {
        code: entry.code.to_owned(),
        label: entry.label.to_owned(),
        surface_forms: kind.surface_forms(entry),
    });
    (lines.collect(), options.collect())
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
