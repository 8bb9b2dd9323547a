//! GGUF metadata to a decoder's description, for each architecture by what its keys mean to llama.cpp (`load_hparams` and
//! `src/models/`), and with what llama.cpp knows without a key. What would change the mathematics and is not supported is
//! refused by name.

use super::super::config::{
    Family, LAYER_COUNT_MAX, ModelConfig, TensorLayout, check_sizes, extend_positions,
};
use super::architectures::ARCHITECTURES;
use super::file::GgufFile;
use super::keys::Keys;
use super::rope::RopeFactors;
use crate::engine::{DecoderConfig, Experts, FeedForward, UniformSizes};
use crate::error::Result;

/// What a config is read from.
pub struct Source<'a> {
    pub file: &'a GgufFile,
    pub keys: Keys<'a>,
}

/// The config of an open model.
///
/// # Errors
/// Kind `Model` for an architecture that is not supported, a key that is absent, unknown or not supported, and sizes that
/// contradict each other.
pub fn read(file: &GgufFile) -> Result<ModelConfig> {
    let source = Source { file, keys: Keys::new(file.metadata())? };
    let keys = &source.keys;
    let name = keys.architecture();
    let Some((_, describe)) = ARCHITECTURES.iter().find(|(known, _)| *known == name) else {
        let known: Vec<&str> = ARCHITECTURES.iter().map(|(known, _)| *known).collect();
        return Err(keys.refuse(format!(
            "general.architecture `{name}` is not supported (supported: {})",
            known.join(", ")
        )));
    };
    if keys.get("attention.causal")? == Some(false) {
        return Err(keys.refuse("the model's attention is not causal"));
    }
    let (family, mut decoder) = describe(&source)?;
    keys.refuse_unread()?;
    check_sizes(&decoder).map_err(|message| keys.refuse(message))?;
    extend_positions(&mut decoder);
    Ok(ModelConfig { family, decoder, layout: source.layout() })
}

