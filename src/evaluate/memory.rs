//! How much main memory a run will take at its peak: what it holds once its prompts are prepared is measured, the rest is foretold. Bytes are those
//! of the resident set; shares of it were fitted to runs, and docs/reliability.md holds the sum against what runs took.

use super::RunPlan;
use super::census::Census;
use crate::engine::{DecoderConfig, EngineDevice, EngineDtype, WorkingSet};
use crate::error::{Error, Result};
use crate::models::{MemoryCard, ModelCard, ModelFolder};
use crate::output::records::MemoryEstimate;
use crate::report::SHOWN_ROW_COUNT;
use std::ops::Range;

/// What libraries, threads and a process keep besides, once work has begun.
const BASE_BYTES: u64 = 10 << 20;
/// What a process of this program holds before it does anything; the rest of what is held with prompts and trie is theirs.
const PROCESS_BYTES: u64 = 17 << 20;
/// Writers of tables once each has a whole group of rows, and how many rows of cells that is.
const WRITER_BYTES: u64 = 24 << 20;
const WRITER_ROW_COUNT: u64 = 65_536;
/// Of a token that is named for a prompt: encoded, until a group of rows is written, and before that as text, for as many rows as are encoded at a time.
const NAMED_BYTES: f64 = 3.3;
const PENDING_NAMED_BYTES: f64 = 65.0;
const PENDING_ROW_COUNT: u64 = 1024;
/// What writers keep of a thousand rows until a table is whole: where its groups and pages begin.
const INDEX_BYTES: u64 = 1_100;
/// Of a cell at one temperature: its shares, what is summed over them, what contrasts keep.
const READING_BYTES: u64 = 560;
/// Of an item's people at one bootstrap replicate, for each metric: three numbers, as far as they are held at once, and two more between halves of people who are known one by
/// one.
const REPLICATE_BYTES: u64 = 20 * COMPARISON_COUNT;
const HALVES_BYTES: u64 = 16 * COMPARISON_COUNT;
/// The page's rows: of a cell's option at the reported temperature, or of a comparison there.
const ROW_BYTES: u64 = 700;
/// What facets add to it: a map, and each of them.
const FACETS_BYTES: u64 = 1000;
const FACET_BYTES: u64 = 100;
/// What candle's operations pack of weights at once, at the most.
const CANDLE_BYTES: u64 = 16 << 20;
/// What they hold of the cell that they compute again, for each of its tokens and values of the widest layer.
const ALONE_FACTOR: u64 = 6;
/// What an allocator keeps of what was let go, at the most.
const RETAINED_BYTES: u64 = 16 << 20;
/// Rows of a unit beside people: one for each metric.
const COMPARISON_COUNT: u64 = crate::compare::Metric::ALL.len() as u64;

/// A token budget below this makes the linear layers slow.
const TOKEN_BUDGET_MIN: usize = 64;

/// What of a run a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Whole,
    /// Reading alone: no tables, certificate, comparison or page.
    Shard,
}

/// What is known of a run before its weights are loaded.
pub struct MemoryOutlook<'a> {
    plan: &'a RunPlan,
    config: &'a DecoderConfig,
    census: &'a Census,
    prepared_bytes: u64,
    weights: MemoryCard,
    is_bf16: bool,
    is_on_cpu: bool,
    part: Part,
}

/// The budgets that a run may come to: the one that was asked for, and within a limit its half, a quarter, ... of it.
pub fn token_budgets(asked: usize, limit_bytes: Option<u64>) -> Vec<usize> {
    let halves = std::iter::successors(Some(asked), |budget| Some(budget / 2));
    let least = if limit_bytes.is_some() { TOKEN_BUDGET_MIN.min(asked) } else { asked };
    halves.take_while(|budget| *budget >= least.max(1)).collect()
}

impl<'a> MemoryOutlook<'a> {
    /// `None` where the system does not say how much memory is held.
    ///
    /// # Errors
    /// Kind `Model` when the weights' headers cannot be read.
    pub fn new(
        plan: &'a RunPlan,
        (model, device): (&ModelFolder, &EngineDevice),
        config: &'a DecoderConfig,
        census: &'a Census,
        part: Part,
    ) -> Result<Option<Self>> {
        let Some(prepared_bytes) = census.resident_bytes else { return Ok(None) };
        Ok(Some(MemoryOutlook {
            plan,
            config,
            census,
            prepared_bytes,
            weights: ModelCard::read(model)?.weights_memory_bytes,
            is_bf16: device.dtype() == EngineDtype::Bf16,
            is_on_cpu: device.is_cpu(),
            part,
        }))
    }

