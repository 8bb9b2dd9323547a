//! One cell at one temperature: option log-probs, answer mass, status, response distribution. All in f64, natural log.
//! Nothing is imputed: a cell with too little answer mass is unusable and says so.

use super::OptionProbe;
use crate::elementary::{exp, exp_m1, ln};
use crate::engine::ReadoutLogits;
use crate::error::Result;
use crate::survey::ResponseDistribution;
use crate::tokens::OptionEvent;
use std::fmt;

/// Answer masses below which a cell is not trusted.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct MassThresholds {
    /// Below this the status is `low_mass`; the distribution is given and used, and marked.
    pub low: f64,
    /// Below this the status is `unusable`; no distribution is given.
    pub unusable: f64,
}

/// Whether a cell's distribution can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReadingStatus {
    Ok,
    LowMass,
    Unusable,
}

impl ReadingStatus {
    pub(super) fn of(answer_mass: f64, thresholds: MassThresholds) -> Self {
        match answer_mass {
            mass if mass < thresholds.unusable || mass <= 0.0 => ReadingStatus::Unusable,
            mass if mass < thresholds.low => ReadingStatus::LowMass,
            _ => ReadingStatus::Ok,
        }
    }
}

impl fmt::Display for ReadingStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ReadingStatus::Ok => "ok",
            ReadingStatus::LowMass => "low_mass",
            ReadingStatus::Unusable => "unusable",
        })
    }
}

/// What was read of one cell at one temperature.
#[derive(Debug, Clone, PartialEq)]
pub struct CellReading {
    pub temperature: f64,
    /// ln P(option's event), before normalising; −∞ where the event has no probability left.
    pub log_probs: Vec<f64>,
    /// Σ exp(log_probs), in 0..=1.
    pub answer_mass: f64,
    pub status: ReadingStatus,
    /// `log_probs` normalised over options; `None` where the status is unusable.
    pub distribution: Option<ResponseDistribution>,
}

impl CellReading {
    /// What log-probs of disjoint events come to.
    ///
    /// # Errors
    /// The distribution's own check is passed on.
    pub(super) fn new(temperature: f64, log_probs: Vec<f64>, thresholds: MassThresholds) -> Result<Self> {
        // Their sum can exceed 1 by rounding only.
        let answer_mass = log_probs.iter().map(|log_prob| exp(*log_prob)).sum::<f64>().min(1.0);
        let status = ReadingStatus::of(answer_mass, thresholds);
        let distribution = match status {
            ReadingStatus::Unusable => None,
            _ => Some(normalised(&log_probs)?),
        };
        Ok(CellReading { temperature, log_probs, answer_mass, status, distribution })
    }
}

/// Reads one cell at each temperature. `readouts[i]` belongs to the `i`-th readout of the probe.
///
/// # Errors
/// Never for finite readouts; the distribution's own check is passed on.
pub fn read_cell(
    probe: &OptionProbe,
    readouts: &[ReadoutLogits],
    temperatures: &[f64],
    thresholds: MassThresholds,
) -> Result<Vec<CellReading>> {
    let read = |(index, &temperature): (usize, &f64)| {
        CellReading::new(temperature, log_probs(probe, readouts, index, temperature), thresholds)
    };
    temperatures.iter().enumerate().map(read).collect()
}

/// ln P of each option's event at one temperature, the `temperature_index`-th of those read.
pub fn log_probs(
    probe: &OptionProbe,
    readouts: &[ReadoutLogits],
    temperature_index: usize,
    temperature: f64,
) -> Vec<f64> {
    let sequences = probe.sequence_log_probs(readouts, temperature_index, temperature);
    probe.events().events.iter().map(|event| event_log_prob(event, &sequences)).collect()
}

/// ln(Σ add − Σ subtract) without leaving the log domain, where low temperatures underflow.
fn event_log_prob(event: &OptionEvent, sequences: &[f64]) -> f64 {
    let log_sum = |indices: &[usize]| log_sum_exp(indices.iter().map(|&index| sequences[index]));
    let (add, subtract) = (log_sum(&event.add), log_sum(&event.subtract));
    if subtract == f64::NEG_INFINITY {
        return add;
    }
    // What is subtracted is part of what is added; a positive difference is rounding.
    let share = (subtract - add).min(0.0);
    add + ln(-exp_m1(share))
}

pub(super) fn normalised(log_probs: &[f64]) -> Result<ResponseDistribution> {
    let total = log_sum_exp(log_probs.iter().copied());
    let weights: Vec<f64> = log_probs.iter().map(|log_prob| exp(log_prob - total)).collect();
    ResponseDistribution::from_weights(&weights)
}

