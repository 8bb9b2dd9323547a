//! An edge-compressed prefix trie, built once from all token sequences. Knows nothing of budgets or batches.

use std::cmp::Ordering;
use std::ops::Range;

/// A sequence of token ids in two parts, so that many continuations of one prompt need not copy it.
#[derive(Debug, Clone, Copy)]
pub struct TokenSequence<'a> {
    pub head: &'a [u32],
    pub tail: &'a [u32],
    /// Sequences of different groups share nothing: for models whose arithmetic depends on a sequence's length.
    pub length_group: u32,
}

impl<'a> TokenSequence<'a> {
    pub fn new(head: &'a [u32], tail: &'a [u32]) -> Self {
        TokenSequence { head, tail, length_group: 0 }
    }

    /// The same in the group that `group_of` its length names.
    pub fn grouped(self, group_of: impl FnOnce(usize) -> u32) -> Self {
        TokenSequence { length_group: group_of(self.len()), ..self }
    }

    fn len(&self) -> usize {
        self.head.len() + self.tail.len()
    }

    fn at(&self, index: usize) -> u32 {
        match index.checked_sub(self.head.len()) {
            None => self.head[index],
            Some(index) => self.tail[index],
        }
    }

    fn iter(&self) -> impl Iterator<Item = u32> + 'a {
        self.head.iter().chain(self.tail).copied()
    }

    fn cmp(&self, other: &Self) -> Ordering {
        // Most comparisons are decided inside the heads, where slices compare fastest.
        let shared = self.head.len().min(other.head.len());
        let group = self.length_group.cmp(&other.length_group);
        match group.then_with(|| self.head[..shared].cmp(&other.head[..shared])) {
            Ordering::Equal => self.iter().skip(shared).cmp(other.iter().skip(shared)),
            decided => decided,
        }
    }

    /// Length of the common prefix, given that the first `known` tokens agree.
    fn common_prefix_len(&self, other: &Self, known: usize) -> usize {
        let limit = self.len().min(other.len());
        (known..limit).find(|&index| self.at(index) != other.at(index)).unwrap_or(limit)
    }
}

/// One edge: a run of tokens behind a parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Index of the segment that this one continues; smaller than its own. `None` at a root.
    pub parent: Option<u32>,
    pub length_group: u32,
    /// Position id of the first token: the number of tokens on the path before it.
    pub start_position: u32,
    /// Where its tokens lie in [`PrefixTrie::tokens`]. Never empty.
    pub tokens: Range<u32>,
    /// Where its readouts lie in [`PrefixTrie::readouts`].
    pub readouts: Range<u32>,
}

/// A token of a segment behind which something is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readout {
    /// Offset of the token within its segment.
    pub offset: u32,
    /// Index of the sequence that ends there.
    pub sequence: u32,
}

/// All sequences as a forest of segments in depth-first order, children by ascending first token.
/// The order of the sequences given does not change it.
#[derive(Debug, Default)]
pub struct PrefixTrie {
    tokens: Vec<u32>,
    segments: Vec<Segment>,
    readouts: Vec<Readout>,
}

/// A range of sorted sequences that agree on their first `depth` tokens, still to be turned into segments.
struct Pending {
    sorted: Range<usize>,
    depth: usize,
    parent: Option<u32>,
}

