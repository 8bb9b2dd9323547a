//! Llama and the families that differ from it in few fields: Mistral, Granite, OLMo 2, SmolLM3, StableLM and Phi-3.

use super::fields::{Checked, Fields};
use super::rope::OriginalPositions;
use super::usual::{
    HeadDim, KvHeads, Usual, attention_layout, refuse_windows, set_one_window, set_windows, window_by_itself,
};
use super::{Described, TensorLayout};
use crate::engine::{DecoderConfig, NormKind, QueryKeyNorm, Residual};

const NULL_IS_HEADS: KvHeads = KvHeads::Needed { null_is_heads: true };

/// `mlp_bias` does the same for the feed-forward.
fn layout(fields: &Fields) -> Checked<TensorLayout> {
    let feed_forward_bias = fields.flag("mlp_bias")?.unwrap_or(false);
    Ok(TensorLayout { feed_forward_bias, ..attention_layout(fields)? })
}

pub fn llama(fields: &Fields) -> Checked<Described> {
    let mut decoder = Usual::new(2048, KvHeads::AsHeads).decoder(fields)?;
    refuse_windows(fields, &mut decoder)?;
    // Falcon 3 names its feed-forward twice.
    fields.pass_over_if("activation", |value| value == "swiglu");
    Ok((decoder, layout(fields)?))
}

pub fn mistral(fields: &Fields) -> Checked<Described> {
    let mut decoder = Usual::new(131_072, NULL_IS_HEADS).decoder(fields)?;
    let window = window_by_itself(fields, Some(4096))?;
    set_one_window(fields, &mut decoder, window)?;
    Ok((decoder, TensorLayout::default()))
}

pub fn granite(fields: &Fields) -> Checked<Described> {
    let mut decoder = Usual::new(2048, KvHeads::AsHeads).decoder(fields)?;
    refuse_windows(fields, &mut decoder)?;
    let multiplier = |key| Ok::<_, String>(fields.number(key)?.unwrap_or(1.0));
    decoder.embedding_multiplier = multiplier("embedding_multiplier")?;
    decoder.residual_multiplier = multiplier("residual_multiplier")?;
    decoder.logit_divisor = multiplier("logits_scaling")?;
    set_attention_scale(&mut decoder, multiplier("attention_multiplier")?);
    Ok((decoder, layout(fields)?))
}

pub fn set_attention_scale(decoder: &mut DecoderConfig, scale: f64) {
    decoder.layers.iter_mut().for_each(|layer| layer.attention_scale = scale);
}

pub fn olmo2(fields: &Fields) -> Checked<Described> {
    let usual = Usual { norm_eps: 1e-5, ..Usual::new(2048, KvHeads::AsHeads) };
    let mut decoder = usual.decoder(fields)?;
    refuse_windows(fields, &mut decoder)?;
    decoder.query_key_norm = Some(QueryKeyNorm::WholeRms);
    Ok((decoder, attention_layout(fields)?))
}

pub fn smollm3(fields: &Fields) -> Checked<Described> {
    let usual = Usual { tied: true, theta: 2e6, ..Usual::new(32_768, NULL_IS_HEADS) };
    let mut decoder = usual.decoder(fields)?;
    let interval = fields.size("no_rope_layer_interval")?.unwrap_or(4);
    match fields.sizes("no_rope_layers")? {
        Some(turned) if turned.len() != decoder.layer_count() => {
            let (count, layers) = (turned.len(), decoder.layer_count());
            return Err(format!("no_rope_layers has {count} entries for {layers} layers"));
        }
        // In spite of the name, 1 means that the layer has a rope.
        Some(turned) => {
            for (layer, turned) in decoder.layers.iter_mut().zip(turned) {
                layer.rope = (turned != 0).then_some(0);
            }
        }
        None if interval == 0 => return Err("no_rope_layer_interval is 0".to_owned()),
        None => {
            decoder.layers.iter_mut().skip(interval - 1).step_by(interval).for_each(|layer| layer.rope = None)
        }
    }
    let told = fields.size("sliding_window")?;
    let window = match fields.flag("use_sliding_window")? {
        Some(true) => told,
        // layer_types may still name sliding layers.
        _ => told.filter(|_| fields.has("layer_types")),
    };
    fields.pass_over(&["max_window_layers"]);
    let turned: Vec<bool> = decoder.layers.iter().map(|layer| layer.rope.is_some()).collect();
    set_windows(fields, &mut decoder, window, |index| !turned[index])?;
    Ok((decoder, layout(fields)?))
}

pub fn stablelm(fields: &Fields) -> Checked<Described> {
    let usual = Usual {
        norm_eps_key: "layer_norm_eps",
        norm_eps: 1e-5,
        head_dim: HeadDim::Divided,
        ..Usual::new(4096, KvHeads::Needed { null_is_heads: false })
    };
    let mut decoder = usual.decoder_with_rope(fields, |mut rope| {
        rope.partial = Some(("partial_rotary_factor", 0.25));
        rope
    })?;
    refuse_windows(fields, &mut decoder)?;
    decoder.norm = NormKind::Layer;
    if fields.flag("qk_layernorm")?.unwrap_or(false) {
        decoder.query_key_norm = Some(QueryKeyNorm::HeadLayer);
    }
    if fields.flag("use_parallel_residual")?.unwrap_or(false) {
        decoder.residual = Residual::Parallel;
    }
    fields.pass_over_if("rotary_scaling_factor", |value| value.as_f64() == Some(1.0));
    let qkv_bias = fields.flag("use_qkv_bias")?.unwrap_or(false);
    Ok((decoder, TensorLayout { qkv_bias, ..TensorLayout::default() }))
}

pub fn phi3(fields: &Fields) -> Checked<Described> {
    let usual = Usual { norm_eps: 1e-5, ..Usual::new(4096, KvHeads::AsHeads) };
    let mut decoder = usual.decoder_with_rope(fields, |mut rope| {
        rope.partial = Some(("partial_rotary_factor", 1.0));
        rope.original = OriginalPositions::Top { default: 4096 };
        rope.only_longrope = true;
        rope
    })?;
    let window = window_by_itself(fields, None)?;
    set_one_window(fields, &mut decoder, window)?;
    // Phi-4-mini carries fields of Phi-3-small, at what they are without effect.
    for key in ["full_attn_mod", "interpolate_factor"] {
        fields.pass_over_if(key, |value| value.as_f64() == Some(1.0));
    }
    Ok((decoder, TensorLayout::default()))
}
