//! Whether a result folder is what its manifest says: its tables by their hashes, and a seeded sample of its cells computed again, each alone, by
//! the kernel that made them or one that comes to the same bits, with all that three tables say of them. Where that kernel is this program's own every value
//! comes back to the bit.

use super::alone::read_alone;
use super::cell_rows::{CellRows, RowMaker};
use super::certificate::PROBABILITY_MIN;
use super::changes::refuse_changes;
use super::identity::{device_for, inputs, is_repeatable};
use super::prepare::Prepared;
use super::{Event, RunPlan, RunSettings, Speaker, Stage, Stop};
use crate::elementary::ln;
use crate::engine::{EngineDevice, EngineDtype};
use crate::error::{Error, ErrorKind, Result};
use crate::models::{ModelFolder, load};
use crate::output::records::{CellRow, PromptRow, RunManifest, TokenRow};
use crate::output::{ResultFolder, TableRow, differing_columns, each_row, read_manifest};
use rand::SeedableRng;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;

/// Columns of what the engine has computed, and of what depends on it.
const ROUNDED_COLUMNS: [&str; 18] = [
    "log_prob",
    "answer_mass",
    "probability",
    "status",
    "premise_log_prob",
    "premise_normalised_probability",
    "expected_count",
    "vocabulary_entropy",
    "top_ids",
    "top_tokens",
    "top_log_probs",
    "nucleus_size",
    "best_token",
    "best_token_rank",
    "best_token_log_prob",
    "form_probabilities",
    "off_tokens",
    "off_log_probs",
];

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
    /// The one that computed them again.
    pub kernel: String,
    pub cell_count: usize,
    /// Rows of all three tables that the cells come to.
    pub row_count: u64,
    pub differences: Vec<Difference>,
    /// Of log-probs, among options that hold anything.
    pub largest_difference_nats: f64,
    /// Of shares and answer masses.
    pub largest_share_difference: f64,
    /// What of either is let pass: 0 on a kernel that comes to the same bits.
    pub allowed_difference_nats: f64,
}

/// What a table says of a cell and the cell does not come to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    pub cell_id: String,
    pub table: &'static str,
    /// Those of which some value is another, to the last bit; all where rows are missing, or there are too many.
    pub columns: Vec<String>,
}

