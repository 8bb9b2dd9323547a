//! The register tile: up to `Lanes::ROWS` rows times two vectors of columns, summed over the whole depth in registers.
//! Knows where operands lie, not what they mean.
//!
//! The sum of one row and column is made of one multiply-add after the other in ascending depth, whatever the tile's height
//! and the instruction set. So a row's bits do not depend on the rows beside it.

use super::lanes::Lanes;

/// Words of one row that lie together in packed rows.
pub const CHUNK: usize = 16;

/// Adds one word of depth to every sum: `a[r]` at `a + r * row_stride`, the two vectors of columns at `b`.
#[inline(always)]
unsafe fn step<L: Lanes, const ROWS: usize>(
    sums: &mut [[L::Vector; 2]; ROWS],
    a: *const u32,
    row_stride: usize,
    b: *const u32,
) {
    // SAFETY: the callers below pass on their own contract.
    unsafe {
        let (left, right) = (L::load(b), L::load(b.add(L::LEN)));
        for (row, sums) in sums.iter_mut().enumerate() {
            let a = L::splat(a.add(row * row_stride));
            sums[0] = L::dot(sums[0], a, left);
            sums[1] = L::dot(sums[1], a, right);
        }
    }
}

#[inline(always)]
unsafe fn store<L: Lanes, const ROWS: usize>(sums: &[[L::Vector; 2]; ROWS], to: *mut f32) {
    // SAFETY: the callers below pass on their own contract.
    unsafe {
        for (row, sums) in sums.iter().enumerate() {
            L::store(to.add(row * 2 * L::LEN), sums[0]);
            L::store(to.add(row * 2 * L::LEN + L::LEN), sums[1]);
        }
    }
}

/// Packed rows × one panel. `a`: `chunk_count` × `L::ROWS` × [`CHUNK`] words, of which the first `ROWS` rows are used;
/// `b`: `chunk_count * CHUNK` × `2 * L::LEN` words; `to`: `ROWS` × `2 * L::LEN` sums. While it computes it asks for
/// `fetch_count` cache lines a chunk from `fetch` on, which need not be readable.
///
/// # Safety
/// The CPU must have `L`'s instructions, and the pointers be good for what is said above.
#[inline(always)]
pub unsafe fn packed<L: Lanes, const ROWS: usize>(
    mut a: *const u32,
    mut b: *const u32,
    chunk_count: usize,
    to: *mut f32,
    mut fetch: *const u32,
    fetch_count: usize,
) {
    // SAFETY: the loops stay within the extents that the caller vouches for; `fetch` is never dereferenced.
    unsafe {
        let mut sums = [[L::zero(); 2]; ROWS];
        for _ in 0..chunk_count {
            for _ in 0..fetch_count {
                prefetch(fetch);
                fetch = fetch.wrapping_add(16);
            }
            for at in 0..CHUNK {
                step::<L, ROWS>(&mut sums, a.add(at), CHUNK, b);
                b = b.add(2 * L::LEN);
            }
            a = a.add(L::ROWS * CHUNK);
        }
        store::<L, ROWS>(&sums, to);
    }
}

/// Plain rows × columns: row r's word d at `a + r * row_stride + d * depth_stride`; `b`: `depth` × `2 * L::LEN` words;
/// the sums go to `to`, `ROWS` × `2 * L::LEN`, and with `resume` start from what is there.
///
/// # Safety
/// The CPU must have `L`'s instructions, and the pointers be good for what is said above.
#[inline(always)]
pub unsafe fn strided<L: Lanes, const ROWS: usize>(
    mut a: *const u32,
    row_stride: usize,
    depth_stride: usize,
    mut b: *const u32,
    depth: usize,
    to: *mut f32,
    resume: bool,
) {
    // SAFETY: the loop stays within the extents that the caller vouches for.
    unsafe {
        let mut sums = [[L::zero(); 2]; ROWS];
        if resume {
            for (row, sums) in sums.iter_mut().enumerate() {
                let to = to.add(row * 2 * L::LEN);
                *sums = [L::load(to.cast()), L::load(to.add(L::LEN).cast())];
            }
        }
        for _ in 0..depth {
            step::<L, ROWS>(&mut sums, a, row_stride, b);
            a = a.wrapping_add(depth_stride);
            b = b.wrapping_add(2 * L::LEN);
        }
        store::<L, ROWS>(&sums, to);
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn prefetch(line: *const u32) {
    // SAFETY: a prefetch of any address is harmless.
    unsafe { std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T1 }>(line.cast()) }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
unsafe fn prefetch(_: *const u32) {}

/// Calls a tile function with a row count known only at run time, from 1 to 12.
macro_rules! with_rows {
    ($count:expr, $lanes:ty, $function:ident ( $($argument:expr),* $(,)? )) => {
        match $count {
            1 => $function::<$lanes, 1>($($argument),*),
            2 => $function::<$lanes, 2>($($argument),*),
            3 => $function::<$lanes, 3>($($argument),*),
            4 => $function::<$lanes, 4>($($argument),*),
            5 => $function::<$lanes, 5>($($argument),*),
            6 => $function::<$lanes, 6>($($argument),*),
            7 => $function::<$lanes, 7>($($argument),*),
            8 => $function::<$lanes, 8>($($argument),*),
            9 => $function::<$lanes, 9>($($argument),*),
            10 => $function::<$lanes, 10>($($argument),*),
            11 => $function::<$lanes, 11>($($argument),*),
            12 => $function::<$lanes, 12>($($argument),*),
            count => unreachable!("a tile of {count} rows"),
        }
    };
}
pub(super) use with_rows;
