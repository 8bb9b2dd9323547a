//! What a tile kernel asks of a vector unit: load, broadcast, multiply and add. One implementation for each instruction set, and
//! one in plain Rust; the loops over them are in `tile.rs` and `attention.rs`.
//!
//! A *word* is four bytes of an operand: one f32, or two neighbouring bf16 values of which the one with the even index
//! stands in the low half.

use std::marker::PhantomData;

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
    /// `sum + a · b`: one multiply-add a lane for f32, fused but in plain Rust; for bf16 two in turn, the odd value of the word
    /// first.
    unsafe fn dot(sum: Self::Vector, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    unsafe fn store(to: *mut f32, sums: Self::Vector);
}

/// Lanes of f32 that can take bf16 words apart.
///
/// # Safety
/// As [`Lanes`].
pub trait Widen: Lanes {
    /// As [`Lanes::ROWS`], with twice the operands in registers.
    const WIDENED_ROWS: usize;

    /// The bf16 value in the low half of each word, as f32.
    unsafe fn even(words: Self::Vector) -> Self::Vector;
    /// That in the high half.
    unsafe fn odd(words: Self::Vector) -> Self::Vector;
}

/// bf16 products summed in f32, on lanes that multiply f32. A product of two bf16 values fits an f32, so each multiply-add rounds
/// once whether it is fused or not: these are the bits of AVX512-BF16 wherever no number is denormal.
pub struct Widened<L>(PhantomData<L>);

#[expect(clippy::undocumented_unsafe_blocks, reason = "one contract for all, said once")]
impl<L: Widen> Lanes for Widened<L> {
    type Vector = L::Vector;
    const LEN: usize = L::LEN;
    const ROWS: usize = L::WIDENED_ROWS;

    // SAFETY (all blocks below): the contract is that of the lanes inside.
    #[inline(always)]
    unsafe fn zero() -> L::Vector {
        unsafe { L::zero() }
    }
    #[inline(always)]
    unsafe fn load(from: *const u32) -> L::Vector {
        unsafe { L::load(from) }
    }
    #[inline(always)]
    unsafe fn splat(from: *const u32) -> L::Vector {
        unsafe { L::splat(from) }
    }
    #[inline(always)]
    unsafe fn dot(sum: L::Vector, a: L::Vector, b: L::Vector) -> L::Vector {
        unsafe {
            let sum = L::dot(sum, L::odd(a), L::odd(b));
            L::dot(sum, L::even(a), L::even(b))
        }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, sums: L::Vector) {
        unsafe { L::store(to, sums) }
    }
}

/// f32 in plain Rust, in vectors that the compiler finds on most CPUs. Products are rounded before they are added, everywhere:
/// without an instruction for it a fused multiply-add is a call, and with one the bits would be that CPU's own.
pub struct Portable;

#[expect(clippy::undocumented_unsafe_blocks, reason = "one contract for all, said once")]
impl Lanes for Portable {
    type Vector = [f32; 4];
    const LEN: usize = 4;
    const ROWS: usize = 6;

    // SAFETY (all blocks below): pointers are the caller's, and vectors are read and written wherever they stand.
    #[inline(always)]
    unsafe fn zero() -> [f32; 4] {
        [0.0; 4]
    }
    #[inline(always)]
    unsafe fn load(from: *const u32) -> [f32; 4] {
        unsafe { from.cast::<[f32; 4]>().read() }
    }
    #[inline(always)]
    unsafe fn splat(from: *const u32) -> [f32; 4] {
        [unsafe { from.cast::<f32>().read() }; 4]
    }
    #[inline(always)]
    unsafe fn dot(sum: [f32; 4], a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        std::array::from_fn(|lane| sum[lane] + a[lane] * b[lane])
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, sums: [f32; 4]) {
        unsafe { to.cast::<[f32; 4]>().write(sums) }
    }
}

impl Widen for Portable {
    const WIDENED_ROWS: usize = 4;

    #[inline(always)]
    unsafe fn even(words: [f32; 4]) -> [f32; 4] {
        words.map(|word| f32::from_bits(word.to_bits() << 16))
    }
    #[inline(always)]
    unsafe fn odd(words: [f32; 4]) -> [f32; 4] {
        words.map(|word| f32::from_bits(word.to_bits() & 0xffff_0000))
    }
}

#[cfg(target_arch = "x86_64")]
#[expect(clippy::undocumented_unsafe_blocks, reason = "one contract for all, said once")]
pub mod x86 {
    use super::{Lanes, Widen};
    use std::arch::x86_64::*;
    use std::mem::transmute;

    /// The high halves of words.
    const ODD: i32 = 0xffff_0000_u32 as i32;

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

    impl Widen for Avx512 {
        const WIDENED_ROWS: usize = 12;

        #[inline(always)]
        unsafe fn even(words: __m512) -> __m512 {
            unsafe { _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_castps_si512(words))) }
        }
        #[inline(always)]
        unsafe fn odd(words: __m512) -> __m512 {
            unsafe {
                let words = _mm512_castps_si512(words);
                _mm512_castsi512_ps(_mm512_and_si512(words, _mm512_set1_epi32(ODD)))
            }
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

    impl Widen for Avx2 {
        const WIDENED_ROWS: usize = 4;

        #[inline(always)]
        unsafe fn even(words: __m256) -> __m256 {
            unsafe { _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_castps_si256(words))) }
        }
        #[inline(always)]
        unsafe fn odd(words: __m256) -> __m256 {
            unsafe {
                let words = _mm256_castps_si256(words);
                _mm256_castsi256_ps(_mm256_and_si256(words, _mm256_set1_epi32(ODD)))
            }
        }
    }
}

#[cfg(target_arch = "aarch64")]
pub use arm::Neon;

#[cfg(target_arch = "aarch64")]
#[expect(clippy::undocumented_unsafe_blocks, reason = "one contract for all, said once")]
mod arm {
    use super::{Lanes, Widen};
    use std::arch::aarch64::*;

    /// f32 with NEON, which every such CPU has. Run under emulation, not on hardware.
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

    impl Widen for Neon {
        const WIDENED_ROWS: usize = 12;

        #[inline(always)]
        unsafe fn even(words: float32x4_t) -> float32x4_t {
            unsafe { vreinterpretq_f32_u32(vshlq_n_u32::<16>(vreinterpretq_u32_f32(words))) }
        }
        #[inline(always)]
        unsafe fn odd(words: float32x4_t) -> float32x4_t {
            unsafe {
                let words = vreinterpretq_u32_f32(words);
                vreinterpretq_f32_u32(vandq_u32(words, vdupq_n_u32(0xffff_0000)))
            }
        }
    }
}
