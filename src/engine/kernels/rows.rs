//! Activations laid out for a kernel: tile by tile, chunk by chunk of depth, row by row, so that the kernel reads them in one
//! stream. Knows nothing of what the rows are.

use super::super::Activation;
use super::isa::compiled_for_each_isa;
use super::linear::{Arithmetic, Kernel};
use super::multiply_add::{self, MultiplyAdd};
use super::pointwise::{gelu_erf, gelu_tanh, silu};
use super::tile::CHUNK;
use super::words::AlignedWords;

/// Rows × depth; depth is padded with zeros to whole chunks.
#[derive(Debug)]
pub struct PackedRows {
    kernel: Kernel,
    words: AlignedWords,
    row_count: usize,
    /// Rows are spread evenly over tiles, so that the last is not a stub.
    rows_per_tile: usize,
    depth: usize,
    depth_words: usize,
}

impl PackedRows {
    pub fn new(kernel: Kernel) -> Self {
        let words = AlignedWords::default();
        PackedRows { kernel, words, row_count: 0, rows_per_tile: 1, depth: 0, depth_words: 0 }
    }

    /// Gives the buffer another shape. Values are anything until they are set; the padding is zero.
    pub fn reshape(&mut self, row_count: usize, depth: usize) {
        let tile_rows = self.kernel.tile_rows();
        let tile_count = row_count.div_ceil(tile_rows);
        self.row_count = row_count;
        self.rows_per_tile = row_count.div_ceil(tile_count.max(1)).max(1);
        self.depth = depth;
        self.depth_words = self.kernel.padded_words(depth);
        let word_count = (self.tile_count() * tile_rows).checked_mul(self.depth_words);
        self.words.ensure(word_count.expect("rows fit the memory"));
        if self.depth_words * self.kernel.values_per_word() != depth {
            self.words.words_mut().fill(0);
        }
    }

    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    pub fn row_count(&self) -> usize {
        self.row_count
    }

    /// Words of a row, padding included.
    pub fn depth_words(&self) -> usize {
        self.depth_words
    }

    pub(super) fn words(&self) -> &[u32] {
        self.words.words()
    }

    pub(super) fn rows_per_tile(&self) -> usize {
        self.rows_per_tile
    }

    pub(super) fn tile_count(&self) -> usize {
        self.row_count.div_ceil(self.rows_per_tile)
    }

    pub(super) fn rows_of_tile(&self, tile: usize) -> usize {
        self.rows_per_tile.min(self.row_count - tile * self.rows_per_tile)
    }

    /// Where the word `word` of a row stands.
    fn place(&self, row: usize, word: usize) -> usize {
        let tile_rows = self.kernel.tile_rows();
        let (tile, inside) = (row / self.rows_per_tile, row % self.rows_per_tile);
        (tile * self.depth_words + word / CHUNK * CHUNK) * tile_rows + inside * CHUNK + word % CHUNK
    }

    /// Writes values into a row from `start` on, which must lie on a word's border. bf16 is rounded to nearest even.
    ///
    /// # Panics
    /// If the values do not fit the row.
    pub fn set(&mut self, row: usize, start: usize, values: &[f32]) {
        let per_word = self.kernel.values_per_word();
        assert!(row < self.row_count && start + values.len() <= self.depth, "outside the packed rows");
        assert_eq!(start % per_word, 0, "values start at a word");
        let mut word = start / per_word;
        let mut rest = values;
        while !rest.is_empty() {
            // Up to the end of this chunk, or, from a chunk's start, all that is left.
            let in_chunk = (CHUNK - word % CHUNK) * per_word;
            let take = if word.is_multiple_of(CHUNK) { rest.len() } else { rest.len().min(in_chunk) };
            let (now, later) = rest.split_at(take);
            let at = self.place(row, word);
            let stride = self.kernel.tile_rows() * CHUNK;
            let words = &mut self.words.words_mut()[at..];
            match self.kernel.arithmetic() {
                Arithmetic::F32 => pack_f32(self.kernel.isa(), words, stride, now),
                Arithmetic::Bf16 => pack_bf16(self.kernel.isa(), words, stride, now),
            }
            word += take.div_ceil(per_word);
            rest = later;
        }
    }

