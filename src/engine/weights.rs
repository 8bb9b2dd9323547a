//! A decoder's weights on their way in: matrices as they are stored, of which rows are read when they are packed, one layer
//! after the other, so that nothing is ever held twice. Knows no file formats.

use crate::error::{Error, Result};
use candle_core::quantized::{GgmlDType, ggml_file::qtensor_from_ggml};
use candle_core::{DType, Device, Tensor};
use half::{bf16, f16};
use rayon::prelude::*;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// In what numbers a matrix is stored, little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredFormat {
    F32,
    Bf16,
    F16,
    /// Blocks of a GGML type along the inputs.
    Ggml(GgmlDType),
}

impl StoredFormat {
    /// Bytes of a row of `column_count` values, which blocks fill.
    pub fn row_bytes(self, column_count: usize) -> usize {
        match self {
            StoredFormat::F32 => 4 * column_count,
            StoredFormat::Bf16 | StoredFormat::F16 => 2 * column_count,
            StoredFormat::Ggml(dtype) => column_count / dtype.block_size() * dtype.type_size(),
        }
    }

    /// The f32 values that bytes stand for, a multiple of `column_count`.
    pub fn to_f32(self, bytes: &[u8], column_count: usize) -> Result<Vec<f32>> {
        Ok(match self {
            StoredFormat::F32 => numbers(bytes, f32::from_le_bytes),
            StoredFormat::Bf16 => numbers(bytes, |two| bf16::from_le_bytes(two).to_f32()),
            StoredFormat::F16 => numbers(bytes, |two| f16::from_le_bytes(two).to_f32()),
            StoredFormat::Ggml(dtype) => {
                let row_count = bytes.len() / self.row_bytes(column_count);
                let shape = vec![row_count, column_count];
                let blocks = aligned(bytes, |bytes| qtensor_from_ggml(dtype, bytes, shape, &Device::Cpu))?;
                let values = blocks.dequantize(&Device::Cpu)?.flatten_all()?.to_vec1()?;
                if !values.iter().copied().all(f32::is_finite) {
                    return Err(refuse_blocks());
                }
                values
            }
        })
    }
}

/// The error for quantised blocks that stand for no numbers.
pub(super) fn refuse_blocks() -> Error {
    Error::model("a quantised matrix holds a scale that is NaN or infinite")
        .hint("the weights are damaged; verify the file against its publisher's hash")
}

/// Bytes where a block of any type may begin, which candle takes for granted; their largest number is an f32.
fn aligned<T>(bytes: &[u8], read: impl FnOnce(&[u8]) -> T) -> T {
    if bytes.as_ptr().cast::<f32>().is_aligned() {
        return read(bytes);
    }
    let mut copy = vec![0; bytes.len() + align_of::<f32>()];
    let begin = copy.as_ptr().align_offset(align_of::<f32>());
    let copy = &mut copy[begin..][..bytes.len()];
    copy.copy_from_slice(bytes);
    read(copy)
}

fn numbers<T, const SIZE: usize>(bytes: &[u8], number: impl Fn([u8; SIZE]) -> T) -> Vec<T> {
    bytes.as_chunks().0.iter().map(|&bytes| number(bytes)).collect()
}

/// Where a matrix's rows are. Asked by many threads at once.
pub trait StoredRows: Send + Sync {
    /// Fills `bytes` with these rows, one behind the other.
    ///
    /// # Errors
    /// When they cannot be read, or hold what is not a finite number.
    fn read(&self, rows: Range<usize>, bytes: &mut [u8]) -> Result<()>;
}

/// A matrix `[out, in]` as it is stored.
#[derive(Clone)]
pub struct StoredMatrix {
    row_count: usize,
    column_count: usize,
    format: StoredFormat,
    rows: Arc<dyn StoredRows>,
    /// Of `rows`, the one that is this matrix's first.
    first_row: usize,
}

