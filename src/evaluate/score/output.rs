//! Readouts to lines of output.

use super::ScoreSettings;
use super::input::{Ask, PreparedLine};
use crate::engine::{ReadoutLogits, ReadoutScope};
use crate::error::Result;
use crate::evaluate::Speaker;
use crate::output::records::PromptingCard;
use crate::scoring::{CellReading, MassThresholds, read_cell};
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
            };
            cells.into_iter().enumerate().map(reading).collect()
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
        temperatures: readings,
        prompting: (line.is_conversation && speaker.prompting.is_treated())
            .then(|| speaker.prompting.clone()),
    })
}

fn finite(log_prob: f64) -> Option<f64> {
    log_prob.is_finite().then_some(log_prob)
}
