//! A decoder's weights on their way in: tensors as they are stored, asked for one layer at a time, so that they are never all
//! held twice. Knows no file formats.

use crate::error::Result;
use candle_core::quantized::QTensor;
use candle_core::{DType, Device, Tensor};
use std::sync::Arc;

/// A matrix `[out, in]` as it is stored, in main memory.
#[derive(Debug, Clone)]
pub enum StoredMatrix {
    /// f32, bf16 or f16.
    Plain(Tensor),
    /// Blocks of a GGML type along the inputs.
    Quantised(Arc<QTensor>),
}

impl StoredMatrix {
    /// Outputs and inputs.
    ///
    /// # Errors
    /// When it is not a matrix.
    pub fn dims(&self) -> Result<(usize, usize)> {
        Ok(match self {
            StoredMatrix::Plain(tensor) => tensor.dims2()?,
            StoredMatrix::Quantised(tensor) => tensor.shape().dims2()?,
        })
    }

    /// As a tensor: plain ones as they are, quantised ones as the f32 values that they stand for.
    pub fn to_tensor(&self) -> Result<Tensor> {
        Ok(match self {
            StoredMatrix::Plain(tensor) => tensor.clone(),
            StoredMatrix::Quantised(tensor) => tensor.dequantize(&Device::Cpu)?.to_dtype(DType::F32)?,
        })
    }
}

/// A linear layer: weight `[out, in]` as it is stored, bias `[out]` in f32.
#[derive(Debug, Clone)]
pub struct Projection {
    pub weight: StoredMatrix,
    pub bias: Option<Tensor>,
}

/// One transformer block, in main memory. Norms and biases are f32.
#[derive(Debug, Clone)]
pub struct LayerWeights {
    pub attention_norm: Tensor,
    pub query: Projection,
    pub key: Projection,
    pub value: Projection,
    /// Per-head norms `[head_dim]`, with `qk_norm`.
    pub query_norm: Option<Tensor>,
    pub key_norm: Option<Tensor>,
    pub output: Projection,
    pub mlp_norm: Tensor,
    pub gate: Projection,
    pub up: Projection,
    pub down: Projection,
}

/// Where weights come from. Each part is asked for once: embeddings, then layers in order, then the final norm.
pub trait WeightSource {
    /// `[vocab, hidden]` each; no readout matrix where it is tied to the embeddings.
    fn embedding_and_lm_head(&mut self) -> Result<(StoredMatrix, Option<StoredMatrix>)>;
    fn layer(&mut self, index: usize) -> Result<LayerWeights>;
    fn final_norm(&mut self) -> Result<Tensor>;
}