    /// With a token budget, of those that the census was taken for.
    pub fn estimate(&self, token_budget: usize) -> MemoryEstimate {
        let settings = &self.plan.settings;
        let threads = rayon::current_num_threads();
        let batches = self.census.batches.get(&token_budget).copied().unwrap_or_default();
        let set = WorkingSet::estimate(self.config, batches, threads);
        let is_whole = self.part == Part::Whole;
        let (weights_bytes, working_bytes) = match (self.is_on_cpu, self.is_bf16) {
            // Both are in the device's memory then.
            (false, _) => (0, 0),
            (true, true) => (self.weights.bf16, set.bytes()),
            (true, false) => (self.weights.f32, set.bytes()),
        };
        let (study, cells) = (&self.plan.study, &self.plan.cells);
        let cell_count = cells.len() as u64;
        let option_count = self.plan.option_count();
        let temperature_count = settings.temperatures.len() as u64;
        // Responses are kept for comparisons and contrasts, and otherwise let go with their branch.
        let kept_count = match self.plan.keeps_units() || !study.hypotheses.is_empty() {
            true => cells.len(),
            false => self.census.branches.iter().map(Range::len).max().unwrap_or(0),
        };
        let reading_bytes = READING_BYTES * kept_count as u64 * temperature_count;
        let writer_bytes = WRITER_BYTES * (option_count * temperature_count).min(WRITER_ROW_COUNT)
            / WRITER_ROW_COUNT
            + self.named_bytes();
        // Of what batches were computed in, small pieces are not given back.
        let compare_bytes = match &self.plan.human_data {
            Some(data) if is_whole => {
                let halves_bytes = if data.participants.is_empty() { 0 } else { HALVES_BYTES };
                (REPLICATE_BYTES + halves_bytes)
                    * (study.items.len() * settings.bootstrap_replicate_count) as u64
                    + (weights_bytes + working_bytes).min(RETAINED_BYTES)
            }
            _ => 0,
        };
        let index_bytes = INDEX_BYTES * (option_count * temperature_count) / 1_000;
        let results_bytes =
            BASE_BYTES + if is_whole { writer_bytes + index_bytes + reading_bytes } else { 0 };
        let certificate_bytes = match settings.certified_cell_count {
            Some(0) => 0,
            _ if !is_whole => 0,
            _ => self.weights.f32 + CANDLE_BYTES.min(self.weights.f32) + self.alone_bytes(),
        };
        let compared_count = match self.plan.human_data {
            Some(_) => COMPARISON_COUNT * cell_count / cells.count_of_unit().max(1) as u64,
            None => 0,
        };
        let facet_bytes = match study.facets.len() as u64 {
            0 => 0,
            count => FACETS_BYTES + FACET_BYTES * count,
        };
        let row_count = if is_whole { option_count + compared_count } else { 0 };
        // Of a larger run the page shows a part.
        let shown_share = (SHOWN_ROW_COUNT as f64 / option_count.max(1) as f64).min(1.0);
        let page_bytes = (ROW_BYTES + facet_bytes) * (row_count as f64 * shown_share) as u64;
        let held = self.prepared_bytes + results_bytes;
        let prefill = held + weights_bytes + working_bytes;
        let certificate = if certificate_bytes == 0 { 0 } else { held + working_bytes + certificate_bytes };
        // Prompts and writers are gone by then; of their memory about a quarter is used again, unless many branches went through it.
        let gone = match self.census.branches.len() {
            0..=2 => (self.prepared_bytes.saturating_sub(PROCESS_BYTES) + writer_bytes) / 4,
            _ => 0,
        };
        let page = if is_whole { held - gone + page_bytes } else { 0 };
        let stages = [
            ("prefill", prefill),
            ("certify", certificate),
            ("compare", held + compare_bytes),
            ("report", page),
        ];
        let (peak_stage, peak_bytes) =
            stages.into_iter().max_by_key(|(_, bytes)| *bytes).unwrap_or(("prefill", prefill));
        MemoryEstimate {
            token_budget: token_budget as u64,
            prepared_bytes: self.prepared_bytes,
            weights_bytes,
            working_bytes,
            results_bytes,
            certificate_bytes,
            compare_bytes,
            page_bytes,
            peak_stage: peak_stage.to_owned(),
            peak_bytes,
        }
    }

    /// What writers hold of the most probable tokens of prompts: those of `prompts.parquet`, and of each temperature in `tokens.parquet`.
    fn named_bytes(&self) -> u64 {
        let settings = &self.plan.settings;
        let named = settings.top_count.min(self.config.vocab_size) as f64;
        let of_rows = |rows: u64| {
            NAMED_BYTES * rows.min(WRITER_ROW_COUNT) as f64
                + PENDING_NAMED_BYTES * rows.min(PENDING_ROW_COUNT) as f64
        };
        let prompts = self.census.prompt_count;
        (named * (of_rows(prompts) + of_rows(prompts * settings.temperatures.len() as u64))) as u64
    }

    /// Of the longest prompt, by candle's operations.
    fn alone_bytes(&self) -> u64 {
        let len = u64::from(self.census.depth);
        let width = self.config.layers.iter().map(|layer| layer.feed_forward.width()).max().unwrap_or(0);
        let row = ALONE_FACTOR * (width + self.config.hidden_size) as u64;
        size_of::<f32>() as u64 * len * (row + self.config.head_count as u64 * len)
    }

    /// The largest token budget, the plan's own or a half, a quarter, ... of it, with which the run keeps within a limit.
    ///
    /// # Errors
    /// Kind `Usage` that names the smallest limit that would do.
    pub fn fitting(&self, limit_bytes: u64) -> Result<MemoryEstimate> {
        let asked = self.plan.settings.token_budget;
        let mut least: Option<MemoryEstimate> = None;
        for budget in token_budgets(asked, Some(limit_bytes)) {
            let estimate = self.estimate(budget);
            if estimate.peak_bytes <= limit_bytes {
                return Ok(estimate);
            }
            if least.as_ref().is_none_or(|known| estimate.peak_bytes < known.peak_bytes) {
                least = Some(estimate);
            }
        }
        let least = least.unwrap_or_else(|| self.estimate(asked));
        let mebibytes = |bytes: u64| bytes.div_ceil(1 << 20);
        // What is held already is measured, and not the same to the last page the next time.
        let enough = least.peak_bytes + least.peak_bytes / 50;
        let hint = match least.peak_stage.as_str() {
            "certify" => "or leave the certificate out with --certify 0, or share the run out with --shard",
            "prefill" => "or take a smaller dtype, model or selection",
            _ => "or take a smaller selection",
        };
        Err(Error::usage(format!(
            "the run would take about {} MiB at its peak ({}), and may take {} MiB",
            mebibytes(least.peak_bytes),
            least.peak_stage,
            limit_bytes >> 20
        ))
        .hint(format!("--memory {}MiB would do; {hint}", mebibytes(enough))))
    }
}
