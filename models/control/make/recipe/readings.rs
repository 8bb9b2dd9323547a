//! Every prompt of the study as the control will see it: its context, its words, and how each option may be answered.
//! Knows no weights.

use super::vocabulary::words;
use respondent::error::{Error, Result};
use respondent::prompts::{AnswerKey, Cell, OptionOrder, Prompt, Study, render};
use respondent::survey::Item;
use std::collections::BTreeMap;

/// What a prompt says about itself, as indices into the lists of [`Contexts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Context {
    pub persona: usize,
    pub situation: usize,
    pub variable: usize,
    pub language: usize,
    pub format: usize,
    pub order: usize,
    /// Index into the study's scales; follows from the variable.
    pub scale: usize,
}

/// The values that a context's indices stand for.
pub struct Contexts {
    pub situations: Vec<String>,
    pub variables: Vec<String>,
    /// For each variable the index of its scale.
    pub variable_scales: Vec<usize>,
    /// What responses are made of in each of the study's formats.
    pub formats: Vec<AnswerKey>,
    pub orders: Vec<OptionOrder>,
}

impl Contexts {
    pub fn new(study: &Study) -> Self {
        let mut contexts = Contexts {
            situations: Vec::new(),
            variables: Vec::new(),
            variable_scales: Vec::new(),
            formats: study.formats.iter().map(|format| format.key).collect(),
            orders: study.option_orders.clone(),
        };
        for item in &study.items {
            let situation = situation_of(item);
            if !contexts.situations.iter().any(|known| known == situation) {
                contexts.situations.push(situation.to_owned());
            }
            if !contexts.variables.contains(&item.variable) {
                contexts.variables.push(item.variable.clone());
                contexts.variable_scales.push(item.scale_index);
            }
        }
        contexts
    }

    /// Of an item that was there when contexts were collected.
    pub fn situation_index(&self, item: &Item) -> usize {
        let place = self.situations.iter().position(|known| known == situation_of(item));
        place.expect("situations were collected from the items")
    }

    pub fn variable_index(&self, item: &Item) -> usize {
        let place = self.variables.iter().position(|known| *known == item.variable);
        place.expect("variables were collected from the items")
    }

    fn of(&self, study: &Study, cell: &Cell) -> Context {
        let item = &study.items[cell.item_index];
        Context {
            persona: cell.persona_index,
            situation: self.situation_index(item),
            variable: self.variable_index(item),
            language: cell.language_index,
            format: cell.format_index,
            order: self.orders.iter().position(|o| *o == cell.order).expect("cells are of known orders"),
            scale: item.scale_index,
        }
    }
}

fn situation_of(item: &Item) -> &str {
    item.situation().unwrap_or_default()
}

/// One prompt.
pub struct Reading {
    pub context: Context,
    /// All words of the messages and of the answer prefix, in order.
    pub words: Vec<String>,
    /// For each option, in scale order, its surface forms and the words each is made of.
    pub forms: Vec<Vec<(String, Vec<String>)>>,
    /// The option on the first line.
    pub first_shown: usize,
    /// For each option the words of its label as an option line holds it.
    pub labels: Vec<Vec<String>>,
}

/// Reads all cells of the study.
///
/// # Errors
/// When a cell cannot be rendered, or a surface form merges with the answer prefix.
pub fn read_all(study: &Study, contexts: &Contexts) -> Result<Vec<Reading>> {
    let mut cut = WordCache::default();
    let mut readings = Vec::new();
    for cell in study.every_cell() {
        let prompt = render(study, &cell)?;
        readings.push(reading(contexts.of(study, &cell), &cell, &prompt, &mut cut)?);
    }
    Ok(readings)
}

/// Most texts occur in hundreds of prompts.
#[derive(Default)]
struct WordCache(BTreeMap<String, Vec<String>>);

impl WordCache {
    fn words(&mut self, text: &str) -> Result<&[String]> {
        if !self.0.contains_key(text) {
            self.0.insert(text.to_owned(), words(text)?);
        }
        Ok(&self.0[text])
    }
}

fn reading(context: Context, cell: &Cell, prompt: &Prompt, cut: &mut WordCache) -> Result<Reading> {
    let prefix = cut.words(&prompt.answer_prefix)?.to_vec();
    let mut words = Vec::new();
    for message in &prompt.messages {
        words.extend_from_slice(cut.words(&message.content)?);
    }
    words.extend_from_slice(&prefix);
    let (mut forms, mut labels) = (Vec::new(), Vec::new());
    for option in &prompt.options {
        labels.push(cut.words(&format!(" {}", option.label))?.to_vec());
        let mut written = Vec::new();
        for form in &option.surface_forms {
            let whole = cut.words(&format!("{}{form}", prompt.answer_prefix))?;
            let behind = whole.strip_prefix(prefix.as_slice()).filter(|behind| !behind.is_empty());
            let behind = behind.ok_or_else(|| Error::prompt(format!("`{form}` merges with the prefix")))?;
            written.push((form.clone(), behind.to_vec()));
        }
        forms.push(written);
    }
    let first_shown = cell.order.shown(forms.len())[0];
    Ok(Reading { context, words, forms, first_shown, labels })
}