impl VerifyReport {
    pub fn is_as_stated(&self) -> bool {
        self.altered_files.is_empty() && self.sample.as_ref().is_none_or(SampleReport::is_as_stated)
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
    // What is there and not stated is no more of the run than what is stated and not there.
    let names: BTreeSet<&String> = manifest.tables.keys().chain(found.keys()).collect();
    let (whole, altered): (Vec<&String>, Vec<&String>) =
        names.into_iter().partition(|name| manifest.tables.get(*name) == found.get(*name));
    let owned = |names: Vec<&String>| names.into_iter().cloned().collect();
    Ok(VerifyReport { whole_files: owned(whole), altered_files: owned(altered), sample: None })
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
    let maker = RowMaker { plan: &plan, tokenizer: &speaker.tokenizer };
    let mut stated = StatedRows::read(folder, prepared.cells().iter().map(|cell| plan.cell_id(cell)))?;
    let planned = plan.option_count() * plan.settings.temperatures.len() as u64;
    if stated.cell_row_count != planned {
        let found = stated.cell_row_count;
        return Err(Error::output(format!("it has {found} rows, and the run's plan comes to {planned}"))
            .at(folder.cells_path()));
    }
    let mut report = SampleReport {
        seed: settings.seed,
        kernel: device.kernel_name(),
        cell_count: count,
        row_count: 0,
        differences: Vec::new(),
        largest_difference_nats: 0.0,
        largest_share_difference: 0.0,
        allowed_difference_nats: allowed_difference_nats(&manifest),
    };
    let (stage, total) = (Stage::Certificate, count as u64);
    events(Event::Started { stage, total });
    for (index, cell) in prepared.cells().iter().enumerate() {
        if stop.is_requested() {
            return Err(Error::new(ErrorKind::Interrupted, "stopped while cells were computed again"));
        }
        let again = read_alone(&plan, &loaded.decoder, &prepared, index)?;
        let again = maker.rows(&prepared, &again.gathered, again.premise.as_deref())?;
        report.compare(&plan.cell_id(cell), &mut stated, &again, &plan.study.facets)?;
        events(Event::Advanced { stage, done: index as u64 + 1, total });
    }
    Ok(report)
}

/// What the tables say of some cells.
struct StatedRows {
    /// Of all cells.
    cell_row_count: u64,
    cells: BTreeMap<String, Vec<CellRow>>,
    prompts: BTreeMap<String, Vec<PromptRow>>,
    tokens: BTreeMap<String, Vec<TokenRow>>,
}

impl StatedRows {
    fn read(folder: &ResultFolder, ids: impl Iterator<Item = String>) -> Result<Self> {
        let ids: BTreeSet<String> = ids.collect();
        let (cells, cell_row_count) = rows_of(&ids, &folder.cells_path(), |row: &CellRow| &row.cell_id)?;
        let (prompts, _) = rows_of(&ids, &folder.prompts_path(), |row: &PromptRow| &row.cell_id)?;
        let (tokens, _) = rows_of(&ids, &folder.tokens_path(), |row: &TokenRow| &row.cell_id)?;
        Ok(StatedRows { cell_row_count, cells, prompts, tokens })
    }
}

/// Their rows, and how many rows the table has in all.
fn rows_of<R: TableRow>(
    ids: &BTreeSet<String>,
    path: &Path,
    id: impl Fn(&R) -> &String,
) -> Result<(BTreeMap<String, Vec<R>>, u64)> {
    let (mut rows, mut count): (BTreeMap<String, Vec<R>>, u64) = Default::default();
    each_row(path, |row| {
        count += 1;
        if ids.contains(id(&row)) {
            rows.entry(id(&row).clone()).or_default().push(row);
        }
        ControlFlow::Continue(())
    })?;
    Ok((rows, count))
}

fn device(manifest: &RunManifest) -> Result<EngineDevice> {
    let dtype: EngineDtype = serde_json::from_value(manifest.dtype.as_str().into())
        .map_err(|source| Error::output("the manifest's dtype is none").because(source))?;
    device_for(&manifest.device, dtype, &manifest.kernel).map_err(|error| {
        error.hint("verify it on such a machine; without --model its files alone are verified")
    })
}

/// What the numbers of a run may differ by when they are computed again.
fn allowed_difference_nats(manifest: &RunManifest) -> f64 {
    match (is_repeatable(&manifest.kernel), manifest.dtype.as_str()) {
        (true, _) => 0.0,
        (false, "bf16") => 0.1,
        (false, _) => 1e-3,
    }
}

/// A share moves by no more than its log-prob does. One that is there on one side alone is at its threshold on the other, and not held against anything.
fn share_difference(found: &CellRow, again: &CellRow) -> f64 {
    let share = found.probability.zip(again.probability).map_or(0.0, |(found, again)| (found - again).abs());
    share.max((found.answer_mass - again.answer_mass).abs())
}

impl SampleReport {
    fn is_as_stated(&self) -> bool {
        let largest = self.largest_difference_nats.max(self.largest_share_difference);
        self.differences.is_empty() && largest <= self.allowed_difference_nats
    }

    /// Ids of cells that differ in some table.
    pub fn differing_cells(&self) -> impl Iterator<Item = &str> {
        // A cell's differences stand next to each other.
        self.differences
            .chunk_by(|one, other| one.cell_id == other.cell_id)
            .map(|of_cell| of_cell[0].cell_id.as_str())
    }

    /// Holds a cell's rows against those that it comes to.
    fn compare(
        &mut self,
        id: &str,
        stated: &mut StatedRows,
        again: &CellRows,
        facets: &[String],
    ) -> Result<()> {
        let cells = stated.cells.remove(id).unwrap_or_default();
        for (found, again) in cells.iter().zip(&again.cells) {
            self.largest_share_difference = self.largest_share_difference.max(share_difference(found, again));
            if let (Some(found), Some(again)) = (found.log_prob, again.log_prob)
                && found.max(again) > ln(PROBABILITY_MIN)
            {
                self.largest_difference_nats = self.largest_difference_nats.max((found - again).abs());
            }
        }
        self.compare_table(id, "cells.parquet", &cells, &again.cells, facets)?;
        let prompts = stated.prompts.remove(id).unwrap_or_default();
        self.compare_table(id, "prompts.parquet", &prompts, &again.prompts, facets)?;
        let tokens = stated.tokens.remove(id).unwrap_or_default();
        self.compare_table(id, "tokens.parquet", &tokens, &again.tokens, facets)
    }

    fn compare_table<R: TableRow>(
        &mut self,
        cell_id: &str,
        table: &'static str,
        stated: &[R],
        again: &[R],
        facets: &[String],
    ) -> Result<()> {
        self.row_count += again.len() as u64;
        let columns = differing_columns(stated, again, facets)?;
        // What rounds with its batches is held to what it rounds by.
        let counts = self.allowed_difference_nats == 0.0
            || columns.iter().any(|column| !ROUNDED_COLUMNS.contains(&column.as_str()));
        if !columns.is_empty() && counts {
            self.differences.push(Difference { cell_id: cell_id.to_owned(), table, columns });
        }
        Ok(())
    }
}
