//! Blocks of GGML's quantised types taken apart into codes, scales and minima. The types are kept that most files are made of,
//! Q8_0, Q4_K and Q6_K; what is not here is widened when it is loaded. Layouts as ggml's `ggml-common.h` defines them.

use candle_core::quantized::GgmlDType;
use half::f16;

/// One row of a matrix: values are `code · scale − minimum`.
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
    /// All codes are from 0 to 15.
    pub is_nibble: bool,
}

/// `None` for a type that is not kept quantised.
pub fn layout(dtype: GgmlDType) -> Option<CodeLayout> {
    match dtype {
        GgmlDType::Q8_0 => Some(CodeLayout { block_len: 32, is_nibble: false }),
        GgmlDType::Q4K => Some(CodeLayout { block_len: 32, is_nibble: true }),
        GgmlDType::Q6K => Some(CodeLayout { block_len: 16, is_nibble: false }),
        _ => None,
    }
}

/// Takes a row's bytes apart: whole blocks of a type that has a [`layout`].
pub fn take_apart(dtype: GgmlDType, bytes: &[u8]) -> QuantisedRow {
    let mut row = QuantisedRow::default();
    for block in bytes.chunks_exact(dtype.type_size()) {
        match dtype {
            GgmlDType::Q8_0 => q8_0(block, &mut row),
            GgmlDType::Q4K => q4_k(block, &mut row),
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

/// Scale of the scales, scale of the minima, 8 pairs of 6-bit scale and minimum in 12 bytes, 256 codes of 4 bits: of each
/// 32 bytes first the low halves, then the high ones.
fn q4_k(block: &[u8], row: &mut QuantisedRow) {
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
        let shift = 4 * (index % 2);
        let codes = &block[16 + index / 2 * 32..][..32];
        row.codes.extend(codes.iter().map(|&pair| (pair >> shift & 15) as i8));
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
