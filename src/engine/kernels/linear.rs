//! Rows times panels of a weight matrix: the safe door to the register tile, and its naive twin. Knows the two layouts, not
//! whose rows and weights they are.

use super::isa::{Isa, Level};
use super::lanes::Lanes;
use super::rows::PackedRows;
use super::tile::{CHUNK, packed, with_rows};

/// The largest tile of all instruction sets, rows × columns.
const TILE_MAX: usize = 12 * 32;

/// In what numbers products are made. Sums are f32 either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arithmetic {
    F32,
    Bf16,
}

/// A matrix kernel that this CPU can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel {
    isa: Isa,
    arithmetic: Arithmetic,
}

impl Kernel {
    /// `None` where the CPU cannot multiply in this arithmetic.
    pub fn new(isa: Isa, arithmetic: Arithmetic) -> Option<Self> {
        (arithmetic == Arithmetic::F32 || isa.has_bf16()).then_some(Kernel { isa, arithmetic })
    }

    pub fn isa(self) -> Isa {
        self.isa
    }

    pub fn arithmetic(self) -> Arithmetic {
        self.arithmetic
    }

    /// For results, such as `avx512-bf16`.
    pub fn name(self) -> String {
        let arithmetic = match self.arithmetic {
            Arithmetic::F32 => "f32",
            Arithmetic::Bf16 => "bf16",
        };
        format!("{}-{arithmetic}", self.isa.name())
    }

    /// Values along the depth that one word holds.
    pub fn values_per_word(self) -> usize {
        match self.arithmetic {
            Arithmetic::F32 => 1,
            Arithmetic::Bf16 => 2,
        }
    }

    /// Rows of a full tile.
    pub fn tile_rows(self) -> usize {
        match self.isa.0 {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 { .. } => super::lanes::Avx512::ROWS,
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => super::lanes::Avx2::ROWS,
            #[cfg(target_arch = "aarch64")]
            Level::Neon => super::lanes::Neon::ROWS,
            #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
            Level::Nothing(never) => match never {},
        }
    }

    /// Columns of a panel.
    pub fn columns(self) -> usize {
        self.isa.columns()
    }

    /// Words of depth that `depth` values take, padded to whole chunks.
    pub fn padded_words(self, depth: usize) -> usize {
        depth.div_ceil(self.values_per_word()).next_multiple_of(CHUNK)
    }

    /// Multiplies all rows with one panel (`padded_words(depth) * columns()` words) and hands over each tile:
    /// first row, row count, and sums `[row_count, columns()]`. Meanwhile it asks for the cache lines of `next`.
    ///
    /// # Panics
    /// If rows or panel are laid out for another depth or kernel.
    pub fn multiply(
        self,
        rows: &PackedRows,
        panel: &[u32],
        next: &[u32],
        each: impl FnMut(usize, usize, &[f32]),
    ) {
        assert_eq!(rows.kernel(), self, "rows were packed for another kernel");
        assert_eq!(
            Some(panel.len()),
            rows.depth_words().checked_mul(self.columns()),
            "a panel of another depth"
        );
        // SAFETY: an `Isa` of a level exists only where the CPU was found to have its features, bf16 was asked for in
        // `new`, and the lengths have just been checked.
        unsafe {
            match (self.isa.0, self.arithmetic) {
                #[cfg(target_arch = "x86_64")]
                (Level::Avx512 { .. }, Arithmetic::F32) => avx512(rows, panel, next, each),
                #[cfg(target_arch = "x86_64")]
                (Level::Avx512 { .. }, Arithmetic::Bf16) => avx512_bf16(rows, panel, next, each),
                #[cfg(target_arch = "x86_64")]
                (Level::Avx2, _) => avx2(rows, panel, next, each),
                #[cfg(target_arch = "aarch64")]
                (Level::Neon, _) => tiles::<super::lanes::Neon>(rows, panel, next, each),
                #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
                (Level::Nothing(never), _) => match never {},
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
unsafe fn avx512(rows: &PackedRows, panel: &[u32], next: &[u32], each: impl FnMut(usize, usize, &[f32])) {
    // SAFETY: the features are those of the lanes; the rest is the caller's.
    unsafe { tiles::<super::lanes::Avx512>(rows, panel, next, each) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma")]
unsafe fn avx512_bf16(
    rows: &PackedRows,
    panel: &[u32],
    next: &[u32],
    each: impl FnMut(usize, usize, &[f32]),
) {
    // SAFETY: as above.
    unsafe { tiles::<super::lanes::Avx512Bf16>(rows, panel, next, each) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2(rows: &PackedRows, panel: &[u32], next: &[u32], each: impl FnMut(usize, usize, &[f32])) {
    // SAFETY: as above.
    unsafe { tiles::<super::lanes::Avx2>(rows, panel, next, each) }
}

/// # Safety
/// The CPU must have `L`'s instructions, and `panel` hold `rows.depth_words() * 2 * L::LEN` words.
#[inline(always)]
unsafe fn tiles<L: Lanes>(
    rows: &PackedRows,
    panel: &[u32],
    next: &[u32],
    mut each: impl FnMut(usize, usize, &[f32]),
) {
    let mut sums = [0.0; TILE_MAX];
    let chunk_count = rows.depth_words() / CHUNK;
    let tile_count = rows.tile_count();
    // The next panel's lines are spread over this one's tiles and chunks.
    let lines_per_tile = next.len().div_ceil(16).div_ceil(tile_count.max(1));
    let fetch_count = lines_per_tile.div_ceil(chunk_count.max(1));
    for tile in 0..tile_count {
        let a = &rows.words()[tile * L::ROWS * rows.depth_words()..][..L::ROWS * rows.depth_words()];
        let row_count = rows.rows_of_tile(tile);
        let fetch = next.as_ptr().wrapping_add(tile * lines_per_tile * 16);
        // SAFETY: `a` and the panel have the extents that `packed` asks for (checked just above and by the caller), and
        // `sums` has room for the largest tile.
        unsafe {
            with_rows!(
                row_count,
                L,
                packed(a.as_ptr(), panel.as_ptr(), chunk_count, sums.as_mut_ptr(), fetch, fetch_count)
            );
        }
        each(tile * rows.rows_per_tile(), row_count, &sums[..row_count * 2 * L::LEN]);
    }
}
