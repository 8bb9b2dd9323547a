//! Blocks of GGML's quantised types taken apart into codes, scales and minima. Layouts as ggml's `ggml-common.h`
//! defines them; values are, bit for bit, those of `dequantize` in the `gguf` package.

use candle_core::quantized::GgmlDType;
use half::f16;

/// One row of a matrix: values are `code · scale − minimum`. Whatever the codes are, a value is finite where its scale and
/// minimum are, because these are products of a 16-bit float and a few bits.
#[derive(Debug, Default)]
pub struct QuantisedRow {
    pub codes: Vec<i8>,
    pub scales: Vec<f32>,
    /// Empty where the type has none.
    pub minima: Vec<f32>,
}

/// How the codes of a type are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeLayout {
    /// Values that share a scale.
    pub block_len: usize,
    pub range: CodeRange,
}

/// Which codes occur.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeRange {
    Byte,
    /// From 0 to 15.
    Nibble,
    /// From -8 to 7.
    CentredNibble,
}

/// `None` for a type that is not kept quantised.
pub fn layout(dtype: GgmlDType) -> Option<CodeLayout> {
    let (block_len, range) = match dtype {
        GgmlDType::Q8_0 | GgmlDType::Q5_0 | GgmlDType::Q5_1 | GgmlDType::Q5K => (32, CodeRange::Byte),
        GgmlDType::Q6K => (16, CodeRange::Byte),
        GgmlDType::Q4_1 | GgmlDType::Q4K => (32, CodeRange::Nibble),
        GgmlDType::Q2K => (16, CodeRange::Nibble),
        GgmlDType::Q4_0 => (32, CodeRange::CentredNibble),
        GgmlDType::Q3K => (16, CodeRange::CentredNibble),
        _ => return None,
    };
    Some(CodeLayout { block_len, range })
}

/// Bytes that a value takes in memory, its share of the scale and the minimum included; `None` for a type that is not kept.
pub fn kept_bytes_per_value(dtype: GgmlDType) -> Option<f64> {
    let layout = layout(dtype)?;
    let code_bytes = if layout.range == CodeRange::Byte { 1.0 } else { 0.5 };
    Some(code_bytes + 8.0 / layout.block_len as f64)
}

/// Takes a row's bytes apart: whole blocks of a type that has a [`layout`].
pub fn take_apart(dtype: GgmlDType, bytes: &[u8]) -> QuantisedRow {
    let mut row = QuantisedRow::default();
    for block in bytes.chunks_exact(dtype.type_size()) {
        match dtype {
            GgmlDType::Q8_0 => q8_0(block, &mut row),
            GgmlDType::Q4_0 => q4_0(block, &mut row),
            GgmlDType::Q4_1 => q4_1(block, &mut row),
            GgmlDType::Q5_0 => q5_0(block, &mut row),
            GgmlDType::Q5_1 => q5_1(block, &mut row),
            GgmlDType::Q2K => q2_k(block, &mut row),
            GgmlDType::Q3K => q3_k(block, &mut row),
            GgmlDType::Q4K => q4_k(block, &mut row),
            GgmlDType::Q5K => q5_k(block, &mut row),
            GgmlDType::Q6K => q6_k(block, &mut row),
            other => unreachable!("{other:?} has no layout"),
        }
    }
    row
}

