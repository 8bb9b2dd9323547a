//! One forward over packed rows for every family, in candle operations. Knows no file formats and no batches' origin.

use super::super::readout::{ReadoutLogits, ReadoutScope, ReadoutSettings};
use super::super::rope::Rope;
use super::super::{DecoderConfig, EngineDevice, LayerWeights, Projection, ReadoutRequest, WeightSource};
use super::attention::{PathAttention, head_norm, rotate};
use super::dense_attention::DenseAttention;
use crate::error::{Error, Result};
use crate::packing::PackedBatch;
use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;

/// Values of logits held at once, so that a large vocabulary does not hold all readouts of a batch.
const LOGIT_COUNT_MAX: usize = 16 << 20;

/// A linear layer on the device, weight `[in, out]`.
#[derive(Debug)]
struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    /// Several projections of one input as one, outputs side by side.
    fn stacked(parts: &[&Projection], place: &Place) -> Result<Self> {
        let weights = parts.iter().map(|part| part.weight.to_tensor()).collect::<Result<Vec<_>>>()?;
        let biases: Vec<&Tensor> = parts.iter().filter_map(|part| part.bias.as_ref()).collect();
        assert!(
            biases.is_empty() || biases.len() == parts.len(),
            "either all stacked parts have a bias or none"
        );
        let bias = if biases.is_empty() { None } else { Some(place.put(&Tensor::cat(&biases, 0)?)?) };
        Ok(Linear { weight: place.put(&Tensor::cat(&weights, 0)?)?.t()?, bias })
    }

    /// `[T, in]` to `[T, out]`.
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = x.matmul(&self.weight)?;
        match &self.bias {
            None => Ok(y),
            Some(bias) => Ok(y.broadcast_add(bias)?),
        }
    }
}

/// Device and dtype of all tensors.
#[derive(Debug)]
struct Place {
    device: Device,
    dtype: DType,
}

impl Place {
    fn put(&self, tensor: &Tensor) -> Result<Tensor> {
        Ok(tensor.to_device(&self.device)?.to_dtype(self.dtype)?)
    }
}

#[derive(Debug)]
struct Layer {
    attention_norm: Tensor,
    qkv: Linear,
    query_norm: Option<Tensor>,
    key_norm: Option<Tensor>,
    output: Linear,
    mlp_norm: Tensor,
    gate_up: Linear,
    down: Linear,
}

impl Layer {
    fn new(weights: &LayerWeights, place: &Place) -> Result<Self> {
        let optional = |norm: &Option<Tensor>| norm.as_ref().map(|norm| place.put(norm)).transpose();
        Ok(Layer {
            attention_norm: place.put(&weights.attention_norm)?,
            qkv: Linear::stacked(&[&weights.query, &weights.key, &weights.value], place)?,
            query_norm: optional(&weights.query_norm)?,
            key_norm: optional(&weights.key_norm)?,
            output: Linear::stacked(&[&weights.output], place)?,
            mlp_norm: place.put(&weights.mlp_norm)?,
            gate_up: Linear::stacked(&[&weights.gate, &weights.up], place)?,
            down: Linear::stacked(&[&weights.down], place)?,
        })
    }
}

/// Weights on a device, run by candle.
#[derive(Debug)]
pub struct PortableDecoder {
    /// `[vocab, hidden]`.
    embedding: Tensor,
    layers: Vec<Layer>,
    final_norm: Tensor,
    /// `[hidden, vocab]`; the embedding again where tied.
    lm_head: Tensor,
    rope: Rope,
    place: Place,
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

impl PortableDecoder {
    /// # Errors
    /// The source's, and when the device fails.
    pub fn new(config: &DecoderConfig, source: &mut dyn WeightSource, device: &EngineDevice) -> Result<Self> {
        let place = Place { device: device.device().clone(), dtype: device.candle_dtype() };
        let (embedding, lm_head) = source.embedding_and_lm_head()?;
        let embedding = place.put(&embedding.to_tensor()?)?;
        let lm_head = lm_head.map(|lm_head| place.put(&lm_head.to_tensor()?)).transpose()?;
        let lm_head = lm_head.as_ref().unwrap_or(&embedding).t()?;
        let layers = (0..config.layer_count).map(|index| Layer::new(&source.layer(index)?, &place));
        let layers = layers.collect::<Result<Vec<_>>>()?;
        let final_norm = place.put(&source.final_norm()?)?;
        let rope = Rope::new(&config.rope, config.head_dim, &place.device)?;
        Ok(PortableDecoder { embedding, layers, final_norm, lm_head, rope, place })
    }

