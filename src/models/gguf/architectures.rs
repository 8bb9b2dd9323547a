//! What each architecture has that metadata does not say, or says in its own way: after `load_arch_hparams` and the graphs in
//! `src/models/` of llama.cpp.

use super::super::config::Family;
use super::config::Source;
use super::rope::RopeFactors;
use crate::engine::{
    Activation, DecoderConfig, Experts, FeedForward, NormKind, QueryKeyNorm, Residual, RopeConfig, RopeKind,
};
use crate::error::Result;

type Described = Result<(Family, DecoderConfig)>;
type Reader = fn(&Source) -> Described;

/// By `general.architecture`.
pub const ARCHITECTURES: &[(&str, Reader)] = &[
    ("llama", llama),
    ("qwen2", qwen2),
    ("qwen2moe", qwen2moe),
    ("qwen3", qwen3),
    ("qwen3moe", qwen3moe),
    ("gemma", gemma),
    ("gemma2", gemma2),
    ("gemma3", gemma3),
    ("phi3", phi3),
    ("smollm3", smollm3),
    ("olmo2", olmo2),
    ("granite", granite),
    ("stablelm", stablelm),
    ("gpt2", gpt2),
];

/// Llama, Mistral and Mixtral.
fn llama(source: &Source) -> Described {
    let mut decoder = source.decoder(RopeFactors::Divisors)?;
    if decoder.ropes[0].dim != decoder.head_dim {
        return Err(source
            .keys
            .refuse("a rope over a part of each head is not supported in this architecture"));
    }
    let Some(expert_count) = source.expert_count()? else { return source.family(Family::Llama, decoder) };
    source.refuse_window(&decoder)?;
    let intermediate_size = source.keys.of_all_layers("feed_forward_length", decoder.layer_count())?;
    let experts = Experts {
        expert_count,
        chosen_count: source.chosen_count()?,
        intermediate_size: intermediate_size.unwrap_or(0),
        normalised: true,
        shared_intermediate_size: None,
    };
    source.set_experts(&mut decoder, experts);
    Ok((Family::Mixtral, decoder))
}

fn qwen2(source: &Source) -> Described {
    source.family(Family::Qwen2, source.decoder(RopeFactors::None)?)
}

fn qwen3(source: &Source) -> Described {
    let mut decoder = source.decoder(RopeFactors::None)?;
    decoder.query_key_norm = Some(QueryKeyNorm::HeadRms);
    source.family(Family::Qwen3, decoder)
}

fn qwen2moe(source: &Source) -> Described {
    let shared = source.keys.get("expert_shared_feed_forward_length")?.filter(|&width: &usize| width > 0);
    let decoder = qwen_experts(source, false, |width| Some(shared.unwrap_or(width)))?;
    Ok((Family::Qwen2Moe, decoder))
}

fn qwen3moe(source: &Source) -> Described {
    // Qwen3-Coder's config says that there is none, and converters carry it over.
    if source.keys.get::<usize>("expert_shared_feed_forward_length")?.is_some_and(|width| width > 0) {
        return Err(source.keys.refuse("a shared expert is not supported in this architecture"));
    }
    let mut decoder = qwen_experts(source, true, |_| None)?;
    decoder.query_key_norm = Some(QueryKeyNorm::HeadRms);
    Ok((Family::Qwen3Moe, decoder))
}

/// `shared` gets the width that a dense layer would have.
fn qwen_experts(
    source: &Source,
    normalised: bool,
    shared: impl Fn(usize) -> Option<usize>,
) -> Result<DecoderConfig> {
    let mut decoder = source.decoder(RopeFactors::None)?;
    source.refuse_window(&decoder)?;
    let layer_count = decoder.layer_count();
    let dense = source.keys.of_all_layers("feed_forward_length", layer_count)?.unwrap_or(0);
    let chosen_count = source.chosen_count()?;
    let told = source.keys.of_all_layers("expert_feed_forward_length", layer_count)?;
    let experts = Experts {
        expert_count: source.expert_count()?.unwrap_or(0),
        chosen_count,
        intermediate_size: told.filter(|&width| width > 0).unwrap_or(dense / chosen_count),
        normalised,
        shared_intermediate_size: shared(dense),
    };
    source.set_experts(&mut decoder, experts);
    Ok(decoder)
}

fn gemma(source: &Source) -> Described {
    source.family(Family::Gemma, gemma_decoder(source)?)
}

/// What all Gemmas have.
fn gemma_decoder(source: &Source) -> Result<DecoderConfig> {
    let mut decoder = source.decoder(RopeFactors::None)?;
    decoder.embedding_multiplier = (decoder.hidden_size as f64).sqrt();
    decoder.activation = Activation::GeluTanh;
    Ok(decoder)
}

/// The largest ones divide by another width than that of a head, which only their number of layers tells.
fn set_gemma_scale(decoder: &mut DecoderConfig, layer_count_of_27b: usize) {
    let width = match decoder.layer_count() == layer_count_of_27b {
        true => decoder.hidden_size / decoder.head_count,
        false => decoder.head_dim,
    };
    decoder.layers.iter_mut().for_each(|layer| layer.attention_scale = 1.0 / (width as f64).sqrt());
}