fn half_at(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

/// A scale and 32 signed bytes.
fn q8_0(block: &[u8], row: &mut QuantisedRow) {
    row.scales.push(half_at(block, 0));
    row.codes.extend(block[2..34].iter().map(|&code| code as i8));
}

/// A scale and 32 codes of 4 bits less 8.
fn q4_0(block: &[u8], row: &mut QuantisedRow) {
    row.scales.push(half_at(block, 0));
    row.codes.extend(halves(&block[2..18]).map(|code| code as i8 - 8));
}

/// A scale, what is added, and 32 codes of 4 bits.
fn q4_1(block: &[u8], row: &mut QuantisedRow) {
    row.scales.push(half_at(block, 0));
    row.minima.push(-half_at(block, 2));
    row.codes.extend(halves(&block[4..20]).map(|code| code as i8));
}

/// A scale, and 32 codes of 5 bits less 16: first their upper bits, then the lower four.
fn q5_0(block: &[u8], row: &mut QuantisedRow) {
    row.scales.push(half_at(block, 0));
    row.codes.extend(fifth_bits(&block[2..6], &block[6..22]).map(|code| code as i8 - 16));
}

/// A scale, what is added, and 32 codes of 5 bits as those of Q5_0.
fn q5_1(block: &[u8], row: &mut QuantisedRow) {
    row.scales.push(half_at(block, 0));
    row.minima.push(-half_at(block, 2));
    row.codes.extend(fifth_bits(&block[4..8], &block[8..24]).map(|code| code as i8));
}

/// All low halves, then all high ones.
fn halves(pairs: &[u8]) -> impl Iterator<Item = u8> {
    pairs.iter().map(|pair| pair & 15).chain(pairs.iter().map(|pair| pair >> 4))
}

/// Halves with a fifth bit each, out of `upper`.
fn fifth_bits(upper: &[u8], pairs: &[u8]) -> impl Iterator<Item = u8> {
    halves(pairs).enumerate().map(|(at, code)| code | (upper[at / 8] >> (at % 8) & 1) << 4)
}

/// 16 bytes of a 4-bit scale and minimum each, 256 codes of 2 bits, scale of the scales, scale of the minima.
fn q2_k(block: &[u8], row: &mut QuantisedRow) {
    let (scale, minimum) = (half_at(block, 80), half_at(block, 82));
    row.scales.extend(block[..16].iter().map(|pair| scale * (pair & 15) as f32));
    row.minima.extend(block[..16].iter().map(|pair| minimum * (pair >> 4) as f32));
    row.codes.extend(quarters(&block[16..80]).map(|code| code as i8));
}

/// Of each 32 bytes first the lowest two bits, then the next two, and so on.
fn quarters(fours: &[u8]) -> impl Iterator<Item = u8> {
    fours.chunks_exact(32).flat_map(|fours| {
        (0..4).flat_map(move |quarter| fours.iter().map(move |four| four >> (2 * quarter) & 3))
    })
}

/// 256 codes of 3 bits less 4: the upper bits in 32 bytes, the lower two in 64; 16 scales of 6 bits less 32 in 12 bytes; their
/// scale.
fn q3_k(block: &[u8], row: &mut QuantisedRow) {
    let (high, packed, scale) = (&block[..32], &block[96..108], half_at(block, 108));
    row.scales.extend((0..16).map(|index| {
        let low = packed[index % 8] >> (index / 8 * 4) & 15;
        let upper = packed[8 + index % 4] >> (index / 4 * 2) & 3;
        scale * ((low | upper << 4) as i8 - 32) as f32
    }));
    row.codes.extend(quarters(&block[32..96]).enumerate().map(|(at, low)| {
        let upper = high[at % 32] >> (at / 32) & 1;
        (low | upper << 2) as i8 - 4
    }));
}

/// Scale of the scales, scale of the minima, 8 pairs of 6-bit scale and minimum in 12 bytes, 256 codes of 4 bits: of each
/// 32 bytes first the low halves, then the high ones.
fn q4_k(block: &[u8], row: &mut QuantisedRow) {
    scales_and_minima(block, row);
    row.codes.extend(block[16..144].chunks_exact(32).flat_map(halves).map(|code| code as i8));
}

/// As Q4_K with 32 bytes of fifth bits before the others: the code's place in its 32 names the byte, which 32 they are the bit.
fn q5_k(block: &[u8], row: &mut QuantisedRow) {
    scales_and_minima(block, row);
    let upper = &block[16..48];
    let codes = block[48..176].chunks_exact(32).flat_map(halves).enumerate();
    row.codes.extend(codes.map(|(at, code)| (code | (upper[at % 32] >> (at / 32) & 1) << 4) as i8));
}

/// The first 16 bytes of Q4_K and Q5_K.
fn scales_and_minima(block: &[u8], row: &mut QuantisedRow) {
    let (scale, minimum) = (half_at(block, 0), half_at(block, 2));
    let packed = &block[4..16];
    for index in 0..8 {
        // The last four have their upper two bits in the upper bits of the first eight bytes.
        let (six_scale, six_minimum) = match index {
            0..4 => (packed[index] & 63, packed[index + 4] & 63),
            _ => (
                packed[index + 4] & 15 | packed[index - 4] >> 6 << 4,
                packed[index + 4] >> 4 | packed[index] >> 6 << 4,
            ),
        };
        row.scales.push(scale * six_scale as f32);
        row.minima.push(minimum * six_minimum as f32);
    }
}

/// 256 codes of 6 bits less 32: the lower four bits in 128 bytes, the upper two in 64; 16 signed scales; their scale.
fn q6_k(block: &[u8], row: &mut QuantisedRow) {
    let (low, high, scales) = (&block[..128], &block[128..192], &block[192..208]);
    let scale = half_at(block, 208);
    row.scales.extend(scales.iter().map(|&factor| scale * factor as i8 as f32));
    for half in 0..2 {
        for quarter in 0..4 {
            let low = &low[half * 64 + quarter % 2 * 32..][..32];
            let high = &high[half * 32..][..32];
            row.codes.extend(low.iter().zip(high).map(|(&low, &high)| {
                let low = low >> (quarter / 2 * 4) & 15;
                (low | (high >> (2 * quarter) & 3) << 4) as i8 - 32
            }));
        }
    }
}
