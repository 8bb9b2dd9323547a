//! The names of a family's tensors: the layout that Llama introduced and Qwen2 and Qwen3 share, as a source of weights.

use super::weights::WeightStore;
use crate::engine::{DecoderConfig, LayerWeights, Projection, StoredMatrix, WeightSource};
use crate::error::{Error, Result};
use candle_core::{DType, Tensor};
use rayon::prelude::*;

/// Tensors of known names and shapes out of a store.
pub struct NamedWeights<'a> {
    pub store: &'a WeightStore,
    pub config: &'a DecoderConfig,
    /// Told layers read and layers in all.
    pub progress: &'a (dyn Fn(u64, u64) + Sync),
}

impl NamedWeights<'_> {
    /// A norm or bias, as f32.
    fn vector(&mut self, name: &str, len: usize) -> Result<Tensor> {
        Ok(self.store.matrix(name, &[len])?.to_tensor()?.flatten_all()?.to_dtype(DType::F32)?)
    }

    /// `[output, input]` and, where the config has it, a bias `[output]`.
    fn projection(&mut self, name: &str, output: usize, input: usize, bias: bool) -> Result<Projection> {
        let weight = self.store.matrix(&format!("{name}.weight"), &[output, input])?;
        let bias = if bias { Some(self.vector(&format!("{name}.bias"), output)?) } else { None };
        Ok(Projection { weight, bias })
    }
}

impl WeightSource for NamedWeights<'_> {
    fn embedding_and_lm_head(&mut self) -> Result<(StoredMatrix, Option<StoredMatrix>)> {
        let shape = [self.config.vocab_size, self.config.hidden_size];
        let embedding = self.store.matrix("model.embed_tokens.weight", &shape)?;
        let lm_head = match self.config.tied_embeddings {
            false => Some(self.store.matrix("lm_head.weight", &shape)?),
            true => {
                refuse_other_lm_head(self.store, &embedding, &shape)?;
                None
            }
        };
        Ok((embedding, lm_head))
    }

    fn layer(&mut self, index: usize) -> Result<LayerWeights> {
        let config = self.config;
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let (queries, keys) = (config.query_size(), config.kv_size());
        let prefix = format!("model.layers.{index}");
        let attention = |name: &str| format!("{prefix}.self_attn.{name}");
        let mlp = |name: &str| format!("{prefix}.mlp.{name}");
        let mut head_norm = |name: &str| match config.qk_norm {
            true => self.vector(&attention(name), config.head_dim).map(Some),
            false => Ok(None),
        };
        let weights = LayerWeights {
            query_norm: head_norm("q_norm.weight")?,
            key_norm: head_norm("k_norm.weight")?,
            attention_norm: self.vector(&format!("{prefix}.input_layernorm.weight"), hidden)?,
            query: self.projection(&attention("q_proj"), queries, hidden, config.qkv_bias)?,
            key: self.projection(&attention("k_proj"), keys, hidden, config.qkv_bias)?,
            value: self.projection(&attention("v_proj"), keys, hidden, config.qkv_bias)?,
            output: self.projection(&attention("o_proj"), hidden, queries, config.output_bias)?,
            mlp_norm: self.vector(&format!("{prefix}.post_attention_layernorm.weight"), hidden)?,
            gate: self.projection(&mlp("gate_proj"), inner, hidden, config.mlp_bias)?,
            up: self.projection(&mlp("up_proj"), inner, hidden, config.mlp_bias)?,
            down: self.projection(&mlp("down_proj"), hidden, inner, config.mlp_bias)?,
        };
        (self.progress)(index as u64 + 1, config.layer_count as u64);
        Ok(weights)
    }

    fn final_norm(&mut self) -> Result<Tensor> {
        self.vector("model.norm.weight", self.config.hidden_size)
    }
}

/// Some checkpoints store a tied matrix a second time. A different one means that the config is wrong about the tie.
fn refuse_other_lm_head(store: &WeightStore, embedding: &StoredMatrix, shape: &[usize; 2]) -> Result<()> {
    const NAME: &str = "lm_head.weight";
    /// Rows that a thread compares at a time.
    const ROW_COUNT: usize = 64;
    if !store.contains(NAME) {
        return Ok(());
    }
    let second = store.matrix(NAME, shape)?;
    let [row_count, column_count] = *shape;
    let values = |matrix: &StoredMatrix, first: usize| -> Result<Vec<f32>> {
        let mut bytes = Vec::new();
        matrix.read(first..row_count.min(first + ROW_COUNT), &mut bytes)?;
        matrix.format().to_f32(&bytes, column_count)
    };
    let firsts: Vec<usize> = (0..row_count).step_by(ROW_COUNT).collect();
    let is_same = |first| -> Result<bool> { Ok(values(&second, first)? == values(embedding, first)?) };
    let same = firsts.into_par_iter().map(is_same);
    if same.try_reduce(|| true, |a, b| Ok(a && b))? {
        return Ok(());
    }
    Err(Error::model(format!("tie_word_embeddings is true, but `{NAME}` differs from the embeddings"))
        .hint("set tie_word_embeddings in config.json to what the model was trained with"))
}
