//! Decoders of well-known shapes with random weights made in memory. They answer nothing; they are as fast as the real ones,
//! since speed does not depend on the values.

use super::weights::gibibytes;
use super::{Quantisation, QuantisedWeights};
use crate::engine::{
    Decoder, DecoderConfig, EngineDevice, LayerWeights, Llama3Scaling, Projection, RopeConfig, StoredFormat,
    StoredMatrix, StoredRows, WeightSource,
};
use crate::error::{Error, Result};
use candle_core::{DType, Device, Tensor};
use half::bf16;
use std::ops::Range;
use std::sync::Arc;

/// Names and shapes, from the config.json that each model was published with.
const SHAPES: &[(&str, Shape)] = &[
    (
        "tiny",
        Shape {
            vocab: 1024,
            hidden: 128,
            inner: 384,
            layers: 2,
            heads: 4,
            kv_heads: 2,
            head_dim: 32,
            ..QWEN2
        },
    ),
    (
        "qwen2.5-0.5b",
        Shape { hidden: 896, inner: 4864, layers: 24, heads: 14, kv_heads: 2, head_dim: 64, ..QWEN2 },
    ),
    ("qwen2.5-1.5b", Shape { hidden: 1536, inner: 8960, layers: 28, heads: 12, kv_heads: 2, ..QWEN2 }),
    ("qwen2.5-3b", Shape { hidden: 2048, inner: 11008, layers: 36, heads: 16, kv_heads: 2, ..QWEN2 }),
    (
        "qwen2.5-7b",
        Shape {
            vocab: 152_064,
            hidden: 3584,
            inner: 18944,
            layers: 28,
            heads: 28,
            kv_heads: 4,
            tied: false,
            ..QWEN2
        },
    ),
    (
        "llama-3.2-1b",
        Shape {
            hidden: 2048,
            inner: 8192,
            layers: 16,
            heads: 32,
            head_dim: 64,
            tied: true,
            llama3_factor: Some(32.0),
            ..LLAMA3
        },
    ),
    (
        "llama-3.2-3b",
        Shape {
            hidden: 3072,
            inner: 8192,
            layers: 28,
            heads: 24,
            tied: true,
            llama3_factor: Some(32.0),
            ..LLAMA3
        },
    ),
    ("llama-3.1-8b", Shape { hidden: 4096, inner: 14336, layers: 32, heads: 32, ..LLAMA3 }),
];

#[derive(Clone, Copy)]
struct Shape {
    vocab: usize,
    hidden: usize,
    inner: usize,
    layers: usize,
    heads: usize,
    kv_heads: usize,
    head_dim: usize,
    tied: bool,
    theta: f64,
    qkv_bias: bool,
    llama3_factor: Option<f64>,
}

/// What Qwen2.5 models have in common.
const QWEN2: Shape = Shape {
    vocab: 151_936,
    hidden: 0,
    inner: 0,
    layers: 0,
    heads: 0,
    kv_heads: 0,
    head_dim: 128,
    tied: true,
    theta: 1e6,
    qkv_bias: true,
    llama3_factor: None,
};

/// What Llama 3 models have in common.
const LLAMA3: Shape = Shape {
    vocab: 128_256,
    kv_heads: 8,
    tied: false,
    theta: 5e5,
    qkv_bias: false,
    llama3_factor: Some(8.0),
    ..QWEN2
};

/// Names of the shapes there are.
pub fn shape_names() -> impl Iterator<Item = &'static str> {
    SHAPES.iter().map(|(name, _)| *name)
}

