//! Panels of quantised weights against candle's values, and against those that the `gguf` package gives for a file that it wrote.

use super::super::super::StoredMatrix;
use super::super::super::kernels::{AlignedWords, Arithmetic, Isa, Kernel, PackedRows};
use super::super::matrix::PackedMatrix;
use super::*;
use crate::models::gguf::GgufFile;
use candle_core::quantized::QTensor;
use candle_core::{Device, Tensor};
use half::bf16;
use std::path::Path;

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

fn blocks(dtype: GgmlDType) -> QTensor {
    let values: Vec<f32> = (0..ROWS * DEPTH).map(|at| (at * 37 % 251) as f32 / 64.0 - 1.5).collect();
    let plain = Tensor::from_vec(values, (ROWS, DEPTH), &Device::Cpu).unwrap();
    QTensor::quantize(&plain, dtype).unwrap()
}

fn quantised(dtype: GgmlDType) -> Projection {
    let blocks = blocks(dtype).data().unwrap().into_owned();
    let weight = StoredMatrix::in_memory(ROWS, DEPTH, StoredFormat::Ggml(dtype), blocks);
    Projection { weight, bias: None }
}

/// What candle makes of the blocks, as the kernel would see it.
fn expected(kernel: Kernel, dtype: GgmlDType) -> Vec<Vec<f32>> {
    let mut rows = blocks(dtype).dequantize(&Device::Cpu).unwrap().to_vec2::<f32>().unwrap();
    if kernel.arithmetic() == Arithmetic::Bf16 {
        rows.iter_mut().flatten().for_each(|value| *value = bf16::from_f32(*value).to_f32());
    }
    rows
}

fn kernels() -> Vec<Kernel> {
    let of = |isa| [Arithmetic::F32, Arithmetic::Bf16].map(|arithmetic| Kernel::new(isa, arithmetic));
    Isa::all().into_iter().flat_map(of).collect()
}

/// Bits, because a zero has a sign that the reference keeps.
fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn rows_are_what_candle_makes_of_them() {
    for dtype in KEPT {
        let part = quantised(dtype);
        for kernel in kernels() {
            let matrix = PackedMatrix::stacked(kernel, &[&part]).unwrap();
            assert!(matrix.is_quantised());
            for (index, expected) in expected(kernel, dtype).iter().enumerate() {
                let mut row = vec![0.0; DEPTH];
                matrix.row(index, &mut row);
                assert_eq!(bits(&row), bits(expected), "{dtype:?} {} row {index}", kernel.name());
            }
        }
    }
}

#[test]
fn golden_blocks_become_the_reference_s_bits() {
    let golden = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/gguf").join(name);
    let file = GgufFile::open(&golden("types.gguf")).unwrap();
    let expected = std::fs::read(golden("types.f32")).unwrap();
    let mut expected = expected.as_chunks().0.iter().map(|&bytes| u32::from_le_bytes(bytes));
    let mut kinds = Vec::new();
    for tensor in file.tensors() {
        let expected: Vec<u32> = expected.by_ref().take(tensor.row_count() * tensor.row_len()).collect();
        let part = Projection { weight: file.matrix(tensor).unwrap(), bias: None };
        if let StoredFormat::Ggml(dtype) = part.weight.format() {
            kinds.push(dtype);
            for kernel in kernels().into_iter().filter(|kernel| kernel.arithmetic() == Arithmetic::F32) {
                let matrix = PackedMatrix::stacked(kernel, &[&part]).unwrap();
                assert!(matrix.is_quantised());
                for (index, expected) in expected.chunks(tensor.row_len()).enumerate() {
                    let mut row = vec![0.0; tensor.row_len()];
                    matrix.row(index, &mut row);
                    assert_eq!(bits(&row), expected, "{} {} row {index}", tensor.name(), kernel.name());
                }
            }
        }
    }
    assert!(expected.next().is_none());
    assert!(KEPT.iter().all(|kept| kinds.iter().filter(|kind| *kind == kept).count() >= 2));
}

#[test]
fn broken_scales_are_refused() {
    let mut broken = vec![0; DEPTH / 32 * 34];
    broken[34 * 3 + 1] = 0x7c;
    let weight = StoredMatrix::in_memory(1, DEPTH, StoredFormat::Ggml(GgmlDType::Q8_0), broken);
    let part = Projection { weight, bias: None };
    for kernel in kernels() {
        let error = PackedMatrix::stacked(kernel, &[&part]).unwrap_err();
        assert!(error.to_string().contains("NaN or infinite"), "{error}");
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
        for (index, expected) in expected(kernel, dtype).iter().enumerate() {
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
            let expected = expected(kernel, dtype);
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
