//! Cuts tries that are read in turn into parts that cost about the same, each a stretch of their depth-first order: what two neighbours both
//! compute is the path above the cut between them, so cuts look for short ones. Knows nothing of who computes a part.

use super::PrefixTrie;
use std::ops::Range;

/// How far a cut may lie from where it would be if all parts cost the same, as a share of a part: the two ends of a part together keep it
/// within 5 % of the others.
const SLACK: f64 = 0.0125;
/// What a part has to compute again depends on where it is cut, and the other way round.
const ROUND_COUNT: usize = 4;

/// Where a part begins or ends: before a readout, in depth-first order, of one of several tries that are read in turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CutPlace {
    pub trie: usize,
    pub readout: usize,
}

/// A stretch of readouts and what it costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriePart {
    pub places: Range<CutPlace>,
    /// Tokens of the tries of these readouts.
    pub token_count: u64,
}

impl TriePart {
    /// All of so many tries.
    pub fn whole(trie_count: usize, token_count: u64) -> Self {
        let place = |trie: usize| CutPlace { trie, readout: 0 };
        TriePart { places: place(0)..place(trie_count), token_count }
    }

    /// The readouts of one trie that are its own; `None` for none.
    pub fn readouts_of(&self, trie: usize) -> Option<Range<usize>> {
        let Range { start, end } = self.places;
        let from = if trie == start.trie { start.readout } else { 0 };
        let to = if trie == end.trie { end.readout } else { usize::MAX };
        ((start.trie..=end.trie).contains(&trie) && from < to).then_some(from..to)
    }
}

/// A readout that a part may begin with.
#[derive(Debug, Clone, Copy)]
struct Cut {
    place: CutPlace,
    /// Tokens that come in depth-first order before its own.
    before: u64,
    /// Tokens of its path that an earlier readout has too: what it costs to begin with it.
    shared: u64,
}

/// Where tries that are read in turn may be cut.
#[derive(Debug, Clone, Default)]
pub struct Cuts {
    cuts: Vec<Cut>,
    trie_count: usize,
    token_count: u64,
}

impl Cuts {
    /// One more trie behind the others, with at most `count_max` places to cut it at: of as many stretches of equal cost the cheapest each.
    pub fn push(&mut self, trie: &PrefixTrie, count_max: usize) {
        let mut readout_count = 0;
        let mut end = 0;
        let strip = (trie.token_count() / count_max.max(1) as u64).max(1);
        let mut of_strip = None;
        for segment in trie.segments() {
            for readout in trie.segment_readouts(segment) {
                let behind = u64::from(readout.offset) + 1;
                let (before, own_end) = (end, u64::from(segment.tokens.start) + behind);
                end = own_end;
                let shared = u64::from(segment.start_position) + behind - (own_end - before);
                let place = CutPlace { trie: self.trie_count, readout: readout_count };
                readout_count += 1;
                let (cut, index) = (Cut { place, before: self.token_count + before, shared }, before / strip);
                match self.cuts.last_mut() {
                    Some(known) if strip > 1 && of_strip == Some(index) => {
                        if shared < known.shared {
                            *known = cut;
                        }
                    }
                    _ => self.cuts.push(cut),
                }
                of_strip = Some(index);
            }
        }
        self.trie_count += 1;
        self.token_count += trie.token_count();
    }

    /// Tokens before a cut; of one past the last all.
    fn before(&self, cut: usize) -> u64 {
        self.cuts.get(cut).map_or(self.token_count, |cut| cut.before)
    }

    fn place(&self, cut: usize) -> CutPlace {
        let end = CutPlace { trie: self.trie_count, readout: 0 };
        self.cuts.get(cut).map_or(end, |cut| cut.place)
    }

    /// Tokens of the tries of what lies between two cuts.
    fn cost(&self, cuts: &Range<usize>) -> u64 {
        match cuts.is_empty() {
            true => 0,
            false => self.before(cuts.end) - self.before(cuts.start) + self.cuts[cuts.start].shared,
        }
    }

    /// The cut nearest to where `wanted` tokens lie before it; of those within the slack, one that costs least.
    fn nearest(&self, wanted: f64, slack: f64, allowed: Range<usize>) -> usize {
        let at = |tokens: f64| self.cuts.partition_point(|cut| (cut.before as f64) < tokens);
        let (from, to) = (at(wanted - slack).max(allowed.start), at(wanted + slack).min(allowed.end));
        let distance = |cut: usize| (self.before(cut) as f64 - wanted).abs();
        let near = (from..to).min_by(|&a, &b| {
            self.cuts[a].shared.cmp(&self.cuts[b].shared).then(distance(a).total_cmp(&distance(b)))
        });
        near.unwrap_or_else(|| {
            let above = at(wanted).clamp(allowed.start, allowed.end - 1);
            let below = above.saturating_sub(1).max(allowed.start);
            if distance(below) < distance(above) { below } else { above }
        })
    }

    /// Where parts begin, and the end of the last: all of equal cost, as far as that can be had.
    fn even(&self, count: usize) -> Vec<usize> {
        let cut_count = self.cuts.len();
        let mut best: Option<(u64, Vec<usize>)> = None;
        let mut again = vec![0; count];
        for _ in 0..ROUND_COUNT {
            let total = self.token_count + again.iter().sum::<u64>();
            let share = total as f64 / count as f64;
            let (mut cuts, mut before) = (vec![0], 0);
            for index in 1..count {
                before += again[index - 1];
                // No part is empty.
                let allowed = cuts[index - 1] + 1..cut_count - (count - index) + 1;
                cuts.push(self.nearest(share * index as f64 - before as f64, share * SLACK, allowed));
            }
            again = cuts.iter().map(|&cut| self.cuts[cut].shared).collect();
            cuts.push(cut_count);
            let dearest = cuts.windows(2).map(|ends| self.cost(&(ends[0]..ends[1]))).max().unwrap_or(0);
            if best.as_ref().is_none_or(|(known, _)| dearest < *known) {
                best = Some((dearest, cuts));
            }
        }
        best.map(|(_, cuts)| cuts).unwrap_or_default()
    }