/// The config of a named shape.
///
/// # Errors
/// Kind `Usage` for another name.
pub fn shape_config(name: &str) -> Result<DecoderConfig> {
    let Some((_, shape)) = SHAPES.iter().find(|(known, _)| *known == name) else {
        return Err(Error::usage(format!("unknown shape `{name}`"))
            .hint(format!("there are {}", shape_names().collect::<Vec<_>>().join(", "))));
    };
    let scaling = shape.llama3_factor.map(|factor| Llama3Scaling {
        factor,
        low_freq_factor: 1.0,
        high_freq_factor: 4.0,
        original_position_count: 8192.0,
    });
    Ok(DecoderConfig {
        vocab_size: shape.vocab,
        hidden_size: shape.hidden,
        intermediate_size: shape.inner,
        layer_count: shape.layers,
        head_count: shape.heads,
        kv_head_count: shape.kv_heads,
        head_dim: shape.head_dim,
        norm_eps: if shape.qkv_bias { 1e-6 } else { 1e-5 },
        rope: RopeConfig { theta: shape.theta, scaling },
        position_count_max: 32_768,
        qk_norm: false,
        qkv_bias: shape.qkv_bias,
        output_bias: false,
        mlp_bias: false,
        tied_embeddings: shape.tied,
    })
}

/// A decoder with random weights, quantised if asked for. `progress` is told layers made and layers in all.
///
/// # Errors
/// Kind `Model` when they do not fit the memory, or the device fails.
pub fn random_decoder(
    config: &DecoderConfig,
    seed: u64,
    quantisation: Option<Quantisation>,
    device: &EngineDevice,
    progress: &dyn Fn(u64, u64),
) -> Result<Decoder> {
    let matrices = if config.tied_embeddings { 1 } else { 2 } * config.vocab_size * config.hidden_size
        + config.layer_count * config.layer_parameter_count();
    let needed_bytes = matrices as u64 * device.bytes_per_value();
    match super::memory::available_bytes() {
        Some(available) if device.is_cpu() && needed_bytes > available => {
            return Err(Error::model(format!(
                "weights of this shape take {:.1} GiB in {}, and {:.1} GiB of memory are free",
                gibibytes(needed_bytes),
                device.dtype(),
                gibibytes(available)
            ))
            .hint("use a smaller shape, or --dtype bf16"));
        }
        _ => {}
    }
    let mut source = Told { weights: RandomWeights::new(config, seed), progress };
    match quantisation {
        None => Decoder::new(config.clone(), &mut source, device),
        Some(quantisation) => {
            let mut source = QuantisedWeights { source: &mut source, quantisation };
            Decoder::new(config.clone(), &mut source, device)
        }
    }
}

/// Random weights that tell how far they are.
struct Told<'a> {
    weights: RandomWeights<'a>,
    progress: &'a dyn Fn(u64, u64),
}

impl WeightSource for Told<'_> {
    fn embedding_and_lm_head(&mut self) -> Result<(StoredMatrix, Option<StoredMatrix>)> {
        self.weights.embedding_and_lm_head()
    }

    fn layer(&mut self, index: usize) -> Result<LayerWeights> {
        let layer = self.weights.layer(index)?;
        (self.progress)(index as u64 + 1, self.weights.config.layer_count as u64);
        Ok(layer)
    }

    fn final_norm(&mut self) -> Result<Tensor> {
        self.weights.final_norm()
    }
}

/// Weights drawn from a seed, in bf16 as checkpoints have them: uniform with standard deviation 0.02.
#[derive(Debug)]
pub struct RandomWeights<'a> {
    pub config: &'a DecoderConfig,
    pub seed: u64,
    /// Tensors made so far: each has numbers of its own.
    tensor_count: u64,
}

impl<'a> RandomWeights<'a> {
    pub fn new(config: &'a DecoderConfig, seed: u64) -> Self {
        RandomWeights { config, seed, tensor_count: 0 }
    }

    fn matrix(&mut self, row_count: usize, column_count: usize) -> StoredMatrix {
        self.tensor_count += 1;
        let salt = mixed(self.seed ^ self.tensor_count << 40);
        let rows = Arc::new(RandomRows { salt, column_count });
        StoredMatrix::new(row_count, column_count, StoredFormat::Bf16, rows)
    }

