//! Any weights as a GGML file would hold them: a source of weights around another, for measuring what quantised models do.

use crate::engine::{
    EmbeddingWeights, FeedForwardWeights, GatedWeights, LayerWeights, NormWeights, Projection, SharedExpert,
    StoredFormat, StoredMatrix, WeightSource,
};
use crate::error::Result;
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use rayon::prelude::*;
use std::fmt;

/// GGML types that stay quantised in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantisation {
    Q8_0,
    Q6K,
    Q4K,
}

impl fmt::Display for Quantisation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Quantisation::Q8_0 => "q8_0",
            Quantisation::Q6K => "q6_k",
            Quantisation::Q4K => "q4_k",
        })
    }
}

impl Quantisation {
    /// The type for rows of `input_len` values: Q8_0 where they do not fill blocks of 256.
    fn dtype(self, input_len: usize) -> GgmlDType {
        match self {
            Quantisation::Q6K if input_len.is_multiple_of(256) => GgmlDType::Q6K,
            Quantisation::Q4K if input_len.is_multiple_of(256) => GgmlDType::Q4K,
            _ => GgmlDType::Q8_0,
        }
    }
}

/// Quantises what another source gives.
pub struct QuantisedWeights<'a> {
    pub source: &'a mut dyn WeightSource,
    pub quantisation: Quantisation,
}

impl QuantisedWeights<'_> {
    fn quantised(&self, matrix: &StoredMatrix) -> Result<StoredMatrix> {
        /// Rows that one thread quantises at a time.
        const ROW_COUNT: usize = 64;
        let (row_count, input_len) = matrix.dims();
        let dtype = self.quantisation.dtype(input_len);
        let quantise = |start: usize| -> Result<Vec<u8>> {
            let mut bytes = Vec::new();
            matrix.read(start..row_count.min(start + ROW_COUNT), &mut bytes)?;
            let values = matrix.format().to_f32(&bytes, input_len)?;
            let shape = (values.len() / input_len, input_len);
            let rows = Tensor::from_vec(values, shape, &Device::Cpu)?;
            Ok(QTensor::quantize(&rows, dtype)?.data()?.into_owned())
        };
        let starts: Vec<usize> = (0..row_count).step_by(ROW_COUNT).collect();
        let bytes = starts.into_par_iter().map(quantise).collect::<Result<Vec<_>>>()?.concat();
        Ok(StoredMatrix::in_memory(row_count, input_len, StoredFormat::Ggml(dtype), bytes))
    }

    fn projection(&self, part: Projection) -> Result<Projection> {
        Ok(Projection { weight: self.quantised(&part.weight)?, bias: part.bias })
    }
    fn gated(&self, weights: GatedWeights) -> Result<GatedWeights> {
        Ok(GatedWeights {
            gate: self.projection(weights.gate)?,
            up: self.projection(weights.up)?,
            down: self.projection(weights.down)?,
        })
    }

    /// Routers and gates of shared experts stay as they are, as GGUF files have them.
    fn feed_forward(&self, weights: FeedForwardWeights) -> Result<FeedForwardWeights> {
        Ok(match weights {
            FeedForwardWeights::Gated(weights) => FeedForwardWeights::Gated(self.gated(weights)?),
            FeedForwardWeights::Plain { up, down } => {
                FeedForwardWeights::Plain { up: self.projection(up)?, down: self.projection(down)? }
            }
            FeedForwardWeights::Experts { router, experts, shared } => {
                let shared_quantised = |shared: SharedExpert| -> Result<SharedExpert> {
                    Ok(SharedExpert { share: shared.share, weights: self.gated(shared.weights)? })
                };
                FeedForwardWeights::Experts {
                    router,
                    experts: experts.into_iter().map(|expert| self.gated(expert)).collect::<Result<_>>()?,
                    shared: shared.map(shared_quantised).transpose()?,
                }
            }
        })
    }
}

