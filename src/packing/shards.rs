//! Cuts a trie into parts that cost about the same, each a stretch of its depth-first order: what two neighbours both compute is the path
//! above the cut between them, so cuts look for short ones. Knows nothing of who computes a part.

use super::PrefixTrie;
use std::ops::Range;

/// How far a cut may lie from where it would be if all parts cost the same, as a share of a part: the two ends of a part together keep it
/// within 5 % of the others.
const SLACK: f64 = 0.0125;
/// What a part has to compute again depends on where it is cut, and the other way round.
const ROUND_COUNT: usize = 4;

/// What one part of a trie reads and costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrieShard {
    /// Indices of the sequences that are read in it, in depth-first order.
    pub sequences: Vec<u32>,
    /// Tokens of the trie of these sequences.
    pub token_count: u64,
}

/// The readouts of a trie in depth-first order.
struct Walk {
    sequences: Vec<u32>,
    /// Tokens that come in depth-first order before the end of the readout's own, by readout; behind it, with a 0 before all.
    ends: Vec<u64>,
    /// Tokens of each readout's path that an earlier readout has too: what it costs to begin with it.
    shared: Vec<u64>,
}

impl Walk {
    fn new(trie: &PrefixTrie) -> Self {
        let mut walk = Walk { sequences: Vec::new(), ends: vec![0], shared: Vec::new() };
        for segment in trie.segments() {
            for readout in trie.segment_readouts(segment) {
                let behind = u64::from(readout.offset) + 1;
                let end = u64::from(segment.tokens.start) + behind;
                let own = end - walk.ends[walk.ends.len() - 1];
                walk.shared.push(u64::from(segment.start_position) + behind - own);
                walk.sequences.push(readout.sequence);
                walk.ends.push(end);
            }
        }
        walk
    }

    fn readout_count(&self) -> usize {
        self.sequences.len()
    }

    /// Tokens of the trie of a stretch of readouts.
    fn cost(&self, readouts: &Range<usize>) -> u64 {
        match readouts.is_empty() {
            true => 0,
            false => self.ends[readouts.end] - self.ends[readouts.start] + self.shared[readouts.start],
        }
    }

    /// The cut nearest to where `wanted` tokens lie before it; of those within the slack, one that costs least.
    fn cut(&self, wanted: f64, slack: f64, allowed: Range<usize>) -> usize {
        let at = |tokens: f64| self.ends.partition_point(|end| (*end as f64) < tokens);
        let (from, to) = (at(wanted - slack).max(allowed.start), at(wanted + slack).min(allowed.end));
        let distance = |cut: usize| (self.ends[cut] as f64 - wanted).abs();
        let near = (from..to)
            .min_by(|&a, &b| self.shared[a].cmp(&self.shared[b]).then(distance(a).total_cmp(&distance(b))));
        near.unwrap_or_else(|| {
            let above = at(wanted).clamp(allowed.start, allowed.end - 1);
            let below = above.saturating_sub(1).max(allowed.start);
            if distance(below) < distance(above) { below } else { above }
        })
    }

    /// Where parts begin, and the end of the last: all of equal cost, as far as that can be had.
    fn cuts(&self, count: usize) -> Vec<usize> {
        let readout_count = self.readout_count();
        let mut best: Option<(u64, Vec<usize>)> = None;
        let mut again = vec![0; count];
        for _ in 0..ROUND_COUNT {
            let total = self.ends[readout_count] + again.iter().sum::<u64>();
            let share = total as f64 / count as f64;
            let (mut cuts, mut before) = (vec![0], 0);
            for index in 1..count {
                before += again[index - 1];
                // No part is empty.
                let allowed = cuts[index - 1] + 1..readout_count - (count - index) + 1;
                cuts.push(self.cut(share * index as f64 - before as f64, share * SLACK, allowed));
            }
            again = cuts.iter().map(|&cut| self.shared[cut]).collect();
            cuts.push(readout_count);
            let dearest = cuts.windows(2).map(|ends| self.cost(&(ends[0]..ends[1]))).max().unwrap_or(0);
            if best.as_ref().is_none_or(|(known, _)| dearest < *known) {
                best = Some((dearest, cuts));
            }
        }
        best.map(|(_, cuts)| cuts).unwrap_or_default()
    }
}

