//! Panels of quantised weights: GGML's blocks of the rows that become a panel's columns, transposed. Knows projections, not
//! layers.

use super::super::kernels::{CentredPair, Codes, QuantisedPanel};
use super::super::{Projection, StoredMatrix};
use super::ggml::{self, CodeLayout, CodeRange};
use super::matrix::Place;
use crate::error::Result;
use candle_core::quantized::GgmlDType;
use rayon::prelude::*;
use std::borrow::Cow;

/// A projection's blocks.
struct Blocks<'a> {
    dtype: GgmlDType,
    layout: CodeLayout,
    bytes: Cow<'a, [u8]>,
}

/// All panels of a matrix; `None` where a part is plain or of a type that is not kept, or a panel mixes types.
pub fn quantised_panels(
    parts: &[&Projection],
    places: &[Place],
    columns: usize,
    input_len: usize,
) -> Result<Option<Vec<QuantisedPanel>>> {
    let mut sources = Vec::with_capacity(parts.len());
    for part in parts {
        let StoredMatrix::Quantised(tensor) = &part.weight else { return Ok(None) };
        let Some(layout) = ggml::layout(tensor.dtype()) else { return Ok(None) };
        sources.push(Blocks { dtype: tensor.dtype(), layout, bytes: tensor.data()? });
    }
    Ok(places.par_chunks(columns).map(|places| panel(&sources, places, columns, input_len)).collect())
}

fn panel(
    sources: &[Blocks<'_>],
    places: &[Place],
    columns: usize,
    input_len: usize,
) -> Option<QuantisedPanel> {
    let mut parts = places.iter().flatten().map(|&(part, _)| &sources[part]);
    let Blocks { dtype, layout, .. } = parts.next()?;
    if parts.any(|part| part.dtype != *dtype) {
        return None;
    }
    let row_bytes = input_len / dtype.block_size() * dtype.type_size();
    let block_count = input_len / layout.block_len;
    let mut codes = vec![0i8; input_len * columns];
    let (mut scales, mut minima) = (vec![0.0; block_count * columns], Vec::new());
    for (column, place) in places.iter().enumerate() {
        let Some((part, row)) = *place else { continue };
        let row = ggml::take_apart(*dtype, &sources[part].bytes[row * row_bytes..][..row_bytes]);
        transpose(&row.codes, column, columns, &mut codes);
        transpose(&row.scales, column, columns, &mut scales);
        if !row.minima.is_empty() {
            minima.resize(scales.len(), 0.0);
            transpose(&row.minima, column, columns, &mut minima);
        }
    }
    let codes = match layout.range {
        CodeRange::Byte => Codes::Bytes(codes),
        CodeRange::Nibble => {
            Codes::Nibbles(pairs(&codes, columns, |even, odd| even as u8 | (odd as u8) << 4))
        }
        CodeRange::CentredNibble => Codes::CentredNibbles(pairs(&codes, columns, CentredPair::new)),
    };
    Some(QuantisedPanel { codes, scales, minima, block_len: layout.block_len })
}

/// A row's values into one column.
fn transpose<T: Copy>(row: &[T], column: usize, columns: usize, out: &mut [T]) {
    for (at, &value) in row.iter().enumerate() {
        out[at * columns + column] = value;
    }
}

/// Two neighbours along the depth as one.
fn pairs<T>(codes: &[i8], columns: usize, pair: impl Fn(i8, i8) -> T) -> Vec<T> {
    let twos = codes.chunks_exact(2 * columns).map(|two| two.split_at(columns));
    twos.flat_map(|(even, odd)| even.iter().zip(odd).map(|(&even, &odd)| pair(even, odd))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::kernels::{AlignedWords, Arithmetic, Isa, Kernel, PackedRows};
    use super::super::matrix::PackedMatrix;
    use super::*;
    use candle_core::quantized::QTensor;
    use candle_core::{Device, Tensor};
    use half::bf16;
    use std::sync::Arc;

    const DEPTH: usize = 512;
    const ROWS: usize = 40;
    const KEPT: [GgmlDType; 10] = [
        GgmlDType::Q8_0,
        GgmlDType::Q4_0,
        GgmlDType::Q4_1,
        GgmlDType::Q5_0,
        GgmlDType::Q5_1,
        GgmlDType::Q2K,
        GgmlDType::Q3K,
        GgmlDType::Q4K,
        GgmlDType::Q5K,
        GgmlDType::Q6K,
    ];

    fn quantised(dtype: GgmlDType) -> Projection {
        let values: Vec<f32> = (0..ROWS * DEPTH).map(|at| (at * 37 % 251) as f32 / 64.0 - 1.5).collect();
        let plain = Tensor::from_vec(values, (ROWS, DEPTH), &Device::Cpu).unwrap();
        let weight = StoredMatrix::Quantised(Arc::new(QTensor::quantize(&plain, dtype).unwrap()));
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

    /// Bits, because a zero has a sign that the reference keeps.
    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|value| value.to_bits()).collect()
    }

    #[test]
    fn rows_are_what_candle_makes_of_them() {
        for dtype in KEPT.into_iter().chain([GgmlDType::Q8K]) {
            let part = quantised(dtype);
            for kernel in kernels() {
                let matrix = PackedMatrix::stacked(kernel, &[&part]).unwrap();
                assert_eq!(matrix.is_quantised(), dtype != GgmlDType::Q8K);
                for (index, expected) in expected(kernel, &part).iter().enumerate() {
                    let mut row = vec![0.0; DEPTH];
                    matrix.row(index, &mut row);
                    assert_eq!(bits(&row), bits(expected), "{dtype:?} {} row {index}", kernel.name());
                }
            }
        }
    }

    #[test]
    fn values_are_what_candle_makes_of_them() {
        for dtype in KEPT {
            let StoredMatrix::Quantised(tensor) = quantised(dtype).weight else { unreachable!() };
            let mut values = Vec::new();
            ggml::dequantise(dtype, &tensor.data().unwrap(), &mut values);
            let expected = tensor.dequantize(&Device::Cpu).unwrap().flatten_all().unwrap();
            assert_eq!(bits(&values), bits(&expected.to_vec1().unwrap()), "{dtype:?}");
        }
    }

    #[test]
    fn unpacked_words_are_the_same_bits() {
        let kernels = kernels().into_iter().filter(|kernel| kernel.arithmetic() == Arithmetic::F32);
        for (kernel, dtype) in kernels.flat_map(|kernel| KEPT.map(|dtype| (kernel, dtype))) {
            let part = quantised(dtype);
            let mut words = AlignedWords::default();
            PackedMatrix::stacked(kernel, &[&part]).unwrap().unpack(&mut words);
            let panel_words = kernel.padded_words(DEPTH) * kernel.columns();
            for (index, expected) in expected(kernel, &part).iter().enumerate() {
                let (panel, column) = (index / kernel.columns(), index % kernel.columns());
                let column = words.words()[panel * panel_words + column..].iter().step_by(kernel.columns());
                let found: Vec<u32> = column.take(DEPTH).copied().collect();
                assert_eq!(found, bits(expected), "{dtype:?} {} row {index}", kernel.name());
            }
        }
    }

    #[test]
    fn products_are_the_same_unpacked_whole_or_by_panel() {
        for dtype in KEPT {
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
