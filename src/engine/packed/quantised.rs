//! Panels of quantised weights: GGML's blocks of the rows that become a panel's columns, transposed. Knows projections, not
//! layers.

use super::super::kernels::{Codes, QuantisedPanel};
use super::super::{Projection, StoredFormat};
use super::ggml::{self, CodeLayout};
use super::matrix::Place;
use super::panels::{Run, runs};
use crate::error::{Error, Result};
use candle_core::quantized::GgmlDType;
use rayon::prelude::*;

/// All panels of a matrix; `None` where a part is plain or of a type that is not kept, or a panel mixes types.
///
/// # Errors
/// When rows cannot be read.
pub fn quantised_panels(
    parts: &[&Projection],
    places: &[Place],
    columns: usize,
    input_len: usize,
) -> Result<Option<Vec<QuantisedPanel>>> {
    let mut kinds: Vec<(GgmlDType, CodeLayout)> = Vec::with_capacity(parts.len());
    for part in parts {
        let StoredFormat::Ggml(dtype) = part.weight.format() else { return Ok(None) };
        let Some(layout) = ggml::layout(dtype) else { return Ok(None) };
        kinds.push((dtype, layout));
    }
    let panels: Vec<Vec<Run>> = places.chunks(columns).map(runs).collect();
    let mixes = |runs: &Vec<Run>| runs.windows(2).any(|two| kinds[two[0].part].0 != kinds[two[1].part].0);
    if panels.iter().any(mixes) {
        return Ok(None);
    }
    let packed = panels.par_iter().map_init(Vec::new, |bytes, runs| {
        let (dtype, layout) = kinds[runs.first().map_or(0, |run| run.part)];
        panel(parts, runs, dtype, layout, columns, input_len, bytes)
    });
    packed.collect::<Result<Vec<_>>>().map(Some)
}

fn panel(
    parts: &[&Projection],
    runs: &[Run],
    dtype: GgmlDType,
    layout: CodeLayout,
    columns: usize,
    input_len: usize,
    bytes: &mut Vec<u8>,
) -> Result<QuantisedPanel> {
    let block_count = input_len / layout.block_len;
    let mut codes = vec![0i8; input_len * columns];
    let (mut scales, mut minima) = (vec![0.0; block_count * columns], Vec::new());
    for run in runs {
        let weight = &parts[run.part].weight;
        weight.read(run.rows.clone(), bytes)?;
        for (offset, row) in bytes.chunks_exact(weight.format().row_bytes(input_len)).enumerate() {
            let column = run.column + offset;
            let row = ggml::take_apart(dtype, row);
            if !row.scales.iter().chain(&row.minima).all(|value| value.is_finite()) {
                return Err(Error::model("a quantised matrix holds a scale that is NaN or infinite")
                    .hint("the weights are damaged; verify the file against its publisher's hash"));
            }
            transpose(&row.codes, column, columns, &mut codes);
            transpose(&row.scales, column, columns, &mut scales);
            if !row.minima.is_empty() {
                minima.resize(scales.len(), 0.0);
                transpose(&row.minima, column, columns, &mut minima);
            }
        }
    }
    let codes = if layout.is_nibble { nibbles(&codes, columns) } else { Codes::Bytes(codes) };
    Ok(QuantisedPanel { codes, scales, minima, block_len: layout.block_len })
}

/// A row's values into one column.
fn transpose<T: Copy>(row: &[T], column: usize, columns: usize, out: &mut [T]) {
    for (at, &value) in row.iter().enumerate() {
        out[at * columns + column] = value;
    }
}

/// Two neighbours along the depth in one byte.
fn nibbles(codes: &[i8], columns: usize) -> Codes {
    let mut pairs = Vec::with_capacity(codes.len() / 2);
    for two in codes.chunks_exact(2 * columns) {
        let (even, odd) = two.split_at(columns);
        pairs.extend(even.iter().zip(odd).map(|(&even, &odd)| even as u8 | (odd as u8) << 4));
    }
    Codes::Nibbles(pairs)
}

