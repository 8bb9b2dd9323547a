//! A benchmark from settings to record: peak, check, load, warm-up, repeats, peak again.

use super::events::{BenchmarkEvent, BenchmarkStep};
use super::machine::cpu_model;
use super::model::BenchmarkModel;
use super::record::{BenchmarkRecord, MachineCard, StageCard, VerificationCard, WorkloadCard};
use super::repeat::{Repeat, RunSettings, run_once, stopped, trie_of};
use super::verify::{Reference, sampled};
use super::workload::Workload;
use crate::engine::{Decoder, EngineDevice, PrefillFlops, ReadoutScope, TilePeak, read_bandwidth};
use crate::error::Result;
use crate::models::Quantisation;
use crate::system_memory::{forget_peak, peak_bytes};
use std::collections::BTreeMap;
use std::time::Instant;

/// Tokens of the prefill that is not timed, at least.
const WARM_UP_TOKEN_COUNT: usize = 512;

/// What is run, and how often.
#[derive(Debug)]
pub struct BenchmarkSettings {
    pub model: BenchmarkModel,
    pub workload: Workload,
    /// At least 1.
    pub token_budget: usize,
    pub readout_scope: ReadoutScope,
    /// At least 1.
    pub repeat_count: usize,
    /// Of random weights.
    pub seed: u64,
    /// Quantises the weights when they are loaded.
    pub quantisation: Option<Quantisation>,
    /// Compares log-probs with candle's operations in f32 before anything is timed.
    pub verify: bool,
    /// For the record.
    pub versions: BTreeMap<String, String>,
}

/// The record, and what the last repeat read.
#[derive(Debug)]
pub struct BenchmarkOutcome {
    pub record: BenchmarkRecord,
    /// Of each prompt, in the order of the workload: natural log-probs of its wanted ids.
    pub log_probs: Vec<Vec<f64>>,
}

/// Runs a benchmark on the current pool of threads.
///
/// # Errors
/// Kind `Model` when the model cannot be loaded or its log-probs fail the check; `Interrupted` when asked to stop, which is
/// looked at between steps and batches.
pub fn run_benchmark(
    settings: &BenchmarkSettings,
    device: &EngineDevice,
    events: &(dyn Fn(BenchmarkEvent) + Sync),
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<BenchmarkOutcome> {
    Running { settings, device, events, stop }.run()
}

/// All that was found, still to be put into proportion.
struct Measured {
    machine: MachineCard,
    verification: Option<VerificationCard>,
    read_wall_seconds: Option<f64>,
    load_wall_seconds: f64,
    flops: PrefillFlops,
    repeats: Vec<Repeat>,
    peak_memory_bytes: Option<u64>,
}

struct Running<'a> {
    settings: &'a BenchmarkSettings,
    device: &'a EngineDevice,
    events: &'a (dyn Fn(BenchmarkEvent) + Sync),
    stop: &'a (dyn Fn() -> bool + Sync),
}

