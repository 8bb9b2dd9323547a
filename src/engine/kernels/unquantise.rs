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
            (Codes::Bytes(codes), Arithmetic::F32) => {
                bytes_f32(isa, codes, &self.scales, minima, self.block_len, columns, words);
            }
            (Codes::Nibbles(codes), Arithmetic::F32) => {
                nibbles_f32(isa, codes, &self.scales, minima, self.block_len, columns, words);
            }
        }
    }
}

compiled_for_each_isa! {
    fn bytes_bf16(
        codes: &[i8], scales: &[f32], minima: &[f32], block_len: usize, columns: usize, words: &mut [u32],
    ) = bytes_bf16_body;
    fn bytes_f32(
        codes: &[i8], scales: &[f32], minima: &[f32], block_len: usize, columns: usize, words: &mut [u32],
    ) = bytes_f32_body;
    fn nibbles_bf16(
        codes: &[u8], scales: &[f32], minima: &[f32], block_len: usize, columns: usize, words: &mut [u32],
    ) = nibbles_bf16_body;
    fn nibbles_f32(
        codes: &[u8], scales: &[f32], minima: &[f32], block_len: usize, columns: usize, words: &mut [u32],
    ) = nibbles_f32_body;
}

/// For each block: two rows of codes, the scales and minima of their columns, and where their words go.
macro_rules! for_each_pair {
    ($codes:expr, $rows:expr, $scales:expr, $minima:expr, $block_len:expr, $columns:expr, $words:expr, $words_per_pair:expr,
     |$pair:ident, $scale:ident, $minimum:ident, $word:ident, $column:ident| $body:block) => {
        let pairs_per_block = $block_len / 2;
        let mut pairs =
            $codes.chunks_exact($rows * $columns).zip($words.chunks_exact_mut($words_per_pair * $columns));
        for (scales, minima) in $scales.chunks_exact($columns).zip($minima.chunks_exact($columns)) {
            for ($pair, $word) in pairs.by_ref().take(pairs_per_block) {
                for $column in 0..$columns {
                    let ($scale, $minimum) = (scales[$column], minima[$column]);
                    $body
                }
            }
        }
    };
}

#[inline(always)]
fn bytes_bf16_body(
    codes: &[i8],
    scales: &[f32],
    minima: &[f32],
    block_len: usize,
    columns: usize,
    words: &mut [u32],
) {
    for_each_pair!(
        codes,
        2,
        scales,
        minima,
        block_len,
        columns,
        words,
        1,
        |pair, scale, minimum, word, column| {
            let even = pair[column] as f32 * scale - minimum;
            let odd = pair[columns + column] as f32 * scale - minimum;
            word[column] = bf16_word(even, odd);
        }
    );
}

#[inline(always)]
fn bytes_f32_body(
    codes: &[i8],
    scales: &[f32],
    minima: &[f32],
    block_len: usize,
    columns: usize,
    words: &mut [u32],
) {
    for_each_pair!(
        codes,
        2,
        scales,
        minima,
        block_len,
        columns,
        words,
        2,
        |pair, scale, minimum, word, column| {
            word[column] = (pair[column] as f32 * scale - minimum).to_bits();
            word[columns + column] = (pair[columns + column] as f32 * scale - minimum).to_bits();
        }
    );
}

#[inline(always)]
fn nibbles_bf16_body(
    codes: &[u8],
    scales: &[f32],
    minima: &[f32],
    block_len: usize,
    columns: usize,
    words: &mut [u32],
) {
    for_each_pair!(
        codes,
        1,
        scales,
        minima,
        block_len,
        columns,
        words,
        1,
        |pair, scale, minimum, word, column| {
            let even = (pair[column] & 15) as f32 * scale - minimum;
            let odd = (pair[column] >> 4) as f32 * scale - minimum;
            word[column] = bf16_word(even, odd);
        }
    );
}

#[inline(always)]
fn nibbles_f32_body(
    codes: &[u8],
    scales: &[f32],
    minima: &[f32],
    block_len: usize,
    columns: usize,
    words: &mut [u32],
) {
    for_each_pair!(
        codes,
        1,
        scales,
        minima,
        block_len,
        columns,
        words,
        2,
        |pair, scale, minimum, word, column| {
            word[column] = ((pair[column] & 15) as f32 * scale - minimum).to_bits();
            word[columns + column] = ((pair[column] >> 4) as f32 * scale - minimum).to_bits();
        }
    );
}
