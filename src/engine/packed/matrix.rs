//! A weight matrix as the kernel reads it: panels of columns, packed once. Knows projections, not layers.

use super::super::kernels::{AlignedWords, Arithmetic, Kernel, MatrixWords, PackedRows, QuantisedPanel};
use super::super::{Projection, StoredFormat, StoredMatrix};
use super::panels::packed_panels;
use super::quantised::quantised_panels;
use crate::error::Result;
use half::bf16;
use rayon::prelude::*;
use std::ops::Range;

/// Weights `[out, in]`, biases `[out]`, in the kernel's arithmetic.
#[derive(Debug)]
pub struct PackedMatrix {
    kernel: Kernel,
    panels: Panels,
    panel_words: usize,
    /// Of each panel's columns, padded with zeros.
    bias: Vec<f32>,
    output_len: usize,
}

/// How a matrix is kept.
#[derive(Debug)]
enum Panels {
    /// As the kernel reads it.
    Words(MatrixWords),
    /// In fewer bytes; unpacked when it is its turn.
    Quantised(Vec<QuantisedPanel>),
}

/// Which row of which projection becomes a column.
pub type Place = Option<(usize, usize)>;

impl PackedMatrix {
    /// Several projections of one input as one, outputs side by side.
    pub fn stacked(kernel: Kernel, parts: &[&Projection]) -> Result<Self> {
        let mut places: Vec<Place> = Vec::new();
        for (part, projection) in parts.iter().enumerate() {
            places.extend((0..projection.weight.dims().0).map(|row| Some((part, row))));
        }
        let output_len = places.len();
        Self::packed(kernel, parts, places, output_len)
    }

    /// Gate and up projections, half a panel each, so that a tile holds what has to be multiplied.
    pub fn gated(kernel: Kernel, gate: &Projection, up: &Projection) -> Result<Self> {
        let (count, half) = (gate.weight.dims().0, kernel.columns() / 2);
        let place =
            |first: usize, part| (first..first + half).map(move |row| (row < count).then_some((part, row)));
        let places = (0..count).step_by(half).flat_map(|first| place(first, 0).chain(place(first, 1)));
        Self::packed(kernel, &[gate, up], places.collect(), count)
    }

    fn packed(
        kernel: Kernel,
        parts: &[&Projection],
        mut places: Vec<Place>,
        output_len: usize,
    ) -> Result<Self> {
        let input_len = parts[0].weight.dims().1;
        let columns = kernel.columns();
        places.resize(places.len().next_multiple_of(columns), None);
        let panel_words = kernel.padded_words(input_len) * columns;
        let biases =
            parts.iter().map(|part| part.bias.as_ref().map(|bias| bias.to_vec1::<f32>()).transpose());
        let biases = biases.collect::<candle_core::Result<Vec<_>>>()?;
        let bias_at = |&place: &Place| {
            place.and_then(|(part, row)| biases[part].as_ref().map(|bias| bias[row])).unwrap_or(0.0)
        };
        let bias = places.iter().map(bias_at).collect();
        let panels = match quantised_panels(parts, &places, columns, input_len)? {
            Some(panels) => Panels::Quantised(panels),
            None => Panels::Words(packed_panels(kernel, parts, &places, input_len)?),
        };
        Ok(PackedMatrix { kernel, panels, panel_words, bias, output_len })
    }

    #[cfg(test)]
    pub fn is_quantised(&self) -> bool {
        matches!(self.panels, Panels::Quantised(_))
    }

    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    pub fn output_len(&self) -> usize {
        self.output_len
    }

    pub fn panel_count(&self) -> usize {
        self.bias.len() / self.kernel.columns()
    }

    /// Biases of a panel's columns.
    pub fn bias(&self, panel: usize) -> &[f32] {
        &self.bias[panel * self.kernel.columns()..][..self.kernel.columns()]
    }

    /// Unpacks a quantised matrix whole, for many multiplications that follow; another needs nothing.
    pub fn unpack(&self, unpacked: &mut AlignedWords) {
        let Panels::Quantised(panels) = &self.panels else { return };
        unpacked.ensure(panels.len() * self.panel_words);
        let words = &mut unpacked.words_mut()[..panels.len() * self.panel_words];
        words.par_chunks_mut(self.panel_words).zip(panels).for_each(|(words, panel)| {
            panel.unpack(self.kernel, words);
        });
    }

    /// Multiplies all rows with some panels and hands over each tile: panel, first row, sums `[rows, columns]`.
    /// `unpacked` is what [`Self::unpack`] made of this matrix; where it is `None`, panels are unpacked one by one.
    pub fn multiply(
        &self,
        rows: &PackedRows,
        panels: Range<usize>,
        unpacked: Option<&AlignedWords>,
        mut each: impl FnMut(usize, usize, &[f32]),
    ) {
        let words = match (&self.panels, unpacked) {
            (Panels::Words(words), _) => words.words(),
            (Panels::Quantised(_), Some(unpacked)) => unpacked.words(),
            (Panels::Quantised(quantised), None) => {
                let mut words = AlignedWords::zeroed(self.panel_words);
                let words = &mut words.words_mut()[..self.panel_words];
                for panel in panels {
                    quantised[panel].unpack(self.kernel, words);
                    self.kernel.multiply(rows, words, &[], |first_row, _, sums| each(panel, first_row, sums));
                }
                return;
            }
        };
        let panel_words = |panel: usize| &words[panel * self.panel_words..][..self.panel_words];
        for panel in panels.clone() {
            let next = if panel + 1 < panels.end { panel_words(panel + 1) } else { &[] };
            self.kernel.multiply(rows, panel_words(panel), next, |first_row, _, sums| {
                each(panel, first_row, sums);
            });
        }
    }

