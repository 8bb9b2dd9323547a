//! The tensor types of ggml: their ids, names and blocks, and which of them can be read as weights.

use crate::engine::StoredFormat;
use candle_core::quantized::GgmlDType;
use std::fmt;

/// Id, name, values in a block, bytes of a block. As `enum ggml_type` and the type traits in ggml (`ggml.h`, `ggml.c`); types
/// that ggml has dropped have no size any more.
const TYPES: &[(u32, &str, usize, usize)] = &[
    (0, "F32", 1, 4),
    (1, "F16", 1, 2),
    (2, "Q4_0", 32, 18),
    (3, "Q4_1", 32, 20),
    (4, "Q4_2", 0, 0),
    (5, "Q4_3", 0, 0),
    (6, "Q5_0", 32, 22),
    (7, "Q5_1", 32, 24),
    (8, "Q8_0", 32, 34),
    (9, "Q8_1", 32, 36),
    (10, "Q2_K", 256, 84),
    (11, "Q3_K", 256, 110),
    (12, "Q4_K", 256, 144),
    (13, "Q5_K", 256, 176),
    (14, "Q6_K", 256, 210),
    (15, "Q8_K", 256, 292),
    (16, "IQ2_XXS", 256, 66),
    (17, "IQ2_XS", 256, 74),
    (18, "IQ3_XXS", 256, 98),
    (19, "IQ1_S", 256, 50),
    (20, "IQ4_NL", 32, 18),
    (21, "IQ3_S", 256, 110),
    (22, "IQ2_S", 256, 82),
    (23, "IQ4_XS", 256, 136),
    (24, "I8", 1, 1),
    (25, "I16", 1, 2),
    (26, "I32", 1, 4),
    (27, "I64", 1, 8),
    (28, "F64", 1, 8),
    (29, "IQ1_M", 256, 56),
    (30, "BF16", 1, 2),
    (31, "Q4_0_4_4", 0, 0),
    (32, "Q4_0_4_8", 0, 0),
    (33, "Q4_0_8_8", 0, 0),
    (34, "TQ1_0", 256, 54),
    (35, "TQ2_0", 256, 66),
    (36, "IQ4_NL_4_4", 0, 0),
    (37, "IQ4_NL_4_8", 0, 0),
    (38, "IQ4_NL_8_8", 0, 0),
    (39, "MXFP4", 32, 17),
    (40, "NVFP4", 64, 36),
    (41, "Q1_0", 128, 18),
    (42, "Q2_0", 64, 18),
];

/// A tensor type by the id that stands in files, known or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct GgmlType(u32);

impl GgmlType {
    /// What can be read as weights, in words.
    pub const READABLE: &str = "F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1 and Q2_K to Q6_K";

    pub fn from_id(id: u32) -> Self {
        GgmlType(id)
    }

    pub fn id(self) -> u32 {
        self.0
    }

    /// `None` for an id that no type had when this was written.
    pub fn name(self) -> Option<&'static str> {
        self.row().map(|row| row.1)
    }

    /// Values in a block and bytes of a block, where they are known.
    pub fn block(self) -> Option<(usize, usize)> {
        self.row().map(|row| (row.2, row.3)).filter(|block| block.0 > 0)
    }

    /// The same type as the engine knows it; `None` where it cannot be read as weights.
    pub fn format(self) -> Option<StoredFormat> {
        Some(match self.0 {
            0 => StoredFormat::F32,
            1 => StoredFormat::F16,
            2 => StoredFormat::Ggml(GgmlDType::Q4_0),
            3 => StoredFormat::Ggml(GgmlDType::Q4_1),
            6 => StoredFormat::Ggml(GgmlDType::Q5_0),
            7 => StoredFormat::Ggml(GgmlDType::Q5_1),
            8 => StoredFormat::Ggml(GgmlDType::Q8_0),
            10 => StoredFormat::Ggml(GgmlDType::Q2K),
            11 => StoredFormat::Ggml(GgmlDType::Q3K),
            12 => StoredFormat::Ggml(GgmlDType::Q4K),
            13 => StoredFormat::Ggml(GgmlDType::Q5K),
            14 => StoredFormat::Ggml(GgmlDType::Q6K),
            30 => StoredFormat::Bf16,
            _ => return None,
        })
    }

    /// What the engine's block types are called here.
    pub fn of(dtype: GgmlDType) -> Self {
        let is_it = |kind: &GgmlType| kind.format() == Some(StoredFormat::Ggml(dtype));
        TYPES.iter().map(|row| GgmlType(row.0)).find(is_it).expect("weights are stored in readable types")
    }

    fn row(self) -> Option<&'static (u32, &'static str, usize, usize)> {
        TYPES.iter().find(|row| row.0 == self.0)
    }
}

impl fmt::Display for GgmlType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "unknown type {}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_readable_types_are_those_of_the_engine() {
        let readable = (0..64).map(GgmlType::from_id).filter_map(|kind| Some((kind, kind.format()?)));
        let mut count = 0;
        for (kind, format) in readable {
            let (len, bytes) = kind.block().unwrap();
            assert_eq!(format.row_bytes(4 * len), 4 * bytes, "{kind}");
            count += 1;
        }
        assert_eq!(count, 13);
    }
}