    /// Copies rows of another buffer of the same kernel, which give this one its shape.
    pub fn gather(&mut self, from: &PackedRows, rows: &[usize]) {
        self.reshape(rows.len(), from.depth);
        for (to, &row) in rows.iter().enumerate() {
            for word in (0..self.depth_words).step_by(CHUNK) {
                let (at, source) = (self.place(to, word), from.place(row, word));
                self.words.words_mut()[at..at + CHUNK].copy_from_slice(&from.words()[source..source + CHUNK]);
            }
        }
    }

    /// Writes `activation(sum)` of a tile of sums into rows from `first_row` on; `bias` is added first, `start` is the first
    /// value's place in the depth. The rows must be one tile's.
    pub fn set_activated(
        &mut self,
        activation: Activation,
        first_row: usize,
        sums: &[f32],
        bias: &[f32],
        start: usize,
    ) {
        let columns = self.kernel.columns();
        let count = columns.min(self.depth - start);
        let mut values = vec![0.0; sums.len()];
        activate(self.kernel.isa(), activation, sums, bias, &mut values);
        for (offset, values) in values.chunks(columns).enumerate() {
            self.set(first_row + offset, start, &values[..count]);
        }
    }

    /// Writes `activation(gate) · up` of a tile of sums into rows from `first_row` on: the first half of a row of sums is the
    /// gate, the second half what it opens for, `bias` is added to both; `start` is the first value's place in the depth.
    /// The rows must be one tile's.
    pub fn set_gated(
        &mut self,
        activation: Activation,
        first_row: usize,
        sums: &[f32],
        bias: &[f32],
        start: usize,
    ) {
        let columns = self.kernel.columns();
        let count = (columns / 2).min(self.depth - start);
        assert!(first_row.is_multiple_of(self.rows_per_tile), "a tile's first row");
        if count < columns / 2 {
            // The last panel is not full: by way of plain rows.
            let mut gated = vec![0.0; sums.len() / 2];
            gate(self.kernel.isa(), activation, sums, bias, columns, &mut gated);
            for (offset, gated) in gated.chunks(columns / 2).enumerate() {
                self.set(first_row + offset, start, &gated[..count]);
            }
            return;
        }
        let at = self.place(first_row, start / self.kernel.values_per_word());
        let words = &mut self.words.words_mut()[at..];
        match self.kernel.arithmetic() {
            Arithmetic::F32 => gate_f32(self.kernel.isa(), activation, sums, bias, columns, words),
            Arithmetic::Bf16 => gate_bf16(self.kernel.isa(), activation, sums, bias, columns, words),
        }
    }

    /// One value, as the kernel sees it.
    #[cfg(test)]
    pub fn value(&self, row: usize, at: usize) -> f32 {
        let per_word = self.kernel.values_per_word();
        let word = self.words.words()[self.place(row, at / per_word)];
        super::naive::word_value(self.kernel, word, at % per_word)
    }
}

compiled_for_each_isa! {
    fn activate[multiply_add](activation: Activation, sums: &[f32], bias: &[f32], out: &mut [f32]) = activate_body;
    fn gate[multiply_add](activation: Activation, sums: &[f32], bias: &[f32], columns: usize, out: &mut [f32]) = gate_body;
    fn gate_f32[multiply_add](
        activation: Activation, sums: &[f32], bias: &[f32], columns: usize, words: &mut [u32],
    ) = gate_f32_body;
    fn gate_bf16[multiply_add](
        activation: Activation, sums: &[f32], bias: &[f32], columns: usize, words: &mut [u32],
    ) = gate_bf16_body;
    fn pack_f32(words: &mut [u32], stride: usize, values: &[f32]) = pack_f32_body;
    fn pack_bf16(words: &mut [u32], stride: usize, values: &[f32]) = pack_bf16_body;
}

/// An activation that loops are compiled with.
trait Activate {
    fn of(by: impl MultiplyAdd, x: f32) -> f32;
}

struct Silu;
struct GeluTanh;
struct GeluErf;