impl PrefixTrie {
    /// Builds the trie. Each sequence is read out at its last token; equal sequences share a row.
    ///
    /// # Panics
    /// If a sequence is empty, or if there are 2^32 tokens or sequences or more: callers encode prompts, which never are.
    pub fn new(sequences: &[TokenSequence<'_>]) -> Self {
        assert!(sequences.iter().all(|s| s.len() > 0), "an empty prompt has no readout position");
        assert!(sequences.len() < u32::MAX as usize, "sequence indices are 32 bits");
        let mut order: Vec<u32> = (0..sequences.len() as u32).collect();
        order.sort_by(|&a, &b| sequences[a as usize].cmp(&sequences[b as usize]).then(a.cmp(&b)));

        let mut trie = PrefixTrie::default();
        let mut pending = Vec::new();
        // Groups from the last to the first, so that the first comes off first.
        let group = |index: &u32| sequences[*index as usize].length_group;
        let mut end = order.len();
        while end > 0 {
            let last = group(&order[end - 1]);
            let start = order[..end].partition_point(|index| group(index) < last);
            push_children(sequences, &order, start..end, 0, None, &mut pending);
            end = start;
        }
        while let Some(next) = pending.pop() {
            trie.add_segment(sequences, &order, next, &mut pending);
        }
        assert!(trie.tokens.len() < u32::MAX as usize, "token offsets are 32 bits");
        trie
    }

    /// Makes one segment of a range that agrees on at least one further token, and queues what branches off it.
    fn add_segment(
        &mut self,
        sequences: &[TokenSequence<'_>],
        order: &[u32],
        Pending { sorted, depth, parent }: Pending,
        pending: &mut Vec<Pending>,
    ) {
        let sequence = |index: usize| &sequences[order[index] as usize];
        let last = sequence(sorted.end - 1);
        let (first_token, first_readout) = (self.tokens.len() as u32, self.readouts.len() as u32);
        let mut rest = sorted;
        let mut end = depth + 1;
        loop {
            // A sequence that ends on the way is read there and does not cut the edge.
            end = sequence(rest.start).common_prefix_len(last, end);
            while rest.start < rest.end && sequence(rest.start).len() == end {
                let offset = (end - 1 - depth) as u32;
                self.readouts.push(Readout { offset, sequence: order[rest.start] });
                rest.start += 1;
            }
            let one_way = rest.start < rest.end && sequence(rest.start).at(end) == last.at(end);
            if !one_way {
                break;
            }
        }
        let id = self.segments.len() as u32;
        self.tokens.extend((depth..end).map(|index| last.at(index)));
        self.segments.push(Segment {
            parent,
            length_group: last.length_group,
            start_position: depth as u32,
            tokens: first_token..self.tokens.len() as u32,
            readouts: first_readout..self.readouts.len() as u32,
        });
        push_children(sequences, order, rest, end, Some(id), pending);
    }

    /// Segments in depth-first order.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Token ids of one segment.
    pub fn segment_tokens(&self, segment: &Segment) -> &[u32] {
        &self.tokens[segment.tokens.start as usize..segment.tokens.end as usize]
    }

    /// What is read along one segment, by ascending offset.
    pub fn segment_readouts(&self, segment: &Segment) -> &[Readout] {
        &self.readouts[segment.readouts.start as usize..segment.readouts.end as usize]
    }

    /// The sequences in the order in which they are read.
    pub fn sequences_in_order(&self) -> impl Iterator<Item = u32> + '_ {
        self.readouts.iter().map(|readout| readout.sequence)
    }

    /// Rows to compute.
    pub fn token_count(&self) -> u64 {
        self.tokens.len() as u64
    }
}

/// Queues the groups of a sorted range that differ in their token at `depth`, so that the smallest comes off first.
fn push_children(
    sequences: &[TokenSequence<'_>],
    order: &[u32],
    sorted: Range<usize>,
    depth: usize,
    parent: Option<u32>,
    pending: &mut Vec<Pending>,
) {
    let token = |index: usize| sequences[order[index] as usize].at(depth);
    let mut end = sorted.end;
    while end > sorted.start {
        let start = sorted.start
            + order[sorted.start..end]
                .partition_point(|&index| sequences[index as usize].at(depth) < token(end - 1));
        pending.push(Pending { sorted: start..end, depth, parent });
        end = start;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn trie(sequences: &[Vec<u32>]) -> PrefixTrie {
        let views: Vec<_> = sequences.iter().map(|s| TokenSequence::new(s, &[])).collect();
        PrefixTrie::new(&views)
    }

    /// The tokens from the root to the row of each readout, by sequence index.
    fn spelled(trie: &PrefixTrie, count: usize) -> Vec<Vec<u32>> {
        let mut paths: Vec<Vec<u32>> = Vec::new();
        let mut found = vec![Vec::new(); count];
        for segment in trie.segments() {
            let mut path = segment.parent.map(|p| paths[p as usize].clone()).unwrap_or_default();
            assert_eq!(path.len(), segment.start_position as usize);
            path.extend(trie.segment_tokens(segment));
            for readout in trie.segment_readouts(segment) {
                let len = segment.start_position as usize + readout.offset as usize + 1;
                found[readout.sequence as usize] = path[..len].to_vec();
            }
            paths.push(path);
        }
        found
    }

    fn sequences() -> impl Strategy<Value = Vec<Vec<u32>>> {
        prop::collection::vec(prop::collection::vec(0u32..3, 1..8), 1..40)
    }

    proptest! {
        #[test]
        fn every_sequence_is_spelled_by_its_path(sequences in sequences()) {
            prop_assert_eq!(spelled(&trie(&sequences), sequences.len()), sequences);
        }

        #[test]
        fn each_distinct_prefix_is_one_row(sequences in sequences()) {
            let distinct: std::collections::HashSet<&[u32]> =
                sequences.iter().flat_map(|s| (1..=s.len()).map(|len| &s[..len])).collect();
            prop_assert_eq!(trie(&sequences).token_count(), distinct.len() as u64);
        }

        #[test]
        fn no_edge_could_be_longer(sequences in sequences()) {
            let trie = trie(&sequences);
            let mut children = vec![0; trie.segments().len()];
            for segment in trie.segments() {
                if let Some(parent) = segment.parent { children[parent as usize] += 1; }
            }
            prop_assert!(children.iter().all(|&count| count != 1));
        }

        #[test]
        fn order_does_not_matter(sequences in sequences()) {
            let reversed: Vec<_> = sequences.iter().rev().cloned().collect();
            let (a, b) = (trie(&sequences), trie(&reversed));
            prop_assert_eq!(&a.tokens, &b.tokens);
            prop_assert_eq!(&a.segments, &b.segments);
        }
    }

    #[test]
    fn a_head_and_a_tail_are_one_sequence() {
        let split = [
            TokenSequence::new(&[1, 2], &[3]),
            TokenSequence::new(&[1], &[2, 3]),
            TokenSequence::new(&[1, 2], &[]),
        ];
        let trie = PrefixTrie::new(&split);
        assert_eq!((trie.token_count(), trie.segments().len()), (3, 1));
    }
}