impl Running<'_> {
    fn run(&self) -> Result<BenchmarkOutcome> {
        let (peak, bandwidth) = self.step(BenchmarkStep::Peak, 0, || {
            Ok((TilePeak::measure(self.device), read_bandwidth(self.device)))
        })?;
        let reference = if self.settings.verify { Some(self.reference()?) } else { None };
        forget_peak();
        let read_wall_seconds = self.settings.model.read_wall_seconds(self.device)?;
        let start = Instant::now();
        let decoder = self.load(self.device)?;
        let load_wall_seconds = start.elapsed().as_secs_f64();
        let trie = trie_of(&self.settings.workload.prompts, decoder.config());
        let flops = decoder.flops(&trie, self.read_logit_count());
        let token_count = trie.token_count();
        drop(trie);
        let verification = match &reference {
            None => None,
            Some(reference) => Some(self.verify(&decoder, reference, token_count)?),
        };
        self.warm_up(&decoder)?;
        let mut repeats = Vec::new();
        for number in 1..=self.settings.repeat_count {
            repeats.push(self.whole(&decoder, BenchmarkStep::Repeat(number), token_count)?);
        }
        let peak_memory_bytes = peak_bytes();
        let peak_after = self.step(BenchmarkStep::Peak, 0, || Ok(TilePeak::measure(self.device)))?;
        let machine = machine_card(peak, peak_after, bandwidth);
        let log_probs =
            repeats.last_mut().map(|last| std::mem::take(&mut last.log_probs)).unwrap_or_default();
        let measured = Measured {
            machine,
            verification,
            read_wall_seconds,
            load_wall_seconds,
            flops,
            repeats,
            peak_memory_bytes,
        };
        Ok(BenchmarkOutcome { record: self.record(measured), log_probs })
    }

    fn run_settings(&self) -> RunSettings {
        RunSettings { token_budget: self.settings.token_budget, readout_scope: self.settings.readout_scope }
    }

    /// Logits that are asked for, all prompts together.
    fn read_logit_count(&self) -> Option<u64> {
        let wanted = || self.settings.workload.prompts.iter().map(|prompt| prompt.wanted.len() as u64).sum();
        (self.settings.readout_scope == ReadoutScope::Wanted).then(wanted)
    }

    fn step<T>(&self, step: BenchmarkStep, total: u64, work: impl FnOnce() -> Result<T>) -> Result<T> {
        if (self.stop)() {
            return Err(stopped());
        }
        (self.events)(BenchmarkEvent::Started { step, total });
        let start = Instant::now();
        let outcome = work()?;
        (self.events)(BenchmarkEvent::Finished { step, wall_seconds: start.elapsed().as_secs_f64() });
        Ok(outcome)
    }

    fn advanced(&self, done: u64) {
        (self.events)(BenchmarkEvent::Advanced { done });
    }

    fn load(&self, device: &EngineDevice) -> Result<Decoder> {
        let layers = self.settings.model.config()?.layer_count() as u64;
        self.step(BenchmarkStep::Weights, layers, || {
            self.settings
                .model
                .load(self.settings.seed, self.settings.quantisation, device, &|done, _| self.advanced(done))
        })
    }

    /// Loads the model once more, for the plain path, and lets go of it before anything is measured.
    fn reference(&self) -> Result<Reference> {
        let plain = EngineDevice::reference();
        let decoder = self.load(&plain)?;
        let (prompts, run) = (&self.settings.workload.prompts, self.run_settings());
        self.step(BenchmarkStep::Reference, sampled(prompts.len()).len() as u64, || {
            let advanced = |done| self.advanced(done);
            Reference::new(&decoder, plain.kernel_name(), prompts, run, &advanced, self.stop)
        })
    }

    fn verify(&self, decoder: &Decoder, reference: &Reference, token_count: u64) -> Result<VerificationCard> {
        let whole = self.whole(decoder, BenchmarkStep::Verify, token_count)?;
        reference.check(&whole.log_probs, self.device.dtype())
    }

    /// The workload's first prompts, so that threads and pages are there.
    fn warm_up(&self, decoder: &Decoder) -> Result<()> {
        let prompts = &self.settings.workload.prompts;
        let mut count = 0;
        let mut token_count = 0;
        while count < prompts.len() && token_count < WARM_UP_TOKEN_COUNT {
            token_count += prompts[count].ids.len();
            count += 1;
        }
        self.step(BenchmarkStep::WarmUp, 0, || {
            run_once(decoder, &prompts[..count], self.run_settings(), &|_| (), self.stop)
        })?;
        Ok(())
    }

    fn whole(&self, decoder: &Decoder, step: BenchmarkStep, token_count: u64) -> Result<Repeat> {
        let (prompts, run) = (&self.settings.workload.prompts, self.run_settings());
        self.step(step, token_count, || {
            run_once(decoder, prompts, run, &|done| self.advanced(done), self.stop)
        })
    }

    fn record(&self, measured: Measured) -> BenchmarkRecord {
        let Running { settings, device, .. } = self;
        let Measured { machine, flops, repeats, .. } = measured;
        let thread_count = rayon::current_num_threads();
        let mut sorted: Vec<&Repeat> = repeats.iter().collect();
        sorted.sort_by(|a, b| a.wall_seconds.total_cmp(&b.wall_seconds));
        let middle = sorted[(sorted.len() - 1) / 2];
        let wall = (middle.wall_seconds + sorted[sorted.len() / 2].wall_seconds) / 2.0;
        let stages = StageCard::new(middle, thread_count);
        let peak = machine.peak_gops_per_second.map(|gops| gops * 1e9);
        let thread_peak = peak.zip(machine.peak_thread_count).map(|(peak, count)| peak / count as f64);
        let linear_seconds = stages.thread_seconds.map(|times| times.linear);
        let workload = workload_card(&settings.workload, middle);
        BenchmarkRecord {
            model: settings.model.name(),
            is_random: settings.model.is_random(),
            dtype: device.dtype().to_string(),
            quantisation: settings.quantisation.map(|quantisation| quantisation.to_string()),
            kernel: device.kernel_name(),
            device: device.name(),
            thread_count,
            token_budget: settings.token_budget,
            seed: settings.seed,
            repeat_count: repeats.len(),
            readout: settings.readout_scope,
            verification: measured.verification,
            read_wall_seconds: measured.read_wall_seconds,
            load_wall_seconds: measured.load_wall_seconds,
            median_wall_seconds: wall,
            min_wall_seconds: sorted[0].wall_seconds,
            max_wall_seconds: sorted[sorted.len() - 1].wall_seconds,
            repeat_wall_seconds: repeats.iter().map(|repeat| repeat.wall_seconds).collect(),
            prompts_per_second: workload.prompt_count as f64 / wall,
            logical_tokens_per_second: workload.flat_token_count as f64 / wall,
            computed_tokens_per_second: workload.trie_token_count as f64 / wall,
            linear_peak_fraction: thread_peak
                .zip(linear_seconds)
                .map(|(peak, seconds)| flops.linear as f64 / seconds / peak),
            whole_peak_fraction: peak.map(|peak| flops.total() as f64 / wall / peak),
            flops: flops.into(),
            stages,
            workload,
            peak_memory_bytes: measured.peak_memory_bytes,
            machine,
            versions: settings.versions.clone(),
        }
    }
}