fn gemma2(source: &Source) -> Described {
    let mut decoder = gemma_decoder(source)?;
    source.refuse_experts()?;
    let keys = &source.keys;
    set_gemma_scale(&mut decoder, 46);
    decoder.attention_soft_cap = Some(keys.positive("attn_logit_softcapping")?.unwrap_or(50.0));
    decoder.logit_soft_cap = Some(keys.positive("final_logit_softcapping")?.unwrap_or(30.0));
    let window = keys.get("attention.sliding_window")?.unwrap_or(4096);
    source.set_windows(&mut decoder, window, 2)?;
    if keys.number("rope.freq_base_swa")?.is_some_and(|theta| theta != decoder.ropes[0].theta) {
        return Err(keys.refuse("`rope.freq_base_swa` is not supported in this architecture"));
    }
    Ok((Family::Gemma2, decoder))
}

fn gemma3(source: &Source) -> Described {
    let mut decoder = gemma_decoder(source)?;
    source.refuse_experts()?;
    let keys = &source.keys;
    set_gemma_scale(&mut decoder, 62);
    decoder.query_key_norm = Some(QueryKeyNorm::HeadRms);
    decoder.logit_soft_cap = keys.positive_or_off("final_logit_softcapping")?;
    let theta = keys.positive("rope.freq_base_swa")?.unwrap_or(10_000.0);
    decoder.ropes.push(RopeConfig { dim: decoder.ropes[0].dim, theta, kind: RopeKind::Default });
    if let Some(window) = keys.get("attention.sliding_window")?.filter(|&window: &usize| window > 0) {
        source.set_windows(&mut decoder, window, 6)?;
    }
    decoder.layers.iter_mut().for_each(|layer| layer.rope = Some(usize::from(layer.window.is_some())));
    Ok((Family::Gemma3Text, decoder))
}

/// llama.cpp leaves the window away; the model was trained with it. Files from before converters wrote it are known by their
/// context: both Phi-3 of 4096 positions have a window of 2047 in their config.json, and those of 131072 one that is no shorter.
fn phi3(source: &Source) -> Described {
    let mut decoder = source.decoder(RopeFactors::ByLength)?;
    source.refuse_experts()?;
    let told = source.keys.get::<usize>("attention.sliding_window")?;
    let window = match (told, decoder.position_count_max) {
        (None, 4096) => Some(2047),
        (told, _) => told.filter(|&window| window > 0),
    };
    decoder.layers.iter_mut().for_each(|layer| layer.window = window);
    Ok((Family::Phi3, decoder))
}

/// Every fourth layer has no rope.
fn smollm3(source: &Source) -> Described {
    let mut decoder = source.decoder(RopeFactors::None)?;
    if decoder.ropes[0].dim != decoder.head_dim {
        return Err(source
            .keys
            .refuse("a rope over a part of each head is not supported in this architecture"));
    }
    decoder.layers.iter_mut().skip(3).step_by(4).for_each(|layer| layer.rope = None);
    source.family(Family::SmolLm3, decoder)
}

/// Windows would make it an OLMo 3, which has two ropes.
fn olmo2(source: &Source) -> Described {
    let mut decoder = source.decoder(RopeFactors::None)?;
    decoder.query_key_norm = Some(QueryKeyNorm::WholeRms);
    source.family(Family::Olmo2, decoder)
}

fn granite(source: &Source) -> Described {
    let mut decoder = source.decoder(RopeFactors::Divisors)?;
    let keys = &source.keys;
    if decoder.ropes[0].dim != decoder.head_dim {
        return Err(keys.refuse("a rope over a part of each head is not supported in this architecture"));
    }
    // A switch in this architecture alone.
    if keys.get("rope.scaling.finetuned")? == Some(false) {
        return Err(keys.refuse("granite without rotary positions (rope.scaling.finetuned) is not supported"));
    }
    decoder.logit_divisor =
        keys.positive("logit_scale")?.ok_or_else(|| keys.refuse("logit_scale is missing"))?;
    decoder.embedding_multiplier = keys.positive_or_off("embedding_scale")?.unwrap_or(1.0);
    decoder.residual_multiplier = keys.positive_or_off("residual_scale")?.unwrap_or(1.0);
    if let Some(scale) = keys.positive_or_off("attention.scale")? {
        decoder.layers.iter_mut().for_each(|layer| layer.attention_scale = scale);
    }
    source.family(Family::Granite, decoder)
}

/// Whether both branches start from the same norm is told by the tensors; converters write the key where it is not true.
fn stablelm(source: &Source) -> Described {
    let mut decoder = source.decoder_with_norm("attention.layer_norm_epsilon", RopeFactors::None)?;
    decoder.norm = NormKind::Layer;
    source.keys.pass_over("use_parallel_residual");
    if !source.has("blk.0.ffn_norm.weight") {
        decoder.residual = Residual::Parallel;
    }
    if source.has("blk.0.attn_q_norm.weight") {
        decoder.query_key_norm = Some(QueryKeyNorm::HeadLayer);
    }
    source.family(Family::StableLm, decoder)
}

fn gpt2(source: &Source) -> Described {
    let mut decoder = source.decoder_with_norm("attention.layer_norm_epsilon", RopeFactors::None)?;
    decoder.ropes.clear();
    decoder.learned_positions = true;
    decoder.norm = NormKind::Layer;
    decoder.activation = Activation::GeluTanh;
    for layer in &mut decoder.layers {
        layer.rope = None;
        if let FeedForward::Gated { intermediate_size } = layer.feed_forward {
            layer.feed_forward = FeedForward::Plain { intermediate_size };
        }
    }
    source.family(Family::Gpt2, decoder)
}
