//! Codes of quantised weights back to values, a panel at a time, as words for a kernel. Knows codes, scales and minima, not the
//! file formats that they came in.

use super::isa::compiled_for_each_isa;
use super::linear::{Arithmetic, Kernel};
use super::rows::bf16_word;

/// One panel of columns whose values are `code · scale − minimum`, with a scale and a minimum for each column and each block
/// along the depth.
#[derive(Debug, Clone)]
pub struct QuantisedPanel {
    pub codes: Codes,
    /// `[depth / block_len, columns]`.
    pub scales: Vec<f32>,
    /// As the scales; empty where there are none.
    pub minima: Vec<f32>,
    /// Even.
    pub block_len: usize,
}

/// Codes `[depth, columns]`.
#[derive(Debug, Clone)]
pub enum Codes {
    Bytes(Vec<i8>),
    /// From 0 to 15: at `[depth / 2, columns]` the code of the even depth in the low half, of the odd one in the high half.
    Nibbles(Vec<u8>),
    /// From -8 to 7, in the same places.
    CentredNibbles(Vec<CentredPair>),
}

/// Two codes from -8 to 7 in one byte, 8 added to each. The subtraction is done on codes, not as a minimum of values, so that
/// a code of 0 keeps its scale's sign, as it does in ggml.
#[derive(Debug, Clone, Copy)]
pub struct CentredPair(u8);

impl CentredPair {
    pub fn new(even: i8, odd: i8) -> Self {
        CentredPair((even + 8) as u8 | ((odd + 8) as u8) << 4)
    }

    #[inline(always)]
    fn even(self) -> f32 {
        ((self.0 & 15) as i8 - 8) as f32
    }

    #[inline(always)]
    fn odd(self) -> f32 {
        ((self.0 >> 4) as i8 - 8) as f32
    }
}

impl Codes {
    #[inline(always)]
    fn get(&self, depth: usize, column: usize, columns: usize) -> f32 {
        match self {
            Codes::Bytes(codes) => codes[depth * columns + column] as f32,
            Codes::Nibbles(codes) => {
                let pair = codes[depth / 2 * columns + column];
                (if depth.is_multiple_of(2) { pair & 15 } else { pair >> 4 }) as f32
            }
            Codes::CentredNibbles(codes) => {
                let pair = codes[depth / 2 * columns + column];
                if depth.is_multiple_of(2) { pair.even() } else { pair.odd() }
            }
        }
    }
}

impl QuantisedPanel {
    /// One value; what the unpacked panel holds before it is rounded.
    pub fn value(&self, depth: usize, column: usize, columns: usize) -> f32 {
        let at = depth / self.block_len * columns + column;
        let scaled = self.codes.get(depth, column, columns) * self.scales[at];
        self.minima.get(at).map_or(scaled, |minimum| scaled - minimum)
    }

    /// Writes the panel's words; the padding behind the depth is left alone.
    pub fn unpack(&self, kernel: Kernel, words: &mut [u32]) {
        let zeros = vec![0.0; if self.minima.is_empty() { self.scales.len() } else { 0 }];
        let minima = if self.minima.is_empty() { &zeros } else { &self.minima };
        let (isa, columns) = (kernel.isa(), kernel.columns());
        match (&self.codes, kernel.arithmetic()) {
            (Codes::Bytes(codes), Arithmetic::Bf16) => {
                bytes_bf16(isa, codes, &self.scales, minima, self.block_len, columns, words);
            }
            (Codes::Nibbles(codes), Arithmetic::Bf16) => {
                nibbles_bf16(isa, codes, &self.scales, minima, self.block_len, columns, words);
            }
            (Codes::CentredNibbles(codes), Arithmetic::Bf16) => {
                centred_bf16(isa, codes, &self.scales, minima, self.block_len, columns, words);
            }
            (Codes::Bytes(codes), Arithmetic::F32) => {
                bytes_f32(isa, codes, &self.scales, minima, self.block_len, columns, words);
            }
            (Codes::Nibbles(codes), Arithmetic::F32) => {
                nibbles_f32(isa, codes, &self.scales, minima, self.block_len, columns, words);
            }
            (Codes::CentredNibbles(codes), Arithmetic::F32) => {
                centred_f32(isa, codes, &self.scales, minima, self.block_len, columns, words);
            }
        }
    }
}

