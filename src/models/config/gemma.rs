//! Gemma 1, 2 and 3, and the text part of the Gemma 3 that also sees.

use super::Described;
use super::fields::{Checked, Fields};
use super::llama::set_attention_scale;
use super::rope::{OriginalPositions, RopeFamily, parameters};
use super::usual::{HeadDim, KvHeads, Usual, activation, attention_layout, refuse_windows, set_windows};
use crate::engine::{Activation, DecoderConfig, LayerConfig, QueryKeyNorm, RopeConfig};
use serde_json::{Map, Value, json};

const USUAL: Usual = Usual {
    head_dim: HeadDim::Told { absent: Some(256) },
    tied: true,
    ..Usual::new(8192, KvHeads::Needed { null_is_heads: false })
};

pub fn gemma(fields: &Fields) -> Checked<Described> {
    let mut decoder = common(fields, USUAL.decoder(fields)?)?;
    refuse_windows(fields, &mut decoder)?;
    let called =
        |key| Ok::<_, String>(fields.text(key)?.map(|name| if name == "gelu" { TANH } else { name }));
    // transformers 4 let hidden_activation go first, 5 does not read it. Either takes the exact GELU for the one by tanh.
    decoder.activation = match (called("hidden_act")?, called("hidden_activation")?) {
        (Some(one), Some(two)) if one != two => {
            return Err(format!("hidden_act `{one}` and hidden_activation `{two}` contradict each other"));
        }
        (Some(TANH) | None, Some(TANH) | None) => Activation::GeluTanh,
        (Some(_), _) => activation(fields, "hidden_act", Activation::GeluTanh)?,
        _ => activation(fields, "hidden_activation", Activation::GeluTanh)?,
    };
    Ok((decoder, attention_layout(fields)?))
}

const TANH: &str = "gelu_pytorch_tanh";

pub fn gemma2(fields: &Fields) -> Checked<Described> {
    let mut decoder = common(fields, USUAL.decoder(fields)?)?;
    set_scale_and_activation(fields, &mut decoder)?;
    let cap = |key, absent| Ok::<_, String>(if fields.has(key) { fields.number(key)? } else { Some(absent) });
    decoder.attention_soft_cap = cap("attn_logit_softcapping", 50.0)?;
    decoder.logit_soft_cap = cap("final_logit_softcapping", 30.0)?;
    let window = window(fields)?;
    // The name that the field had before.
    fields.pass_over_if("sliding_window_size", |value| value.as_u64() == Some(window as u64));
    set_windows(fields, &mut decoder, Some(window), |index| index % 2 == 0)?;
    Ok((decoder, attention_layout(fields)?))
}

pub fn gemma3_text(fields: &Fields) -> Checked<Described> {
    let sizes = Usual { position_count: 131_072, ..USUAL }.sizes(fields)?;
    let [full, sliding] = ropes(fields, sizes.head_dim, sizes.position_count_max)?;
    let norm_eps = fields.number("rms_norm_eps")?.unwrap_or(1e-6);
    let tied = fields.flag("tie_word_embeddings")?.unwrap_or(true);
    let mut decoder = common(fields, DecoderConfig::uniform(sizes, norm_eps, full, tied))?;
    decoder.ropes.push(sliding);
    decoder.query_key_norm = Some(QueryKeyNorm::HeadRms);
    set_scale_and_activation(fields, &mut decoder)?;
    // The reference has the field and does not use it.
    fields.pass_over(&["attn_logit_softcapping"]);
    decoder.logit_soft_cap = fields.number("final_logit_softcapping")?;
    let pattern = fields.size_of_either("sliding_window_pattern", "_sliding_window_pattern")?.unwrap_or(6);
    if pattern == 0 {
        return Err("sliding_window_pattern is 0".to_owned());
    }
    let window = window(fields)?;
    set_windows(fields, &mut decoder, Some(window), |index| !(index + 1).is_multiple_of(pattern))?;
    let rope = |layer: &LayerConfig| usize::from(layer.window.is_some());
    decoder.layers.iter_mut().for_each(|layer| layer.rope = Some(rope(layer)));
    Ok((decoder, attention_layout(fields)?))
}

