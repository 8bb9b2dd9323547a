//! One forward over packed rows for every family, in candle operations. Knows no file formats and no batches' origin.

use super::super::readout::{ReadoutLogits, ReadoutScope, ReadoutSettings};
use super::super::{
    DecoderConfig, EmbeddingWeights, EngineDevice, LayerConfig, ReadoutRequest, WeightSource,
};
use super::attention::{PathAttention, ScoreSettings, rotate};
use super::dense_attention::DenseAttention;
use super::layer::Layer;
use super::parts::{Norm, Place};
use super::rope::Rope;
use crate::error::{Error, Result};
use crate::packing::PackedBatch;
use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;
use std::collections::HashMap;

/// Values of logits held at once, so that a large vocabulary does not hold all readouts of a batch.
const LOGIT_COUNT_MAX: usize = 16 << 20;

/// Weights on a device, run by candle.
#[derive(Debug)]
pub struct CandleDecoder {
    /// `[vocab, hidden]`.
    embedding: Tensor,
    /// `[positions, hidden]`, where they are learned.
    positions: Option<Tensor>,
    layers: Vec<Layer>,
    final_norm: Norm,
    /// `[hidden, vocab]`; the embedding again where tied.
    lm_head: Tensor,
    /// As the config lists them.
    ropes: Vec<Rope>,
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

impl CandleDecoder {
    /// # Errors
    /// The source's, and when the device fails.
    pub fn new(config: &DecoderConfig, source: &mut dyn WeightSource, device: &EngineDevice) -> Result<Self> {
        let place = Place { device: device.device().clone(), dtype: device.candle_dtype() };
        let EmbeddingWeights { tokens, positions, lm_head } = source.embedding()?;
        let embedding = place.put(&tokens.to_tensor()?)?;
        let optional = |matrix: Option<_>| -> Result<Option<Tensor>> {
            matrix.map(|matrix: super::super::StoredMatrix| place.put(&matrix.to_tensor()?)).transpose()
        };
        let (positions, lm_head) = (optional(positions)?, optional(lm_head)?);
        let lm_head = lm_head.as_ref().unwrap_or(&embedding).t()?;
        let layers = config.layers.iter().enumerate();
        let layers = layers
            .map(|(index, layer)| Layer::new(config, layer, &source.layer(index)?, &place))
            .collect::<Result<Vec<_>>>()?;
        let final_norm = Norm::new(config, &source.final_norm()?, &place)?;
        let ropes = config.ropes.iter().map(Rope::new).collect();
        Ok(CandleDecoder { embedding, positions, layers, final_norm, lm_head, ropes, place })
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
                readouts.extend(self.read_wanted(config, &hidden, requests, settings)?);
                continue;
            }
            let logits = bent(config, hidden.matmul(&self.lm_head)?)?;
            let logits = logits.flatten_all()?.to_vec1::<f32>()?;
            let rows = requests.par_iter().zip(logits.par_chunks(vocab));
            let read = rows.map(|(request, row)| ReadoutLogits::from_row(row, request, settings));
            readouts.extend(read.collect::<Result<Vec<_>>>()?);
        }
        Ok(readouts)
    }

    /// The wanted columns of the readout matrix alone, those of each row by themselves.
    fn read_wanted(
        &self,
        config: &DecoderConfig,
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
            let logits = bent(config, hidden.narrow(0, row, 1)?.matmul(&columns)?)?;
            let logits = logits.flatten_all()?.to_vec1::<f32>()?;
            ReadoutLogits::of_wanted(&logits, request, settings)
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
        let mut attentions: HashMap<Option<usize>, Attention> = HashMap::new();
        let turns = self.ropes.iter().map(|rope| rope.at(batch, &self.place)).collect::<Result<Vec<_>>>()?;
        let mut x = self.embed(config, batch)?; // [T, hidden]
        for (index, (layer, shape)) in self.layers.iter().zip(&config.layers).enumerate() {
            let LayerConfig { rope, window, attention_scale, .. } = *shape;
            let (mut q, mut k, v) = layer.project(config, &x)?;
            if let Some((cos, sin)) = rope.map(|rope| &turns[rope]) {
                (q, k) = (rotate(&q, cos, sin)?, rotate(&k, cos, sin)?);
            }
            let (k, v) = stack.push(index, k, v)?;
            let attention = match attentions.entry(window) {
                std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
                std::collections::hash_map::Entry::Vacant(new) => {
                    new.insert(Attention::new(batch, config, window, device)?)
                }
            };
            let scores = ScoreSettings { scale: attention_scale, soft_cap: config.attention_soft_cap };
            let mixed = attention.forward(&q, &k, &v, scores)?; // [T, heads * D]
            x = layer.finish(config, &x, &mixed)?;
        }
        if batch.readouts.is_empty() {
            return Ok(None);
        }
        let rows: Vec<u32> = batch.readouts.iter().map(|readout| readout.row as u32).collect();
        let read = x.index_select(&Tensor::new(rows, device)?, 0)?;
        Ok(Some(self.final_norm.forward(&read)?))
    }

    fn embed(&self, config: &DecoderConfig, batch: &PackedBatch) -> Result<Tensor> {
        let device = &self.place.device;
        let ids = Tensor::new(batch.token_ids.as_slice(), device)?;
        let x = (self.embedding.index_select(&ids, 0)? * config.embedding_multiplier)?;
        match &self.positions {
            None => Ok(x),
            Some(positions) => {
                let places = Tensor::new(batch.position_ids.as_slice(), device)?;
                Ok((x + positions.index_select(&places, 0)?)?)
            }
        }
    }
}

/// What the config has become of logits, in f32.
fn bent(config: &DecoderConfig, logits: Tensor) -> Result<Tensor> {
    let logits = (logits.to_dtype(DType::F32)? / config.logit_divisor)?;
    Ok(match config.logit_soft_cap {
        None => logits,
        Some(cap) => ((logits / cap)?.tanh()? * cap)?,
    })
}

/// The way of attending that suits the device.
enum Attention {
    Path(PathAttention),
    Dense(DenseAttention),
}

impl Attention {
    fn new(
        batch: &PackedBatch,
        config: &DecoderConfig,
        window: Option<usize>,
        device: &Device,
    ) -> Result<Self> {
        Ok(match device.is_cpu() {
            true => Attention::Path(PathAttention::new(batch, config, window, device)?),
            false => Attention::Dense(DenseAttention::new(batch, config, window, device)?),
        })
    }

    fn forward(&self, q: &Tensor, k: &Tensor, v: &Tensor, settings: ScoreSettings) -> Result<Tensor> {
        match self {
            Attention::Path(attention) => attention.forward(q, k, v, settings),
            Attention::Dense(attention) => attention.forward(q, k, v, settings),
        }
    }
}
