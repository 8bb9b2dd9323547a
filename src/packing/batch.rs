//! Cuts a trie into packed batches of at most a token budget, depth first, and keeps account of which key/value rows
//! each token may look at. Knows nothing of tensors: rows are indices.

use super::trie::PrefixTrie;
use std::ops::Range;

/// A run of tokens of one segment within one batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Its rows within the batch.
    pub rows: Range<usize>,
    /// The key/value rows of everything before it on its path, root first, as ranges over the stack of
    /// `kept_row_count + token_count` rows. Its own rows are `kept_row_count + rows`.
    pub path: Vec<Range<usize>>,
}

/// A row of the batch behind which something is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PieceReadout {
    pub row: usize,
    /// Index of the sequence that ends at this row.
    pub sequence: usize,
}

/// Dense rows without padding: what linear layers see is `[token_count, hidden]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackedBatch {
    pub token_ids: Vec<u32>,
    pub position_ids: Vec<u32>,
    /// Of each row, that of the sequences it is part of.
    pub length_groups: Vec<u32>,
    pub pieces: Vec<Piece>,
    /// Rows of the previous batch's stack that stay, root first; the new stack is these and then the batch's own rows.
    pub kept_rows: Vec<u32>,
    /// In depth-first order.
    pub readouts: Vec<PieceReadout>,
}

impl PackedBatch {
    pub fn token_count(&self) -> usize {
        self.token_ids.len()
    }

    /// Key/value rows held while this batch is computed.
    pub fn kv_row_count(&self) -> usize {
        self.kept_rows.len() + self.token_ids.len()
    }
}

/// A segment on the current path, with where its rows are in the current stack.
struct Open {
    segment: u32,
    rows: Vec<Range<usize>>,
}

/// Iterator over the batches of a trie.
pub struct Batches<'a> {
    trie: &'a PrefixTrie,
    token_budget: usize,
    /// The next segment, and how many of its tokens are already in earlier batches.
    next_segment: usize,
    next_offset: usize,
    path: Vec<Open>,
}

impl<'a> Batches<'a> {
    /// Batches of exactly `token_budget` tokens, but for the last. A segment may be cut between two of them.
    ///
    /// # Panics
    /// If the budget is 0.
    pub fn new(trie: &'a PrefixTrie, token_budget: usize) -> Self {
        assert!(token_budget > 0, "a batch holds at least one token");
        Batches { trie, token_budget, next_segment: 0, next_offset: 0, path: Vec::new() }
    }

    /// Leaves only the ancestors of the next segment (and its own first part, when it was cut) on the path.
    fn retreat(&mut self) {
        let segment = &self.trie.segments()[self.next_segment];
        let top = if self.next_offset > 0 { Some(self.next_segment as u32) } else { segment.parent };
        while self.path.last().map(|open| open.segment) != top {
            self.path.pop().expect("a segment's parent precedes it in depth-first order");
        }
    }

    /// Moves the rows of the path to the bottom of the stack, and says where they came from.
    fn compact(&mut self) -> Vec<u32> {
        let mut kept = Vec::new();
        for open in &mut self.path {
            let start = kept.len();
            for rows in &open.rows {
                kept.extend(rows.clone().map(|row| row as u32));
            }
            open.rows.clear();
            open.rows.push(start..kept.len());
        }
        kept
    }