    /// Runs one batch on top of the stack. `requests[i]` is what `batch.readouts[i]` asks for.
    pub fn run(
        &self,
        config: &DecoderConfig,
        batch: &PackedBatch,
        stack: &mut KvStack,
        requests: &[ReadoutRequest<'_>],
        settings: &ReadoutSettings,
    ) -> Result<Vec<ReadoutLogits>> {
        let Some(hidden) = self.forward(config, batch, stack)? else { return Ok(Vec::new()) };
        let vocab = config.vocab_size;
        let chunk = (LOGIT_COUNT_MAX / vocab).max(1);
        let mut readouts = Vec::with_capacity(requests.len());
        for (index, requests) in requests.chunks(chunk).enumerate() {
            let hidden = hidden.narrow(0, index * chunk, requests.len())?;
            if settings.scope == ReadoutScope::Wanted {
                readouts.extend(self.read_wanted(&hidden, requests, settings)?);
                continue;
            }
            let logits = hidden.matmul(&self.lm_head)?;
            let logits = logits.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
            let rows = requests.par_iter().zip(logits.par_chunks(vocab));
            let read = rows.map(|(request, row)| ReadoutLogits::from_row(row, request.wanted, settings));
            readouts.extend(read.collect::<Result<Vec<_>>>()?);
        }
        Ok(readouts)
    }

    /// The wanted columns of the readout matrix alone, those of each row by themselves.
    fn read_wanted(
        &self,
        hidden: &Tensor,
        requests: &[ReadoutRequest<'_>],
        settings: &ReadoutSettings,
    ) -> Result<Vec<ReadoutLogits>> {
        let read = requests.iter().enumerate().map(|(row, request)| {
            if request.wanted.is_empty() {
                return Err(Error::usage("no ids are wanted, and nothing else is read"));
            }
            let ids = Tensor::new(request.wanted, &self.place.device)?;
            let columns = self.lm_head.t()?.index_select(&ids, 0)?.t()?;
            let logits = hidden.narrow(0, row, 1)?.matmul(&columns)?;
            let logits = logits.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
            ReadoutLogits::of_wanted(&logits, request.wanted, settings)
        });
        read.collect()
    }

    /// Runs one batch on top of the stack and leaves its rows there. Returns the final hidden states of the batch's
    /// readout rows, normed: `[batch.readouts.len(), hidden]`, or `None` where nothing is read.
    fn forward(
        &self,
        config: &DecoderConfig,
        batch: &PackedBatch,
        stack: &mut KvStack,
    ) -> Result<Option<Tensor>> {
        let device = &self.place.device;
        stack.keep(&batch.kept_rows, device)?;
        let attention = Attention::new(batch, config, device)?;
        let (cos, sin) = self.rope.at(&batch.position_ids)?;
        let (cos, sin) = (cos.to_dtype(self.place.dtype)?, sin.to_dtype(self.place.dtype)?);
        let ids = Tensor::new(batch.token_ids.as_slice(), device)?;
        let mut x = self.embedding.index_select(&ids, 0)?; // [T, hidden]
        for (index, layer) in self.layers.iter().enumerate() {
            let (q, k, v) = self.project(config, layer, &x)?;
            let (q, k) = (rotate(&q, &cos, &sin)?, rotate(&k, &cos, &sin)?);
            let (k, v) = stack.push(index, k, v)?;
            let mixed = attention.forward(&q, &k, &v)?; // [T, heads * D]
            x = (x + layer.output.forward(&mixed)?)?;
            x = (&x + self.mlp(config, layer, &x)?)?;
        }
        if batch.readouts.is_empty() {
            return Ok(None);
        }
        let rows: Vec<u32> = batch.readouts.iter().map(|readout| readout.row as u32).collect();
        let read = x.index_select(&Tensor::new(rows, device)?, 0)?;
        Ok(Some(norm(&read, &self.final_norm, config)?))
    }

    /// Query `[T, heads, D]`, key and value `[T, kv_heads, D]`, before rotation.
    fn project(&self, config: &DecoderConfig, layer: &Layer, x: &Tensor) -> Result<(Tensor, Tensor, Tensor)> {
        let (queries, keys) = (config.query_size(), config.kv_size());
        let qkv = layer.qkv.forward(&norm(x, &layer.attention_norm, config)?)?;
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

    fn mlp(&self, config: &DecoderConfig, layer: &Layer, x: &Tensor) -> Result<Tensor> {
        let width = config.intermediate_size;
        let gate_up = layer.gate_up.forward(&norm(x, &layer.mlp_norm, config)?)?; // [T, 2 * intermediate]
        let gate = gate_up.narrow(1, 0, width)?.contiguous()?.silu()?;
        layer.down.forward(&(gate * gate_up.narrow(1, width, width)?)?)
    }
}

/// The way of attending that suits the device.
enum Attention {
    Path(PathAttention),
    Dense(DenseAttention),
}

impl Attention {
    fn new(batch: &PackedBatch, config: &DecoderConfig, device: &Device) -> Result<Self> {
        Ok(match device.is_cpu() {
            true => Attention::Path(PathAttention::new(batch, config, device)?),
            false => Attention::Dense(DenseAttention::new(batch, config, device)?),
        })
    }

    fn forward(&self, q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Tensor> {
        match self {
            Attention::Path(attention) => attention.forward(q, k, v),
            Attention::Dense(attention) => attention.forward(q, k, v),
        }
    }
}

fn norm(x: &Tensor, weight: &Tensor, config: &DecoderConfig) -> Result<Tensor> {
    Ok(candle_nn::ops::rms_norm(x, weight, config.norm_eps as f32)?)
}
