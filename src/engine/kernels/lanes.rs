//! What a tile kernel asks of a vector unit: load, broadcast, multiply and add. One implementation for each instruction set;
//! the loops over them are in `tile.rs` and `attention.rs`.
//!
//! A *word* is four bytes of an operand: one f32, or two neighbouring bf16 values of which the one with the even index
//! stands in the low half.

/// A vector register of f32 sums, and the operations on it.
///
/// # Safety
/// Every function must only be called where the CPU has the instructions that the type is named after, and pointers must
/// be good for the words that are read or written.
pub trait Lanes {
    type Vector: Copy;
    /// f32 sums in a vector.
    const LEN: usize;
    /// Rows of the largest tile whose sums fit the registers, two vectors to a row.
    const ROWS: usize;

    unsafe fn zero() -> Self::Vector;
    /// `LEN` words.
    unsafe fn load(from: *const u32) -> Self::Vector;
    /// One word in every lane.
    unsafe fn splat(from: *const u32) -> Self::Vector;
    /// `sum + a · b`: one fused multiply-add a lane for f32; for bf16 two in turn, the odd value of the word first.
    unsafe fn dot(sum: Self::Vector, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    unsafe fn store(to: *mut f32, sums: Self::Vector);
}

#[cfg(target_arch = "x86_64")]
pub use x86::{Avx2, Avx512, Avx512Bf16};

#[cfg(target_arch = "x86_64")]
#[expect(clippy::undocumented_unsafe_blocks, reason = "one contract for all, said once")]
mod x86 {
    use super::Lanes;
    use std::arch::x86_64::*;
    use std::mem::transmute;

    /// f32 with AVX-512F.
    pub struct Avx512;

    // SAFETY (all blocks below): what the trait asks of its callers is what the intrinsics ask of theirs.
    impl Lanes for Avx512 {
        type Vector = __m512;
        const LEN: usize = 16;
        const ROWS: usize = 12;

        #[inline(always)]
        unsafe fn zero() -> __m512 {
            unsafe { _mm512_setzero_ps() }
        }
        #[inline(always)]
        unsafe fn load(from: *const u32) -> __m512 {
            unsafe { _mm512_loadu_ps(from.cast()) }
        }
        #[inline(always)]
        unsafe fn splat(from: *const u32) -> __m512 {
            unsafe { _mm512_set1_ps(from.cast::<f32>().read()) }
        }
        #[inline(always)]
        unsafe fn dot(sum: __m512, a: __m512, b: __m512) -> __m512 {
            unsafe { _mm512_fmadd_ps(a, b, sum) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut f32, sums: __m512) {
            unsafe { _mm512_storeu_ps(to, sums) }
        }
    }

    /// bf16 products summed in f32, with AVX512-BF16. The instruction rounds to nearest even after each of its two
    /// multiply-adds and takes denormals for zero, whatever the CPU's rounding mode.
    pub struct Avx512Bf16;

    impl Lanes for Avx512Bf16 {
        type Vector = __m512;
        const LEN: usize = Avx512::LEN;
        const ROWS: usize = Avx512::ROWS;

        #[inline(always)]
        unsafe fn zero() -> __m512 {
            unsafe { Avx512::zero() }
        }
        #[inline(always)]
        unsafe fn load(from: *const u32) -> __m512 {
            unsafe { Avx512::load(from) }
        }
        #[inline(always)]
        unsafe fn splat(from: *const u32) -> __m512 {
            unsafe { Avx512::splat(from) }
        }
        #[inline(always)]
        unsafe fn dot(sum: __m512, a: __m512, b: __m512) -> __m512 {
            unsafe {
                _mm512_dpbf16_ps(sum, transmute::<__m512, __m512bh>(a), transmute::<__m512, __m512bh>(b))
            }
        }
        #[inline(always)]
        unsafe fn store(to: *mut f32, sums: __m512) {
            unsafe { Avx512::store(to, sums) }
        }
    }

    /// f32 with AVX2 and FMA.
    pub struct Avx2;

    impl Lanes for Avx2 {
        type Vector = __m256;
        const LEN: usize = 8;
        const ROWS: usize = 6;

        #[inline(always)]
        unsafe fn zero() -> __m256 {
            unsafe { _mm256_setzero_ps() }
        }
        #[inline(always)]
        unsafe fn load(from: *const u32) -> __m256 {
            unsafe { _mm256_loadu_ps(from.cast()) }
        }
        #[inline(always)]
        unsafe fn splat(from: *const u32) -> __m256 {
            unsafe { _mm256_broadcast_ss(&*from.cast::<f32>()) }
        }
        #[inline(always)]
        unsafe fn dot(sum: __m256, a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_fmadd_ps(a, b, sum) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut f32, sums: __m256) {
            unsafe { _mm256_storeu_ps(to, sums) }
        }
    }
}

#[cfg(target_arch = "aarch64")]
pub use arm::Neon;

#[cfg(target_arch = "aarch64")]
#[expect(clippy::undocumented_unsafe_blocks, reason = "one contract for all, said once")]
mod arm {
    use super::Lanes;
    use std::arch::aarch64::*;

    /// f32 with NEON, which every such CPU has. Compiled, not tested on hardware.
    pub struct Neon;

    // SAFETY (all blocks below): what the trait asks of its callers is what the intrinsics ask of theirs.
    impl Lanes for Neon {
        type Vector = float32x4_t;
        const LEN: usize = 4;
        const ROWS: usize = 12;

        #[inline(always)]
        unsafe fn zero() -> float32x4_t {
            unsafe { vdupq_n_f32(0.0) }
        }
        #[inline(always)]
        unsafe fn load(from: *const u32) -> float32x4_t {
            unsafe { vld1q_f32(from.cast()) }
        }
        #[inline(always)]
        unsafe fn splat(from: *const u32) -> float32x4_t {
            unsafe { vld1q_dup_f32(from.cast()) }
        }
        #[inline(always)]
        unsafe fn dot(sum: float32x4_t, a: float32x4_t, b: float32x4_t) -> float32x4_t {
            unsafe { vfmaq_f32(sum, a, b) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut f32, sums: float32x4_t) {
            unsafe { vst1q_f32(to, sums) }
        }
    }
}