    /// Adds as much of the next segment as fits.
    fn add_piece(&mut self, batch: &mut PackedBatch) {
        let segment = &self.trie.segments()[self.next_segment];
        let tokens = self.trie.segment_tokens(segment);
        let offset = self.next_offset;
        let len = (tokens.len() - offset).min(self.token_budget - batch.token_count());
        let first_row = batch.token_count();
        let rows = first_row..first_row + len;

        batch.token_ids.extend_from_slice(&tokens[offset..offset + len]);
        let position = segment.start_position + offset as u32;
        batch.position_ids.extend(position..position + len as u32);
        batch.length_groups.extend(std::iter::repeat_n(segment.length_group, len));
        batch
            .pieces
            .push(Piece { rows: rows.clone(), path: joined(self.path.iter().flat_map(|open| &open.rows)) });
        for readout in self.trie.segment_readouts(segment) {
            let at = readout.offset as usize;
            if (offset..offset + len).contains(&at) {
                let row = first_row + at - offset;
                batch.readouts.push(PieceReadout { row, sequence: readout.sequence as usize });
            }
        }

        let kept = batch.kept_rows.len();
        let stack_rows = kept + rows.start..kept + rows.end;
        match self.path.last_mut() {
            Some(open) if offset > 0 => open.rows.push(stack_rows),
            _ => self.path.push(Open { segment: self.next_segment as u32, rows: Vec::from([stack_rows]) }),
        }
        if offset + len == tokens.len() {
            (self.next_segment, self.next_offset) = (self.next_segment + 1, 0);
        } else {
            self.next_offset = offset + len;
        }
    }
}

impl Iterator for Batches<'_> {
    type Item = PackedBatch;

    fn next(&mut self) -> Option<PackedBatch> {
        if self.next_segment == self.trie.segments().len() {
            return None;
        }
        self.retreat();
        let mut batch = PackedBatch { kept_rows: self.compact(), ..Default::default() };
        while batch.token_count() < self.token_budget && self.next_segment < self.trie.segments().len() {
            self.retreat();
            self.add_piece(&mut batch);
        }
        Some(batch)
    }
}

/// Adjacent ranges become one.
fn joined<'r>(ranges: impl Iterator<Item = &'r Range<usize>>) -> Vec<Range<usize>> {
    let mut out: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match out.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => out.push(range.clone()),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::TokenSequence;
    use super::*;
    use proptest::prelude::*;

    /// Carries the tokens themselves through the stack in place of keys, and spells each readout from them.
    fn spelled(sequences: &[Vec<u32>], token_budget: usize) -> Vec<Vec<u32>> {
        let views: Vec<_> = sequences.iter().map(|s| TokenSequence::new(s, &[])).collect();
        let trie = PrefixTrie::new(&views);
        let mut found = vec![Vec::new(); sequences.len()];
        let mut stack: Vec<u32> = Vec::new();
        for batch in Batches::new(&trie, token_budget) {
            assert!(batch.token_count() <= token_budget);
            let kept = batch.kept_rows.len();
            stack = batch
                .kept_rows
                .iter()
                .map(|&row| stack[row as usize])
                .chain(batch.token_ids.clone())
                .collect();
            for readout in &batch.readouts {
                let piece = batch.pieces.iter().find(|piece| piece.rows.contains(&readout.row)).unwrap();
                let own = kept + piece.rows.start..kept + readout.row + 1;
                let path: Vec<u32> =
                    piece.path.iter().cloned().chain([own]).flat_map(|r| stack[r].to_vec()).collect();
                assert_eq!(path.len(), batch.position_ids[readout.row] as usize + 1);
                found[readout.sequence] = path;
            }
        }
        found
    }

    proptest! {
        #[test]
        fn the_path_of_every_readout_spells_its_sequence(
            sequences in prop::collection::vec(prop::collection::vec(0u32..3, 1..12), 1..40),
            token_budget in 1usize..40,
        ) {
            prop_assert_eq!(spelled(&sequences, token_budget), sequences);
        }

        #[test]
        fn the_stack_is_bounded_by_depth_and_budget(
            sequences in prop::collection::vec(prop::collection::vec(0u32..4, 1..12), 1..60),
            token_budget in 1usize..20,
        ) {
            let views: Vec<_> = sequences.iter().map(|s| TokenSequence::new(s, &[])).collect();
            let trie = PrefixTrie::new(&views);
            let depth = sequences.iter().map(Vec::len).max().unwrap();
            for batch in Batches::new(&trie, token_budget) {
                prop_assert!(batch.kv_row_count() < depth + token_budget);
            }
        }
    }
}