impl fmt::Debug for StoredMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {}] in {:?}", self.row_count, self.column_count, self.format)
    }
}

impl StoredMatrix {
    pub fn new(
        row_count: usize,
        column_count: usize,
        format: StoredFormat,
        rows: Arc<dyn StoredRows>,
    ) -> Self {
        StoredMatrix { row_count, column_count, format, rows, first_row: 0 }
    }

    /// Rows that are in memory already.
    pub fn in_memory(row_count: usize, column_count: usize, format: StoredFormat, bytes: Vec<u8>) -> Self {
        let row_bytes = format.row_bytes(column_count);
        assert_eq!(bytes.len(), row_count * row_bytes, "as many bytes as rows");
        Self::new(row_count, column_count, format, Arc::new(RowsInMemory { bytes, row_bytes }))
    }

    /// Outputs and inputs.
    pub fn dims(&self) -> (usize, usize) {
        (self.row_count, self.column_count)
    }

    pub fn format(&self) -> StoredFormat {
        self.format
    }

    /// Some of the rows as a matrix of their own: a part of a fused projection.
    ///
    /// # Panics
    /// If there are no such rows.
    pub fn part(&self, rows: Range<usize>) -> Self {
        assert!(rows.start <= rows.end && rows.end <= self.row_count, "a part within the matrix");
        StoredMatrix { row_count: rows.len(), first_row: self.first_row + rows.start, ..self.clone() }
    }

    /// Reads rows into a buffer, which it makes as long as they are.
    ///
    /// # Errors
    /// As [`StoredRows::read`].
    pub fn read(&self, rows: Range<usize>, buffer: &mut Vec<u8>) -> Result<()> {
        debug_assert!(rows.end <= self.row_count, "rows of this matrix");
        buffer.resize(rows.len() * self.format.row_bytes(self.column_count), 0);
        self.rows.read(self.first_row + rows.start..self.first_row + rows.end, buffer)
    }

    /// The whole matrix in main memory: plain ones in their own dtype, blocks as the f32 values that they stand for.
    ///
    /// # Errors
    /// As [`StoredRows::read`].
    pub fn to_tensor(&self) -> Result<Tensor> {
        /// Rows that a thread reads at a time.
        const ROW_COUNT: usize = 64;
        let (row_bytes, shape) = (self.format.row_bytes(self.column_count), self.dims());
        let mut bytes = vec![0; self.row_count * row_bytes];
        bytes.par_chunks_mut((ROW_COUNT * row_bytes).max(1)).enumerate().try_for_each(|(index, bytes)| {
            let first = self.first_row + index * ROW_COUNT;
            self.rows.read(first..first + bytes.len() / row_bytes, bytes)
        })?;
        Ok(match self.format {
            StoredFormat::Bf16 => {
                Tensor::from_vec(numbers(&bytes, bf16::from_le_bytes), shape, &Device::Cpu)?
            }
            StoredFormat::F16 => Tensor::from_vec(numbers(&bytes, f16::from_le_bytes), shape, &Device::Cpu)?,
            _ => Tensor::from_vec(self.format.to_f32(&bytes, self.column_count)?, shape, &Device::Cpu)?,
        })
    }

    /// A tensor `[out, in]` of any plain dtype as a stored matrix.
    ///
    /// # Errors
    /// When it is not a matrix.
    pub fn from_tensor(tensor: &Tensor) -> Result<Self> {
        let (row_count, column_count) = tensor.dims2()?;
        let flat = tensor.flatten_all()?;
        let (format, bytes) = match tensor.dtype() {
            DType::BF16 => (StoredFormat::Bf16, bytes_of(&flat.to_vec1::<bf16>()?, |v| v.to_le_bytes())),
            DType::F16 => (StoredFormat::F16, bytes_of(&flat.to_vec1::<f16>()?, |v| v.to_le_bytes())),
            _ => {
                let values = flat.to_dtype(DType::F32)?.to_vec1::<f32>()?;
                (StoredFormat::F32, bytes_of(&values, |v| v.to_le_bytes()))
            }
        };
        Ok(Self::in_memory(row_count, column_count, format, bytes))
    }
}