impl Activate for Silu {
    #[inline(always)]
    fn of(by: impl MultiplyAdd, x: f32) -> f32 {
        silu(by, x)
    }
}

impl Activate for GeluTanh {
    #[inline(always)]
    fn of(by: impl MultiplyAdd, x: f32) -> f32 {
        gelu_tanh(by, x)
    }
}

impl Activate for GeluErf {
    #[inline(always)]
    fn of(by: impl MultiplyAdd, x: f32) -> f32 {
        gelu_erf(by, x)
    }
}

#[inline(always)]
fn activate_body(by: impl MultiplyAdd, activation: Activation, sums: &[f32], bias: &[f32], out: &mut [f32]) {
    #[inline(always)]
    fn rows<A: Activate>(by: impl MultiplyAdd, sums: &[f32], bias: &[f32], out: &mut [f32]) {
        for (sums, out) in sums.chunks_exact(bias.len()).zip(out.chunks_exact_mut(bias.len())) {
            for ((out, &sum), &bias) in out.iter_mut().zip(sums).zip(bias) {
                *out = A::of(by, sum + bias);
            }
        }
    }
    match activation {
        Activation::Silu => rows::<Silu>(by, sums, bias, out),
        Activation::GeluTanh => rows::<GeluTanh>(by, sums, bias, out),
        Activation::GeluErf => rows::<GeluErf>(by, sums, bias, out),
    }
}

/// `activation(gate) · up` of one row of a tile; `HALF` is half of its columns.
#[inline(always)]
fn gated<A: Activate, const HALF: usize>(by: impl MultiplyAdd, sums: &[f32], bias: &[f32]) -> [f32; HALF] {
    let (gates, ups) = sums[..2 * HALF].split_at(HALF);
    let (gate_bias, up_bias) = bias[..2 * HALF].split_at(HALF);
    let mut out = [0.0; HALF];
    for at in 0..HALF {
        out[at] = A::of(by, gates[at] + gate_bias[at]) * (ups[at] + up_bias[at]);
    }
    out
}

/// Calls a function of an activation and half a panel's columns, known only at run time.
macro_rules! with_half {
    ($activation:expr, $columns:expr, $function:ident $arguments:tt) => {
        match $activation {
            Activation::Silu => with_half!(Silu; $columns, $function $arguments),
            Activation::GeluTanh => with_half!(GeluTanh; $columns, $function $arguments),
            Activation::GeluErf => with_half!(GeluErf; $columns, $function $arguments),
        }
    };
    ($activation:ident; $columns:expr, $function:ident ( $($argument:expr),* )) => {
        match $columns {
            32 => $function::<$activation, 16>($($argument),*),
            16 => $function::<$activation, 8>($($argument),*),
            8 => $function::<$activation, 4>($($argument),*),
            columns => unreachable!("a panel of {columns} columns"),
        }
    };
}

#[inline(always)]
fn gate_body(
    by: impl MultiplyAdd,
    activation: Activation,
    sums: &[f32],
    bias: &[f32],
    columns: usize,
    out: &mut [f32],
) {
    #[inline(always)]
    fn rows<A: Activate, const HALF: usize>(
        by: impl MultiplyAdd,
        sums: &[f32],
        bias: &[f32],
        out: &mut [f32],
    ) {
        for (sums, out) in sums.chunks_exact(2 * HALF).zip(out.chunks_exact_mut(HALF)) {
            out.copy_from_slice(&gated::<A, HALF>(by, sums, bias));
        }
    }
    with_half!(activation, columns, rows(by, sums, bias, out));
}

#[inline(always)]
fn gate_f32_body(
    by: impl MultiplyAdd,
    activation: Activation,
    sums: &[f32],
    bias: &[f32],
    columns: usize,
    words: &mut [u32],
) {
    #[inline(always)]
    fn rows<A: Activate, const HALF: usize>(
        by: impl MultiplyAdd,
        sums: &[f32],
        bias: &[f32],
        words: &mut [u32],
    ) {
        for (sums, words) in sums.chunks_exact(2 * HALF).zip(words.chunks_mut(CHUNK)) {
            words[..HALF].copy_from_slice(&gated::<A, HALF>(by, sums, bias).map(f32::to_bits));
        }
    }
    with_half!(activation, columns, rows(by, sums, bias, words));
}

