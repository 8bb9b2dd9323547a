//! A decoder's weights out of a store of named tensors, whatever family they are of.

mod names;
mod paired;
mod read;

use super::config::ModelConfig;
use crate::engine::{
    DecoderConfig, EmbeddingWeights, Experts, FeedForward, FeedForwardWeights, GatedWeights, LayerWeights,
    NormKind, NormWeights, Projection, QueryKeyNorm, SharedExpert, StoredMatrix, WeightSource,
};
use crate::error::Result;
use candle_core::Tensor;
pub use names::{ExpertNames, GateUpNames, LayerNames, QkvNames, TensorNames};
use paired::halved;
pub use read::plain;
use read::{refuse_other_lm_head, split, split_by_head};

/// Tensors by name, each asked for once.
pub trait NamedTensors {
    /// A tensor as a matrix of rows along its last axis; a vector is one row.
    ///
    /// # Errors
    /// When it is absent or of another shape.
    fn matrix(&self, name: &str, shape: &[usize]) -> Result<StoredMatrix>;

    fn contains(&self, name: &str) -> bool;
}

/// Tensors of known names and shapes out of a store.
pub struct NamedWeights<'a> {
    store: &'a dyn NamedTensors,
    config: &'a ModelConfig,
    names: TensorNames,
    prefix: &'static str,
    /// Told layers read and layers in all.
    progress: &'a (dyn Fn(u64, u64) + Sync),
}

impl<'a> NamedWeights<'a> {
    pub fn new(
        store: &'a dyn NamedTensors,
        config: &'a ModelConfig,
        names: TensorNames,
        progress: &'a (dyn Fn(u64, u64) + Sync),
    ) -> Self {
        let has_embedding = |prefix: &&&str| store.contains(&format!("{prefix}{}.weight", names.embedding));
        let prefix = names.prefixes.iter().find(has_embedding).unwrap_or(&names.prefixes[0]);
        NamedWeights { store, config, names, prefix, progress }
    }

    fn decoder(&self) -> &DecoderConfig {
        &self.config.decoder
    }

    /// A norm or bias, as f32.
    fn vector(&self, name: &str, len: usize) -> Result<Tensor> {
        plain(&self.store.matrix(name, &[len])?)
    }

    fn norm_weight(&self, name: &str, len: usize) -> Result<Tensor> {
        let weight = self.vector(&format!("{name}.weight"), len)?;
        Ok(if self.names.norms_miss_one { (weight + 1.0)? } else { weight })
    }

    /// Over the hidden width.
    fn norm(&self, name: &str) -> Result<NormWeights> {
        let width = self.decoder().hidden_size;
        let bias = match self.decoder().norm {
            NormKind::Rms => None,
            NormKind::Layer => Some(self.vector(&format!("{name}.bias"), width)?),
        };
        Ok(NormWeights { weight: self.norm_weight(name, width)?, bias })
    }

    /// `[output, input]` and, where there is one, a bias `[output]`.
    fn projection(&self, name: &str, output: usize, input: usize, bias: bool) -> Result<Projection> {
        let weight = match self.names.is_transposed {
            false => self.store.matrix(&format!("{name}.weight"), &[output, input])?,
            true => {
                let stored = self.store.matrix(&format!("{name}.weight"), &[input, output])?;
                StoredMatrix::from_tensor(&stored.to_tensor()?.t()?.contiguous()?)?
            }
        };
        let bias = if bias { Some(self.vector(&format!("{name}.bias"), output)?) } else { None };
        Ok(Projection { weight, bias })
    }

    fn query_key_value(&self, layer: &str) -> Result<[Projection; 3]> {
        let decoder = self.decoder();
        let (input, bias) = (decoder.hidden_size, self.config.layout.qkv_bias);
        let sizes = [decoder.query_size(), decoder.kv_size(), decoder.kv_size()];
        let fused = |name: &str| self.projection(&format!("{layer}.{name}"), sizes.iter().sum(), input, bias);
        let [query, key, value] = match self.names.layer.qkv {
            QkvNames::Apart([query, key, value]) => {
                let part = |name: &str, size| self.projection(&format!("{layer}.{name}"), size, input, bias);
                [part(query, sizes[0])?, part(key, sizes[1])?, part(value, sizes[2])?]
            }
            QkvNames::Fused(name) => split(&fused(name)?, sizes)?,
            QkvNames::ByHead(name) => split_by_head(&fused(name)?, decoder.head_count)?,
        };
        Ok(match self.names.pairs_are_adjacent {
            false => [query, key, value],
            true => [halved(query, decoder.head_dim)?, halved(key, decoder.head_dim)?, value],
        })
    }