/// The part of a `gemma3` config that describes a decoder: `text_config`, with what it may leave out.
pub fn gemma3_text_part(fields: &Fields) -> Checked<Map<String, Value>> {
    fields.pass_over(&["vision_config", "mm_tokens_per_image"]);
    fields.pass_over(&["boi_token_index", "eoi_token_index", "image_token_index"]);
    fields.pass_over(&["boi_token_id", "eoi_token_id", "image_token_id"]);
    let mut text = fields.object("text_config")?.ok_or("text_config is missing")?.clone();
    let defaults = [
        ("vocab_size", 262_208),
        ("hidden_size", 2304),
        ("intermediate_size", 9216),
        ("num_hidden_layers", 26),
        ("num_attention_heads", 8),
        ("num_key_value_heads", 4),
    ];
    for (key, value) in defaults {
        text.entry(key).or_insert(value.into());
    }
    let tied = fields.flag("tie_word_embeddings")?.unwrap_or(true);
    match text.insert("tie_word_embeddings".to_owned(), tied.into()) {
        Some(Value::Bool(within)) if within != tied => {
            return Err(format!("tie_word_embeddings is {tied}, and {within} in text_config"));
        }
        _ => {}
    }
    // It has no effect in this class.
    text.remove("final_logit_softcapping");
    match text.get("model_type") {
        None => {}
        Some(kind) if *kind == json!("gemma3_text") => {}
        Some(kind) => return Err(format!("model_type {kind} in text_config is not supported")),
    }
    Ok(text)
}

/// What all of them have.
fn common(fields: &Fields, mut decoder: DecoderConfig) -> Checked<DecoderConfig> {
    // It is not among the fields that 2 and 3 read; 1 reads it again.
    fields.pass_over(&["hidden_act"]);
    decoder.embedding_multiplier = (decoder.hidden_size as f64).sqrt();
    Ok(decoder)
}

fn set_scale_and_activation(fields: &Fields, decoder: &mut DecoderConfig) -> Checked<()> {
    let scalar = fields.number("query_pre_attn_scalar")?.unwrap_or(256.0);
    if !(scalar.is_finite() && scalar > 0.0) {
        return Err(format!("query_pre_attn_scalar is {scalar}"));
    }
    set_attention_scale(decoder, 1.0 / scalar.sqrt());
    decoder.activation = activation(fields, "hidden_activation", Activation::GeluTanh)?;
    Ok(())
}

fn window(fields: &Fields) -> Checked<usize> {
    match fields.size("sliding_window")? {
        Some(window) => Ok(window),
        None if fields.has("sliding_window") => Err("sliding_window is null".to_owned()),
        None => Ok(4096),
    }
}

/// Of full and of sliding layers. transformers 5 writes both into `rope_parameters`; before, sliding layers had a plain
/// rope with a theta of its own.
fn ropes(fields: &Fields, head_dim: usize, position_count: usize) -> Checked<[RopeConfig; 2]> {
    let family = |theta_key, theta| RopeFamily {
        theta_key,
        original: OriginalPositions::Within,
        ..RopeFamily::new(theta, head_dim, position_count)
    };
    let (full, sliding) = (family("rope_theta", 1e6), family("rope_local_base_freq", 1e4));
    let told = parameters(fields)?;
    let keys = ["full_attention", "sliding_attention"];
    let Some(nested) = told.filter(|told| keys.iter().any(|key| told.contains_key(*key))) else {
        return Ok([full.of(fields, told)?, sliding.of(fields, None)?]);
    };
    let nested = Fields::new(nested, "rope_parameters.");
    let both = [full.of(fields, nested.object(keys[0])?)?, sliding.of(fields, nested.object(keys[1])?)?];
    nested.refuse_unknown()?;
    Ok(both)
}
