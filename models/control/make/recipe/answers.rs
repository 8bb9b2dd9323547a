//! How responses begin and how they go on, word by word, in every context of the study. Knows no weights.

use super::planted::form_shares;
use super::readings::Reading;
use super::rules::{Cases, add_case};
use respondent::error::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};

/// An option in the way it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    pub format: usize,
    pub order: usize,
    pub option: usize,
}

/// How a response to an option begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// The word that the option's bare form begins with.
    pub word: String,
    /// The option is the first one shown.
    pub shown_first: bool,
}

/// Everything that is written behind an answer prefix.
#[derive(Default)]
pub struct Answers {
    /// For each option as asked, how a response to it begins; `None`: the scale has no such option.
    pub openings: BTreeMap<Asked, Cases<Option<Opening>>>,
    /// For each opening the words that its forms begin with: bare, behind a space, capitalised.
    pub variants: BTreeMap<String, BTreeSet<String>>,
    /// The share that a format gives to forms that begin with a word.
    pub shares: BTreeMap<(String, usize), f64>,
    /// What follows a word of a response; `None`: nothing, it is complete.
    pub continuations: BTreeMap<String, Cases<Option<String>>>,
}

impl Answers {
    /// # Errors
    /// Kind `Study` when two options begin alike, or a word would have to go on in two ways.
    pub fn collect(readings: &[Reading]) -> Result<Self> {
        let mut answers = Answers::default();
        let option_count_max = readings.iter().map(|reading| reading.forms.len()).max().unwrap_or(0);
        for reading in readings {
            answers.add(reading)?;
            for option in reading.forms.len()..option_count_max {
                answers.add_opening(reading, option, None)?;
            }
        }
        Ok(answers)
    }

    fn add(&mut self, reading: &Reading) -> Result<()> {
        let context = &reading.context;
        let mut begun = BTreeSet::new();
        for (option, forms) in reading.forms.iter().enumerate() {
            let texts: Vec<String> = forms.iter().map(|(text, _)| text.clone()).collect();
            let opening = Opening { word: forms[0].1[0].clone(), shown_first: option == reading.first_shown };
            self.add_opening(reading, option, Some(opening.clone()))?;
            for ((text, words), share) in forms.iter().zip(form_shares(&texts)) {
                if !begun.insert(&words[0]) {
                    return Err(Error::study(format!("`{text}` begins like another form")));
                }
                self.variants.entry(opening.word.clone()).or_default().insert(words[0].clone());
                let known = self.shares.entry((words[0].clone(), context.format)).or_insert(share);
                if *known != share {
                    return Err(Error::study(format!("`{text}` would have two shares")));
                }
                for (place, word) in words.iter().enumerate() {
                    let next = words.get(place + 1).cloned();
                    add_case(self.continuations.entry(word.clone()).or_default(), context, &next)?;
                }
            }
        }
        Ok(())
    }

    fn add_opening(&mut self, reading: &Reading, option: usize, opening: Option<Opening>) -> Result<()> {
        let context = &reading.context;
        let asked = Asked { format: context.format, order: context.order, option };
        add_case(self.openings.entry(asked).or_default(), context, &opening)
    }
}
