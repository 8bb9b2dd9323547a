//! Rows times panels of a weight matrix: the safe door to the register tile, and its naive twin. Knows the two layouts, not
//! whose rows and weights they are.

use super::isa::{Isa, Level};
#[cfg(target_arch = "aarch64")]
use super::lanes::Neon;
#[cfg(target_arch = "x86_64")]
use super::lanes::x86;
use super::lanes::{Lanes, Portable, Widened};
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

/// A matrix kernel that this CPU can run. Every instruction set multiplies in either arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel {
    isa: Isa,
    arithmetic: Arithmetic,
}

impl Kernel {
    pub fn new(isa: Isa, arithmetic: Arithmetic) -> Self {
        Kernel { isa, arithmetic }
    }

    pub fn isa(self) -> Isa {
        self.isa
    }

    pub fn arithmetic(self) -> Arithmetic {
        self.arithmetic
    }

    /// For results, such as `avx512-bf16`. Kernels of one name come to the same bits.
    pub fn name(self) -> String {
        let arithmetic = match (self.arithmetic, self.isa.0) {
            (Arithmetic::F32, _) => "f32",
            // Keeps denormals, which AVX512-BF16 takes for zero.
            #[cfg(target_arch = "x86_64")]
            (Arithmetic::Bf16, Level::Avx512 { bf16: false }) => "bf16-widened",
            (Arithmetic::Bf16, _) => "bf16",
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
        match (self.isa.0, self.arithmetic) {
            #[cfg(target_arch = "x86_64")]
            (Level::Avx512 { .. }, Arithmetic::F32) => x86::Avx512::ROWS,
            #[cfg(target_arch = "x86_64")]
            (Level::Avx512 { bf16: true }, Arithmetic::Bf16) => x86::Avx512Bf16::ROWS,
            #[cfg(target_arch = "x86_64")]
            (Level::Avx512 { bf16: false }, Arithmetic::Bf16) => Widened::<x86::Avx512>::ROWS,
            #[cfg(target_arch = "x86_64")]
            (Level::Avx2, Arithmetic::F32) => x86::Avx2::ROWS,
            #[cfg(target_arch = "x86_64")]
            (Level::Avx2, Arithmetic::Bf16) => Widened::<x86::Avx2>::ROWS,
            #[cfg(target_arch = "aarch64")]
            (Level::Neon, Arithmetic::F32) => Neon::ROWS,
            #[cfg(target_arch = "aarch64")]
            (Level::Neon, Arithmetic::Bf16) => Widened::<Neon>::ROWS,
            (Level::Portable, Arithmetic::F32) => Portable::ROWS,
            (Level::Portable, Arithmetic::Bf16) => Widened::<Portable>::ROWS,
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
        // SAFETY: an `Isa` of a level exists only where the CPU was found to have its features, which are all that the lanes
        // beside it need, and the lengths have just been checked.
        unsafe {
            match (self.isa.0, self.arithmetic) {
                #[cfg(target_arch = "x86_64")]
                (Level::Avx512 { .. }, Arithmetic::F32) => avx512::<x86::Avx512>(rows, panel, next, each),
                #[cfg(target_arch = "x86_64")]
                (Level::Avx512 { bf16: true }, Arithmetic::Bf16) => avx512_bf16(rows, panel, next, each),
                #[cfg(target_arch = "x86_64")]
                (Level::Avx512 { bf16: false }, Arithmetic::Bf16) => {
                    avx512::<Widened<x86::Avx512>>(rows, panel, next, each);
                }
                #[cfg(target_arch = "x86_64")]
                (Level::Avx2, Arithmetic::F32) => avx2::<x86::Avx2>(rows, panel, next, each),
                #[cfg(target_arch = "x86_64")]
                (Level::Avx2, Arithmetic::Bf16) => avx2::<Widened<x86::Avx2>>(rows, panel, next, each),
                #[cfg(target_arch = "aarch64")]
                (Level::Neon, Arithmetic::F32) => tiles::<Neon>(rows, panel, next, each),
                #[cfg(target_arch = "aarch64")]
                (Level::Neon, Arithmetic::Bf16) => tiles::<Widened<Neon>>(rows, panel, next, each),
                (Level::Portable, Arithmetic::F32) => tiles::<Portable>(rows, panel, next, each),
                (Level::Portable, Arithmetic::Bf16) => tiles::<Widened<Portable>>(rows, panel, next, each),
            }
        }
    }
}

/// # Safety
/// As [`tiles`], for lanes that need no more than these features.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
unsafe fn avx512<L: Lanes>(
    rows: &PackedRows,
    panel: &[u32],
    next: &[u32],
    each: impl FnMut(usize, usize, &[f32]),
) {
    // SAFETY: the caller's contract.
    unsafe { tiles::<L>(rows, panel, next, each) }
}

/// # Safety
/// As [`tiles`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma")]
unsafe fn avx512_bf16(
    rows: &PackedRows,
    panel: &[u32],
    next: &[u32],
    each: impl FnMut(usize, usize, &[f32]),
) {
    // SAFETY: the features are those of the lanes; the rest is the caller's.
    unsafe { tiles::<x86::Avx512Bf16>(rows, panel, next, each) }
}

/// # Safety
/// As [`avx512`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2<L: Lanes>(
    rows: &PackedRows,
    panel: &[u32],
    next: &[u32],
    each: impl FnMut(usize, usize, &[f32]),
) {
    // SAFETY: the caller's contract.
    unsafe { tiles::<L>(rows, panel, next, each) }
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
