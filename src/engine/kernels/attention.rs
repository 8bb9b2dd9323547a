//! Attention of a panel of queries along one path: keys and values are read in place, as ranges of rows of one head's stack.
//! Queries stand in lanes, so everything is summed key by key in path order: a query's bits depend on its own path alone,
//! however the path is cut into ranges and whoever shares the panel.

use super::isa::{Isa, Level, compiled_for_each_isa};
use super::lanes::Lanes;
use super::multiply_add::{self, MultiplyAdd};
use super::pointwise::{exp, tanh};
use super::tile::{strided, with_rows};
use super::words::AlignedWords;
use std::ops::Range;

/// Keys and values of one head, `[rows, head_dim]` each.
#[derive(Debug, Clone, Copy)]
pub struct HeadRows<'a> {
    pub keys: &'a [f32],
    pub values: &'a [f32],
    pub head_dim: usize,
}

/// A panel of queries: as many lanes as [`Isa::columns`].
#[derive(Debug)]
pub struct QueryPanel<'a> {
    /// `[head_dim, lanes]`, scaled.
    pub queries: &'a [f32],
    /// Rows of the stack that any lane may see, in path order.
    pub path: &'a [Range<usize>],
    /// Which keys of the path each lane sees, counted from its start. None may be empty.
    pub visible: &'a [Range<usize>],
    /// Scores are `cap · tanh(score / cap)`.
    pub soft_cap: Option<f32>,
}

/// Writes the mixed values `[head_dim, lanes]` into `out`.
///
/// # Panics
/// If a range leaves the stack or an extent does not fit the instruction set.
pub fn attend(
    isa: Isa,
    head: HeadRows<'_>,
    panel: &QueryPanel<'_>,
    scores: &mut AlignedWords,
    out: &mut [f32],
) {
    let lanes = isa.columns();
    let key_count: usize = panel.path.iter().map(Range::len).sum();
    let row_count = head.keys.len() / head.head_dim;
    assert!(panel.path.iter().all(|range| range.end <= row_count), "a path within the stack");
    assert_eq!(head.keys.len(), head.values.len(), "as many values as keys");
    assert_eq!(panel.queries.len(), head.head_dim * lanes, "one query a lane");
    assert_eq!(out.len(), head.head_dim * lanes, "one mix a lane");
    assert!(panel.visible.len() == lanes && panel.visible.iter().all(|seen| seen.start < seen.end));
    scores.ensure(key_count * lanes);
    let scores = &mut scores.floats_mut()[..key_count * lanes];
    products(isa, head, panel, scores, Product::Scores);
    let mut sums = [0.0; 32];
    softmax(isa, scores, lanes, panel.visible, panel.soft_cap, &mut sums);
    out.fill(0.0);
    products(isa, head, panel, scores, Product::Mix(out));
    for out in out.chunks_mut(lanes) {
        for (out, sum) in out.iter_mut().zip(&sums) {
            *out /= sum;
        }
    }
}

/// Which of the two products of attention is made.
enum Product<'a> {
    /// Keys × queries into the scores.
    Scores,
    /// Values × scores into this.
    Mix(&'a mut [f32]),
}

