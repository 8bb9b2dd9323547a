//! `tokens.parquet` counted row by row: what the page says of next tokens is sums and medians over prompts. Knows nothing of the page.

use crate::elementary::exp;
use crate::output::records::TokenRow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Probabilities by text, summed over prompts.
type SumByText = BTreeMap<String, f64>;

/// How spread out the next token is, over some prompts.
#[derive(Debug, Clone, Default)]
pub struct Spread {
    pub count: usize,
    /// Tokens that hold 0.9, of each prompt.
    pub nucleus_sizes: Vec<u32>,
    /// In nats.
    pub entropy_sum: f64,
    /// Probability of the best token that begins an option.
    pub best_sum: f64,
}

/// At one temperature.
#[derive(Debug, Clone, Default)]
pub struct AtTemperature {
    pub spread: Spread,
    off_tokens: SumByText,
}

/// In one elicitation format, at the reported temperature.
#[derive(Debug, Clone, Default)]
pub struct OfFormat {
    pub spread: Spread,
    /// Of the best token that begins an option, of each prompt.
    pub best_ranks: Vec<u32>,
    forms: SumByText,
}

/// All of the table.
#[derive(Debug, Clone)]
pub struct TokenTally {
    reported: f64,
    wanted: BTreeSet<String>,
    /// By the temperature's bits.
    at: BTreeMap<u64, AtTemperature>,
    of_format: BTreeMap<String, OfFormat>,
    /// Of the wanted cells the first prompt's tokens that begin no option, best first, with log-probs.
    off_tokens: HashMap<String, Vec<(String, f64)>>,
}

impl TokenTally {
    /// Nothing yet; of `wanted` cells the tokens will be kept.
    pub fn new(reported: f64, wanted: BTreeSet<String>) -> Self {
        TokenTally {
            reported,
            wanted,
            at: BTreeMap::new(),
            of_format: BTreeMap::new(),
            off_tokens: HashMap::new(),
        }
    }

    pub fn add(&mut self, row: TokenRow) {
        let at = self.at.entry(row.temperature.to_bits()).or_default();
        at.spread.add(&row);
        for (text, log_prob) in row.off_tokens.iter().zip(&row.off_log_probs) {
            add_to(&mut at.off_tokens, text, exp(*log_prob));
        }
        if row.temperature != self.reported {
            return;
        }
        let of_format = match self.of_format.get_mut(&row.elicitation_format) {
            Some(known) => known,
            None => self.of_format.entry(row.elicitation_format.clone()).or_default(),
        };
        of_format.spread.add(&row);
        of_format.best_ranks.push(row.best_token_rank);
        for (text, probability) in row.forms.iter().zip(&row.form_probabilities) {
            add_to(&mut of_format.forms, text, *probability);
        }
        if self.wanted.contains(&row.cell_id) && !self.off_tokens.contains_key(&row.cell_id) {
            let tokens = row.off_tokens.into_iter().zip(row.off_log_probs).collect();
            self.off_tokens.insert(row.cell_id, tokens);
        }
    }

    pub fn at(&self, temperature: f64) -> Option<&AtTemperature> {
        self.at.get(&temperature.to_bits())
    }

    pub fn of_format(&self, format: &str) -> Option<&OfFormat> {
        self.of_format.get(format)
    }

    /// Of a wanted cell.
    pub fn off_tokens_of(&self, cell_id: &str) -> &[(String, f64)] {
        self.off_tokens.get(cell_id).map(Vec::as_slice).unwrap_or_default()
    }
}

impl Spread {
    fn add(&mut self, row: &TokenRow) {
        self.count += 1;
        self.nucleus_sizes.push(row.nucleus_size);
        self.entropy_sum += row.vocabulary_entropy;
        self.best_sum += exp(row.best_token_log_prob);
    }
}

impl AtTemperature {
    /// Mean probability of tokens that begin no option, most first. What a prompt does not list counts as nothing.
    pub fn off_token_means(&self) -> Vec<(&str, f64)> {
        means(&self.off_tokens, self.spread.count)
    }
}

impl OfFormat {
    /// Mean probability of surface forms, most first.
    pub fn form_means(&self) -> Vec<(&str, f64)> {
        means(&self.forms, self.spread.count)
    }
}

fn add_to(sums: &mut SumByText, text: &str, probability: f64) {
    match sums.get_mut(text) {
        Some(sum) => *sum += probability,
        None => {
            sums.insert(text.to_owned(), probability);
        }
    }
}

fn means(sums: &SumByText, count: usize) -> Vec<(&str, f64)> {
    let mut means: Vec<(&str, f64)> =
        sums.iter().map(|(text, sum)| (text.as_str(), sum / count as f64)).collect();
    means.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    means
}
