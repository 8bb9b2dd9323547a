//! Who attends to what in one batch: blocks of neighbouring rows with the ranges of the stack that they see. The same for
//! all layers. Knows rows, not values.

use crate::packing::{PackedBatch, Piece};
use std::ops::Range;

/// Neighbouring rows of one piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryBlock {
    /// Rows of the batch.
    pub rows: Range<usize>,
    /// Rows of the stack that the last of them sees, in path order, itself included.
    path: Vec<Range<usize>>,
    /// Keys that the first of them sees, itself included.
    first_seen_count: usize,
}

impl QueryBlock {
    fn new(piece: &Piece, kept_row_count: usize, rows: Range<usize>) -> Self {
        let own = kept_row_count + piece.rows.start..kept_row_count + rows.end;
        let before: usize = piece.path.iter().map(Range::len).sum();
        let path = piece.path.iter().cloned().chain([own]).collect();
        QueryBlock { path, first_seen_count: before + rows.start - piece.rows.start + 1, rows }
    }

    /// Keys that the `offset`-th row of the block sees through a window of that many: indices into its path.
    pub fn visible(&self, offset: usize, window: Option<usize>) -> Range<usize> {
        let end = self.first_seen_count + offset;
        window.map_or(0, |window| end.saturating_sub(window))..end
    }

    /// The part of the path that lies in `keys`.
    pub fn path_within(&self, keys: Range<usize>) -> Vec<Range<usize>> {
        let mut at = 0;
        let mut within = Vec::with_capacity(self.path.len());
        for range in &self.path {
            let start = keys.start.clamp(at, at + range.len()) - at;
            let end = keys.end.clamp(at, at + range.len()) - at;
            if start < end {
                within.push(range.start + start..range.start + end);
            }
            at += range.len();
        }
        within
    }
}

/// Blocks of all rows of a batch, at most `row_count_max` to a block.
pub fn all_rows(batch: &PackedBatch, row_count_max: usize) -> Vec<QueryBlock> {
    let kept = batch.kept_rows.len();
    let of_piece = |piece: &Piece| {
        let rows = piece.rows.clone();
        let blocks =
            rows.clone().step_by(row_count_max).map(move |start| start..rows.end.min(start + row_count_max));
        blocks.map(|rows| QueryBlock::new(piece, kept, rows)).collect::<Vec<_>>()
    };
    batch.pieces.iter().flat_map(of_piece).collect()
}

/// Blocks of the given rows of a batch, which ascend without repetition.
pub fn some_rows(batch: &PackedBatch, rows: &[usize], row_count_max: usize) -> Vec<QueryBlock> {
    let mut blocks: Vec<QueryBlock> = Vec::new();
    let mut pieces = batch.pieces.iter();
    let mut piece = pieces.next();
    let mut rest = rows;
    while let (Some(current), Some(&first)) = (piece, rest.first()) {
        if first >= current.rows.end {
            piece = pieces.next();
            continue;
        }
        let run = rest.iter().zip(first..current.rows.end).take(row_count_max);
        let len = run.take_while(|(row, expected)| **row == *expected).count();
        blocks.push(QueryBlock::new(current, batch.kept_rows.len(), first..first + len));
        rest = &rest[len..];
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> PackedBatch {
        let piece = |rows: Range<usize>, path: &[Range<usize>]| Piece { rows, path: path.to_vec() };
        let first: Vec<Range<usize>> = std::iter::once(0..2).collect();
        PackedBatch {
            kept_rows: vec![0, 1],
            pieces: vec![piece(0..5, &first), piece(5..6, &[0..2, 2..4])],
            ..Default::default()
        }
    }

    #[test]
    fn blocks_cover_all_rows_and_see_their_own_past() {
        let blocks = all_rows(&batch(), 3);
        assert_eq!(blocks.iter().map(|block| block.rows.clone()).collect::<Vec<_>>(), [0..3, 3..5, 5..6]);
        assert_eq!(blocks[0].visible(0, None), 0..3);
        assert_eq!((blocks[1].visible(1, None), blocks[1].visible(1, Some(7))), (0..7, 0..7));
        assert_eq!(blocks[1].visible(1, Some(2)), 5..7);
        let within = blocks[1].path_within(3..7);
        assert_eq!((within.len(), within[0].clone()), (1, 3..7));
        assert_eq!(blocks[2].visible(0, None), 0..5);
        assert_eq!(blocks[2].path_within(1..5), [1..2, 2..4, 7..8]);
    }

    #[test]
    fn some_rows_are_seen_as_among_all() {
        let blocks = some_rows(&batch(), &[1, 2, 4, 5], 8);
        assert_eq!(blocks.iter().map(|block| block.rows.clone()).collect::<Vec<_>>(), [1..3, 4..5, 5..6]);
        let all = all_rows(&batch(), 1);
        for block in blocks {
            let last = block.rows.end - 1;
            let seen = block.visible(block.rows.len() - 1, None);
            assert_eq!(block.path_within(seen.clone()), all[last].path_within(all[last].visible(0, None)));
        }
    }
}