    fn vector(&mut self, len: usize) -> Result<Tensor> {
        Ok(self.matrix(1, len).to_tensor()?.to_dtype(DType::F32)?.flatten_all()?)
    }

    fn projection(&mut self, output: usize, input: usize, bias: bool) -> Result<Projection> {
        let weight = self.matrix(output, input);
        Ok(Projection { weight, bias: if bias { Some(self.vector(output)?) } else { None } })
    }

    fn norm(&self, len: usize) -> Result<Tensor> {
        Ok(Tensor::ones(len, DType::F32, &Device::Cpu)?)
    }
}

impl WeightSource for RandomWeights<'_> {
    fn embedding_and_lm_head(&mut self) -> Result<(StoredMatrix, Option<StoredMatrix>)> {
        let (vocab, hidden) = (self.config.vocab_size, self.config.hidden_size);
        let embedding = self.matrix(vocab, hidden);
        let lm_head = match self.config.tied_embeddings {
            true => None,
            false => Some(self.matrix(vocab, hidden)),
        };
        Ok((embedding, lm_head))
    }

    fn layer(&mut self, _: usize) -> Result<LayerWeights> {
        let config = self.config;
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        Ok(LayerWeights {
            attention_norm: self.norm(hidden)?,
            query: self.projection(config.query_size(), hidden, config.qkv_bias)?,
            key: self.projection(config.kv_size(), hidden, config.qkv_bias)?,
            value: self.projection(config.kv_size(), hidden, config.qkv_bias)?,
            query_norm: if config.qk_norm { Some(self.norm(config.head_dim)?) } else { None },
            key_norm: if config.qk_norm { Some(self.norm(config.head_dim)?) } else { None },
            output: self.projection(hidden, config.query_size(), config.output_bias)?,
            mlp_norm: self.norm(hidden)?,
            gate: self.projection(inner, hidden, config.mlp_bias)?,
            up: self.projection(inner, hidden, config.mlp_bias)?,
            down: self.projection(hidden, inner, config.mlp_bias)?,
        })
    }

    fn final_norm(&mut self) -> Result<Tensor> {
        self.norm(self.config.hidden_size)
    }
}

/// Rows that are drawn when they are asked for, always the same ones.
struct RandomRows {
    salt: u64,
    column_count: usize,
}

impl StoredRows for RandomRows {
    fn read(&self, rows: Range<usize>, bytes: &mut [u8]) -> Result<()> {
        let half_width = 0.02 * 3f32.sqrt();
        let first = rows.start * self.column_count;
        for (at, two) in bytes.as_chunks_mut::<2>().0.iter_mut().enumerate() {
            let bits = mixed(self.salt.wrapping_add((first + at) as u64)) >> 40;
            let unit = bits as f32 / (1u32 << 23) as f32 - 1.0;
            *two = bf16::from_f32(unit * half_width).to_le_bytes();
        }
        Ok(())
    }
}

/// A finaliser that spreads every bit of its input over all of its output (splitmix64's).
fn mixed(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_depend_on_the_seed_alone() {
        let config = shape_config("tiny").unwrap();
        let first = |seed| {
            let weights = RandomWeights::new(&config, seed).layer(0).unwrap();
            weights.query.weight.to_tensor().unwrap().to_dtype(DType::F32).unwrap().to_vec2::<f32>().unwrap()
        };
        assert_eq!(first(1), first(1));
        assert_ne!(first(1), first(2));
        let values: Vec<f32> = first(1).into_iter().flatten().collect();
        let variance = values.iter().map(|v| v * v).sum::<f32>() / values.len() as f32;
        assert!((variance.sqrt() - 0.02).abs() < 1e-3);
    }

    #[test]
    fn every_shape_is_consistent() {
        for name in shape_names() {
            let config = shape_config(name).unwrap();
            assert_eq!(config.head_count % config.kv_head_count, 0, "{name}");
        }
        assert!(shape_config("gpt-5").unwrap_err().to_string().starts_with("unknown shape"));
    }
}
