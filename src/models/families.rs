//! The names of a family's tensors, and their way into the decoder's layout.

use super::config::ModelConfig;
use super::weights::WeightStore;
use crate::engine::{DecoderConfig, DecoderWeights, EngineDevice, LayerWeights, Projection};
use crate::error::{Error, Result};
use candle_core::Tensor;

/// Reads tensors of known shapes onto the device.
struct Reader<'a> {
    store: &'a mut WeightStore,
    device: &'a EngineDevice,
}

impl Reader<'_> {
    fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let values = self.store.read_f32(name, shape)?;
        Ok(Tensor::from_vec(values, shape, &self.device.0)?)
    }

    /// `[output, input]` and, where the config has it, a bias `[output]`.
    fn projection(&mut self, name: &str, output: usize, input: usize, bias: bool) -> Result<Projection> {
        let weight = self.tensor(&format!("{name}.weight"), &[output, input])?;
        let bias = if bias { Some(self.tensor(&format!("{name}.bias"), &[output])?) } else { None };
        Ok(Projection { weight, bias })
    }
}

/// All weights of a decoder, in the layout that Llama introduced and Qwen2 and Qwen3 share.
///
/// `progress` is told layers read and layers in all.
pub fn decoder_weights(
    store: &mut WeightStore,
    config: &ModelConfig,
    device: &EngineDevice,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<DecoderWeights> {
    let config = &config.decoder;
    let (vocab, hidden) = (config.vocab_size, config.hidden_size);
    let mut reader = Reader { store, device };
    let embedding = reader.tensor("model.embed_tokens.weight", &[vocab, hidden])?;
    let mut layers = Vec::new();
    for index in 0..config.layer_count {
        layers.push(layer_weights(&mut reader, &format!("model.layers.{index}"), config)?);
        progress(index as u64 + 1, config.layer_count as u64);
    }
    let final_norm = reader.tensor("model.norm.weight", &[hidden])?;
    let lm_head = match config.tied_embeddings {
        false => reader.tensor("lm_head.weight", &[vocab, hidden])?,
        true => {
            refuse_other_lm_head(reader.store, &embedding, &[vocab, hidden])?;
            embedding.clone()
        }
    };
    Ok(DecoderWeights { embedding, layers, final_norm, lm_head })
}

/// Some checkpoints store a tied matrix a second time. A different one means that the config is wrong about the tie.
fn refuse_other_lm_head(store: &mut WeightStore, embedding: &Tensor, shape: &[usize]) -> Result<()> {
    const NAME: &str = "lm_head.weight";
    if !store.contains(NAME) {
        return Ok(());
    }
    let stored = store.read_f32(NAME, shape)?;
    if stored == embedding.flatten_all()?.to_vec1::<f32>()? {
        return Ok(());
    }
    Err(Error::model(format!("tie_word_embeddings is true, but `{NAME}` differs from the embeddings"))
        .hint("set tie_word_embeddings in config.json to what the model was trained with"))
}

fn layer_weights(reader: &mut Reader<'_>, prefix: &str, config: &DecoderConfig) -> Result<LayerWeights> {
    let (hidden, inner) = (config.hidden_size, config.intermediate_size);
    let (queries, keys) = (config.query_size(), config.kv_size());
    let attention = |name: &str| format!("{prefix}.self_attn.{name}");
    let mlp = |name: &str| format!("{prefix}.mlp.{name}");
    let qkv = Projection::fused(&[
        reader.projection(&attention("q_proj"), queries, hidden, config.qkv_bias)?,
        reader.projection(&attention("k_proj"), keys, hidden, config.qkv_bias)?,
        reader.projection(&attention("v_proj"), keys, hidden, config.qkv_bias)?,
    ])?;
    let gate_up = Projection::fused(&[
        reader.projection(&mlp("gate_proj"), inner, hidden, config.mlp_bias)?,
        reader.projection(&mlp("up_proj"), inner, hidden, config.mlp_bias)?,
    ])?;
    let mut head_norm = |name: &str| match config.qk_norm {
        true => reader.tensor(&attention(name), &[config.head_dim]).map(Some),
        false => Ok(None),
    };
    Ok(LayerWeights {
        query_norm: head_norm("q_norm.weight")?,
        key_norm: head_norm("k_norm.weight")?,
        attention_norm: reader.tensor(&format!("{prefix}.input_layernorm.weight"), &[hidden])?,
        qkv,
        output: reader.projection(&attention("o_proj"), hidden, queries, config.output_bias)?,
        mlp_norm: reader.tensor(&format!("{prefix}.post_attention_layernorm.weight"), &[hidden])?,
        gate_up,
        down: reader.projection(&mlp("down_proj"), hidden, inner, config.mlp_bias)?,
    })
}