impl PrefixTrie {
    /// Cuts the trie into `count` parts. Computed one after the other they read what the whole trie reads, in its order; together they compute
    /// its tokens, and again those above each cut. `None` for fewer readouts than parts, or for no parts.
    pub fn shards(&self, count: usize) -> Option<Vec<TrieShard>> {
        let walk = Walk::new(self);
        if count == 0 || walk.readout_count() < count {
            return None;
        }
        let cuts = walk.cuts(count);
        let shards = cuts.windows(2).map(|ends| ends[0]..ends[1]).map(|readouts| TrieShard {
            token_count: walk.cost(&readouts),
            sequences: walk.sequences[readouts].to_vec(),
        });
        Some(shards.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::TokenSequence;
    use super::*;
    use proptest::prelude::*;

    fn trie(sequences: &[Vec<u32>]) -> PrefixTrie {
        let views: Vec<_> = sequences.iter().map(|tokens| TokenSequence::new(tokens, &[])).collect();
        PrefixTrie::new(&views)
    }

    /// Sequences in the order in which they are read.
    fn order(trie: &PrefixTrie) -> Vec<u32> {
        let readouts = trie.segments().iter().flat_map(|segment| trie.segment_readouts(segment));
        readouts.map(|readout| readout.sequence).collect()
    }

    proptest! {
        #[test]
        fn parts_are_the_whole_in_its_order_and_cost_what_they_say(
            sequences in prop::collection::vec(prop::collection::vec(0u32..3, 1..9), 1..60), count in 1..9usize,
        ) {
            let whole = trie(&sequences);
            let Some(shards) = whole.shards(count) else {
                prop_assert!(count > sequences.len());
                return Ok(());
            };
            prop_assert_eq!(shards.len(), count);
            let joined: Vec<u32> = shards.iter().flat_map(|shard| shard.sequences.clone()).collect();
            prop_assert_eq!(joined, order(&whole));
            for shard in &shards {
                prop_assert!(!shard.sequences.is_empty());
                let own: Vec<_> = shard.sequences.iter().map(|index| sequences[*index as usize].clone()).collect();
                let part = trie(&own);
                prop_assert_eq!(part.token_count(), shard.token_count);
                // Its own trie reads it in the same order.
                let read: Vec<u32> = order(&part).iter().map(|index| shard.sequences[*index as usize]).collect();
                prop_assert_eq!(&read, &shard.sequences);
            }
        }

        #[test]
        fn parts_cost_about_the_same(
            // Personas × items × formats, with words of their own between them.
            widths in prop::collection::vec(2..9usize, 2..4), lengths in prop::collection::vec(1..30usize, 3), count in 2..12usize,
        ) {
            let mut sequences = vec![Vec::new()];
            for (level, width) in widths.iter().enumerate() {
                let longer = |prefix: &Vec<u32>| {
                    let prefix = prefix.clone();
                    let length = lengths[level];
                    (0..*width as u32).map(move |branch| {
                        let own = std::iter::repeat_n(branch, 1 + (length + branch as usize * 7) % 40);
                        prefix.iter().copied().chain(own).collect::<Vec<u32>>()
                    })
                };
                sequences = sequences.iter().flat_map(longer).collect();
            }
            let longest = sequences.iter().map(Vec::len).max().unwrap_or(0) as f64;
            let Some(shards) = trie(&sequences).shards(count) else { return Ok(()) };
            let costs = || shards.iter().map(|shard| shard.token_count as f64);
            let (least, most) = (costs().fold(f64::INFINITY, f64::min), costs().fold(0.0, f64::max));
            // One sequence more or less at either end of a part is as fine as it gets.
            prop_assert!(most <= least * 1.06 + 3.0 * longest, "{:?}", costs().collect::<Vec<_>>());
        }
    }

    #[test]
    fn cuts_look_for_short_paths() {
        // Four branches of 8 readouts behind 50 shared tokens each: two parts take two branches each, and compute one token twice.
        let sequences: Vec<Vec<u32>> = (0..4u32)
            .flat_map(|branch| {
                (0..8u32)
                    .map(move |leaf| [vec![9], vec![branch; 50 + branch as usize % 2], vec![leaf]].concat())
            })
            .collect();
        let shards = trie(&sequences).shards(2).unwrap();
        assert_eq!(shards.iter().map(|shard| shard.sequences.len()).collect::<Vec<_>>(), [16, 16]);
        assert_eq!(
            shards.iter().map(|shard| shard.token_count).sum::<u64>(),
            trie(&sequences).token_count() + 1
        );
    }

    #[test]
    fn no_more_parts_than_readouts() {
        let whole = trie(&[vec![1, 2], vec![1, 3]]);
        assert!(whole.shards(3).is_none() && whole.shards(0).is_none());
        assert_eq!(whole.shards(2).unwrap().len(), 2);
    }
}
