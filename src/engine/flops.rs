//! Floating-point operations that a prefill really does, counted from the shape of the work. Changes with the decoders: what
//! they skip is not counted.

use super::{DecoderConfig, FeedForward};
use crate::packing::{PrefixTrie, Segment};

/// Which rows go on behind the last layer's keys and values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LastLayer {
    ReadRows,
    AllRows,
}

/// A multiply-add counts as two. Norms, activations, rotations and the softmax are not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrefillFlops {
    /// Matrix products of the layers.
    pub linear: u64,
    /// Scores, and mixed values, for the keys that a row sees.
    pub attention: u64,
    /// The readout matrix.
    pub readout: u64,
}

impl PrefillFlops {
    /// What the packed forward computes of a trie, the readout over the whole vocabulary.
    pub fn foretold(config: &DecoderConfig, trie: &PrefixTrie) -> Self {
        Self::count(config, trie, LastLayer::ReadRows)
    }

    pub(super) fn count(config: &DecoderConfig, trie: &PrefixTrie, last: LastLayer) -> Self {
        let all = Rows::all(trie);
        let read = match last {
            LastLayer::ReadRows => Rows::read(trie),
            LastLayer::AllRows => Rows::all(trie),
        };
        let hidden = config.hidden_size as u64;
        let qkv = hidden * config.qkv_size() as u64;
        let (mut linear, mut seen_keys) = (0, 0);
        for (index, layer) in config.layers.iter().enumerate() {
            let behind = if index + 1 < config.layer_count() { &all } else { &read };
            let output = hidden * config.query_size() as u64;
            linear += qkv * all.count() + (output + layer.feed_forward.row_products(hidden)) * behind.count();
            seen_keys += behind.seen_keys(layer.window);
        }
        let readouts: usize =
            trie.segments().iter().map(|segment| trie.segment_readouts(segment).len()).sum();
        PrefillFlops {
            linear: 2 * linear,
            attention: 4 * config.query_size() as u64 * seen_keys,
            readout: 2 * hidden * config.vocab_size as u64 * readouts as u64,
        }
    }

    pub fn total(&self) -> u64 {
        self.linear + self.attention + self.readout
    }
}

impl FeedForward {
    /// Multiply-adds of one row: of experts, those that it goes through.
    fn row_products(&self, hidden: u64) -> u64 {
        match self {
            FeedForward::Gated { intermediate_size } => 3 * hidden * *intermediate_size as u64,
            FeedForward::Plain { intermediate_size } => 2 * hidden * *intermediate_size as u64,
            FeedForward::Experts(experts) => {
                let chosen = 3 * experts.chosen_count * experts.intermediate_size;
                let shared = experts.shared_intermediate_size.map_or(0, |width| 3 * width + 1);
                hidden * (chosen + shared + experts.expert_count) as u64
            }
        }
    }
}

/// Rows of a trie: runs of neighbouring positions, each row of which sees its own path, itself included.
#[derive(Debug)]
struct Rows(Vec<std::ops::Range<u64>>);

impl Rows {
    fn all(trie: &PrefixTrie) -> Self {
        let of = |segment: &Segment| {
            let start = u64::from(segment.start_position);
            start..start + trie.segment_tokens(segment).len() as u64
        };
        Rows(trie.segments().iter().map(of).collect())
    }

    /// Rows behind which something is read, each once.
    fn read(trie: &PrefixTrie) -> Self {
        let mut rows = Vec::new();
        for segment in trie.segments() {
            let mut positions: Vec<u64> = trie
                .segment_readouts(segment)
                .iter()
                .map(|readout| u64::from(segment.start_position + readout.offset))
                .collect();
            positions.dedup();
            rows.extend(positions.into_iter().map(|position| position..position + 1));
        }
        Rows(rows)
    }

    fn count(&self) -> u64 {
        self.0.iter().map(|run| run.end - run.start).sum()
    }

    /// Keys that all rows see together, each at most as many as the window has.
    fn seen_keys(&self, window: Option<usize>) -> u64 {
        // The row at position p sees p + 1 keys.
        let unbounded = |positions: u64| positions * (positions + 1) / 2;
        let window = window.map_or(u64::MAX, |window| window as u64);
        let up_to = |positions: u64| match positions.checked_sub(window) {
            None => unbounded(positions),
            Some(beyond) => unbounded(window) + beyond * window,
        };
        self.0.iter().map(|run| up_to(run.end) - up_to(run.start)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Experts, RopeConfig, RopeKind, UniformSizes};
    use super::*;
    use crate::packing::TokenSequence;

    fn config() -> DecoderConfig {
        let sizes = UniformSizes {
            vocab_size: 50,
            hidden_size: 8,
            intermediate_size: 10,
            layer_count: 3,
            head_count: 2,
            kv_head_count: 1,
            head_dim: 6,
            position_count_max: 64,
        };
        let rope = RopeConfig { dim: 6, theta: 1e4, kind: RopeKind::Default };
        DecoderConfig::uniform(sizes, 1e-6, rope, true)
    }

    #[test]
    fn a_tiny_tree_counted_by_hand() {
        // Three tokens shared, then two and one of their own, and the first sequence once more: 6 rows, 3 readouts on 2.
        let sequences = [&[1, 2, 3, 4, 5][..], &[1, 2, 3, 6], &[1, 2, 3, 4, 5]];
        let trie = PrefixTrie::new(&sequences.map(|ids| TokenSequence::new(ids, &[])));
        let flops = PrefillFlops::count(&config(), &trie, LastLayer::ReadRows);
        // qkv 8 × (12 + 2 · 6) for 6 rows in 3 layers; output 8 × 12 and three of 8 × 10 for 6 + 6 + 2 rows.
        assert_eq!(flops.linear, 2 * (8 * 24 * 6 * 3 + (8 * 12 + 3 * 8 * 10) * (6 + 6 + 2)));
        // Keys seen: 1 + 2 + 3 shared, 4 + 5 and 4 behind; in the last layer 5 and 4.
        assert_eq!(flops.attention, 4 * 2 * 6 * (19 + 19 + 9));
        assert_eq!(flops.readout, 2 * 8 * 50 * 3);
        assert_eq!(flops.total(), flops.linear + flops.attention + flops.readout);

        let whole = PrefillFlops::count(&config(), &trie, LastLayer::AllRows);
        assert_eq!(whole.linear, 2 * (8 * 24 + 8 * 12 + 3 * 8 * 10) * 6 * 3);
        assert_eq!((whole.attention, whole.readout), (4 * 2 * 6 * 19 * 3, flops.readout));
    }

    #[test]
    fn windows_and_experts_count_what_is_done() {
        let trie = PrefixTrie::new(&[TokenSequence::new(&[1, 2, 3, 4, 5], &[])]);
        let mut config = config();
        config.layers.truncate(1);
        config.layers[0].window = Some(2);
        config.layers[0].feed_forward = FeedForward::Experts(Experts {
            expert_count: 7,
            chosen_count: 2,
            intermediate_size: 5,
            normalised: true,
            shared_intermediate_size: Some(4),
        });
        let flops = PrefillFlops::count(&config, &trie, LastLayer::AllRows);
        // Keys seen: 1, 2, 2, 2, 2.
        assert_eq!(flops.attention, 4 * 2 * 6 * 9);
        assert_eq!(flops.linear, 2 * 5 * (8 * 24 + 8 * 12 + 8 * (3 * 2 * 5 + 3 * 4 + 1 + 7)));
    }
}