compiled_for_each_isa! {
    fn bytes_bf16(
        codes: &[i8], scales: &[f32], minima: &[f32], block_len: usize, columns: usize, words: &mut [u32],
    ) = unpack_body::<i8, true>;
    fn bytes_f32(
        codes: &[i8], scales: &[f32], minima: &[f32], block_len: usize, columns: usize, words: &mut [u32],
    ) = unpack_body::<i8, false>;
    fn nibbles_bf16(
        codes: &[u8], scales: &[f32], minima: &[f32], block_len: usize, columns: usize, words: &mut [u32],
    ) = unpack_body::<u8, true>;
    fn nibbles_f32(
        codes: &[u8], scales: &[f32], minima: &[f32], block_len: usize, columns: usize, words: &mut [u32],
    ) = unpack_body::<u8, false>;
    fn centred_bf16(
        codes: &[CentredPair], scales: &[f32], minima: &[f32], block_len: usize, columns: usize, words: &mut [u32],
    ) = unpack_body::<CentredPair, true>;
    fn centred_f32(
        codes: &[CentredPair], scales: &[f32], minima: &[f32], block_len: usize, columns: usize, words: &mut [u32],
    ) = unpack_body::<CentredPair, false>;
}

/// How two neighbours along the depth are kept.
trait CodePair: Sized {
    /// Rows of `columns` codes that hold a pair.
    const ROWS: usize;
    /// The even and the odd code of a column.
    fn pair(codes: &[Self], column: usize, columns: usize) -> (f32, f32);
}

/// A byte each, one row behind the other.
impl CodePair for i8 {
    const ROWS: usize = 2;

    #[inline(always)]
    fn pair(codes: &[i8], column: usize, columns: usize) -> (f32, f32) {
        (codes[column] as f32, codes[columns + column] as f32)
    }
}

/// Two in a byte, the even one in the low half.
impl CodePair for u8 {
    const ROWS: usize = 1;

    #[inline(always)]
    fn pair(codes: &[u8], column: usize, _: usize) -> (f32, f32) {
        ((codes[column] & 15) as f32, (codes[column] >> 4) as f32)
    }
}

/// As two in a byte.
impl CodePair for CentredPair {
    const ROWS: usize = 1;

    #[inline(always)]
    fn pair(codes: &[CentredPair], column: usize, _: usize) -> (f32, f32) {
        (codes[column].even(), codes[column].odd())
    }
}

#[inline(always)]
fn unpack_body<C: CodePair, const IS_BF16: bool>(
    codes: &[C],
    scales: &[f32],
    minima: &[f32],
    block_len: usize,
    columns: usize,
    words: &mut [u32],
) {
    let words_per_pair = if IS_BF16 { 1 } else { 2 };
    let codes = codes.chunks_exact(C::ROWS * columns);
    let mut pairs = codes.zip(words.chunks_exact_mut(words_per_pair * columns));
    for (scales, minima) in scales.chunks_exact(columns).zip(minima.chunks_exact(columns)) {
        for (codes, words) in pairs.by_ref().take(block_len / 2) {
            for column in 0..columns {
                let (even, odd) = C::pair(codes, column, columns);
                let even = even * scales[column] - minima[column];
                let odd = odd * scales[column] - minima[column];
                if IS_BF16 {
                    words[column] = bf16_word(even, odd);
                } else {
                    words[column] = even.to_bits();
                    words[columns + column] = odd.to_bits();
                }
            }
        }
    }
}
