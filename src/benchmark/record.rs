//! What a benchmark found, as data. Units stand last in names; what could not be measured is `None`, never a guess.

use super::repeat::{EngineThreadSeconds, Repeat};
use crate::engine::{PrefillFlops, ReadoutScope};
use serde::Serialize;
use std::collections::BTreeMap;

/// One benchmark.
#[derive(Debug, Clone, Serialize)]
pub struct BenchmarkRecord {
    /// A folder's name, or a shape's.
    pub model: String,
    pub is_random: bool,
    pub dtype: String,
    /// How the weights are kept, where they are quantised.
    pub quantisation: Option<String>,
    /// The arithmetic, such as `avx512-bf16`.
    pub kernel: String,
    pub device: String,
    pub thread_count: usize,
    pub token_budget: usize,
    pub seed: u64,
    pub repeat_count: usize,
    pub readout: ReadoutScope,
    pub workload: WorkloadCard,
    /// `None` where it was not asked for.
    pub verification: Option<VerificationCard>,
    /// Reading the weight files once and nothing else; `None` for random weights.
    pub read_wall_seconds: Option<f64>,
    /// From weight files (checked on the way, not hashed) or from a seed to a decoder that is ready.
    pub load_wall_seconds: f64,
    /// From token ids in memory to readouts, trie and batches included.
    pub median_wall_seconds: f64,
    pub min_wall_seconds: f64,
    pub max_wall_seconds: f64,
    /// In the order of the runs.
    pub repeat_wall_seconds: Vec<f64>,
    pub prompts_per_second: f64,
    /// What is shared counted for every prompt.
    pub logical_tokens_per_second: f64,
    /// What is shared counted once.
    pub computed_tokens_per_second: f64,
    pub flops: FlopsCard,
    /// FLOPs of the linear layers in a second that a thread spent in them, against a thread's part of the peak.
    pub linear_peak_fraction: Option<f64>,
    /// All FLOPs by the median wall time, against the peak.
    pub whole_peak_fraction: Option<f64>,
    /// Of the repeat in the middle.
    pub stages: StageCard,
    /// The most memory held from loading on; from the process's start where the system cannot start it again.
    pub peak_memory_bytes: Option<u64>,
    pub machine: MachineCard,
    /// This program's and those of the libraries that numbers depend on.
    pub versions: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct WorkloadCard {
    pub name: String,
    pub prompt_count: usize,
    pub flat_token_count: u64,
    pub trie_token_count: u64,
    pub segment_count: u64,
    pub batch_count: u64,
    /// Flat tokens for each token computed.
    pub prefix_savings_ratio: f64,
}

#[derive(Debug, Clone, Serialize)]
pub struct VerificationCard {
    /// The arithmetic that was compared with.
    pub reference_kernel: String,
    pub prompt_count: usize,
    pub log_prob_count: usize,
    pub largest_difference_nats: f64,
    pub bound_nats: f64,
}

/// A multiply-add counts as two; norms, activations and softmax are not counted.
#[derive(Debug, Clone, Serialize)]
pub struct FlopsCard {
    pub linear_flops: u64,
    pub attention_flops: u64,
    pub readout_flops: u64,
    pub total_flops: u64,
}

impl From<PrefillFlops> for FlopsCard {
    fn from(flops: PrefillFlops) -> Self {
        FlopsCard {
            linear_flops: flops.linear,
            attention_flops: flops.attention,
            readout_flops: flops.readout,
            total_flops: flops.total(),
        }
    }
}

#[derive(Debug, Clone, Serialize)]
pub struct MachineCard {
    pub cpu_model: Option<String>,
    /// The kernel whose register tile, fed from the first cache by all threads, is the peak.
    pub peak_kernel: Option<String>,
    /// Threads that ran it at once: fewer than asked for where there are fewer cores.
    pub peak_thread_count: Option<usize>,
    /// The larger of the two below; a multiply-add is two operations.
    pub peak_gops_per_second: Option<f64>,
    pub peak_before_gops_per_second: Option<f64>,
    pub peak_after_gops_per_second: Option<f64>,
    pub memory_read_gigabytes_per_second: Option<f64>,
}

/// Where the time of one repeat went.
#[derive(Debug, Clone, Serialize)]
pub struct StageCard {
    /// Building the prefix trie, on one thread.
    pub trie_wall_seconds: f64,
    /// Cutting it into batches, on one thread.
    pub packing_wall_seconds: f64,
    /// `None` where the path is not timed.
    pub thread_seconds: Option<StageTimes>,
    /// The same, each divided by threads × wall.
    pub thread_share: Option<StageTimes>,
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct StageTimes {
    pub linear: f64,
    pub attention: f64,
    pub pointwise: f64,
    /// Quantised weights made into values.
    pub unpack: f64,
    pub readout: f64,
    /// The trie and its batches.
    pub packing: f64,
    /// What is left of threads × wall: waiting, and whatever belongs to no stage.
    pub idle: f64,
}

impl StageCard {
    pub fn new(repeat: &Repeat, thread_count: usize) -> Self {
        let all = thread_count as f64 * repeat.wall_seconds;
        let packing = repeat.trie_wall_seconds + repeat.packing_wall_seconds;
        let times = |engine: EngineThreadSeconds| {
            let EngineThreadSeconds { linear, attention, pointwise, unpack, readout } = engine;
            let busy = linear + attention + pointwise + unpack + readout + packing;
            StageTimes { linear, attention, pointwise, unpack, readout, packing, idle: (all - busy).max(0.0) }
        };
        let thread_seconds = repeat.thread_seconds.map(times);
        StageCard {
            trie_wall_seconds: repeat.trie_wall_seconds,
            packing_wall_seconds: repeat.packing_wall_seconds,
            thread_share: thread_seconds.map(|times| times.divided_by(all)),
            thread_seconds,
        }
    }
}

impl StageTimes {
    fn divided_by(self, all: f64) -> Self {
        StageTimes {
            linear: self.linear / all,
            attention: self.attention / all,
            pointwise: self.pointwise / all,
            unpack: self.unpack / all,
            readout: self.readout / all,
            packing: self.packing / all,
            idle: self.idle / all,
        }
    }

    /// Names and values, in the order in which they are shown.
    pub fn named(&self) -> [(&'static str, f64); 7] {
        [
            ("linear", self.linear),
            ("attention", self.attention),
            ("pointwise", self.pointwise),
            ("unpack", self.unpack),
            ("readout", self.readout),
            ("packing", self.packing),
            ("idle", self.idle),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_and_idle_make_up_the_whole() {
        let repeat = Repeat {
            wall_seconds: 2.0,
            trie_wall_seconds: 0.125,
            packing_wall_seconds: 0.25,
            thread_seconds: Some(EngineThreadSeconds {
                linear: 2.0,
                attention: 0.5,
                pointwise: 0.25,
                unpack: 0.0,
                readout: 0.125,
            }),
            trie_token_count: 0,
            segment_count: 0,
            batch_count: 0,
            log_probs: Vec::new(),
        };
        let card = StageCard::new(&repeat, 2);
        assert_eq!(card.thread_seconds.unwrap().idle, 0.75);
        let share = card.thread_share.unwrap();
        assert_eq!((share.linear, share.packing), (0.5, 0.09375));
        assert_eq!(share.named().iter().map(|(_, share)| share).sum::<f64>(), 1.0);
        assert!(StageCard::new(&Repeat { thread_seconds: None, ..repeat }, 2).thread_share.is_none());
    }
}