    /// Cuts the tries into `count` parts. Computed one after the other they read what the whole tries read, in their order; together they
    /// compute their tokens, and again those above each cut. `None` for fewer places than parts, or for no parts.
    pub fn parts(&self, count: usize) -> Option<Vec<TriePart>> {
        if count == 0 || self.cuts.len() < count {
            return None;
        }
        let cuts = self.even(count);
        let part = |ends: &[usize]| TriePart {
            places: self.place(ends[0])..self.place(ends[1]),
            token_count: self.cost(&(ends[0]..ends[1])),
        };
        Some(cuts.windows(2).map(part).collect())
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

    /// Tries that are read in turn: of so many sequences each.
    fn tries(sequences: &[Vec<u32>], lens: usize) -> Vec<PrefixTrie> {
        sequences.chunks(lens).map(trie).collect()
    }

    fn cuts(tries: &[PrefixTrie], count_max: usize) -> Cuts {
        let mut cuts = Cuts::default();
        tries.iter().for_each(|trie| cuts.push(trie, count_max));
        cuts
    }

    /// What a part reads of each trie, as sequences, in its order.
    fn read(part: &TriePart, tries: &[PrefixTrie]) -> Vec<Vec<u32>> {
        let of_trie = |(index, trie): (usize, &PrefixTrie)| {
            let order: Vec<u32> = trie.sequences_in_order().collect();
            let Some(own) = part.readouts_of(index) else { return Vec::new() };
            order[own.start..own.end.min(order.len())].to_vec()
        };
        tries.iter().enumerate().map(of_trie).collect()
    }

    proptest! {
        #[test]
        fn parts_are_the_whole_in_its_order_and_cost_what_they_say(
            sequences in prop::collection::vec(prop::collection::vec(0u32..3, 1..9), 1..60),
            lens in 1..61usize, count in 1..9usize, count_max in 1..80usize,
        ) {
            let whole = tries(&sequences, lens);
            let places = cuts(&whole, count_max);
            let Some(parts) = places.parts(count) else {
                prop_assert!(count > places.cuts.len());
                return Ok(());
            };
            prop_assert_eq!(parts.len(), count);
            let read: Vec<Vec<Vec<u32>>> = parts.iter().map(|part| read(part, &whole)).collect();
            for (index, of_trie) in whole.iter().enumerate() {
                let joined: Vec<u32> = read.iter().flat_map(|part| part[index].clone()).collect();
                prop_assert_eq!(joined, of_trie.sequences_in_order().collect::<Vec<u32>>());
            }
            for (part, read) in parts.iter().zip(&read) {
                let mut token_count = 0;
                for (index, read) in read.iter().enumerate() {
                    let sequence = |place: &u32| sequences[index * lens + *place as usize].clone();
                    let own = trie(&read.iter().map(sequence).collect::<Vec<_>>());
                    // Its own trie reads it in the same order.
                    let order: Vec<u32> = own.sequences_in_order().map(|place| read[place as usize]).collect();
                    prop_assert_eq!(&order, read);
                    token_count += own.token_count();
                }
                prop_assert!(read.iter().any(|of_trie| !of_trie.is_empty()));
                prop_assert_eq!(token_count, part.token_count);
            }
        }

        #[test]
        fn parts_cost_about_the_same(
            // Personas × items × formats, with words of their own between them.
            widths in prop::collection::vec(2..9usize, 2..4), lengths in prop::collection::vec(1..30usize, 3), count in 2..12usize,
            lens in prop_oneof![Just(usize::MAX), 20..100usize],
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
            let Some(parts) = cuts(&tries(&sequences, lens), usize::MAX).parts(count) else { return Ok(()) };
            let costs = || parts.iter().map(|part| part.token_count as f64);
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
        let whole = trie(&sequences);
        let order: Vec<u32> = whole.sequences_in_order().collect();
        let parts = cuts(&[whole], usize::MAX).parts(2).unwrap();
        assert_eq!(parts[0].places.end, CutPlace { trie: 0, readout: 16 });
        assert_eq!(order.len(), 32);
        let token_count = parts.iter().map(|part| part.token_count).sum::<u64>();
        assert_eq!(token_count, trie(&sequences).token_count() + 1);
    }

    #[test]
    fn the_beginning_of_a_trie_costs_nothing() {
        let sequences: Vec<Vec<u32>> = (0..40).map(|leaf| vec![1, 2, 3, 4, 5, leaf]).collect();
        let parts = cuts(&tries(&sequences, 10), 4).parts(2).unwrap();
        assert_eq!(parts[0].places.end, CutPlace { trie: 2, readout: 0 });
        assert_eq!(parts.iter().map(|part| part.token_count).sum::<u64>(), 4 * 15);
        assert_eq!((parts[0].readouts_of(2), parts[1].readouts_of(2)), (None, Some(0..usize::MAX)));
    }

    #[test]
    fn no_more_parts_than_readouts() {
        let whole = cuts(&[trie(&[vec![1, 2], vec![1, 3]])], usize::MAX);
        assert!(whole.parts(3).is_none() && whole.parts(0).is_none());
        assert_eq!(whole.parts(2).unwrap().len(), 2);
    }
}