    /// Some rows of the weights as a matrix of their own, packed anew. Only for matrices made of one part.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn selected(&self, rows: &[u32], input_len: usize) -> Result<Self> {
        let mut bytes = Vec::with_capacity(rows.len() * input_len * size_of::<f32>());
        let mut values = vec![0.0; input_len];
        for &row in rows {
            self.row(row as usize, &mut values);
            bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        }
        let weight = StoredMatrix::in_memory(rows.len(), input_len, StoredFormat::F32, bytes);
        Self::stacked(self.kernel, &[&Projection { weight, bias: None }])
    }

    /// One row of the weights, as the kernel sees it. Only for matrices made of one part, such as an embedding.
    pub fn row(&self, row: usize, out: &mut [f32]) {
        let (panel, column) = (row / self.kernel.columns(), row % self.kernel.columns());
        let words = match &self.panels {
            Panels::Words(words) => &words.words()[panel * self.panel_words..][..self.panel_words],
            Panels::Quantised(panels) => {
                for (at, out) in out.iter_mut().enumerate() {
                    let value = panels[panel].value(at, column, self.kernel.columns());
                    *out = match self.kernel.arithmetic() {
                        Arithmetic::F32 => value,
                        Arithmetic::Bf16 => bf16::from_f32(value).to_f32(),
                    };
                }
                return;
            }
        };
        let words = words[column..].iter().step_by(self.kernel.columns());
        match self.kernel.arithmetic() {
            Arithmetic::F32 => {
                for (out, &word) in out.iter_mut().zip(words) {
                    *out = f32::from_bits(word);
                }
            }
            Arithmetic::Bf16 => {
                for (out, &word) in out.chunks_mut(2).zip(words) {
                    out[0] = f32::from_bits(word << 16);
                    if let Some(odd) = out.get_mut(1) {
                        *odd = f32::from_bits(word & 0xffff_0000);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::kernels::Isa;
    use super::*;
    use candle_core::{DType, Device, Tensor};

    fn projection(output: usize, input: usize, dtype: DType) -> Projection {
        let values: Vec<f32> = (0..output * input).map(|at| (at % 251) as f32 / 64.0 - 1.5).collect();
        let weight =
            Tensor::from_vec(values, (output, input), &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
        let bias = Tensor::from_vec((0..output).map(|at| at as f32).collect(), output, &Device::Cpu).unwrap();
        Projection { weight: StoredMatrix::from_tensor(&weight).unwrap(), bias: Some(bias) }
    }

    fn kernels() -> impl Iterator<Item = Kernel> {
        let of = |isa| [Arithmetic::F32, Arithmetic::Bf16].map(|arithmetic| Kernel::new(isa, arithmetic));
        Isa::all().into_iter().flat_map(of)
    }

    #[test]
    fn rows_come_back_as_they_were() {
        for kernel in kernels() {
            for dtype in [DType::F32, DType::BF16, DType::F16] {
                let (first, second) = (projection(37, 45, dtype), projection(5, 45, dtype));
                let matrix = PackedMatrix::stacked(kernel, &[&first, &second]).unwrap();
                assert_eq!(matrix.output_len(), 42);
                let tensors = [&first, &second].map(|part| part.weight.to_tensor().unwrap());
                let all = Tensor::cat(&tensors, 0).unwrap();
                let all = all.to_dtype(DType::F32).unwrap().to_vec2::<f32>().unwrap();
                for (index, expected) in all.iter().enumerate() {
                    let mut row = vec![0.0; 45];
                    matrix.row(index, &mut row);
                    assert_eq!(&row, expected, "{} row {index}", kernel.name());
                }
                assert_eq!(matrix.bias(40 / kernel.columns())[40 % kernel.columns()], 3.0);
            }
        }
    }

    #[test]
    fn products_are_those_of_the_matrix() {
        for kernel in kernels() {
            let first = projection(37, 45, DType::BF16);
            let matrix = PackedMatrix::stacked(kernel, &[&first]).unwrap();
            let x: Vec<Vec<f32>> =
                (0..17).map(|r| (0..45).map(|d| ((r * d) % 7) as f32 - 3.0).collect()).collect();
            let mut rows = PackedRows::new(kernel);
            rows.reshape(x.len(), 45);
            x.iter().enumerate().for_each(|(row, values)| rows.set(row, 0, values));
            let weights =
                first.weight.to_tensor().unwrap().to_dtype(DType::F32).unwrap().to_vec2::<f32>().unwrap();
            let mut seen = 0;
            matrix.multiply(&rows, 0..matrix.panel_count(), None, |panel, first_row, sums| {
                for (offset, sums) in sums.chunks(kernel.columns()).enumerate() {
                    for (column, &sum) in sums.iter().enumerate() {
                        let Some(weights) = weights.get(panel * kernel.columns() + column) else {
                            assert_eq!(sum, 0.0);
                            continue;
                        };
                        let expected: f32 =
                            weights.iter().zip(&x[first_row + offset]).map(|(w, x)| w * x).sum();
                        assert!((sum - expected).abs() < 1e-3, "{}: {sum} {expected}", kernel.name());
                        seen += 1;
                    }
                }
            });
            assert_eq!(seen, 17 * 37);
        }
    }
}
