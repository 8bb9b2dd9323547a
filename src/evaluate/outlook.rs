//! What a run will be, before any weight is loaded: cells, readouts, tokens, arithmetic, memory, and its shards. Prompts are rendered and
//! encoded, for nothing less tells the number of tokens.

use super::census::{Census, CensusSettings};
use super::events::{Event, Stages, Stop};
use super::memory::{MemoryOutlook, Part, token_budgets};
use super::{RunPlan, Speaker};
use crate::engine::EngineDevice;
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
    /// Stretches of prompts that are prepared and read one after the other.
    pub branch_count: u64,
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
    let settings = CensusSettings {
        token_budgets: token_budgets(plan.settings.token_budget, memory_limit_bytes),
        shard_count,
    };
    let census = Census::take(plan, speaker, &settings, &mut stages, stop)?;
    let config = &speaker.files.config.decoder;
    let memory = MemoryOutlook::new(plan, (model, device), config, &census, Part::Whole)?;
    let memory = memory.map(|memory| match memory_limit_bytes {
        Some(limit) => memory.fitting(limit),
        None => Ok(memory.estimate(plan.settings.token_budget)),
    });
    let shards = shard_count.map(|count| census.parts(count)).transpose()?.unwrap_or_default();
    Ok(RunOutlook {
        study: plan.study.id.clone(),
        model: model.name(),
        cell_count: plan.cells.len() as u64,
        prompt_count: census.prompt_count,
        branch_count: census.branches.len() as u64,
        readout_count: census.readout_count,
        flat_token_count: census.flat_token_count,
        trie_token_count: census.trie_token_count,
        flop_count: census.flop_count,
        memory: memory.transpose()?,
        shard_token_counts: shards.iter().map(|shard| shard.token_count).collect(),
    })
}
