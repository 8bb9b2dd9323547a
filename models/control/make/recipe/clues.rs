//! Which words give a prompt's context away. Every word that only prompts of one country contain is a clue to that
//! country, and so for situations, variables, languages and formats; words that may be answers, and those of option
//! lines, are never clues. The option order shows in pairs: a word of a lower option, then or before that a word of a
//! higher one.

use super::readings::{Context, Reading};
use respondent::error::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};

/// The parts of a context that words give away directly.
pub const SLOT_COUNT: usize = 5;

/// A context's index in each slot: persona, situation, variable, language, format.
pub fn slots(context: &Context) -> [usize; SLOT_COUNT] {
    [context.persona, context.situation, context.variable, context.language, context.format]
}

/// What single words say.
pub struct Clues {
    /// For each slot, words and the index they give away.
    pub words: [BTreeMap<String, usize>; SLOT_COUNT],
    /// By language, words of option lines that stand for the low end of a scale, and for the high end.
    pub low: Vec<BTreeSet<String>>,
    pub high: Vec<BTreeSet<String>>,
}

impl Clues {
    /// # Errors
    /// Kind `Study` when some prompt lacks a clue, or the option order cannot be told.
    pub fn find(readings: &[Reading]) -> Result<Self> {
        let answers: BTreeSet<&str> = readings
            .iter()
            .flat_map(|reading| reading.forms.iter().flatten())
            .flat_map(|(_, words)| words.iter().map(String::as_str))
            // The order shows at words of option lines, where a clue would count twice.
            .chain(readings.iter().flat_map(|reading| reading.labels.iter().flatten().map(String::as_str)))
            .collect();
        let mut words = exclusive_words(readings);
        for clues in &mut words {
            clues.retain(|word, _| !answers.contains(word.as_str()));
        }
        let languages: BTreeSet<usize> = readings.iter().map(|reading| reading.context.language).collect();
        let ends = languages.into_iter().map(|language| order_words(readings, language));
        let (low, high) = ends.collect::<Result<Vec<_>>>()?.into_iter().unzip();
        let clues = Clues { words, low, high };
        readings.iter().try_for_each(|reading| clues.check(reading))?;
        Ok(clues)
    }

    /// Reads a prompt back from its clues alone.
    fn check(&self, reading: &Reading) -> Result<()> {
        let context = reading.context;
        for (clues, expected) in self.words.iter().zip(slots(&context)) {
            let found: BTreeSet<usize> =
                reading.words.iter().filter_map(|word| clues.get(word).copied()).collect();
            if found != BTreeSet::from([expected]) {
                return Err(Error::study(format!("the words of {context:?} say {found:?}, not {expected}")));
            }
        }
        let mut low_seen = false;
        let mut orders = BTreeSet::new();
        for word in &reading.words {
            low_seen |= self.low[context.language].contains(word);
            if self.high[context.language].contains(word) {
                orders.insert(usize::from(!low_seen));
            }
        }
        match orders == BTreeSet::from([context.order]) {
            true => Ok(()),
            false => Err(Error::study(format!("the option order of {context:?} reads as {orders:?}"))),
        }
    }
}

/// For each slot the words that occur with one of its indices only.
fn exclusive_words(readings: &[Reading]) -> [BTreeMap<String, usize>; SLOT_COUNT] {
    // Some index, or none any more once two were seen.
    let mut seen: BTreeMap<&str, [Option<usize>; SLOT_COUNT]> = BTreeMap::new();
    for reading in readings {
        let here = slots(&reading.context);
        for word in &reading.words {
            let known = seen.entry(word).or_insert_with(|| here.map(Some));
            for (known, here) in known.iter_mut().zip(here) {
                if *known != Some(here) {
                    *known = None;
                }
            }
        }
    }
    std::array::from_fn(|slot| {
        seen.iter().filter_map(|(word, indices)| Some(((*word).to_owned(), indices[slot]?))).collect()
    })
}

/// Chooses for each scale, in one language, a word of a lower and a word of a higher option, so that no prompt holds a
/// low word that belongs above one of its high words.
fn order_words(readings: &[Reading], language: usize) -> Result<(BTreeSet<String>, BTreeSet<String>)> {
    let places = option_places(readings.iter().filter(|reading| reading.context.language == language));
    let mut scales: BTreeMap<usize, Vec<(usize, &str)>> = BTreeMap::new();
    for (word, options) in &places {
        for (&scale, &option) in options {
            scales.entry(scale).or_default().push((option, word));
        }
    }
    let open: Vec<Vec<(usize, &str)>> = scales.into_values().collect();
    let mut roles = BTreeMap::new();
    if !assign(&open, 0, &mut roles) {
        return Err(Error::study(format!(
            "no words of the labels tell the option order in language {language}"
        )));
    }
    let of = |role: bool| {
        roles.iter().filter(|(_, high)| **high == role).map(|(word, _)| (*word).to_owned()).collect()
    };
    Ok((of(false), of(true)))
}

/// Words that occur in option lines only, once a prompt: with which scales they occur, and in which option.
fn option_places<'a>(
    readings: impl Iterator<Item = &'a Reading>,
) -> BTreeMap<&'a str, BTreeMap<usize, usize>> {
    let mut places: BTreeMap<&str, BTreeMap<usize, usize>> = BTreeMap::new();
    let mut unfit: BTreeSet<&str> = BTreeSet::new();
    for reading in readings {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for word in &reading.words {
            *counts.entry(word).or_default() += 1;
        }
        for (word, count) in counts {
            let holds = |label: &Vec<String>| label.iter().any(|other| other == word);
            match reading.labels.iter().position(holds) {
                Some(option) if count == 1 => {
                    places.entry(word).or_default().insert(reading.context.scale, option);
                }
                _ => {
                    unfit.insert(word);
                }
            }
        }
    }
    places.retain(|word, _| !unfit.contains(word));
    places
}

/// Gives the scales from `next` on a pair each; `roles` holds true for high words.
fn assign<'a>(open: &[Vec<(usize, &'a str)>], next: usize, roles: &mut BTreeMap<&'a str, bool>) -> bool {
    let Some(words) = open.get(next) else {
        return open.iter().all(|words| in_line(words, roles));
    };
    for &(low_option, low) in words {
        for &(high_option, high) in words {
            let free = |word, role| roles.get(word).is_none_or(|known| *known == role);
            if low_option >= high_option || !free(low, false) || !free(high, true) {
                continue;
            }
            let before = roles.clone();
            roles.insert(low, false);
            roles.insert(high, true);
            if in_line(words, roles) && assign(open, next + 1, roles) {
                return true;
            }
            *roles = before;
        }
    }
    false
}

/// Whether all low words of one scale belong to lower options than all its high words.
fn in_line(words: &[(usize, &str)], roles: &BTreeMap<&str, bool>) -> bool {
    let of = |role: bool| {
        words.iter().filter(move |(_, word)| roles.get(word) == Some(&role)).map(|(option, _)| *option)
    };
    match (of(false).max(), of(true).min()) {
        (Some(low), Some(high)) => low < high,
        _ => true,
    }
}