fn products(isa: Isa, head: HeadRows<'_>, panel: &QueryPanel<'_>, scores: &mut [f32], product: Product<'_>) {
    // SAFETY: an `Isa` of a level exists only where the CPU was found to have its features; `attend` has checked extents.
    unsafe {
        match isa.0 {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 { .. } => avx512(head, panel, scores, product),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => avx2(head, panel, scores, product),
            #[cfg(target_arch = "aarch64")]
            Level::Neon => product_body::<super::lanes::Neon>(head, panel, scores, product),
            Level::Portable => product_body::<super::lanes::Portable>(head, panel, scores, product),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
unsafe fn avx512(head: HeadRows<'_>, panel: &QueryPanel<'_>, scores: &mut [f32], product: Product<'_>) {
    // SAFETY: the features are those of the lanes; the rest is the caller's.
    unsafe { product_body::<super::lanes::x86::Avx512>(head, panel, scores, product) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2(head: HeadRows<'_>, panel: &QueryPanel<'_>, scores: &mut [f32], product: Product<'_>) {
    // SAFETY: as above.
    unsafe { product_body::<super::lanes::x86::Avx2>(head, panel, scores, product) }
}

/// # Safety
/// The CPU must have `L`'s instructions, and extents be as `attend` checks them.
#[inline(always)]
unsafe fn product_body<L: Lanes>(
    head: HeadRows<'_>,
    panel: &QueryPanel<'_>,
    scores: &mut [f32],
    product: Product<'_>,
) {
    match product {
        // SAFETY: the caller's contract is passed on.
        Product::Scores => unsafe { score::<L>(head, panel, scores) },
        // SAFETY: as above.
        Product::Mix(out) => unsafe { mix::<L>(head, panel, scores, out) },
    }
}

/// Tiles of keys (rows) × queries (columns), summed over the head's dimensions.
#[inline(always)]
unsafe fn score<L: Lanes>(head: HeadRows<'_>, panel: &QueryPanel<'_>, scores: &mut [f32]) {
    let (dim, lanes) = (head.head_dim, 2 * L::LEN);
    let mut at = 0;
    for range in panel.path {
        let mut first = range.start;
        while first < range.end {
            let count = L::ROWS.min(range.end - first);
            let keys = head.keys[first * dim..(first + count) * dim].as_ptr().cast::<u32>();
            let to = scores[at * lanes..(at + count) * lanes].as_mut_ptr();
            let queries = panel.queries.as_ptr().cast::<u32>();
            // SAFETY: `count` keys of `dim` words, `dim` words of `lanes` queries and `count` rows of `lanes` sums are
            // there: the first and last were just sliced, the second was checked by `attend`.
            unsafe { with_rows!(count, L, strided(keys, dim, 1, queries, dim, to, false)) }
            first += count;
            at += count;
        }
    }
}

/// Tiles of the head's dimensions (rows) × queries (columns), summed over keys in path order.
#[inline(always)]
unsafe fn mix<L: Lanes>(head: HeadRows<'_>, panel: &QueryPanel<'_>, scores: &[f32], out: &mut [f32]) {
    let (dim, lanes) = (head.head_dim, 2 * L::LEN);
    // As even as the dimensions allow, so that no tile is a stub.
    let tile_rows = dim.div_ceil(dim.div_ceil(L::ROWS));
    for first in (0..dim).step_by(tile_rows) {
        let count = tile_rows.min(dim - first);
        let to = out[first * lanes..(first + count) * lanes].as_mut_ptr();
        let mut at = 0;
        for range in panel.path {
            let values = head.values[range.start * dim..range.end * dim].as_ptr().cast::<u32>();
            let weights = scores[at * lanes..(at + range.len()) * lanes].as_ptr().cast::<u32>();
            // SAFETY: `range.len()` rows of `dim` values, of which the tile takes `count` from `first` on, as many rows of
            // `lanes` weights, and `count` rows of `lanes` sums are there: all three were just sliced.
            unsafe {
                with_rows!(
                    count,
                    L,
                    strided(values.wrapping_add(first), 1, dim, weights, range.len(), to, true)
                );
            }
            at += range.len();
        }
    }
}

compiled_for_each_isa! {
    /// Scores to exp(score − the lane's largest), and the sum of these for each lane. Keys that a lane may not see weigh
    /// nothing.
    fn softmax[multiply_add](
        scores: &mut [f32],
        lanes: usize,
        visible: &[Range<usize>],
        soft_cap: Option<f32>,
        sums: &mut [f32; 32],
    ) = softmax_body;
}

#[inline(always)]
fn softmax_body(
    by: impl MultiplyAdd,
    scores: &mut [f32],
    lanes: usize,
    visible: &[Range<usize>],
    soft_cap: Option<f32>,
    sums: &mut [f32; 32],
) {
    match lanes {
        32 => softmax_lanes::<32>(by, scores, visible, soft_cap, sums),
        16 => softmax_lanes::<16>(by, scores, visible, soft_cap, sums),
        8 => softmax_lanes::<8>(by, scores, visible, soft_cap, sums),
        lanes => unreachable!("a panel of {lanes} queries"),
    }
}

#[inline(always)]
fn softmax_lanes<const LANES: usize>(
    by: impl MultiplyAdd,
    scores: &mut [f32],
    visible: &[Range<usize>],
    soft_cap: Option<f32>,
    sums: &mut [f32; 32],
) {
    let rows = scores.as_chunks_mut::<LANES>().0;
    if let Some(cap) = soft_cap {
        for row in rows.iter_mut() {
            for score in row {
                *score = cap * tanh(by, *score / cap);
            }
        }
    }
    // Keys before `all_from` or from `all_to` on are hidden from some lane.
    let all_from = visible.iter().map(|seen| seen.start).max().unwrap_or(0);
    let all_to = visible.iter().map(|seen| seen.end).min().unwrap_or(0).max(all_from);
    for (key, row) in rows.iter_mut().enumerate() {
        if key < all_from || key >= all_to {
            for (score, seen) in row.iter_mut().zip(visible) {
                if !seen.contains(&key) {
                    *score = f32::NEG_INFINITY;
                }
            }
        }
    }
    let mut largest = [f32::NEG_INFINITY; LANES];
    for row in rows.iter() {
        for (largest, &score) in largest.iter_mut().zip(row) {
            *largest = if score > *largest { score } else { *largest };
        }
    }
    let mut totals = [0f32; LANES];
    for row in rows.iter_mut() {
        for lane in 0..LANES {
            let weight = exp(by, row[lane] - largest[lane]);
            row[lane] = weight;
            totals[lane] += weight;
        }
    }
    sums[..LANES].copy_from_slice(&totals);
}
