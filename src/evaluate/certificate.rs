//! The numeric certificate: a seeded sample of a run's cells, each computed again alone, in f32, by candle's operations, and held
//! against what the run found. It says what the run's own arithmetic (kernels, dtype, packing) did to the numbers.

use super::alone::read_alone;
use super::cell_read::{CellRead, read_as_asked};
use super::events::{Event, Stage, Stop};
use super::prepare::Prepared;
use super::{RunPlan, Speaker};
use crate::compare::{Metric, ModelUnit};
use crate::elementary::ln;
use crate::engine::EngineDevice;
use crate::error::{Error, ErrorKind, Result};
use crate::models::{ModelFolder, load};
use crate::output::records::{CertificateCard, LargestChange};
use crate::prompts::Cell;
use crate::scoring::CellReading;
use crate::survey::Marginal;
use rand::SeedableRng;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, BTreeSet};

/// The fewest cells of a sample, where there are as many, the share of all, and the most unless more are asked for.
const LEAST_COUNT: usize = 20;
const SHARE: f64 = 0.01;
const MOST_COUNT: usize = 1_000;
/// Cells that are prepared together.
const PREPARED_COUNT: usize = 64;
/// Log-probs of options that hold less say more of rounding than of anything else.
pub(super) const PROBABILITY_MIN: f64 = 1e-6;

/// What is to be certified, chosen before anything is computed; and what the run found there.
#[derive(Debug, Default)]
pub struct CertifiedCells {
    chosen: BTreeSet<usize>,
    found: BTreeMap<usize, Vec<CellReading>>,
}

impl CertifiedCells {
    /// Indices of cells, by the plan's seed.
    pub fn choose(plan: &RunPlan) -> Self {
        let all = plan.cells.len();
        let usual = ((SHARE * all as f64).ceil() as usize).clamp(LEAST_COUNT, MOST_COUNT);
        let count = plan.settings.certified_cell_count.unwrap_or(usual).min(all);
        let mut random = ChaCha8Rng::seed_from_u64(plan.settings.bootstrap_seed);
        CertifiedCells {
            chosen: sample(&mut random, all, count).into_iter().collect(),
            found: BTreeMap::new(),
        }
    }

    /// Keeps what the run found, if the cell is one of them.
    pub fn keep(&mut self, index: usize, readings: Vec<CellReading>) {
        if self.chosen.contains(&index) {
            self.found.insert(index, readings);
        }
    }

    pub fn count(&self) -> u64 {
        self.chosen.len() as u64
    }
}

/// A finished run, as far as it is computed again.
pub struct FinishedRun<'a> {
    pub plan: &'a RunPlan,
    pub speaker: &'a Speaker,
    pub model: &'a ModelFolder,
    pub units: &'a [ModelUnit],
    /// Of the weights that the run was computed with.
    pub weights_sha256: &'a str,
}

/// Computes the chosen cells again. The run's own decoder should be gone by then: this loads the model once more, in f32.
///
/// # Errors
/// What keeps the model from being loaded so; kind `Interrupted` when asked to stop.
pub fn certify(
    run: &FinishedRun<'_>,
    certified: &CertifiedCells,
    events: &(dyn Fn(Event) + Sync),
    stop: &Stop,
) -> Result<CertificateCard> {
    let FinishedRun { plan, speaker, model, units, weights_sha256 } = *run;
    let device = EngineDevice::reference();
    let loaded = load(model, &speaker.files.config, &device, &|_, _| ())?;
    if loaded.weights_sha256 != weights_sha256 {
        return Err(Error::model("the weights are not those that the run was computed with").at(model.name()));
    }
    let mut card = CertificateCard {
        seed: plan.settings.bootstrap_seed,
        cell_count: 0,
        kernel: device.kernel_name(),
        log_prob_difference_nats: LargestChange::default(),
        probability_difference: LargestChange::default(),
        distance_change: None,
    };
    let reference = Reference { plan, units: units_by_name(units) };
    let chosen: Vec<(usize, &[CellReading])> =
        certified.found.iter().map(|(&index, found)| (index, found.as_slice())).collect();
    for together in chosen.chunks(PREPARED_COUNT) {
        let cells = together.iter().map(|(index, _)| plan.cells.get(*index)).collect();
        let prepared = Prepared::new(plan, speaker, cells, &|| (), stop)?;
        for (place, (_, of_run)) in together.iter().enumerate() {
            if stop.is_requested() {
                return Err(Error::new(ErrorKind::Interrupted, "stopped while cells were computed again"));
            }
            let again = read_alone(plan, &loaded.decoder, &prepared, place)?.gathered;
            let (cell, prompts) = (&prepared.cells()[place], &prepared.prompts[prepared.of_cell(place)]);
            let again = read_as_asked(plan, cell, prompts, &again.readouts)?;
            reference.note(&mut card, cell, of_run, &again);
            events(Event::Advanced {
                stage: Stage::Certificate,
                done: card.cell_count,
                total: certified.count(),
            });
        }
    }
    Ok(card)
}