    /// As the config's kind of norm stores it.
    fn query_key_norm(&self, name: &str, head_count: usize) -> Result<Option<Tensor>> {
        let head_dim = self.decoder().head_dim;
        Ok(match self.decoder().query_key_norm {
            None => None,
            Some(QueryKeyNorm::HeadRms) => Some(self.norm_weight(name, head_dim)?),
            Some(QueryKeyNorm::WholeRms) => Some(self.norm_weight(name, head_count * head_dim)?),
            Some(QueryKeyNorm::HeadLayer) if self.names.is_stacked => {
                Some(plain(&self.store.matrix(&format!("{name}.weight"), &[head_count, head_dim])?)?)
            }
            Some(QueryKeyNorm::HeadLayer) => {
                let of_head = |head| self.norm_weight(&format!("{name}.norms.{head}"), head_dim);
                let heads = (0..head_count).map(of_head).collect::<Result<Vec<_>>>()?;
                Some(Tensor::cat(&heads, 0)?)
            }
        })
    }

    fn feed_forward(&self, layer: &str, kind: &FeedForward) -> Result<FeedForwardWeights> {
        let (hidden, bias) = (self.decoder().hidden_size, self.config.layout.feed_forward_bias);
        let inward = |name: &str, width| self.projection(&format!("{layer}.{name}"), width, hidden, bias);
        let down =
            |width| self.projection(&format!("{layer}.{}", self.names.layer.down), hidden, width, bias);
        match (kind, self.names.layer.gate_up) {
            (FeedForward::Experts(experts), _) => self.experts(layer, experts),
            (&FeedForward::Gated { intermediate_size: width }, GateUpNames::Apart([gate, up])) => {
                let (gate, up) = (inward(gate, width)?, inward(up, width)?);
                Ok(FeedForwardWeights::Gated(GatedWeights { gate, up, down: down(width)? }))
            }
            (&FeedForward::Gated { intermediate_size: width }, GateUpNames::Fused(name)) => {
                let [gate, up] = split(&inward(name, 2 * width)?, [width, width])?;
                Ok(FeedForwardWeights::Gated(GatedWeights { gate, up, down: down(width)? }))
            }
            (&FeedForward::Plain { intermediate_size: width }, GateUpNames::Up(name)) => {
                Ok(FeedForwardWeights::Plain { up: inward(name, width)?, down: down(width)? })
            }
            _ => unreachable!("a family's config and its names agree on gates"),
        }
    }

    fn experts(&self, layer: &str, experts: &Experts) -> Result<FeedForwardWeights> {
        let (hidden, names) = (self.decoder().hidden_size, &self.names.layer.experts);
        let matrix = |name: &str, rows| self.store.matrix(&format!("{layer}.{name}.weight"), &[rows, hidden]);
        let gated = |parts: [String; 3], width| -> Result<GatedWeights> {
            let [gate, up, down] = parts.map(|part| format!("{layer}.{part}"));
            Ok(GatedWeights {
                gate: self.projection(&gate, width, hidden, false)?,
                up: self.projection(&up, width, hidden, false)?,
                down: self.projection(&down, hidden, width, false)?,
            })
        };
        let shared = |width| -> Result<SharedExpert> {
            Ok(SharedExpert {
                share: matrix(names.shared_gate, 1)?,
                weights: gated(names.shared.map(str::to_owned), width)?,
            })
        };
        let of_index = |index| {
            let parts = names.parts.map(|part| format!("{}.{index}.{part}", names.experts));
            gated(parts, experts.intermediate_size)
        };
        Ok(FeedForwardWeights::Experts {
            router: matrix(names.router, experts.expert_count)?,
            experts: match self.names.is_stacked {
                true => self.stacked_experts(layer, experts)?,
                false => (0..experts.expert_count).map(of_index).collect::<Result<_>>()?,
            },
            shared: experts.shared_intermediate_size.map(shared).transpose()?,
        })
    }

