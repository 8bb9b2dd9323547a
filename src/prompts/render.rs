//! One cell of a study to its prompts. What varies most comes last, so that prompts share long beginnings:
//! language, persona, situation, variable, options, instruction, answer prefix.

use super::format_wording::{FormatWording, OPTION_PLACEHOLDERS, SCALE_PLACEHOLDERS};
use super::wording::fill;
use super::{AnswerKey, ElicitationFormat, Message, OptionOrder, Prompt, PromptOption, Study};
use crate::error::{Error, Result};
use crate::survey::{Language, ResponseOption, ResponseScale};
use std::collections::BTreeMap;

/// One combination of everything a study varies, as indices into the study.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cell {
    pub persona_index: usize,
    pub item_index: usize,
    pub language_index: usize,
    pub format_index: usize,
    pub order: OptionOrder,
    pub wording_index: usize,
}

impl Study {
    /// All that the study can ask: persona by persona, in each item by item, then by language, format, wording and order.
    pub fn every_cell(&self) -> Vec<Cell> {
        let mut cells = Vec::new();
        for persona_index in 0..self.personas.len() {
            for item_index in 0..self.items.len() {
                for language_index in 0..self.languages.len() {
                    for format_index in 0..self.formats.len() {
                        for wording_index in 0..self.item_wordings.len() {
                            cells.extend(self.option_orders.iter().map(|&order| Cell {
                                persona_index,
                                item_index,
                                language_index,
                                format_index,
                                order,
                                wording_index,
                            }));
                        }
                    }
                }
            }
        }
        cells
    }
}

/// Renders a cell: its only prompt, or the first of those that ask what the cell is about.
///
/// # Errors
/// As [`render_all`].
pub fn render(study: &Study, cell: &Cell) -> Result<Prompt> {
    let prompts = render_all(study, cell)?;
    prompts
        .into_iter()
        .find(|prompt| prompt.asks_own_item)
        .ok_or_else(|| Error::study("there is nothing to ask about"))
}

/// Renders all prompts of a cell: one; or one for each option where options are asked about by themselves; or, where the item comes behind
/// others in a conversation, one for each way to respond to these, and before them those that ask the earlier items.
///
/// # Errors
/// Kind `Study` when an index is out of range or the study lacks a text in this language.
pub fn render_all(study: &Study, cell: &Cell) -> Result<Vec<Prompt>> {
    let asking = Asking::new(study, cell)?;
    let own = asking.turn(cell.item_index)?;
    let format = asking.format;
    if format.key == AnswerKey::Count {
        return (0..own.options.len()).map(|index| asking.about_option(&own, index)).collect();
    }
    let earlier = study.earlier_items(format, cell.item_index);
    let earlier = earlier.into_iter().map(|index| asking.turn(index)).collect::<Result<Vec<Turn>>>()?;
    let asked = |turn| Ok(AskedTurn { user: asking.user_text(turn, &[])?, turn });
    let turns = earlier.iter().chain([&own]).map(asked).collect::<Result<Vec<AskedTurn>>>()?;
    let fixed = format.battery.as_ref().and_then(|battery| battery.fixed.as_ref());
    match fixed {
        Some(codes) => {
            let path = earlier.iter().map(|turn| turn.index_of(codes)).collect::<Result<Vec<usize>>>()?;
            Ok(vec![asking.conversation(&turns, path)])
        }
        None => {
            let option_counts: Vec<usize> = earlier.iter().map(|turn| turn.options.len()).collect();
            let paths = (0..=earlier.len()).flat_map(|depth| paths(&option_counts[..depth]));
            Ok(paths.map(|path| asking.conversation(&turns, path)).collect())
        }
    }
}

/// Every choice of one option each, in lexicographic order; of nothing the empty one.
fn paths(option_counts: &[usize]) -> Vec<Vec<usize>> {
    option_counts.iter().fold(vec![Vec::new()], |paths, &count| {
        let longer = |path: Vec<usize>| (0..count).map(move |option| [path.as_slice(), &[option]].concat());
        paths.into_iter().flat_map(longer).collect()
    })
}

/// What the prompts of a cell share.
struct Asking<'a> {
    study: &'a Study,
    cell: &'a Cell,
    language: &'a Language,
    format: &'a ElicitationFormat,
    asked: &'a FormatWording,
    system: String,
}

/// One item as it is asked.
struct Turn<'a> {
    variable: &'a str,
    scale: &'a ResponseScale,
    labels: &'a [String],
    stem: &'a str,
    lines: String,
    options: Vec<PromptOption>,
    prefix: &'a str,
}

/// A turn with what is said to ask it, which all conversations that come by share.
struct AskedTurn<'a> {
    turn: &'a Turn<'a>,
    user: String,
}