/// Largest differences of log-probs, among options that hold anything, and of shares.
fn differences(one: &CellReading, other: &CellReading) -> (f64, f64) {
    let pairs = one.log_probs.iter().zip(&other.log_probs);
    let held = pairs.filter(|(a, b)| a.max(**b) > ln(PROBABILITY_MIN));
    let log_prob = held.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    let shares = match (&one.distribution, &other.distribution) {
        (Some(one), Some(other)) => {
            let pairs = one.probabilities().iter().zip(other.probabilities());
            pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
        }
        // On one side of the threshold for one, on the other for the other.
        (None, None) => 0.0,
        _ => 1.0,
    };
    (log_prob, shares)
}

type UnitName<'a> = ([&'a str; 4], u64);

fn units_by_name(units: &[ModelUnit]) -> BTreeMap<UnitName<'_>, &ModelUnit> {
    units
        .iter()
        .map(|unit| {
            let names = [&unit.persona, &unit.item, &unit.language, &unit.elicitation_format];
            ((names.map(String::as_str), unit.temperature.to_bits()), unit)
        })
        .collect()
}

/// What the run reported of people.
struct Reference<'a> {
    plan: &'a RunPlan,
    units: BTreeMap<UnitName<'a>, &'a ModelUnit>,
}

impl Reference<'_> {
    /// Notes a cell that was computed again, at each temperature.
    fn note(&self, card: &mut CertificateCard, cell: &Cell, of_run: &[CellReading], again: &[CellRead]) {
        let name = self.plan.cell_id(cell);
        for (of_run, again) in of_run.iter().zip(again.iter().map(|read| &read.reading)) {
            let place = || format!("{name} at temperature {}", of_run.temperature);
            let (log_prob, probability) = differences(of_run, again);
            card.log_prob_difference_nats.raise(log_prob, place);
            card.probability_difference.raise(probability, place);
            for (metric, change) in self.distance_changes(cell, of_run, again) {
                let largest = card.distance_change.get_or_insert_default();
                largest.raise(change, || format!("{metric}, {}", place()));
            }
        }
        card.cell_count += 1;
    }

    /// How each of an item's distances would move if the cell were what it is now. Empty without people or distribution.
    fn distance_changes(&self, cell: &Cell, of_run: &CellReading, again: &CellReading) -> Vec<(Metric, f64)> {
        let study = &self.plan.study;
        let (persona, item) = (&study.personas[cell.persona_index], &study.items[cell.item_index]);
        let names = [
            persona.id.as_str(),
            item.id.as_str(),
            study.languages[cell.language_index].0.as_str(),
            study.formats[cell.format_index].id.as_str(),
        ];
        let unit = self.units.get(&(names, of_run.temperature.to_bits()));
        let people = self.people(&persona.population_group, &item.id);
        let distributions = (&of_run.distribution, &again.distribution);
        let (Some(unit), Some(people), (Some(old), Some(new))) = (unit, people, distributions) else {
            return Vec::new();
        };
        let Some(reported) = unit.distribution.as_ref().map(|found| found.probabilities()) else {
            return Vec::new();
        };
        let weight = 1.0 / f64::from(unit.cell_count.max(1));
        let changes =
            new.probabilities().iter().zip(old.probabilities()).map(|(new, old)| weight * (new - old));
        let moved: Vec<f64> =
            reported.iter().zip(changes).map(|(share, change)| (share + change).max(0.0)).collect();
        let n: f64 = people.counts.iter().sum();
        let shares: Vec<f64> = people.counts.iter().map(|count| count / n).collect();
        let values = study.scales[item.scale_index].values();
        let change = |metric: Metric| {
            let (before, after) =
                (metric.evaluate(reported, &shares, &values)?, metric.evaluate(&moved, &shares, &values)?);
            Some((metric, (after - before).abs()))
        };
        // In points of a hundred; total variation says the same as a share.
        let in_shares = |metric: &Metric| *metric != Metric::TotalVariationScore;
        Metric::ALL.into_iter().filter(in_shares).filter_map(change).collect()
    }

    fn people(&self, group: &str, item: &str) -> Option<&Marginal> {
        let marginals = &self.plan.human_data.as_ref()?.marginals;
        marginals.iter().find(|marginal| {
            marginal.population_group == group && marginal.item == item && marginal.n() > 0.0
        })
    }
}
