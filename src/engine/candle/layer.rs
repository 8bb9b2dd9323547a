//! One layer in candle operations, all rows of a batch at once. Knows nothing of who attends to whom.

use super::super::{DecoderConfig, LayerConfig, LayerWeights, NormWeights, Residual};
use super::parts::{FeedForwardPart, HeadNorm, Linear, Norm, Place};
use crate::error::Result;
use candle_core::Tensor;

#[derive(Debug)]
pub struct Layer {
    attention_norm: Option<Norm>,
    qkv: Linear,
    query_norm: Option<HeadNorm>,
    key_norm: Option<HeadNorm>,
    output: Linear,
    attention_post_norm: Option<Norm>,
    feed_forward_norm: Option<Norm>,
    feed_forward: FeedForwardPart,
    feed_forward_post_norm: Option<Norm>,
}

impl Layer {
    pub fn new(
        config: &DecoderConfig,
        layer: &LayerConfig,
        weights: &LayerWeights,
        place: &Place,
    ) -> Result<Self> {
        let norm = |weights: &Option<NormWeights>| {
            weights.as_ref().map(|weights| Norm::new(config, weights, place)).transpose()
        };
        Ok(Layer {
            attention_norm: norm(&weights.attention_norm)?,
            qkv: Linear::stacked(&[&weights.query, &weights.key, &weights.value], place)?,
            query_norm: HeadNorm::new(config, weights.query_norm.as_ref(), place)?,
            key_norm: HeadNorm::new(config, weights.key_norm.as_ref(), place)?,
            output: Linear::stacked(&[&weights.output], place)?,
            attention_post_norm: norm(&weights.attention_post_norm)?,
            feed_forward_norm: norm(&weights.feed_forward_norm)?,
            feed_forward: FeedForwardPart::new(&layer.feed_forward, &weights.feed_forward, place)?,
            feed_forward_post_norm: norm(&weights.feed_forward_post_norm)?,
        })
    }

    /// Query `[T, heads, D]`, key and value `[T, kv_heads, D]`, before they are turned.
    pub fn project(&self, config: &DecoderConfig, x: &Tensor) -> Result<(Tensor, Tensor, Tensor)> {
        let (queries, keys) = (config.query_size(), config.kv_size());
        let qkv = self.qkv.forward(&normed(self.attention_norm.as_ref(), x)?)?;
        let heads = |start: usize, width: usize| -> Result<Tensor> {
            let rows = qkv.narrow(1, start, width)?.contiguous()?;
            Ok(rows.reshape((rows.dim(0)?, width / config.head_dim, config.head_dim))?)
        };
        let (mut q, mut k, v) = (heads(0, queries)?, heads(queries, keys)?, heads(queries + keys, keys)?);
        if let (Some(query_norm), Some(key_norm)) = (&self.query_norm, &self.key_norm) {
            (q, k) = (query_norm.forward(&q)?, key_norm.forward(&k)?);
        }
        Ok((q, k, v))
    }

    /// The layer's output for its input `x`, `[T, hidden]`, and what attention has mixed, `[T, heads * D]`.
    pub fn finish(&self, config: &DecoderConfig, x: &Tensor, mixed: &Tensor) -> Result<Tensor> {
        let attention = normed(self.attention_post_norm.as_ref(), &self.output.forward(mixed)?)?;
        let attention = (attention * config.residual_multiplier)?;
        let (behind, input) = match config.residual {
            Residual::Sequential => {
                let behind = (x + attention)?;
                let input = normed(self.feed_forward_norm.as_ref(), &behind)?;
                (behind, input)
            }
            Residual::Parallel => {
                let norm = self.feed_forward_norm.as_ref().or(self.attention_norm.as_ref());
                ((x + attention)?, normed(norm, x)?)
            }
        };
        let branch = self.feed_forward.forward(config.activation, &input)?;
        let branch = normed(self.feed_forward_post_norm.as_ref(), &branch)?;
        Ok((behind + (branch * config.residual_multiplier)?)?)
    }
}

fn normed(norm: Option<&Norm>, x: &Tensor) -> Result<Tensor> {
    match norm {
        None => Ok(x.clone()),
        Some(norm) => norm.forward(x),
    }
}