pub(super) fn log_sum_exp(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let max = values.clone().fold(f64::NEG_INFINITY, f64::max);
    if max == f64::NEG_INFINITY { max } else { max + ln(values.map(|value| exp(value - max)).sum()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{ReadoutLogits, ReadoutRequest, ReadoutScope, ReadoutSettings};
    use crate::tokens::{Claim, option_events};
    use proptest::prelude::*;

    const THRESHOLDS: MassThresholds = MassThresholds { low: 0.5, unusable: 0.1 };

    fn probe(forms: &[(usize, &[u32])]) -> OptionProbe {
        let count = forms.iter().map(|form| form.0).max().unwrap() + 1;
        let claim = |&(option_index, ids): &(usize, &[u32])| Claim {
            option_index: Some(option_index),
            surface_form: format!("{ids:?}"),
            ids: ids.to_vec(),
        };
        let claims: Vec<Claim> = forms.iter().map(claim).collect();
        let names: Vec<String> = (0..count).map(|index| index.to_string()).collect();
        OptionProbe::new(option_events(&claims, &names).unwrap())
    }

    /// A model whose next-token logits depend on the tokens so far in a fixed, arbitrary way.
    fn readouts(probe: &OptionProbe, table: &[f32], temperatures: &[f64]) -> Vec<ReadoutLogits> {
        let settings =
            ReadoutSettings { scope: ReadoutScope::Vocabulary, temperatures: temperatures.to_vec() };
        let row = |prefix: &[u32]| -> Vec<f32> {
            let shift = prefix.iter().fold(0, |hash, &id| hash * 3 + id as usize + 1);
            (0..4).map(|id| table[(id * 5 + shift) % table.len()]).collect()
        };
        probe
            .readouts()
            .map(|(prefix, wanted)| {
                ReadoutLogits::from_row(&row(prefix), &ReadoutRequest::new(wanted), &settings).unwrap()
            })
            .collect()
    }

    proptest! {
        #[test]
        fn distributions_sum_to_one_at_every_temperature(table in prop::collection::vec(-20f32..20.0, 23)) {
            let probe = probe(&[(0, &[1]), (1, &[1, 0]), (2, &[2, 3, 0]), (2, &[2, 3, 1]), (3, &[0])]);
            let temperatures = [0.25, 1.0, 2.0];
            let readings =
                read_cell(&probe, &readouts(&probe, &table, &temperatures), &temperatures, THRESHOLDS).unwrap();
            for reading in readings {
                prop_assert!((0.0..=1.0).contains(&reading.answer_mass));
                prop_assert_eq!(reading.status == ReadingStatus::Unusable, reading.distribution.is_none());
                if let Some(distribution) = reading.distribution {
                    let total: f64 = distribution.probabilities().iter().sum();
                    prop_assert!((total - 1.0).abs() < 1e-12);
                }
            }
        }
    }

    #[test]
    fn one_does_not_collect_ten() {
        // Behind the prompt: "1" has 1/2. Behind "1": "0" has nearly all.
        let probe = probe(&[(0, &[1]), (1, &[1, 0])]);
        let settings = ReadoutSettings { scope: ReadoutScope::Vocabulary, temperatures: vec![1.0] };
        let rows = [[0.0, 0.0, -1e9, -1e9], [3f32.ln(), 0.0, -1e9, -1e9]];
        let readouts: Vec<_> = probe
            .readouts()
            .zip(&rows)
            .map(|((_, wanted), row)| {
                ReadoutLogits::from_row(row, &ReadoutRequest::new(wanted), &settings).unwrap()
            })
            .collect();
        let reading = &read_cell(&probe, &readouts, &[1.0], THRESHOLDS).unwrap()[0];
        let found: Vec<f64> = reading.log_probs.iter().map(|log_prob| log_prob.exp()).collect();
        assert!((found[0] - 0.125).abs() < 1e-7 && (found[1] - 0.375).abs() < 1e-7, "{found:?}");
        assert!((reading.answer_mass - 0.5).abs() < 1e-7);
    }

    #[test]
    fn nothing_is_made_up_for_a_cell_without_mass() {
        let probe = probe(&[(0, &[0]), (1, &[1])]);
        let settings = ReadoutSettings { scope: ReadoutScope::Vocabulary, temperatures: vec![1.0] };
        let readouts =
            [ReadoutLogits::from_row(&[0.0, 0.0, 9.0], &ReadoutRequest::new(&[0, 1]), &settings).unwrap()];
        let reading = &read_cell(&probe, &readouts, &[1.0], THRESHOLDS).unwrap()[0];
        assert_eq!((reading.status, &reading.distribution), (ReadingStatus::Unusable, &None));
    }
}