/// The larger peak counts: what a machine can do is not less because something disturbed it while it was measured.
fn machine_card(before: Option<TilePeak>, after: Option<TilePeak>, bandwidth: Option<f64>) -> MachineCard {
    let gops = |peak: &Option<TilePeak>| peak.as_ref().map(|peak| peak.operations_per_second / 1e9);
    let (first, second) = (gops(&before), gops(&after));
    MachineCard {
        cpu_model: cpu_model(),
        peak_thread_count: before.as_ref().map(|peak| peak.thread_count),
        peak_kernel: before.map(|peak| peak.kernel_name),
        peak_gops_per_second: first.zip(second).map(|(first, second)| first.max(second)),
        peak_before_gops_per_second: first,
        peak_after_gops_per_second: second,
        memory_read_gigabytes_per_second: bandwidth.map(|bytes| bytes / 1e9),
    }
}

fn workload_card(workload: &Workload, repeat: &Repeat) -> WorkloadCard {
    let flat_token_count = workload.flat_token_count();
    WorkloadCard {
        name: workload.name.clone(),
        prompt_count: workload.prompts.len(),
        flat_token_count,
        trie_token_count: repeat.trie_token_count,
        segment_count: repeat.segment_count,
        batch_count: repeat.batch_count,
        prefix_savings_ratio: flat_token_count as f64 / repeat.trie_token_count as f64,
    }
}
