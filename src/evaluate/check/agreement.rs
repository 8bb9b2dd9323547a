//! Two models' answers to a sample of prompts to distances between them. Natural logs, nats. Plain numbers.

use crate::compare::distances::total_variation;
use crate::elementary::exp;
use crate::engine::{EngineDevice, ReadoutLogits};
use crate::error::Result;
use crate::scoring::{CellReading, MassThresholds, OptionProbe, read_cell};
use serde::Serialize;

/// Everything is read, however little of the mass the options hold.
const ALL: MassThresholds = MassThresholds { low: 0.0, unusable: 0.0 };

/// What one model says to one prompt.
pub struct Said {
    /// Of every id of its vocabulary behind the prompt, at temperature 1.
    pub next_log_probs: Vec<f32>,
    pub on_shared_ids: SaidOnce,
    pub as_asked: SaidOnce,
}

/// Its response to one way of asking.
pub struct SaidOnce {
    reading: CellReading,
}

impl SaidOnce {
    /// # Errors
    /// As [`read_cell`].
    pub fn new(probe: &OptionProbe, readouts: &[ReadoutLogits]) -> Result<Self> {
        let mut readings = read_cell(probe, readouts, &[1.0], ALL)?;
        Ok(SaidOnce { reading: readings.remove(0) })
    }

    /// `None` when either gives the options no probability at all.
    fn total_variation(&self, other: &Self) -> Option<f64> {
        let (a, b) = (self.reading.distribution.as_ref()?, other.reading.distribution.as_ref()?);
        Some(total_variation(a.probabilities(), b.probabilities()))
    }

    fn largest_difference(&self, other: &Self) -> f64 {
        let pairs = self.reading.log_probs.iter().zip(&other.reading.log_probs);
        // Two options without any probability do not differ.
        pairs.filter(|(a, b)| a != b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    }
}

/// How far two models are apart on one prompt.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CellAgreement {
    pub cell_id: String,
    /// Σ p (ln p − ln q) over the ids that both have, p the first model's next-token distribution, q the other's; nats.
    pub kl_divergence_nats: f64,
    /// Half of Σ |p − q| over the same ids.
    pub next_total_variation: f64,
    /// Largest difference of an option's log-prob, before normalising over options; infinite (null) where one model gives an
    /// option nothing at all.
    pub option_log_prob_difference_nats: f64,
    /// Between the response distributions, both on the first model's token ids.
    pub response_total_variation: Option<f64>,
    /// Between the response distributions, each model asked as it is packaged.
    pub as_asked_total_variation: Option<f64>,
    pub same_most_probable_token: bool,
}

/// The middle and the worst of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    pub median: f64,
    pub largest: f64,
}

/// How far two models are apart on a sample.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NumberAgreement {
    pub seed: u64,
    pub kernel: String,
    pub dtype: String,
    /// Ids that both vocabularies have; what lies beyond is padding or unknown to one of them.
    pub shared_vocab_size: usize,
    pub kl_divergence_nats: Spread,
    pub next_total_variation: Spread,
    pub option_log_prob_difference_nats: Spread,
    pub response_total_variation: Option<Spread>,
    pub as_asked_total_variation: Option<Spread>,
    pub same_most_probable_token_count: usize,
    pub cells: Vec<CellAgreement>,
}