    /// Experts out of tensors `[expert, out, in]`.
    fn stacked_experts(&self, layer: &str, experts: &Experts) -> Result<Vec<GatedWeights>> {
        let (hidden, width) = (self.decoder().hidden_size, experts.intermediate_size);
        let [gate, up, down] = self.names.layer.experts.parts;
        let stack = |name: &str, output, input| {
            self.store.matrix(&format!("{layer}.{name}.weight"), &[experts.expert_count, output, input])
        };
        let (gates, ups) = (stack(gate, width, hidden)?, stack(up, width, hidden)?);
        let downs = stack(down, hidden, width)?;
        let of_index = |index: usize| {
            let part = |stack: &StoredMatrix, output: usize| Projection {
                weight: stack.part(index * output..(index + 1) * output),
                bias: None,
            };
            GatedWeights { gate: part(&gates, width), up: part(&ups, width), down: part(&downs, hidden) }
        };
        Ok((0..experts.expert_count).map(of_index).collect())
    }
}

impl WeightSource for NamedWeights<'_> {
    fn embedding(&mut self) -> Result<EmbeddingWeights> {
        let (decoder, prefix) = (self.decoder(), self.prefix);
        let shape = [decoder.vocab_size, decoder.hidden_size];
        let tokens = self.store.matrix(&format!("{prefix}{}.weight", self.names.embedding), &shape)?;
        let positions = match decoder.learned_positions {
            false => None,
            true => {
                let shape = [decoder.position_count_max, decoder.hidden_size];
                Some(self.store.matrix(&format!("{prefix}{}.weight", self.names.positions), &shape)?)
            }
        };
        let lm_heads: Vec<String> = self.names.lm_heads.iter().map(|name| format!("{name}.weight")).collect();
        let stored = lm_heads.iter().find(|name| self.store.contains(name));
        let lm_head = match (decoder.tied_embeddings, stored) {
            (false, stored) => Some(self.store.matrix(stored.unwrap_or(&lm_heads[0]), &shape)?),
            (true, None) => None,
            (true, Some(name)) => {
                refuse_other_lm_head(name, &self.store.matrix(name, &shape)?, &tokens)?;
                None
            }
        };
        Ok(EmbeddingWeights { tokens, positions, lm_head })
    }

    fn layer(&mut self, index: usize) -> Result<LayerWeights> {
        let (decoder, names) = (self.decoder(), &self.names.layer);
        let layer = format!("{}{}.{index}", self.prefix, self.names.layers);
        let norm = |name: Option<&str>| name.map(|name| self.norm(&format!("{layer}.{name}"))).transpose();
        let [query_norm, key_norm] = names.query_key_norms;
        let [query, key, value] = self.query_key_value(&layer)?;
        let weights = LayerWeights {
            attention_norm: norm(names.attention_norm)?,
            query,
            key,
            value,
            query_norm: self.query_key_norm(&format!("{layer}.{query_norm}"), decoder.head_count)?,
            key_norm: self.query_key_norm(&format!("{layer}.{key_norm}"), decoder.kv_head_count)?,
            output: self.projection(
                &format!("{layer}.{}", names.output),
                decoder.hidden_size,
                decoder.query_size(),
                self.config.layout.output_bias,
            )?,
            attention_post_norm: norm(names.attention_post_norm)?,
            feed_forward_norm: norm(names.feed_forward_norm)?,
            feed_forward: self.feed_forward(&layer, &decoder.layers[index].feed_forward)?,
            feed_forward_post_norm: norm(names.feed_forward_post_norm)?,
        };
        (self.progress)(index as u64 + 1, decoder.layer_count() as u64);
        Ok(weights)
    }

    fn final_norm(&mut self) -> Result<NormWeights> {
        self.norm(&format!("{}{}", self.prefix, self.names.final_norm))
    }
}
