//! Which cells of a contrast are averaged. A cell that could not be used leaves out those it would have been held against, so that no
//! side is made of other items or other wordings than the rest.

use super::ContrastCell;
use std::collections::{BTreeMap, BTreeSet};

/// By cell, whether it is averaged: it is usable, its item in its prompt is usable on every side that it was asked for, and so is at
/// least one item in its prompt.
pub(super) fn averaged(cells: &[ContrastCell]) -> Vec<bool> {
    let mut kept: Vec<bool> = cells.iter().map(|cell| cell.distribution.is_some()).collect();
    leave_out(cells, &mut kept, |cell| (cell.stratum, cell.prompt, Some((cell.variable, cell.situation))));
    leave_out(cells, &mut kept, |cell| (cell.stratum, cell.prompt, None));
    kept
}

type Key = (usize, usize, Option<(usize, usize)>);

/// Leaves out the cells of a key that has cells on some side and none kept there.
fn leave_out(cells: &[ContrastCell], kept: &mut [bool], key: impl Fn(&ContrastCell) -> Key) {
    let mut sides: BTreeMap<Key, (BTreeSet<usize>, BTreeSet<usize>)> = BTreeMap::new();
    for (cell, kept) in cells.iter().zip(&*kept) {
        let (asked, left) = sides.entry(key(cell)).or_default();
        asked.insert(cell.side);
        if *kept {
            left.insert(cell.side);
        }
    }
    for (cell, kept) in cells.iter().zip(kept) {
        let (asked, left) = &sides[&key(cell)];
        *kept &= asked.len() == left.len();
    }
}
