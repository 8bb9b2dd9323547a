//! What each dimension of the residual stream holds. Numbers dimensions; sets no weights.

use super::answers::Answers;
use super::clues::SLOT_COUNT;
use super::readings::Contexts;
use super::rules::{Cases, simplest};
use respondent::prompts::Study;
use std::collections::BTreeMap;
use std::ops::Range;

/// Hidden sizes are multiples of this.
const SIZE_STEP: usize = 16;

/// Dimensions by meaning. Flags are 0 or 1.
pub struct Layout {
    /// Large and the same everywhere, so that every RMSNorm divides by the same number; read as a bias.
    pub constant: usize,
    /// For each slot a one-hot: at a clue what it says, at every row behind it what was said.
    pub slots: [Range<usize>; SLOT_COUNT],
    /// By language: this word is at the low (high) end of a scale.
    pub low: Range<usize>,
    pub high: Range<usize>,
    /// By language: a low word came before or is here.
    pub low_seen: Range<usize>,
    /// By option order: this is a high word and the order shows here.
    pub order_here: Range<usize>,
    /// One-hot of the option order, once it showed.
    pub order: Range<usize>,
    /// ln p of each option before format and order.
    pub base: Range<usize>,
    /// By format, then by order: ln of what the option weights of the cell sum to.
    pub normaliser: Vec<Range<usize>>,
    /// ln(answer mass / (1 − answer mass)).
    pub odds: usize,
    /// ln(1 − answer mass).
    pub rest: usize,
    /// By opening: how probable it is that a response begins so.
    pub opening: BTreeMap<String, usize>,
    /// By word: it follows. Without a word: the response is complete.
    pub next: BTreeMap<Option<String>, usize>,
    /// Groups of words that go on in different ways in different contexts, each with the ways.
    pub turnings: Vec<Turning>,
    pub hidden_size: usize,
}

/// Words that go on alike, depending on the context.
pub struct Turning {
    pub dim: usize,
    pub words: Vec<String>,
    pub ways: Cases<Option<String>>,
}

/// Hands out dimensions in order.
struct Dims(usize);

impl Dims {
    fn one(&mut self) -> usize {
        self.many(1).start
    }

    fn many(&mut self, count: usize) -> Range<usize> {
        self.0 += count;
        self.0 - count..self.0
    }
}

impl Layout {
    pub fn new(study: &Study, contexts: &Contexts, answers: &Answers) -> Self {
        let mut dims = Dims(0);
        let options = study.scales.iter().map(|scale| scale.option_count()).max().unwrap_or(0);
        let (formats, orders) = (contexts.formats.len(), contexts.orders.len());
        let slot_sizes = [
            study.personas.len(),
            contexts.situations.len(),
            contexts.variables.len(),
            study.languages.len(),
            formats,
        ];
        let followers = answers.continuations.values().flat_map(|cases| cases.values().cloned());
        let mut layout = Layout {
            constant: dims.one(),
            slots: slot_sizes.map(|size| dims.many(size)),
            low: dims.many(study.languages.len()),
            high: dims.many(study.languages.len()),
            low_seen: dims.many(study.languages.len()),
            order_here: dims.many(orders),
            order: dims.many(orders),
            base: dims.many(options),
            normaliser: (0..formats).map(|_| dims.many(orders)).collect(),
            odds: dims.one(),
            rest: dims.one(),
            opening: answers.variants.keys().map(|word| (word.clone(), dims.one())).collect(),
            next: {
                let mut next: BTreeMap<Option<String>, usize> = followers.map(|next| (next, 0)).collect();
                next.values_mut().for_each(|dim| *dim = dims.one());
                next
            },
            turnings: turnings(answers, &mut dims),
            hidden_size: 0,
        };
        layout.hidden_size = dims.0.next_multiple_of(SIZE_STEP);
        layout
    }
}

fn turnings(answers: &Answers, dims: &mut Dims) -> Vec<Turning> {
    let mut turnings: Vec<Turning> = Vec::new();
    for (word, cases) in &answers.continuations {
        let ways = simplest(cases);
        if ways.len() < 2 {
            continue;
        }
        match turnings.iter_mut().find(|turning| turning.ways == ways) {
            Some(turning) => turning.words.push(word.clone()),
            None => turnings.push(Turning { dim: dims.one(), words: vec![word.clone()], ways }),
        }
    }
    turnings
}
