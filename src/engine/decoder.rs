//! The decoder: one forward over packed rows for every family. Knows no file formats and no batches' origin.

use super::attention::{PathAttention, head_norm, rotate};
use super::rope::Rope;
use super::{DecoderConfig, EngineDevice};
use crate::error::Result;
use crate::packing::PackedBatch;
use candle_core::{Device, Tensor};

/// A linear layer: weight `[out, in]`, bias `[out]`.
#[derive(Debug, Clone)]
pub struct Projection {
    pub weight: Tensor,
    pub bias: Option<Tensor>,
}

impl Projection {
    /// Several projections of one input as one, outputs side by side.
    ///
    /// # Errors
    /// When shapes or the presence of biases do not agree.
    pub fn fused(parts: &[Projection]) -> Result<Projection> {
        let weights: Vec<&Tensor> = parts.iter().map(|part| &part.weight).collect();
        let biases: Vec<&Tensor> = parts.iter().filter_map(|part| part.bias.as_ref()).collect();
        assert!(
            biases.is_empty() || biases.len() == parts.len(),
            "either all fused parts have a bias or none"
        );
        let bias = if biases.is_empty() { None } else { Some(Tensor::cat(&biases, 0)?) };
        Ok(Projection { weight: Tensor::cat(&weights, 0)?, bias })
    }

    /// `[T, in]` to `[T, out]`.
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = x.matmul(&self.weight.t()?)?;
        match &self.bias {
            None => Ok(y),
            Some(bias) => Ok(y.broadcast_add(bias)?),
        }
    }
}

/// One transformer block. All tensors f32 on the decoder's device.
#[derive(Debug, Clone)]
pub struct LayerWeights {
    pub attention_norm: Tensor,
    /// Query, key and value projections, fused in this order.
    pub qkv: Projection,
    /// Per-head norms `[head_dim]`, with `qk_norm`.
    pub query_norm: Option<Tensor>,
    pub key_norm: Option<Tensor>,
    pub output: Projection,
    pub mlp_norm: Tensor,
    /// Gate and up projections, fused in this order.
    pub gate_up: Projection,
    pub down: Projection,
}

/// All weights of a decoder.
#[derive(Debug, Clone)]
pub struct DecoderWeights {
    /// `[vocab, hidden]`.
    pub embedding: Tensor,
    pub layers: Vec<LayerWeights>,
    pub final_norm: Tensor,
    /// `[vocab, hidden]`; the embedding again where tied.
    pub lm_head: Tensor,
}

/// A decoder ready to run.
#[derive(Debug)]
pub struct Decoder {
    config: DecoderConfig,
    weights: DecoderWeights,
    rope: Rope,
    device: Device,
}

/// Keys and values of the rows on the stack, per layer: `[S, kv_heads, D]` each. Empty before the first batch.
#[derive(Debug, Default)]
pub struct KvStack {
    layers: Vec<(Tensor, Tensor)>,
}

impl KvStack {
    /// Leaves only the given rows, in the given order.
    fn keep(&mut self, rows: &[u32], device: &Device) -> Result<()> {
        if rows.is_empty() {
            self.layers.clear();
            return Ok(());
        }
        let rows = Tensor::new(rows, device)?;
        for (keys, values) in &mut self.layers {
            *keys = keys.index_select(&rows, 0)?;
            *values = values.index_select(&rows, 0)?;
        }
        Ok(())
    }

    /// Puts new rows on top of one layer and returns the whole of it.
    fn push(&mut self, layer: usize, keys: Tensor, values: Tensor) -> Result<(Tensor, Tensor)> {
        let stacked = match self.layers.get(layer) {
            None => (keys, values),
            Some((old_keys, old_values)) => {
                (Tensor::cat(&[old_keys, &keys], 0)?, Tensor::cat(&[old_values, &values], 0)?)
            }
        };
        match self.layers.get_mut(layer) {
            None => self.layers.push(stacked.clone()),
            Some(slot) => *slot = stacked.clone(),
        }
        Ok(stacked)
    }
}

