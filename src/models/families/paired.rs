//! Queries and keys whose rotary pairs lie side by side, back in halves. Moves whole rows and looks at no value.

use crate::engine::{Projection, StoredMatrix, StoredRows};
use crate::error::Result;
use std::ops::Range;
use std::sync::Arc;

/// A projection to heads of `head_dim` rows, an even number: of each head the first rows of all pairs, then the second ones.
pub fn halved(paired: Projection, head_dim: usize) -> Result<Projection> {
    let Projection { weight, bias } = paired;
    let (row_count, column_count) = weight.dims();
    let half = head_dim / 2;
    let of_bias = |bias: candle_core::Tensor| {
        bias.reshape((row_count / head_dim, half, 2))?.transpose(1, 2)?.contiguous()?.flatten_all()
    };
    let rows =
        HalvedRows { row_bytes: weight.format().row_bytes(column_count), half, paired: weight.clone() };
    Ok(Projection {
        weight: StoredMatrix::new(row_count, column_count, weight.format(), Arc::new(rows)),
        bias: bias.map(of_bias).transpose()?,
    })
}

/// Row `2·half·head + half·side + pair` is row `2·half·head + 2·pair + side` of the stored matrix.
struct HalvedRows {
    paired: StoredMatrix,
    row_bytes: usize,
    half: usize,
}

impl StoredRows for HalvedRows {
    fn read(&self, rows: Range<usize>, mut bytes: &mut [u8]) -> Result<()> {
        let (mut row, mut stored) = (rows.start, Vec::new());
        while row < rows.end {
            let (start, pair) = (row / self.half, row % self.half);
            let count = (self.half - pair).min(rows.end - row);
            let first = start / 2 * 2 * self.half + 2 * pair + start % 2;
            self.paired.read(first..first + 2 * count - 1, &mut stored)?;
            let (part, rest) = bytes.split_at_mut(count * self.row_bytes);
            let every_second = stored.chunks_exact(self.row_bytes).step_by(2);
            part.chunks_exact_mut(self.row_bytes)
                .zip(every_second)
                .for_each(|(to, from)| to.copy_from_slice(from));
            (bytes, row) = (rest, row + count);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::StoredFormat;
    use candle_core::{Device, Tensor};

    #[test]
    fn every_range_of_rows_is_found() {
        // Two heads of six rows; each row holds its own number in two bytes.
        let stored = (0..12u8).flat_map(|row| [row, row]).collect();
        let weight = StoredMatrix::in_memory(12, 1, StoredFormat::F16, stored);
        let bias = Tensor::arange(0f32, 12.0, &Device::Cpu).unwrap();
        let halved = halved(Projection { weight, bias: Some(bias) }, 6).unwrap();
        let order = [0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11];
        assert_eq!(halved.bias.unwrap().to_vec1::<f32>().unwrap(), order.map(f32::from));
        for start in 0..12 {
            for end in start..=12 {
                let mut bytes = Vec::new();
                halved.weight.read(start..end, &mut bytes).unwrap();
                let expected: Vec<u8> = order[start..end].iter().flat_map(|&row| [row, row]).collect();
                assert_eq!(bytes, expected, "{start}..{end}");
            }
        }
    }
}
