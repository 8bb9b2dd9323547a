//! The Qwen families, dense and with experts, and Mixtral.

use super::fields::{Checked, Fields};
use super::usual::{
    HeadDim, KvHeads, Usual, attention_layout, set_one_window, set_windows, window_by_itself,
};
use super::{Described, TensorLayout};
use crate::engine::{Experts, FeedForward, LayerConfig, QueryKeyNorm};

const NULL_IS_HEADS: KvHeads = KvHeads::Needed { null_is_heads: true };
const NEEDED: KvHeads = KvHeads::Needed { null_is_heads: false };

pub fn qwen2(fields: &Fields) -> Checked<Described> {
    let mut decoder = Usual::new(32_768, NULL_IS_HEADS).decoder(fields)?;
    let first = first_window_layer(fields)?;
    set_windows(fields, &mut decoder, switched_window(fields)?, |index| index >= first)?;
    Ok((decoder, TensorLayout { qkv_bias: true, ..TensorLayout::default() }))
}

pub fn qwen3(fields: &Fields) -> Checked<Described> {
    let usual = Usual { head_dim: HeadDim::Told { absent: Some(128) }, ..Usual::new(32_768, NULL_IS_HEADS) };
    let mut decoder = usual.decoder(fields)?;
    decoder.query_key_norm = Some(QueryKeyNorm::HeadRms);
    let first = first_window_layer(fields)?;
    set_windows(fields, &mut decoder, switched_window(fields)?, |index| index >= first)?;
    Ok((decoder, attention_layout(fields)?))
}

pub fn qwen2_moe(fields: &Fields) -> Checked<Described> {
    let mut decoder = Usual::new(32_768, NEEDED).decoder(fields)?;
    let experts = Experts {
        expert_count: expert_count(fields, 60)?,
        chosen_count: fields.size("num_experts_per_tok")?.unwrap_or(4),
        intermediate_size: fields.size("moe_intermediate_size")?.unwrap_or(1408),
        normalised: fields.flag("norm_topk_prob")?.unwrap_or(false),
        shared_intermediate_size: Some(fields.size("shared_expert_intermediate_size")?.unwrap_or(5632)),
    };
    set_experts(fields, &mut decoder.layers, experts)?;
    // Unlike Qwen2, the layers below the border slide, and of those every second one.
    let border = first_window_layer(fields)?;
    set_windows(fields, &mut decoder, switched_window(fields)?, |index| index % 2 == 0 && index < border)?;
    let qkv_bias = fields.flag("qkv_bias")?.unwrap_or(true);
    Ok((decoder, TensorLayout { qkv_bias, ..TensorLayout::default() }))
}

pub fn qwen3_moe(fields: &Fields) -> Checked<Described> {
    let mut decoder = Usual::new(32_768, NEEDED).decoder(fields)?;
    decoder.query_key_norm = Some(QueryKeyNorm::HeadRms);
    let experts = Experts {
        expert_count: expert_count(fields, 128)?,
        chosen_count: fields.size("num_experts_per_tok")?.unwrap_or(8),
        intermediate_size: fields.size("moe_intermediate_size")?.unwrap_or(768),
        normalised: fields.flag("norm_topk_prob")?.unwrap_or(false),
        shared_intermediate_size: None,
    };
    set_experts(fields, &mut decoder.layers, experts)?;
    // Qwen3-Coder says both, as they are in every model of this family.
    fields.pass_over_if("shared_expert_intermediate_size", |value| value.as_u64() == Some(0));
    fields.pass_over_if("use_qk_norm", |value| value.as_bool() == Some(true));
    fields.pass_over(&["max_window_layers"]);
    let window = switched_window(fields)?;
    set_one_window(fields, &mut decoder, window)?;
    Ok((decoder, attention_layout(fields)?))
}

pub fn mixtral(fields: &Fields) -> Checked<Described> {
    let usual = Usual { norm_eps: 1e-5, theta: 1e6, ..Usual::new(131_072, NULL_IS_HEADS) };
    let mut decoder = usual.decoder(fields)?;
    let experts = Experts {
        expert_count: expert_count(fields, 8)?,
        chosen_count: fields.size("num_experts_per_tok")?.unwrap_or(2),
        intermediate_size: fields.needed_size("intermediate_size")?,
        normalised: true,
        shared_intermediate_size: None,
    };
    decoder.layers.iter_mut().for_each(|layer| layer.feed_forward = FeedForward::Experts(experts.clone()));
    let window = window_by_itself(fields, None)?;
    set_one_window(fields, &mut decoder, window)?;
    Ok((decoder, TensorLayout::default()))
}

/// The window, where `use_sliding_window` switches it on.
fn switched_window(fields: &Fields) -> Checked<Option<usize>> {
    let window = if fields.has("sliding_window") { fields.size("sliding_window")? } else { Some(4096) };
    let is_on = fields.flag("use_sliding_window")?.unwrap_or(false);
    Ok(window.filter(|_| is_on))
}

fn first_window_layer(fields: &Fields) -> Checked<usize> {
    Ok(fields.size("max_window_layers")?.unwrap_or(28))
}

fn expert_count(fields: &Fields, default: usize) -> Checked<usize> {
    Ok(fields.size_of_either("num_experts", "num_local_experts")?.unwrap_or(default))
}

/// Gives experts to the layers that `mlp_only_layers` and `decoder_sparse_step` leave to them.
fn set_experts(fields: &Fields, layers: &mut [LayerConfig], experts: Experts) -> Checked<()> {
    let dense = fields.sizes("mlp_only_layers")?.unwrap_or_default();
    let step = fields.size("decoder_sparse_step")?.unwrap_or(1);
    if step == 0 {
        return Err("decoder_sparse_step is 0".to_owned());
    }
    for (index, layer) in layers.iter_mut().enumerate() {
        if experts.expert_count > 0 && (index + 1).is_multiple_of(step) && !dense.contains(&index) {
            layer.feed_forward = FeedForward::Experts(experts.clone());
        }
    }
    Ok(())
}