impl WeightSource for QuantisedWeights<'_> {
    /// Learned positions stay as they are: few rows of them are read.
    fn embedding(&mut self) -> Result<EmbeddingWeights> {
        let weights = self.source.embedding()?;
        Ok(EmbeddingWeights {
            tokens: self.quantised(&weights.tokens)?,
            positions: weights.positions,
            lm_head: weights.lm_head.map(|lm_head| self.quantised(&lm_head)).transpose()?,
        })
    }

    fn layer(&mut self, index: usize) -> Result<LayerWeights> {
        let layer = self.source.layer(index)?;
        Ok(LayerWeights {
            query: self.projection(layer.query)?,
            key: self.projection(layer.key)?,
            value: self.projection(layer.value)?,
            output: self.projection(layer.output)?,
            feed_forward: self.feed_forward(layer.feed_forward)?,
            ..layer
        })
    }

    fn final_norm(&mut self) -> Result<NormWeights> {
        self.source.final_norm()
    }
}

#[cfg(test)]
mod tests {
    use super::super::ModelConfig;
    use super::super::families::{NamedWeights, TensorNames};
    use super::super::random::RandomTensors;
    use super::*;
    use candle_core::DType;
    use std::path::Path;

    /// The part of a layer behind its attention, as it is and quantised.
    fn feed_forwards(config: &str) -> [FeedForwardWeights; 2] {
        let config = ModelConfig::parse(config.as_bytes(), Path::new("config.json")).unwrap();
        let (store, names) = (RandomTensors { seed: 1 }, TensorNames::of(&config));
        let mut source = NamedWeights::new(&store, &config, names, &|_, _| ());
        let plain = source.layer(0).unwrap().feed_forward;
        let mut quantised = QuantisedWeights { source: &mut source, quantisation: Quantisation::Q4K };
        [plain, quantised.layer(0).unwrap().feed_forward]
    }

    fn check(plain: &Projection, quantised: &Projection, dtype: GgmlDType) {
        assert_eq!(quantised.weight.format(), StoredFormat::Ggml(dtype));
        let values = |part: &Projection| part.weight.to_tensor().unwrap().to_dtype(DType::F32).unwrap();
        let off = (values(plain) - values(quantised)).unwrap().abs().unwrap().max_all().unwrap();
        let off = off.to_scalar::<f32>().unwrap();
        assert!(off > 0.0 && off < 0.005, "{off}");
    }

    #[test]
    fn every_expert_is_quantised_and_no_router() {
        let [plain, quantised] = feed_forwards(
            r#"{"model_type": "qwen2_moe", "vocab_size": 32, "hidden_size": 256, "intermediate_size": 32,
                "num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 4, "num_experts": 3,
                "num_experts_per_tok": 2, "moe_intermediate_size": 32, "shared_expert_intermediate_size": 64}"#,
        );
        let FeedForwardWeights::Experts { experts, shared, .. } = plain else { panic!("no experts") };
        let FeedForwardWeights::Experts { router, experts: quantised, shared: quantised_shared } = quantised
        else {
            panic!("no experts")
        };
        assert_eq!((router.dims(), router.format()), ((3, 256), StoredFormat::Bf16));
        let (shared, quantised_shared) = (shared.unwrap(), quantised_shared.unwrap());
        assert_eq!(quantised_shared.share.format(), StoredFormat::Bf16);
        assert_eq!(quantised.len(), 3);
        let plain = experts.iter().chain([&shared.weights]);
        for (plain, quantised) in plain.zip(quantised.iter().chain([&quantised_shared.weights])) {
            check(&plain.gate, &quantised.gate, GgmlDType::Q4K);
            check(&plain.up, &quantised.up, GgmlDType::Q4K);
            // Rows of 32 values do not fill blocks of 256.
            check(&plain.down, &quantised.down, GgmlDType::Q8_0);
        }
    }

    #[test]
    fn feed_forwards_without_a_gate_are_quantised() {
        let [plain, quantised] = feed_forwards(
            r#"{"model_type": "gpt2", "vocab_size": 32, "n_embd": 256, "n_layer": 1, "n_head": 4, "n_inner": 64}"#,
        );
        let FeedForwardWeights::Plain { up, down } = plain else { panic!("a gate") };
        let FeedForwardWeights::Plain { up: quantised_up, down: quantised_down } = quantised else {
            panic!("a gate")
        };
        check(&up, &quantised_up, GgmlDType::Q4K);
        check(&down, &quantised_down, GgmlDType::Q8_0);
        assert!(quantised_up.bias.is_some());
    }
}
