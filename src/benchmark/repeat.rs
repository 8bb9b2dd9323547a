//! One run of a workload from token ids in memory to readouts, timed.

use super::workload::Prompt;
use crate::engine::{
    Decoder, DecoderConfig, EngineStage, Prefill, ReadoutLogits, ReadoutRequest, ReadoutScope,
    ReadoutSettings,
};
use crate::error::{Error, ErrorKind, Result};
use crate::packing::PrefixTrie;
use std::time::Instant;

/// As `respondent run` asks at its smallest: temperature 1, the entropy, the eight most probable.
const TOP_COUNT: usize = 8;

/// What one run took.
#[derive(Debug)]
pub struct Repeat {
    /// All of it.
    pub wall_seconds: f64,
    /// Building the trie, on one thread.
    pub trie_wall_seconds: f64,
    /// Cutting it into batches, on one thread.
    pub packing_wall_seconds: f64,
    /// Of all threads together; `None` where the path is not timed.
    pub thread_seconds: Option<EngineThreadSeconds>,
    pub trie_token_count: u64,
    pub segment_count: u64,
    pub batch_count: u64,
    /// Of each prompt, in the order of the workload: natural log-probs of its wanted ids.
    pub log_probs: Vec<Vec<f64>>,
}

/// Seconds that all threads together spent in each stage of the engine.
#[derive(Debug, Clone, Copy)]
pub struct EngineThreadSeconds {
    pub linear: f64,
    pub attention: f64,
    pub pointwise: f64,
    pub unpack: f64,
    pub readout: f64,
}

impl EngineThreadSeconds {
    fn of(prefill: &Prefill<'_>) -> Option<Self> {
        Some(EngineThreadSeconds {
            linear: prefill.thread_seconds(EngineStage::Linear)?,
            attention: prefill.thread_seconds(EngineStage::Attention)?,
            pointwise: prefill.thread_seconds(EngineStage::Pointwise)?,
            unpack: prefill.thread_seconds(EngineStage::Unpack)?,
            readout: prefill.thread_seconds(EngineStage::Readout)?,
        })
    }
}

/// For whoever asked to stop.
pub fn stopped() -> Error {
    Error::new(ErrorKind::Interrupted, "stopped before all repeats were done")
}

/// The trie of some prompts.
pub fn trie_of(prompts: &[Prompt], config: &DecoderConfig) -> PrefixTrie {
    let views: Vec<_> = prompts.iter().map(|prompt| config.sequence(&prompt.ids, &[])).collect();
    PrefixTrie::new(&views)
}

/// How prompts are run.
#[derive(Debug, Clone, Copy)]
pub struct RunSettings {
    pub token_budget: usize,
    pub readout_scope: ReadoutScope,
}

/// Runs prompts once. `advanced` is told tokens computed; `stop` is asked between batches.
///
/// # Errors
/// The engine's, and kind `Interrupted`.
pub fn run_once(
    decoder: &Decoder,
    prompts: &[Prompt],
    run: RunSettings,
    advanced: &dyn Fn(u64),
    stop: &dyn Fn() -> bool,
) -> Result<Repeat> {
    let start = Instant::now();
    let trie = trie_of(prompts, decoder.config());
    let trie_wall_seconds = start.elapsed().as_secs_f64();
    let requests: Vec<_> =
        prompts.iter().map(|prompt| ReadoutRequest::new(&prompt.wanted).naming(TOP_COUNT)).collect();
    let settings = ReadoutSettings { scope: run.readout_scope, temperatures: vec![1.0] };
    let mut readouts: Vec<Option<ReadoutLogits>> = vec![None; prompts.len()];
    let (mut batch_count, mut done) = (0, 0);
    let mut prefill = Prefill::new(decoder, &trie, &requests, &settings, run.token_budget);
    for batch in prefill.by_ref() {
        let batch = batch?;
        for (prompt, readout) in batch.readouts {
            readouts[prompt] = Some(readout);
        }
        batch_count += 1;
        done += batch.token_count as u64;
        advanced(done);
        if stop() {
            return Err(stopped());
        }
    }
    let wall_seconds = start.elapsed().as_secs_f64();
    let log_probs = readouts.iter().map(|readout| {
        let readout = readout.as_ref().expect("every sequence of a trie is read");
        (0..readout.wanted.len()).map(|index| readout.log_prob(index, 0, 1.0)).collect()
    });
    Ok(Repeat {
        wall_seconds,
        trie_wall_seconds,
        packing_wall_seconds: prefill.packing_wall_seconds(),
        thread_seconds: EngineThreadSeconds::of(&prefill),
        trie_token_count: trie.token_count(),
        segment_count: trie.segments().len() as u64,
        batch_count,
        log_probs: log_probs.collect(),
    })
}