impl Source<'_> {
    pub fn has(&self, tensor: &str) -> bool {
        self.file.tensor(tensor).is_some()
    }

    fn layout(&self) -> TensorLayout {
        let has_bias = |name: &str| self.has(&format!("blk.0.{name}.bias"));
        TensorLayout {
            qkv_bias: has_bias("attn_q") || has_bias("attn_qkv"),
            output_bias: has_bias("attn_output"),
            feed_forward_bias: has_bias("ffn_up"),
        }
    }

    /// A decoder of RMSNorms whose layers are gated and see everything.
    pub fn decoder(&self, factors: RopeFactors) -> Result<DecoderConfig> {
        self.decoder_with_norm("attention.layer_norm_rms_epsilon", factors)
    }

    pub fn decoder_with_norm(&self, eps_key: &str, factors: RopeFactors) -> Result<DecoderConfig> {
        let keys = &self.keys;
        let layer_count = keys.require("block_count")?;
        if layer_count == 0 || layer_count > LAYER_COUNT_MAX {
            return Err(keys.refuse(format!("block_count is {layer_count}")));
        }
        let (sizes, widths) = self.sizes(layer_count)?;
        let rope = self.rope(sizes.head_dim, sizes.position_count_max, factors)?;
        let eps = keys.number(eps_key)?;
        let eps = eps.ok_or_else(|| keys.refuse(format!("metadata `{eps_key}` is missing")))?;
        let mut decoder = DecoderConfig::uniform(sizes, eps, rope, !self.has("output.weight"));
        for (layer, intermediate_size) in decoder.layers.iter_mut().zip(widths) {
            layer.feed_forward = FeedForward::Gated { intermediate_size };
        }
        Ok(decoder)
    }

    /// With the width of each layer's feed-forward.
    fn sizes(&self, layer_count: usize) -> Result<(UniformSizes, Vec<usize>)> {
        let keys = &self.keys;
        let hidden_size: usize = keys.require("embedding_length")?;
        let head_count = keys.of_all_layers("attention.head_count", layer_count)?.unwrap_or(0);
        if head_count == 0 {
            return Err(keys.refuse("metadata `attention.head_count` is missing or 0"));
        }
        let kv_head_count = keys.of_all_layers("attention.head_count_kv", layer_count)?;
        let head_dim = keys.get("attention.key_length")?.unwrap_or(hidden_size / head_count);
        let value_len = keys.get("attention.value_length")?.unwrap_or(hidden_size / head_count);
        if value_len != head_dim {
            return Err(
                keys.refuse(format!("keys of {head_dim} with values of {value_len} are not supported"))
            );
        }
        let widths = keys.by_layer::<usize>("feed_forward_length", layer_count)?;
        let widths = widths.unwrap_or_else(|| vec![0; layer_count]);
        let sizes = UniformSizes {
            vocab_size: self.vocab_size()?,
            hidden_size,
            intermediate_size: widths[0],
            layer_count,
            head_count,
            kv_head_count: kv_head_count.unwrap_or(head_count),
            head_dim,
            position_count_max: keys.require("context_length")?,
        };
        Ok((sizes, widths))
    }

    /// Rows of the embedding.
    fn vocab_size(&self) -> Result<usize> {
        match self.file.tensor("token_embd.weight").map(|tensor| tensor.shape()) {
            Some(&[rows, _]) => Ok(rows),
            Some(shape) => {
                Err(self.keys.refuse(format!("tensor `token_embd.weight` is {shape:?}, no matrix")))
            }
            None => Err(self.keys.refuse("tensor `token_embd.weight` is missing").hint(
                "the file does not hold a whole model: it may be a vocabulary, or a part of a split model",
            )),
        }
    }

    /// Of families whose windows do not follow from the file: one that is no shorter than the positions is none.
    pub fn refuse_window(&self, decoder: &DecoderConfig) -> Result<()> {
        match self.keys.get::<usize>("attention.sliding_window")? {
            Some(window) if window > 0 && window < decoder.position_count_max => {
                Err(self.keys.refuse(format!(
                    "a sliding window ({window}) is not supported with architecture {}",
                    self.keys.architecture()
                )))
            }
            _ => Ok(()),
        }
    }

    /// Windows on the layers that `attention.sliding_window_pattern` tells: one by one, or all but the last of as many.
    pub fn set_windows(&self, decoder: &mut DecoderConfig, window: usize, pattern: usize) -> Result<()> {
        const KEY: &str = "attention.sliding_window_pattern";
        let slides: Vec<bool> = match self.keys.is_array(KEY) {
            true => self.keys.by_layer(KEY, decoder.layer_count())?.unwrap_or_default(),
            false => {
                let pattern = self.keys.get::<usize>(KEY)?.unwrap_or(pattern);
                let slides = |index: usize| pattern == 0 || !(index + 1).is_multiple_of(pattern);
                (0..decoder.layer_count()).map(slides).collect()
            }
        };
        for (layer, slides) in decoder.layers.iter_mut().zip(slides) {
            layer.window = slides.then_some(window);
        }
        Ok(())
    }

    /// How many experts there are; `None` in a dense model.
    pub fn expert_count(&self) -> Result<Option<usize>> {
        Ok(self.keys.get("expert_count")?.filter(|&count| count > 0))
    }

    pub fn refuse_experts(&self) -> Result<()> {
        self.keys.pass_over("expert_used_count");
        match self.expert_count()? {
            None => Ok(()),
            Some(_) => Err(self
                .keys
                .refuse(format!("experts are not supported with architecture {}", self.keys.architecture()))),
        }
    }

    /// Experts in all layers.
    pub fn set_experts(&self, decoder: &mut DecoderConfig, experts: Experts) {
        decoder
            .layers
            .iter_mut()
            .for_each(|layer| layer.feed_forward = FeedForward::Experts(experts.clone()));
    }

    /// The width of an expert where `expert_feed_forward_length` is not told.
    pub fn chosen_count(&self) -> Result<usize> {
        match self.keys.require("expert_used_count")? {
            0 => Err(self.keys.refuse("expert_used_count is 0")),
            count => Ok(count),
        }
    }

    pub fn family(&self, family: Family, decoder: DecoderConfig) -> Result<(Family, DecoderConfig)> {
        self.refuse_experts()?;
        self.refuse_window(&decoder)?;
        Ok((family, decoder))
    }
}
