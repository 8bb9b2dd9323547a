//! Floating-point operations that a prefill really does, counted from the shape of the work. Changes with the decoders: what
//! they skip is not counted.

use super::DecoderConfig;
use crate::packing::PrefixTrie;

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
    pub(super) fn count(config: &DecoderConfig, trie: &PrefixTrie, last: LastLayer) -> Self {
        let all = Rows::all(trie);
        let last = match last {
            LastLayer::ReadRows => Rows::read(trie),
            LastLayer::AllRows => all,
        };
        let layers = config.layer_count as u64;
        let hidden = config.hidden_size as u64;
        let qkv = hidden * config.qkv_size() as u64;
        let behind = hidden * config.query_size() as u64 + 3 * hidden * config.intermediate_size as u64;
        let sum = |of: fn(Rows) -> u64| (layers - 1) * of(all) + of(last);
        let readouts: usize =
            trie.segments().iter().map(|segment| trie.segment_readouts(segment).len()).sum();
        PrefillFlops {
            linear: 2 * (qkv * layers * all.count + behind * sum(|rows| rows.count)),
            attention: 4 * config.query_size() as u64 * sum(|rows| rows.seen_keys),
            readout: 2 * hidden * config.vocab_size as u64 * readouts as u64,
        }
    }

    pub fn total(&self) -> u64 {
        self.linear + self.attention + self.readout
    }
}

/// Rows of a trie, and how many keys they see together: each its own path, itself included.
#[derive(Debug, Clone, Copy)]
struct Rows {
    count: u64,
    seen_keys: u64,
}

impl Rows {
    fn all(trie: &PrefixTrie) -> Self {
        let seen_keys = trie.segments().iter().map(|segment| {
            let len = trie.segment_tokens(segment).len() as u64;
            len * u64::from(segment.start_position) + len * (len + 1) / 2
        });
        Rows { count: trie.token_count(), seen_keys: seen_keys.sum() }
    }

    /// Rows behind which something is read, each once.
    fn read(trie: &PrefixTrie) -> Self {
        let mut rows = Rows { count: 0, seen_keys: 0 };
        for segment in trie.segments() {
            let mut offsets: Vec<u32> =
                trie.segment_readouts(segment).iter().map(|readout| readout.offset).collect();
            offsets.dedup();
            rows.count += offsets.len() as u64;
            rows.seen_keys +=
                offsets.iter().map(|offset| u64::from(segment.start_position + offset + 1)).sum::<u64>();
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::super::RopeConfig;
    use super::*;
    use crate::packing::TokenSequence;

    fn config() -> DecoderConfig {
        DecoderConfig {
            vocab_size: 50,
            hidden_size: 8,
            intermediate_size: 10,
            layer_count: 3,
            head_count: 2,
            kv_head_count: 1,
            head_dim: 6,
            norm_eps: 1e-6,
            rope: RopeConfig { theta: 1e4, scaling: None },
            position_count_max: 64,
            qk_norm: false,
            qkv_bias: false,
            output_bias: false,
            mlp_bias: false,
            tied_embeddings: true,
        }
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
}