#[cfg(test)]
mod tests {
    use super::super::super::StoredMatrix;
    use super::super::super::kernels::{AlignedWords, Arithmetic, Isa, Kernel, PackedRows};
    use super::super::matrix::PackedMatrix;
    use super::*;
    use candle_core::quantized::QTensor;
    use candle_core::{Device, Tensor};
    use half::bf16;

    const DEPTH: usize = 512;
    const ROWS: usize = 40;

    fn quantised(dtype: GgmlDType) -> Projection {
        let values: Vec<f32> = (0..ROWS * DEPTH).map(|at| (at * 37 % 251) as f32 / 64.0 - 1.5).collect();
        let plain = Tensor::from_vec(values, (ROWS, DEPTH), &Device::Cpu).unwrap();
        let blocks = QTensor::quantize(&plain, dtype).unwrap().data().unwrap().into_owned();
        let weight = StoredMatrix::in_memory(ROWS, DEPTH, StoredFormat::Ggml(dtype), blocks);
        Projection { weight, bias: None }
    }

    /// What candle makes of the blocks, as the kernel would see it.
    fn expected(kernel: Kernel, part: &Projection) -> Vec<Vec<f32>> {
        let mut rows = part.weight.to_tensor().unwrap().to_vec2::<f32>().unwrap();
        if kernel.arithmetic() == Arithmetic::Bf16 {
            rows.iter_mut().flatten().for_each(|value| *value = bf16::from_f32(*value).to_f32());
        }
        rows
    }

    fn kernels() -> Vec<Kernel> {
        let of =
            |isa| [Arithmetic::F32, Arithmetic::Bf16].into_iter().filter_map(move |a| Kernel::new(isa, a));
        Isa::all().into_iter().flat_map(of).collect()
    }

    #[test]
    fn rows_are_what_candle_makes_of_them() {
        for dtype in [GgmlDType::Q8_0, GgmlDType::Q4K, GgmlDType::Q6K, GgmlDType::Q5_0] {
            let part = quantised(dtype);
            for kernel in kernels() {
                let matrix = PackedMatrix::stacked(kernel, &[&part]).unwrap();
                assert_eq!(matrix.is_quantised(), dtype != GgmlDType::Q5_0);
                for (index, expected) in expected(kernel, &part).iter().enumerate() {
                    let mut row = vec![0.0; DEPTH];
                    matrix.row(index, &mut row);
                    assert_eq!(&row, expected, "{dtype:?} {} row {index}", kernel.name());
                }
            }
        }
    }

    #[test]
    fn products_are_the_same_unpacked_whole_or_by_panel() {
        for dtype in [GgmlDType::Q8_0, GgmlDType::Q4K, GgmlDType::Q6K] {
            let part = quantised(dtype);
            for kernel in kernels() {
                let matrix = PackedMatrix::stacked(kernel, &[&part]).unwrap();
                let expected = expected(kernel, &part);
                let mut unpacked = AlignedWords::default();
                matrix.unpack(&mut unpacked);
                let mut rows = PackedRows::new(kernel);
                rows.reshape(DEPTH, DEPTH);
                for at in 0..DEPTH {
                    let mut unit = vec![0.0; DEPTH];
                    unit[at] = 1.0;
                    rows.set(at, 0, &unit);
                }
                for unpacked in [None, Some(&unpacked)] {
                    let mut seen = 0;
                    matrix.multiply(&rows, 0..matrix.panel_count(), unpacked, |panel, first_row, sums| {
                        for (offset, sums) in sums.chunks(kernel.columns()).enumerate() {
                            for (column, &sum) in sums.iter().enumerate() {
                                let Some(row) = expected.get(panel * kernel.columns() + column) else {
                                    continue;
                                };
                                assert_eq!(sum, row[first_row + offset], "{dtype:?} {}", kernel.name());
                                seen += 1;
                            }
                        }
                    });
                    assert_eq!(seen, ROWS * DEPTH);
                }
            }
        }
    }
}