#[inline(always)]
fn gate_bf16_body(
    by: impl MultiplyAdd,
    activation: Activation,
    sums: &[f32],
    bias: &[f32],
    columns: usize,
    words: &mut [u32],
) {
    #[inline(always)]
    fn rows<A: Activate, const HALF: usize>(
        by: impl MultiplyAdd,
        sums: &[f32],
        bias: &[f32],
        words: &mut [u32],
    ) {
        for (sums, words) in sums.chunks_exact(2 * HALF).zip(words.chunks_mut(CHUNK)) {
            let values = gated::<A, HALF>(by, sums, bias);
            for (word, pair) in words[..HALF / 2].iter_mut().zip(values.as_chunks::<2>().0) {
                *word = bf16_word(pair[0], pair[1]);
            }
        }
    }
    with_half!(activation, columns, rows(by, sums, bias, words));
}

#[inline(always)]
fn pack_f32_body(words: &mut [u32], stride: usize, values: &[f32]) {
    for (index, values) in values.chunks(CHUNK).enumerate() {
        for (word, value) in words[index * stride..].iter_mut().zip(values) {
            *word = value.to_bits();
        }
    }
}

#[inline(always)]
fn pack_bf16_body(words: &mut [u32], stride: usize, values: &[f32]) {
    let (chunks, rest) = values.as_chunks::<{ 2 * CHUNK }>();
    for (index, values) in chunks.iter().enumerate() {
        let words: &mut [u32; CHUNK] = words[index * stride..].first_chunk_mut().expect("a chunk is there");
        for (word, pair) in words.iter_mut().zip(values.as_chunks::<2>().0) {
            *word = bf16_word(pair[0], pair[1]);
        }
    }
    if !rest.is_empty() {
        let words = &mut words[chunks.len() * stride..];
        for (word, pair) in words.iter_mut().zip(rest.chunks(2)) {
            *word = bf16_word(pair[0], pair.get(1).copied().unwrap_or(0.0));
        }
    }
}

/// Two values as a word of bf16, rounded to nearest even.
#[inline(always)]
pub fn bf16_word(even: f32, odd: f32) -> u32 {
    bf16_bits(even) | bf16_bits(odd) << 16
}

/// Without a branch, so that it vectorises.
#[inline(always)]
fn bf16_bits(value: f32) -> u32 {
    let bits = value.to_bits();
    let rounded = (bits.wrapping_add(0x7fff + (bits >> 16 & 1))) >> 16;
    if value.is_nan() { (bits >> 16 | 0x40) & 0xffff } else { rounded }
}

#[cfg(test)]
mod tests {
    use super::super::Isa;
    use super::*;
    use half::bf16;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_set_is_what_the_kernel_sees(
            values in prop::collection::vec(-1e3f32..1e3, 1..150), row_count in 1usize..40, cut in 0usize..4,
        ) {
            for isa in Isa::all() {
                for arithmetic in [Arithmetic::F32, Arithmetic::Bf16] {
                    let kernel = Kernel::new(isa, arithmetic);
                    let mut rows = PackedRows::new(kernel);
                    rows.reshape(row_count, values.len());
                    let cut = (cut * 8).min(values.len() / 2 * 2);
                    for row in 0..row_count {
                        rows.set(row, 0, &values[..cut]);
                        rows.set(row, cut, &values[cut..]);
                    }
                    for row in 0..row_count {
                        for (at, &value) in values.iter().enumerate() {
                            let expected = match arithmetic {
                                Arithmetic::F32 => value,
                                Arithmetic::Bf16 => bf16::from_f32(value).to_f32(),
                            };
                            prop_assert_eq!(rows.value(row, at).to_bits(), expected.to_bits());
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn nan_stays_nan_in_bf16() {
        assert!(bf16::from_bits(bf16_word(f32::from_bits(0x7fff_ffff), 0.0) as u16).is_nan());
        assert_eq!(bf16_word(f32::INFINITY, f32::NEG_INFINITY), 0xff80_7f80);
    }
}
