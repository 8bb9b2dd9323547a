//! Readouts to lines of output.

use super::ScoreSettings;
use super::input::{Ask, PreparedLine};
use crate::engine::{ReadoutLogits, ReadoutScope};
use crate::error::Result;
use crate::evaluate::Speaker;
use crate::output::records::PromptingCard;
use crate::scoring::{CellReading, MassThresholds, OptionProbe, TokenReading, read_cell, read_tokens};
use crate::tokens::FormEvent;
use serde::Serialize;
use serde_json::Value;

/// One line of output.
#[derive(Serialize)]
pub struct OutputLine {
    id: Value,
    #[serde(flatten)]
    reading: Reading,
    /// Of the next token at temperature 1, in nats; so is `top`.
    entropy: f64,
    top: Vec<TopToken>,
    /// Of each wanted id: its place among all tokens, from 1; where the vocabulary was ranked.
    #[serde(skip_serializing_if = "Option::is_none")]
    ranks: Option<Vec<u32>>,
    /// One entry per temperature, where several were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    temperatures: Vec<Reading>,
    /// For conversations, where more was done than the chat template does by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    prompting: Option<PromptingCard>,
}

/// Numbers at one temperature. Natural logs; −∞ is null.
#[derive(Serialize, Clone)]
struct Reading {
    temperature: f64,
    log_probs: Vec<Option<f64>>,
    log_sum_exp: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer_mass: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nucleus_size: Option<u32>,
    /// Where the vocabulary was ranked and options were asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    best_token: Option<BestToken>,
    #[serde(skip_serializing_if = "Option::is_none")]
    forms: Option<Vec<FormShare>>,
}

/// Of the tokens that begin an option the most probable one.
#[derive(Serialize, Clone)]
struct BestToken {
    id: u32,
    token: String,
    rank: u32,
    log_prob: f64,
}

/// What one surface form has of its option's probability.
#[derive(Serialize, Clone)]
struct FormShare {
    option: usize,
    form: String,
    probability: f64,
}

#[derive(Serialize)]
struct TopToken {
    id: u32,
    token: String,
    log_prob: f64,
}

/// What was read of one line; `readouts` are its own, in the order in which they were asked for.
pub fn output_line(
    line: &PreparedLine,
    readouts: &[ReadoutLogits],
    speaker: &Speaker,
    settings: &ScoreSettings,
) -> Result<OutputLine> {
    let (readout, temperatures) = (&readouts[0], settings.temperatures.as_slice());
    let mut readings: Vec<Reading> = match &line.ask {
        Ask::Wanted(wanted) => temperatures
            .iter()
            .enumerate()
            .map(|(index, &temperature)| Reading {
                temperature,
                log_probs: (0..wanted.len())
                    .map(|id| Some(readout.log_prob(id, index, temperature)))
                    .collect(),
                log_sum_exp: readout.log_sum_exp[index],
                answer_mass: None,
                nucleus_size: readout.ranking.as_ref().map(|ranking| ranking.nucleus_sizes[index]),
                best_token: None,
                forms: None,
            })
            .collect(),
        Ask::Options(probe) => {
            // No status is given here, so no threshold is needed.
            let thresholds = MassThresholds { low: 0.0, unusable: 0.0 };
            let cells = read_cell(probe, readouts, temperatures, thresholds)?;
            let reading = |(index, cell): (usize, CellReading)| Reading {
                temperature: cell.temperature,
                log_probs: cell.log_probs.iter().map(|&log_prob| finite(log_prob)).collect(),
                log_sum_exp: readout.log_sum_exp[index],
                answer_mass: (settings.scope == ReadoutScope::Vocabulary).then_some(cell.answer_mass),
                nucleus_size: None,
                best_token: None,
                forms: None,
            };
            let mut readings: Vec<Reading> = cells.into_iter().enumerate().map(reading).collect();
            if settings.nucleus_mass.is_some() {
                let tokens = read_tokens(probe, readouts, temperatures)?;
                readings
                    .iter_mut()
                    .zip(tokens)
                    .for_each(|(reading, tokens)| tell(reading, tokens, probe, speaker));
            }
            readings
        }
    };
    let first = readings[0].clone();
    if readings.len() == 1 {
        readings.clear();
    }
    let token =
        |&(id, log_prob): &(u32, f64)| TopToken { id, token: speaker.tokenizer.token_text(id), log_prob };
    Ok(OutputLine {
        id: line.id.clone(),
        reading: first,
        entropy: readout.entropy,
        top: readout.top.iter().map(token).collect(),
        ranks: match (&line.ask, &readout.ranking) {
            (Ask::Wanted(_), Some(ranking)) => Some(ranking.wanted_ranks.clone()),
            _ => None,
        },
        temperatures: readings,
        prompting: (line.is_conversation && speaker.prompting.is_treated())
            .then(|| speaker.prompting.clone()),
    })
}

/// Adds what the token behind the prompt tells.
fn tell(reading: &mut Reading, tokens: TokenReading, probe: &OptionProbe, speaker: &Speaker) {
    let TokenReading { nucleus_size, best, form_probabilities, .. } = tokens;
    let forms = probe.events().forms.iter().zip(form_probabilities);
    let share = |(form, probability): (&FormEvent, f64)| FormShare {
        option: form.event.option_index,
        form: form.surface_form.clone(),
        probability,
    };
    reading.nucleus_size = Some(nucleus_size);
    reading.best_token = Some(BestToken {
        id: best.id,
        token: speaker.tokenizer.token_text(best.id),
        rank: best.rank,
        log_prob: best.log_prob,
    });
    reading.forms = Some(forms.map(share).collect());
}

fn finite(log_prob: f64) -> Option<f64> {
    log_prob.is_finite().then_some(log_prob)
}