fn bytes_of<T: Copy, const SIZE: usize>(values: &[T], bytes: impl Fn(T) -> [u8; SIZE]) -> Vec<u8> {
    values.iter().flat_map(|&value| bytes(value)).collect()
}

struct RowsInMemory {
    bytes: Vec<u8>,
    row_bytes: usize,
}

impl StoredRows for RowsInMemory {
    fn read(&self, rows: Range<usize>, bytes: &mut [u8]) -> Result<()> {
        bytes.copy_from_slice(&self.bytes[rows.start * self.row_bytes..rows.end * self.row_bytes]);
        Ok(())
    }
}

/// A linear layer: weight `[out, in]` as it is stored, bias `[out]` in f32.
#[derive(Debug, Clone)]
pub struct Projection {
    pub weight: StoredMatrix,
    pub bias: Option<Tensor>,
}

/// A norm's weight, and LayerNorm's bias, `[width]` in f32.
#[derive(Debug, Clone)]
pub struct NormWeights {
    pub weight: Tensor,
    pub bias: Option<Tensor>,
}

/// One transformer block. Norms and biases are in main memory, in f32.
#[derive(Debug, Clone)]
pub struct LayerWeights {
    /// In front of the projections to queries, keys and values.
    pub attention_norm: Option<NormWeights>,
    pub query: Projection,
    pub key: Projection,
    pub value: Projection,
    /// As the config's `query_key_norm` says.
    pub query_norm: Option<Tensor>,
    pub key_norm: Option<Tensor>,
    pub output: Projection,
    /// Behind the output projection.
    pub attention_post_norm: Option<NormWeights>,
    pub feed_forward_norm: Option<NormWeights>,
    pub feed_forward: FeedForwardWeights,
    pub feed_forward_post_norm: Option<NormWeights>,
}

/// As the layer's `feed_forward` says.
#[derive(Debug, Clone)]
pub enum FeedForwardWeights {
    Gated(GatedWeights),
    Plain {
        up: Projection,
        down: Projection,
    },
    Experts {
        /// `[experts, hidden]`.
        router: StoredMatrix,
        experts: Vec<GatedWeights>,
        shared: Option<SharedExpert>,
    },
}

#[derive(Debug, Clone)]
pub struct GatedWeights {
    pub gate: Projection,
    pub up: Projection,
    pub down: Projection,
}

/// The expert that all rows go through.
#[derive(Debug, Clone)]
pub struct SharedExpert {
    /// `[1, hidden]`: the sigmoid of its product weighs the expert's output.
    pub share: StoredMatrix,
    pub weights: GatedWeights,
}

/// What tokens become, and what they are read with.
#[derive(Debug, Clone)]
pub struct EmbeddingWeights {
    /// `[vocab, hidden]`.
    pub tokens: StoredMatrix,
    /// `[positions, hidden]`, with learned positions.
    pub positions: Option<StoredMatrix>,
    /// `[vocab, hidden]`; `None` where it is tied to the embeddings.
    pub lm_head: Option<StoredMatrix>,
}

/// Where weights come from. Each part is asked for once: embeddings, then layers in order, then the final norm.
pub trait WeightSource {
    fn embedding(&mut self) -> Result<EmbeddingWeights>;
    fn layer(&mut self, index: usize) -> Result<LayerWeights>;
    fn final_norm(&mut self) -> Result<NormWeights>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_read_from_any_address() {
        let blocks: Vec<u8> = (0..=255).collect();
        for shift in 0..align_of::<f32>() {
            let place = [vec![9; shift], blocks.clone()].concat();
            aligned(&place[shift..], |bytes| {
                assert!(bytes.as_ptr().cast::<f32>().is_aligned());
                assert_eq!(bytes, blocks);
            });
        }
    }
}
