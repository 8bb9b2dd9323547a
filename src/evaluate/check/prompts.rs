//! What two packagings are asked, prompt by prompt: the text that the template makes of a cell, its token ids, and the tokens
//! of its options. Knows no weights.

use super::super::prepare::{Prepared, PreparedPrompt};
use super::super::{RunPlan, Speaker};
use serde::Serialize;

/// Tokens shown on either side of the first one that differs.
const SHOWN_TOKEN_COUNT: usize = 4;
/// Characters shown around the first one that differs.
const SHOWN_CHAR_COUNT: usize = 24;

/// How many prompts are the same in both, and the first that are not.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PromptAgreement {
    pub prompt_count: usize,
    /// Prompts whose rendered text differs: another template, or other settings of it.
    pub text_differs_count: usize,
    /// Prompts whose token ids differ. Where the text is the same, the tokenizers differ.
    pub ids_differ_count: usize,
    /// Prompts of which some option has other tokens.
    pub options_differ_count: usize,
    /// The first prompt of each kind, in the study's order.
    pub first: Vec<PromptDifference>,
}

/// Where one prompt parts ways.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PromptDifference {
    pub cell_id: String,
    /// `text`, `token ids` or `option tokens`.
    pub what: &'static str,
    /// Where they part: a character of the text, a token of the prompt, or an option's sequence of tokens.
    pub index: usize,
    /// What stands there in each, with what is around it. Tokens in brackets.
    pub model: String,
    pub other: String,
}

impl PromptAgreement {
    pub fn new(plan: &RunPlan, [model, other]: [&Prepared; 2], speakers: [&Speaker; 2]) -> Self {
        let mut found = PromptAgreement {
            prompt_count: model.prompts.len(),
            text_differs_count: 0,
            ids_differ_count: 0,
            options_differ_count: 0,
            first: Vec::new(),
        };
        for (a, b) in model.prompts.iter().zip(&other.prompts) {
            let cell_id = || plan.cell_id(&a.cell);
            if a.rendered_text != b.rendered_text {
                found.text_differs_count += 1;
                found.note("text", || text_difference(cell_id(), a, b));
            }
            if a.ids != b.ids {
                found.ids_differ_count += 1;
                found.note("token ids", || ids_difference(cell_id(), a, b, speakers));
            }
            if a.probe.events() != b.probe.events() {
                found.options_differ_count += 1;
                found.note("option tokens", || options_difference(cell_id(), a, b, speakers));
            }
        }
        found
    }

    /// Whether both are asked the same in every prompt.
    pub fn is_complete(&self) -> bool {
        (self.text_differs_count, self.ids_differ_count, self.options_differ_count) == (0, 0, 0)
    }

    fn note(&mut self, what: &str, difference: impl FnOnce() -> PromptDifference) {
        if !self.first.iter().any(|known| known.what == what) {
            self.first.push(difference());
        }
    }
}

fn text_difference(cell_id: String, a: &PreparedPrompt, b: &PreparedPrompt) -> PromptDifference {
    let chars: [Vec<char>; 2] = [a, b].map(|cell| cell.rendered_text.chars().collect());
    let index = first_difference(&chars[0], &chars[1]);
    let around = |chars: &[char]| window(chars, index, SHOWN_CHAR_COUNT).iter().collect::<String>();
    let [model, other] = [around(&chars[0]), around(&chars[1])];
    PromptDifference { cell_id, what: "text", index, model, other }
}

fn ids_difference(
    cell_id: String,
    a: &PreparedPrompt,
    b: &PreparedPrompt,
    speakers: [&Speaker; 2],
) -> PromptDifference {
    let index = first_difference(&a.ids, &b.ids);
    let [model, other] =
        [(a, speakers[0]), (b, speakers[1])].map(|(cell, speaker)| tokens(&cell.ids, index, speaker));
    PromptDifference { cell_id, what: "token ids", index, model, other }
}

fn options_difference(
    cell_id: String,
    a: &PreparedPrompt,
    b: &PreparedPrompt,
    speakers: [&Speaker; 2],
) -> PromptDifference {
    let [ours, theirs] = [a, b].map(|cell| &cell.probe.events().sequences);
    let index = first_difference(ours, theirs);
    let told = |sequences: &[Vec<u32>], speaker| match sequences.get(index) {
        Some(sequence) => tokens(sequence, 0, speaker),
        None => "nothing".to_owned(),
    };
    let [model, other] = [told(ours, speakers[0]), told(theirs, speakers[1])];
    PromptDifference { cell_id, what: "option tokens", index, model, other }
}

/// The tokens around one, each with its text.
fn tokens(ids: &[u32], index: usize, speaker: &Speaker) -> String {
    let shown = window(ids, index, SHOWN_TOKEN_COUNT).iter();
    let shown = shown.map(|&id| format!("[{id} \"{}\"]", speaker.tokenizer.token_text(id)));
    shown.collect::<Vec<_>>().join(" ")
}

fn window<T>(values: &[T], index: usize, margin: usize) -> &[T] {
    let (start, end) = (index.saturating_sub(margin), (index + margin).min(values.len()));
    &values[start.min(end)..end]
}

/// The first place where one has what the other has not.
fn first_difference<T: PartialEq>(a: &[T], b: &[T]) -> usize {
    a.iter().zip(b).position(|(a, b)| a != b).unwrap_or(a.len().min(b.len()))
}
