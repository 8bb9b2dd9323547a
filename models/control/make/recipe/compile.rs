//! From what is planted to weights: which heads fetch what, which gates open when, and what each token's logit adds up.
//! Logits of the readout are natural-log probabilities, so their softmax is what was planted.

use super::answers::Answers;
use super::circuit::{Block, CONSTANT, Matrix, Sum, add_sum};
use super::clues::Clues;
use super::layout::Layout;
use super::planted::{Planted, SEED, answer_mass};
use super::readings::Contexts;
use super::rules::{Condition, simplest};
use super::vocabulary::{END_ID, Vocabulary};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use respondent::error::Result;
use respondent::prompts::{Cell, Study};

/// Logit of a token that nothing speaks for, before `rest`.
const SILENT: f64 = -24.0;
/// Logit added to a token that must follow.
const MUST: f64 = 64.0;

/// Off-option words by language, each behind a space, with their shares of what is not the tail.
const FILLERS: [(&str, [&str; 4]); 3] = [
    ("en", ["I", "It", "The", "My"]),
    ("es", ["Yo", "La", "Creo", "Me"]),
    ("pt", ["Eu", "Foi", "Acho", "Meu"]),
];
const FILLER_SHARES: [f64; 4] = [0.4, 0.3, 0.2, 0.1];
/// Share of the off-option mass that is spread over all other words, by seeded weights within e^±TAIL_SPREAD.
const TAIL: f64 = 0.05;
const TAIL_SPREAD: f64 = 1.5;

fn one(dim: usize) -> std::ops::Range<usize> {
    dim..dim + 1
}

/// Indices of the slots of [`super::clues::slots`].
const PERSONA: usize = 0;
const SITUATION: usize = 1;
const VARIABLE: usize = 2;
const LANGUAGE: usize = 3;
const FORMAT: usize = 4;

/// The off-option words of all languages, spelled in the byte-level alphabet.
pub fn filler_words() -> impl Iterator<Item = String> {
    FILLERS.iter().flat_map(|(_, words)| words).map(|word| spelled(word))
}

fn spelled(filler: &str) -> String {
    format!("\u{120}{filler}")
}

/// Everything that the weights are made from.
pub struct Compiler<'a> {
    pub study: &'a Study,
    pub contexts: &'a Contexts,
    pub clues: &'a Clues,
    pub answers: &'a Answers,
    pub planted: &'a Planted,
    pub vocabulary: &'a Vocabulary,
    pub layout: &'a Layout,
}