impl<'a> Asking<'a> {
    fn new(study: &'a Study, cell: &'a Cell) -> Result<Self> {
        let language = nth(&study.languages, cell.language_index, "language")?;
        let persona = nth(&study.personas, cell.persona_index, "persona")?;
        let wording = worded(study.wordings.get(language), language, "wording")?;
        let format = nth(&study.formats, cell.format_index, "elicitation format")?;
        let asked = worded(wording.formats.get(&format.id), language, "instruction")?;
        let persona_text = worded(persona.texts.get(language), language, "persona")?;
        let system = fill(&wording.system_text, &[("persona", persona_text)]).map_err(Error::study)?;
        Ok(Asking { study, cell, language, format, asked, system })
    }

    fn turn(&self, item_index: usize) -> Result<Turn<'a>> {
        let item = nth(&self.study.items, item_index, "item")?;
        let scale = nth(&self.study.scales, item.scale_index, "scale")?;
        let labels = worded(scale.labels.get(self.language), self.language, "labels")?;
        let stems = worded(item.stems.get(self.language), self.language, "stem")?;
        let stem = nth(stems, self.cell.wording_index, "item wording")?;
        let written = self.asked.continuations.get(&scale.id).unwrap_or(labels);
        let (lines, options) = present(scale, labels, written, self.format, self.cell.order);
        let lines =
            if self.format.shows_options { format!("{}\n\n", lines.join("\n")) } else { String::new() };
        let prefix = self.asked.answer_prefixes.get(&item.variable).unwrap_or(&self.asked.answer_prefix);
        Ok(Turn { variable: &item.variable, scale, labels, stem, lines, options, prefix })
    }

    /// How many of a hundred people would choose one option.
    fn about_option(&self, turn: &Turn, index: usize) -> Result<Prompt> {
        let [code, label] = OPTION_PLACEHOLDERS;
        let option = &turn.options[index];
        let of_option = [(code, option.code.as_str()), (label, option.label.as_str())];
        let user = self.user_text(turn, &of_option)?;
        Ok(Prompt {
            messages: vec![message("system", self.system.clone()), message("user", user)],
            answer_prefix: fill(turn.prefix, &of_option).map_err(Error::study)?,
            domain_premise: self.asked.domain_premise.clone(),
            asked_option: Some(index),
            earlier: Vec::new(),
            asks_own_item: true,
            excluded: self.format.no_counts(),
            options: self.format.counts(),
        })
    }

    /// Asks the turn behind a path of responses to those before it. The last of all is the cell's own.
    fn conversation(&self, turns: &[AskedTurn], path: Vec<usize>) -> Prompt {
        let mut messages = vec![message("system", self.system.clone())];
        for (asked, option) in turns.iter().zip(&path) {
            messages.push(message("user", asked.user.clone()));
            messages.push(message("assistant", asked.turn.response(*option)));
        }
        let asked = &turns[path.len()];
        messages.push(message("user", asked.user.clone()));
        Prompt {
            messages,
            answer_prefix: asked.turn.prefix.to_owned(),
            domain_premise: self.asked.domain_premise.clone(),
            asked_option: None,
            asks_own_item: path.len() + 1 == turns.len(),
            earlier: path,
            excluded: Vec::new(),
            options: asked.turn.options.clone(),
        }
    }

    fn user_text(&self, turn: &Turn, of_option: &[(&str, &str)]) -> Result<String> {
        let words = [&scale_words(turn.scale, turn.labels), of_option].concat();
        let instruction = fill(&self.asked.instruction, &words).map_err(Error::study)?;
        Ok(format!("{}\n\n{}{instruction}", turn.stem, turn.lines))
    }
}

impl Turn<'_> {
    /// What a model that chose an option has written: the answer prefix, and the option's form, behind a space where the prefix ends in a
    /// letter, a digit or a mark that is followed by one.
    fn response(&self, option: usize) -> String {
        let forms = &self.options[option].surface_forms;
        let last = self.prefix.chars().next_back();
        let is_open = last.is_none_or(|last| last.is_whitespace() || "([{<\"'“«".contains(last));
        let is_spaced = |form: &&String| form.starts_with(' ') != is_open;
        let form = forms.iter().find(is_spaced).or(forms.first());
        format!("{}{}", self.prefix, form.map_or("", String::as_str))
    }

    /// The option that a code of this variable names.
    fn index_of(&self, codes: &BTreeMap<String, String>) -> Result<usize> {
        let code = codes.get(self.variable);
        let found = self.options.iter().position(|option| Some(&option.code) == code);
        found.ok_or_else(|| Error::study(format!("no response to `{}` is fixed", self.variable)))
    }
}

fn message(role: &str, content: String) -> Message {
    Message { role: role.to_owned(), content }
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
        for cell in study.every_cell() {
            let prompt = render(&study, &cell).unwrap();
            assert_eq!(prompt.messages.len(), 2);
            assert!(!prompt.messages.iter().any(|message| message.content.contains(['{', '}'])));
            texts.insert(format!("{:?}", prompt.messages));
            count += 1;
        }
        assert_eq!(count, 16 * 35 * 3 * 3 * 2);
        assert_eq!(texts.len(), count, "every cell has a text of its own");
    }
}
