//! GPT-2, and GPT-NeoX with Pythia: LayerNorm, feed-forwards without a gate, biases everywhere.

use super::fields::{Checked, Fields};
use super::usual::{HeadDim, KvHeads, Usual, activation, layer_count, refuse_windows};
use super::{Described, TensorLayout};
use crate::engine::{
    Activation, DecoderConfig, FeedForward, NormKind, Residual, RopeConfig, RopeKind, UniformSizes,
};

pub fn gpt2(fields: &Fields) -> Checked<Described> {
    let needed = |key, other| {
        fields.size_of_either(key, other)?.ok_or_else(|| format!("{key} is missing")) as Checked<usize>
    };
    let hidden_size = needed("n_embd", "hidden_size")?;
    let head_count = needed("n_head", "num_attention_heads")?;
    if head_count == 0 || !hidden_size.is_multiple_of(head_count) {
        return Err(format!("n_embd {hidden_size} cannot be split over {head_count} heads"));
    }
    let sizes = UniformSizes {
        vocab_size: fields.needed_size("vocab_size")?,
        hidden_size,
        intermediate_size: fields.size("n_inner")?.unwrap_or(hidden_size.saturating_mul(4)),
        layer_count: layer_count(needed("n_layer", "num_hidden_layers")?)?,
        head_count,
        kv_head_count: head_count,
        head_dim: hidden_size / head_count,
        position_count_max: fields.size_of_either("n_positions", "max_position_embeddings")?.unwrap_or(1024),
    };
    // As long as n_positions in what was published, and read by nobody.
    fields.pass_over(&["n_ctx"]);
    let norm_eps = fields.number("layer_norm_epsilon")?.unwrap_or(1e-5);
    let tied = fields.flag("tie_word_embeddings")?.unwrap_or(true);
    let no_rope = RopeConfig { dim: 0, theta: 1.0, kind: RopeKind::Default };
    let mut decoder = DecoderConfig::uniform(sizes, norm_eps, no_rope, tied);
    decoder.ropes.clear();
    decoder.learned_positions = true;
    decoder.norm = NormKind::Layer;
    decoder.activation = activation(fields, "activation_function", Activation::GeluTanh)?;
    let is_scaled = fields.flag("scale_attn_weights")?.unwrap_or(true);
    let by_layer = fields.flag("scale_attn_by_inverse_layer_idx")?.unwrap_or(false);
    for (index, layer) in decoder.layers.iter_mut().enumerate() {
        layer.rope = None;
        let scale = if is_scaled { layer.attention_scale } else { 1.0 };
        layer.attention_scale = if by_layer { scale / (index + 1) as f64 } else { scale };
    }
    without_gates(&mut decoder);
    Ok((decoder, TensorLayout { qkv_bias: true, output_bias: true, feed_forward_bias: true }))
}

pub fn gpt_neox(fields: &Fields) -> Checked<Described> {
    let usual = Usual {
        norm_eps_key: "layer_norm_eps",
        norm_eps: 1e-5,
        head_dim: HeadDim::Divided,
        ..Usual::new(2048, KvHeads::NotTold)
    };
    let mut decoder = usual.decoder_with_rope(fields, |mut rope| {
        rope.theta_key = "rotary_emb_base";
        rope.partial = Some(("rotary_pct", 0.25));
        rope
    })?;
    // The names that other families have, which this one's reference does not read.
    let rope = &decoder.ropes[0];
    fields.pass_over_if("rope_theta", |value| value.as_f64() == Some(rope.theta));
    let turned = |share: f64| (share * decoder.head_dim as f64) as usize;
    fields.pass_over_if("partial_rotary_factor", |value| value.as_f64().map(turned) == Some(rope.dim));
    refuse_windows(fields, &mut decoder)?;
    decoder.norm = NormKind::Layer;
    decoder.activation = activation(fields, "hidden_act", Activation::GeluErf)?;
    if fields.flag("use_parallel_residual")?.unwrap_or(true) {
        decoder.residual = Residual::Parallel;
    }
    without_gates(&mut decoder);
    let attention_bias = fields.flag("attention_bias")?.unwrap_or(true);
    let layout =
        TensorLayout { qkv_bias: attention_bias, output_bias: attention_bias, feed_forward_bias: true };
    Ok((decoder, layout))
}

fn without_gates(decoder: &mut DecoderConfig) {
    for layer in &mut decoder.layers {
        if let FeedForward::Gated { intermediate_size } = layer.feed_forward {
            layer.feed_forward = FeedForward::Plain { intermediate_size };
        }
    }
}