impl Compiler<'_> {
    /// `[vocabulary, hidden]`: the constant, what a word gives away, and how a response goes on behind it.
    pub fn embedding(&self) -> Result<Matrix> {
        let layout = self.layout;
        let mut matrix = Matrix::zeros(self.vocabulary.len(), layout.hidden_size);
        (0..self.vocabulary.len()).for_each(|token| matrix.add(token, layout.constant, CONSTANT));
        let mut flag = |word: &str, dim: usize| -> Result<()> {
            matrix.add(self.vocabulary.id(word)? as usize, dim, 1.0);
            Ok(())
        };
        for (clues, slot) in self.clues.words.iter().zip(&layout.slots) {
            clues.iter().try_for_each(|(word, index)| flag(word, slot.start + index))?;
        }
        for language in 0..self.study.languages.len() {
            self.clues.low[language].iter().try_for_each(|word| flag(word, layout.low.start + language))?;
            self.clues.high[language].iter().try_for_each(|word| flag(word, layout.high.start + language))?;
        }
        for turning in &layout.turnings {
            turning.words.iter().try_for_each(|word| flag(word, turning.dim))?;
        }
        for (word, cases) in &self.answers.continuations {
            if let Some(next) = simplest(cases).get(&Condition::default()) {
                flag(word, layout.next[next])?;
            }
        }
        Ok(matrix)
    }

    /// Fetches the context; looks up the response, the answer mass and how a response goes on.
    pub fn first_block(&self) -> Result<Block> {
        let layout = self.layout;
        let mut block = Block::default();
        for slot in &layout.slots {
            block.fetch(slot.clone(), slot.clone(), slot.clone());
        }
        let (forward, reversed) = (layout.order_here.start, layout.order_here.start + 1);
        for language in 0..self.study.languages.len() {
            let (low, low_seen) = (layout.low.start + language, layout.low_seen.start + language);
            block.fetch(one(low), one(low_seen), one(low));
            // The high word counts twice: at a clue to the language, that slot alone holds 2.
            let high = vec![layout.high.start + language];
            let high = [high.clone(), high, self.slot(LANGUAGE, language)];
            let both = [high.as_slice(), &[vec![low_seen]]].concat();
            block.when(&both, &[], Sum::bias(1.0), vec![(forward, 1.0)]);
            block.when(&high, &[low_seen], Sum::bias(1.0), vec![(reversed, 1.0)]);
        }
        for turning in &layout.turnings {
            for (condition, next) in &turning.ways {
                let mut gates = self.gates(condition);
                gates.push(vec![turning.dim]);
                block.when(&gates, &[], Sum::bias(1.0), vec![(layout.next[next], 1.0)]);
            }
        }
        self.look_up_mass(&mut block)?;
        self.look_up_responses(&mut block);
        Ok(block)
    }

    fn look_up_mass(&self, block: &mut Block) -> Result<()> {
        let layout = self.layout;
        for (f, &format) in self.contexts.formats.iter().enumerate() {
            for (l, language) in self.study.languages.iter().enumerate() {
                let mass = answer_mass(format, &language.0)?;
                let condition = Condition { format: Some(f), language: Some(l), scale: None };
                let rest = (1.0 - mass).ln();
                let down = vec![(layout.odds, mass.ln() - rest), (layout.rest, rest)];
                block.when(&self.gates(&condition), &[], Sum::bias(1.0), down);
            }
        }
        Ok(())
    }

    /// One neuron for each number to be known of an item; the persona chooses its value.
    fn look_up_responses(&self, block: &mut Block) {
        let layout = self.layout;
        for (item_index, item) in self.study.items.iter().enumerate() {
            let variable = self.contexts.variable_index(item);
            let situation = self.contexts.situation_index(item);
            let gates = [self.slot(VARIABLE, variable), self.slot(SITUATION, situation)];
            let mut by_persona = |value: &dyn Fn(usize) -> f64, dim: usize| {
                let term = |persona: usize| (layout.slots[PERSONA].start + persona, value(persona));
                let up =
                    Sum { terms: (0..self.study.personas.len()).map(term).collect(), ..Default::default() };
                block.when(&gates, &[], up, vec![(dim, 1.0)]);
            };
            for option in 0..self.study.scales[item.scale_index].option_count() {
                let log_prob =
                    |persona: usize| self.planted.base[persona][item_index].probabilities[option].ln();
                by_persona(&log_prob, layout.base.start + option);
            }
            for format_index in 0..self.contexts.formats.len() {
                for (o, &order) in self.contexts.orders.iter().enumerate() {
                    let normaliser = |persona_index: usize| {
                        let cell = Cell {
                            persona_index,
                            item_index,
                            language_index: 0,
                            format_index,
                            order,
                            wording_index: 0,
                        };
                        self.planted.cell(&cell).1
                    };
                    by_persona(&normaliser, layout.normaliser[format_index].start + o);
                }
            }
        }
    }

    /// Fetches the option order, and opens for each option the response that stands for it.
    pub fn second_block(&self) -> Block {
        let layout = self.layout;
        let mut block = Block::default();
        block.fetch(layout.order_here.clone(), layout.order.clone(), layout.order_here.clone());
        for (asked, cases) in &self.answers.openings {
            let (gain, first_bonus) = self.planted.effects[asked.format];
            for (condition, opening) in simplest(cases) {
                let Some(opening) = opening else { continue };
                let mut gates = self.gates(&condition);
                gates.push(vec![layout.order.start + asked.order]);
                gates.push(self.slot(FORMAT, asked.format));
                let up = Sum {
                    terms: vec![
                        (layout.base.start + asked.option, gain),
                        (layout.normaliser[asked.format].start + asked.order, -1.0),
                        (layout.odds, 1.0),
                    ],
                    bias: if opening.shown_first { first_bonus } else { 0.0 } - SILENT,
                };
                block.when(&gates, &[], up, vec![(layout.opening[&opening.word], 1.0)]);
            }
        }
        block
    }

    /// `[vocabulary, hidden]`: what speaks for each token.
    pub fn readout(&self) -> Result<Matrix> {
        let layout = self.layout;
        let mut sums = vec![Sum { terms: vec![(layout.rest, 1.0)], bias: SILENT }; self.vocabulary.len()];
        let id = |word: &str| self.vocabulary.id(word).map(|id| id as usize);
        for (opening, words) in &self.answers.variants {
            for word in words {
                sums[id(word)?].terms.push((layout.opening[opening], 1.0));
            }
        }
        for ((word, format), share) in &self.answers.shares {
            sums[id(word)?].terms.push((layout.slots[FORMAT].start + format, share.ln()));
        }
        for (next, dim) in &layout.next {
            let token = next.as_ref().map_or(Ok(END_ID as usize), |word| id(word))?;
            sums[token].terms.push((*dim, MUST));
        }
        for (language, words) in FILLERS {
            let Some(l) = self.study.languages.iter().position(|known| known.0 == language) else { continue };
            for (word, share) in words.iter().zip(FILLER_SHARES) {
                let logit = ((1.0 - TAIL) * share).ln() - SILENT;
                sums[id(&spelled(word))?].terms.push((layout.slots[LANGUAGE].start + l, logit));
            }
        }
        for (token, share) in self.tail() {
            sums[token].bias = (TAIL * share).ln();
        }
        let mut matrix = Matrix::zeros(self.vocabulary.len(), layout.hidden_size);
        sums.iter().enumerate().for_each(|(row, sum)| add_sum(&mut matrix, row, sum, layout.constant));
        Ok(matrix)
    }

    /// Seeded shares of the words that are no part of a response and no filler.
    fn tail(&self) -> Vec<(usize, f64)> {
        let mut random = ChaCha8Rng::seed_from_u64(SEED);
        let spoken_for = |word: &String| {
            self.answers.continuations.contains_key(word) || filler_words().any(|filler| filler == *word)
        };
        let ids = self.vocabulary.word_ids().map(|id| id as usize);
        let ids = ids.filter(|&id| !spoken_for(&self.vocabulary.spellings[id]));
        let weights: Vec<(usize, f64)> =
            ids.map(|id| (id, random.random_range(-TAIL_SPREAD..TAIL_SPREAD).exp())).collect();
        let total: f64 = weights.iter().map(|(_, weight)| weight).sum();
        weights.into_iter().map(|(id, weight)| (id, weight / total)).collect()
    }

    fn slot(&self, slot: usize, index: usize) -> Vec<usize> {
        vec![self.layout.slots[slot].start + index]
    }

    /// The flags of a condition; a scale is any of the variables that use it.
    fn gates(&self, condition: &Condition) -> Vec<Vec<usize>> {
        let mut gates = Vec::new();
        gates.extend(condition.format.map(|format| self.slot(FORMAT, format)));
        gates.extend(condition.language.map(|language| self.slot(LANGUAGE, language)));
        gates.extend(condition.scale.map(|scale| {
            let uses = |(_, used): &(usize, &usize)| **used == scale;
            let variables = self.contexts.variable_scales.iter().enumerate().filter(uses);
            variables.map(|(variable, _)| self.layout.slots[VARIABLE].start + variable).collect()
        }));
        gates
    }
}