impl Decoder {
    /// # Errors
    /// When the device fails.
    pub fn new(config: DecoderConfig, weights: DecoderWeights, device: &EngineDevice) -> Result<Self> {
        let rope = Rope::new(&config.rope, config.head_dim, &device.0)?;
        Ok(Decoder { config, weights, rope, device: device.0.clone() })
    }

    pub fn config(&self) -> &DecoderConfig {
        &self.config
    }

    /// Runs one batch on top of the stack and leaves its rows there. Returns the final hidden states of the batch's
    /// readout rows, normed: `[batch.readouts.len(), hidden]`, or `None` where nothing is read.
    pub(super) fn forward(&self, batch: &PackedBatch, stack: &mut KvStack) -> Result<Option<Tensor>> {
        stack.keep(&batch.kept_rows, &self.device)?;
        let attention = PathAttention::new(batch, &self.config, &self.device)?;
        let (cos, sin) = self.rope.at(&batch.position_ids)?;
        let ids = Tensor::new(batch.token_ids.as_slice(), &self.device)?;
        let mut x = self.weights.embedding.index_select(&ids, 0)?; // [T, hidden]
        for (index, layer) in self.weights.layers.iter().enumerate() {
            let (q, k, v) = self.project(layer, &x)?;
            let (q, k) = (rotate(&q, &cos, &sin)?, rotate(&k, &cos, &sin)?);
            let (k, v) = stack.push(index, k, v)?;
            let mixed = attention.forward(&q, &k, &v)?; // [T, heads * D]
            x = (x + layer.output.forward(&mixed)?)?;
            x = (&x + self.mlp(layer, &x)?)?;
        }
        if batch.readouts.is_empty() {
            return Ok(None);
        }
        let rows: Vec<u32> = batch.readouts.iter().map(|readout| readout.row as u32).collect();
        let read = x.index_select(&Tensor::new(rows, &self.device)?, 0)?;
        Ok(Some(self.norm(&read, &self.weights.final_norm)?))
    }

    /// Logits over the vocabulary for normed hidden states: `[R, hidden]` to `[R, vocab]`.
    pub(super) fn logits(&self, hidden: &Tensor) -> Result<Tensor> {
        Ok(hidden.matmul(&self.weights.lm_head.t()?)?)
    }

    /// Query `[T, heads, D]`, key and value `[T, kv_heads, D]`, before rotation.
    fn project(&self, layer: &LayerWeights, x: &Tensor) -> Result<(Tensor, Tensor, Tensor)> {
        let config = &self.config;
        let (queries, keys) = (config.query_size(), config.kv_size());
        let qkv = layer.qkv.forward(&self.norm(x, &layer.attention_norm)?)?;
        let heads = |start: usize, width: usize| -> Result<Tensor> {
            let rows = qkv.narrow(1, start, width)?.contiguous()?;
            Ok(rows.reshape((rows.dim(0)?, width / config.head_dim, config.head_dim))?)
        };
        let mut q = heads(0, queries)?;
        let mut k = heads(queries, keys)?;
        let v = heads(queries + keys, keys)?;
        if let (Some(query_norm), Some(key_norm)) = (&layer.query_norm, &layer.key_norm) {
            q = head_norm(&q, query_norm, config.norm_eps)?;
            k = head_norm(&k, key_norm, config.norm_eps)?;
        }
        Ok((q, k, v))
    }

    fn mlp(&self, layer: &LayerWeights, x: &Tensor) -> Result<Tensor> {
        let width = self.config.intermediate_size;
        let gate_up = layer.gate_up.forward(&self.norm(x, &layer.mlp_norm)?)?; // [T, 2 * intermediate]
        let gate = gate_up.narrow(1, 0, width)?.contiguous()?.silu()?;
        layer.down.forward(&(gate * gate_up.narrow(1, width, width)?)?)
    }

    fn norm(&self, x: &Tensor, weight: &Tensor) -> Result<Tensor> {
        Ok(candle_nn::ops::rms_norm(x, weight, self.config.norm_eps as f32)?)
    }
}
