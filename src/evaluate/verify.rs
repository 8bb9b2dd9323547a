//! Whether a result folder is what its manifest says: its tables by their hashes, and a seeded sample of its cells computed again, each alone, by
//! the kernel that made them. On the packed kernels every number comes back to the bit.

use super::certificate::alone;
use super::changes::refuse_changes;
use super::identity::inputs;
use super::prepare::Prepared;
use super::{Event, RunPlan, RunSettings, Speaker, Stage, Stop};
use crate::engine::{EngineDevice, EngineDtype};
use crate::error::{Error, ErrorKind, Result};
use crate::models::{ModelFolder, load};
use crate::output::records::{CellRow, RunManifest};
use crate::output::{ResultFolder, each_row, read_manifest};
use crate::scoring::CellReading;
use rand::SeedableRng;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// What is to be computed again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifySample {
    pub cell_count: usize,
    pub seed: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VerifyReport {
    /// Tables with the hash that the manifest states.
    pub whole_files: Vec<String>,
    /// Those without, or that are not there.
    pub altered_files: Vec<String>,
    /// `None` where none was asked for.
    pub sample: Option<SampleReport>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SampleReport {
    pub seed: u64,
    pub cell_count: usize,
    /// Numbers compared: log-probs, shares and answer masses at every temperature.
    pub number_count: u64,
    /// Cells of which some number is another, to the last bit, and the largest difference of a log-prob.
    pub differing_cells: Vec<String>,
    pub largest_difference_nats: f64,
}

impl VerifyReport {
    pub fn is_as_stated(&self) -> bool {
        self.altered_files.is_empty()
            && self.sample.as_ref().is_none_or(|sample| sample.differing_cells.is_empty())
    }
}

/// Hashes the tables of a finished run.
///
/// # Errors
/// Kind `Output` when there is no manifest, or it is of a run that states no hashes.
pub fn verify_files(folder: &ResultFolder) -> Result<VerifyReport> {
    let manifest = read_manifest(folder)?;
    if manifest.tables.is_empty() {
        return Err(Error::output("the manifest states no hashes of its tables").at(folder.manifest_path()));
    }
    let found = folder.table_hashes()?;
    let is_whole = |(name, stated): &(&String, &String)| found.get(*name) == Some(*stated);
    let names = |whole: bool| {
        let stated = manifest.tables.iter().filter(|entry| is_whole(entry) == whole);
        stated.map(|(name, _)| name.clone()).collect()
    };
    Ok(VerifyReport { whole_files: names(true), altered_files: names(false), sample: None })
}

/// Computes a sample of the run's cells again.
///
/// # Errors
/// Kind `Usage` when study, people, model or kernel are not those of the run, and what the model or its prompts end with; kind
/// `Interrupted` when asked to stop.
pub fn verify_sample(
    folder: &ResultFolder,
    model: &ModelFolder,
    settings: VerifySample,
    events: &(dyn Fn(Event) + Sync),
    stop: &Stop,
) -> Result<SampleReport> {
    let manifest = read_manifest(folder)?;
    let run_settings: RunSettings = serde_json::from_value(manifest.plan.clone()).map_err(|source| {
        Error::output("the manifest's plan cannot be read").at(folder.manifest_path()).because(source)
    })?;
    let device = device(&manifest)?;
    let plan = RunPlan::new(run_settings)?;
    let mut random = ChaCha8Rng::seed_from_u64(settings.seed);
    let count = settings.cell_count.min(plan.cells.len());
    let mut chosen = sample(&mut random, plan.cells.len(), count).into_vec();
    chosen.sort_unstable();
    let cells = chosen.into_iter().map(|index| plan.cells.get(index)).collect();
    let speaker = Speaker::open(model, &plan.settings.prompting)?;
    let loaded = load(model, &speaker.files.config, &device, &|_, _| ())?;
    let now = inputs(&plan, &speaker, &loaded.weights_sha256);
    refuse_changes(&manifest.identity, &now, "this is not what the run was made from")?;
    let prepared = Prepared::new(&plan, &speaker, cells, &|| (), stop)?;
    let ids: Vec<String> = prepared.cells().iter().map(|cell| plan.cell_id(cell)).collect();
    let mut rows: BTreeMap<&str, Vec<CellRow>> = ids.iter().map(|id| (id.as_str(), Vec::new())).collect();
    each_row(&folder.cells_path(), |row: CellRow| {
        if let Some(of_cell) = rows.get_mut(row.cell_id.as_str()) {
            of_cell.push(row);
        }
        ControlFlow::Continue(())
    })?;
    let mut report = SampleReport {
        seed: settings.seed,
        cell_count: count,
        number_count: 0,
        differing_cells: Vec::new(),
        largest_difference_nats: 0.0,
    };
    let (stage, total) = (Stage::Certificate, count as u64);
    events(Event::Started { stage, total });
    for (index, id) in ids.iter().enumerate() {
        if stop.is_requested() {
            return Err(Error::new(ErrorKind::Interrupted, "stopped while cells were computed again"));
        }
        let again = alone(&plan, &loaded.decoder, &prepared, index)?;
        if !report.compare(rows.get(id.as_str()).map(Vec::as_slice).unwrap_or_default(), &again) {
            report.differing_cells.push(id.clone());
        }
        events(Event::Advanced { stage, done: index as u64 + 1, total });
    }
    Ok(report)
}

/// The device that made the run, if it is here.
fn device(manifest: &RunManifest) -> Result<EngineDevice> {
    let dtype: EngineDtype = serde_json::from_value(manifest.dtype.as_str().into())
        .map_err(|source| Error::output("the manifest's dtype is none").because(source))?;
    let kernels = ["auto", "avx512", "avx2", "neon", "portable"];
    let devices = kernels.iter().filter_map(|kernel| EngineDevice::new(&manifest.device, dtype, kernel).ok());
    devices.into_iter().find(|device| device.kernel_name() == manifest.kernel).ok_or_else(|| {
        Error::usage(format!("{} computed the run, and is not to be had here", manifest.kernel))
            .hint("verify it on such a machine; without --model its files alone are verified")
    })
}

impl SampleReport {
    /// Whether a cell's rows are those that it comes to.
    fn compare(&mut self, rows: &[CellRow], again: &[CellReading]) -> bool {
        let options: usize = again.iter().map(|read| read.log_probs.len()).sum();
        let mut is_same = rows.len() == options;
        let finite = |log_prob: f64| log_prob.is_finite().then_some(log_prob);
        for read in again {
            let at = rows.iter().filter(|row| row.temperature == read.temperature);
            for (index, row) in at.enumerate() {
                let log_prob = read.log_probs.get(index).copied().and_then(finite);
                let share =
                    read.distribution.as_ref().and_then(|found| found.probabilities().get(index).copied());
                let bits = |number: Option<f64>| number.map(f64::to_bits);
                self.number_count += 3;
                is_same &= bits(row.log_prob) == bits(log_prob)
                    && bits(row.probability) == bits(share)
                    && row.answer_mass.to_bits() == read.answer_mass.to_bits();
                if let (Some(a), Some(b)) = (row.log_prob, log_prob) {
                    self.largest_difference_nats = self.largest_difference_nats.max((a - b).abs());
                }
            }
        }
        is_same
    }
}
