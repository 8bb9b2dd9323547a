//! What a run will be, before any weight is loaded: cells, readouts, tokens, arithmetic, memory, and its shards. Prompts are rendered and
//! encoded, for nothing less tells the number of tokens.

use super::events::{Event, Stage, Stages, Stop};
use super::memory::{MemoryOutlook, Part};
use super::prepare::Prepared;
use super::shard::shards_of;
use super::{RunPlan, Speaker};
use crate::engine::{EngineDevice, PrefillFlops};
use crate::error::Result;
use crate::models::ModelFolder;
use crate::output::records::MemoryEstimate;
use serde::Serialize;

/// What a run will be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunOutlook {
    pub study: String,
    pub model: String,
    pub cell_count: u64,
    pub prompt_count: u64,
    pub readout_count: u64,
    /// Tokens if every cell were computed by itself.
    pub flat_token_count: u64,
    pub trie_token_count: u64,
    /// Floating-point operations of the prefill, a multiply-add counted as two.
    pub flop_count: u64,
    /// With the token budget that keeps it within the limit, where there is one. `None` where the system does not tell what is held.
    pub memory: Option<MemoryEstimate>,
    /// Tokens of each shard, where the run is to be shared out.
    pub shard_token_counts: Vec<u64>,
}

/// Looks ahead at a plan, in `shard_count` shards if any.
///
/// # Errors
/// As a run up to its weights: kind `Usage` for more shards than readouts, or a limit that it would not keep; `Prompt`; `Model`; and
/// `Interrupted`.
pub fn outlook(
    plan: &RunPlan,
    (speaker, model, device): (&Speaker, &ModelFolder, &EngineDevice),
    (shard_count, memory_limit_bytes): (Option<usize>, Option<u64>),
    events: &(dyn Fn(Event) + Sync),
    stop: &Stop,
) -> Result<RunOutlook> {
    let mut stages = Stages::new(events);
    let cell_count = plan.cells.len() as u64;
    let prepared = stages.run(Stage::Prompts, cell_count, || Prepared::new(plan, speaker, events, stop))?;
    let config = &speaker.files.config.decoder;
    let whole = stages.run(Stage::Trie, 0, || Ok(prepared.trie(config, |_| true)))?;
    let memory = MemoryOutlook::new(plan, (model, device), config, &whole.trie, Part::Whole)?;
    let memory = memory.map(|memory| match memory_limit_bytes {
        Some(limit) => memory.fitting(limit),
        None => Ok(memory.estimate(plan.settings.token_budget)),
    });
    let shards = match shard_count {
        None => Vec::new(),
        Some(count) => shards_of(&whole, count)?,
    };
    Ok(RunOutlook {
        study: plan.study.id.clone(),
        model: model.name(),
        cell_count,
        prompt_count: prepared.prompts.len() as u64,
        readout_count: prepared.readout_count() as u64,
        flat_token_count: prepared.flat_token_count(),
        trie_token_count: whole.trie.token_count(),
        flop_count: PrefillFlops::foretold(config, &whole.trie).total(),
        memory: memory.transpose()?,
        shard_token_counts: shards.iter().map(|shard| shard.token_count).collect(),
    })
}