impl NumberAgreement {
    /// # Panics
    /// When the sample is empty or the two sides differ in length.
    pub fn new(
        cell_ids: Vec<String>,
        [model, other]: [Vec<Said>; 2],
        seed: u64,
        device: &EngineDevice,
    ) -> Result<Self> {
        assert_eq!((cell_ids.len(), model.len()), (model.len(), other.len()), "both sides have the sample");
        let shared_vocab_size = model[0].next_log_probs.len().min(other[0].next_log_probs.len());
        let cells: Vec<CellAgreement> = cell_ids
            .into_iter()
            .zip(model.iter().zip(&other))
            .map(|(id, (a, b))| compare(id, a, b))
            .collect();
        let spread =
            |figure: fn(&CellAgreement) -> Option<f64>| Spread::of(cells.iter().filter_map(figure).collect());
        let whole = |figure| spread(figure).expect("the sample is not empty");
        Ok(NumberAgreement {
            seed,
            kernel: device.kernel_name(),
            dtype: device.dtype().to_string(),
            shared_vocab_size,
            kl_divergence_nats: whole(|cell| Some(cell.kl_divergence_nats)),
            next_total_variation: whole(|cell| Some(cell.next_total_variation)),
            option_log_prob_difference_nats: whole(|cell| Some(cell.option_log_prob_difference_nats)),
            response_total_variation: spread(|cell| cell.response_total_variation),
            as_asked_total_variation: spread(|cell| cell.as_asked_total_variation),
            same_most_probable_token_count: cells.iter().filter(|cell| cell.same_most_probable_token).count(),
            cells,
        })
    }
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let largest = *values.last()?;
        let median = (values[(values.len() - 1) / 2] + values[values.len() / 2]) / 2.0;
        Some(Spread { median, largest })
    }
}

fn compare(cell_id: String, a: &Said, b: &Said) -> CellAgreement {
    let (mut divergence, mut distance) = (0f64, 0f64);
    for (&a, &b) in a.next_log_probs.iter().zip(&b.next_log_probs) {
        let (a, b) = (f64::from(a), f64::from(b));
        divergence += exp(a) * (a - b);
        distance += (exp(a) - exp(b)).abs() / 2.0;
    }
    CellAgreement {
        cell_id,
        // Equal distributions come out a rounding below 0.
        kl_divergence_nats: divergence.max(0.0),
        next_total_variation: distance,
        option_log_prob_difference_nats: a.on_shared_ids.largest_difference(&b.on_shared_ids),
        response_total_variation: a.on_shared_ids.total_variation(&b.on_shared_ids),
        as_asked_total_variation: a.as_asked.total_variation(&b.as_asked),
        same_most_probable_token: best(&a.next_log_probs) == best(&b.next_log_probs),
    }
}

/// The most probable id, the lowest of equals.
fn best(log_probs: &[f32]) -> usize {
    let better = |best: usize, id: usize| if log_probs[id] > log_probs[best] { id } else { best };
    (0..log_probs.len()).fold(0, better)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_an_even_number_is_between_two() {
        assert_eq!(Spread::of(vec![]), None);
        assert_eq!(Spread::of(vec![3.0, 1.0, 2.0, 10.0]), Some(Spread { median: 2.5, largest: 10.0 }));
    }

    #[test]
    fn a_divergence_is_that_of_its_definition() {
        // p = (1/2, 1/4, 1/4), q = (1/4, 1/2, 1/4): Σ p ln(p/q) = ln 2 / 4.
        let said = |shares: [f32; 3]| {
            let reading = CellReading {
                temperature: 1.0,
                log_probs: vec![f64::NEG_INFINITY, -1.0],
                answer_mass: 0.5,
                status: crate::scoring::ReadingStatus::Ok,
                distribution: None,
            };
            let once = || SaidOnce { reading: reading.clone() };
            Said {
                next_log_probs: shares.iter().map(|share| share.ln()).collect(),
                on_shared_ids: once(),
                as_asked: once(),
            }
        };
        let found = compare("a".to_owned(), &said([0.5, 0.25, 0.25]), &said([0.25, 0.5, 0.25]));
        assert!((found.kl_divergence_nats - 2f64.ln() / 4.0).abs() < 1e-7, "{found:?}");
        assert!((found.next_total_variation - 0.25).abs() < 1e-7);
        assert_eq!(found.option_log_prob_difference_nats, 0.0);
        assert_eq!((found.response_total_variation, found.same_most_probable_token), (None, false));
    }
}
