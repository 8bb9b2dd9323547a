//! A decoder's weights on their way in: tensors as they are stored, asked for one layer at a time, so that they are never all
//! held twice. Knows no file formats.

use crate::error::Result;
use candle_core::Tensor;

/// A linear layer: weight `[out, in]` in the dtype it is stored in, bias `[out]` in f32.
#[derive(Debug, Clone)]
pub struct Projection {
    pub weight: Tensor,
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
    fn embedding_and_lm_head(&mut self) -> Result<(Tensor, Option<Tensor>)>;
    fn layer(&mut self, index: usize) -> Result<LayerWeights>;
    fn final_norm(&mut self) -> Result<Tensor>;
}
