//! Norms as the packed path applies them, row by row. Knows rows of numbers, not layers.

use super::super::kernels::Isa;
use super::super::kernels::pointwise::{layer_norm, rms_norm};
use super::super::{DecoderConfig, NormKind, NormWeights, QueryKeyNorm};
use super::layer::floats;
use crate::error::Result;
use candle_core::Tensor;

/// A norm of whole rows.
#[derive(Debug)]
pub struct PackedNorm {
    kind: NormKind,
    eps: f32,
    weight: Vec<f32>,
    /// Zeros where there is none.
    bias: Vec<f32>,
}

impl PackedNorm {
    pub fn new(config: &DecoderConfig, weights: &NormWeights) -> Result<Self> {
        let weight = floats(&weights.weight)?;
        let bias = weights.bias.as_ref().map(floats).transpose()?.unwrap_or_else(|| vec![0.0; weight.len()]);
        Ok(PackedNorm { kind: config.norm, eps: config.norm_eps as f32, weight, bias })
    }

    /// The same of what may be absent.
    pub fn optional(config: &DecoderConfig, weights: Option<&NormWeights>) -> Result<Option<Self>> {
        weights.map(|weights| Self::new(config, weights)).transpose()
    }

    /// Writes the normed row `x` into `out`.
    pub fn apply(&self, isa: Isa, x: &[f32], out: &mut [f32]) {
        match self.kind {
            NormKind::Rms => rms_norm(isa, x, &self.weight, self.eps, out),
            NormKind::Layer => layer_norm(isa, x, &self.weight, &self.bias, self.eps, out),
        }
    }
}

/// The norms of a layer's raw queries and keys.
#[derive(Debug)]
pub struct PackedQueryKeyNorm {
    kind: QueryKeyNorm,
    eps: f32,
    head_dim: usize,
    query: Vec<f32>,
    key: Vec<f32>,
    /// The bias that a head's LayerNorm does not have, `[head_dim]`.
    no_bias: Vec<f32>,
}

impl PackedQueryKeyNorm {
    /// `None` where the config has none.
    pub fn new(config: &DecoderConfig, query: Option<&Tensor>, key: Option<&Tensor>) -> Result<Option<Self>> {
        let (Some(kind), Some(query), Some(key)) = (config.query_key_norm, query, key) else {
            return Ok(None);
        };
        let (eps, head_dim) = (config.norm_eps as f32, config.head_dim);
        let (query, key, no_bias) = (floats(query)?, floats(key)?, vec![0.0; head_dim]);
        Ok(Some(PackedQueryKeyNorm { kind, eps, head_dim, query, key, no_bias }))
    }

    /// Norms a row's queries and keys, heads side by side, where they stand.
    pub fn apply(&self, isa: Isa, queries: &mut [f32], keys: &mut [f32], raw: &mut Vec<f32>) {
        self.heads(isa, queries, &self.query, raw);
        self.heads(isa, keys, &self.key, raw);
    }

    fn heads(&self, isa: Isa, heads: &mut [f32], weight: &[f32], raw: &mut Vec<f32>) {
        raw.clear();
        raw.extend_from_slice(heads);
        let dim = self.head_dim;
        match self.kind {
            QueryKeyNorm::WholeRms => rms_norm(isa, raw, weight, self.eps, heads),
            QueryKeyNorm::HeadRms => {
                for (raw, head) in raw.chunks_exact(dim).zip(heads.chunks_exact_mut(dim)) {
                    rms_norm(isa, raw, weight, self.eps, head);
                }
            }
            QueryKeyNorm::HeadLayer => {
                let rows =
                    raw.chunks_exact(dim).zip(heads.chunks_exact_mut(dim)).zip(weight.chunks_exact(dim));
                for ((raw, head), weight) in rows {
                    layer_norm(isa, raw, weight, &self.no_bias, self.eps, head);
                }
            }
        }
    }
}
