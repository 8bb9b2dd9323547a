//! Whether a decoder's sizes and numbers make sense together. They come from untrusted files and are multiplied with each
//! other later on.

use super::fields::Checked;
use crate::engine::{DecoderConfig, FeedForward, RopeConfig};

/// Of vocabulary, widths and positions.
pub const SIZE_MAX: usize = 1 << 28;
/// Of heads, of one head's dimensions, and of experts.
const COUNT_MAX: usize = 1 << 16;
/// There is an entry for each layer before anything is known to be in the weights.
pub const LAYER_COUNT_MAX: usize = 1 << 12;
/// Values in all matrices together: a thousand times the largest models there are.
const PARAMETER_COUNT_MAX: u128 = 1 << 50;

pub fn check_sizes(config: &DecoderConfig) -> Checked<()> {
    // First, because a head's dimensions may be a size by the number of heads.
    if config.head_count > COUNT_MAX {
        return Err(format!("num_attention_heads is {}", config.head_count));
    }
    let positive = [
        ("vocab_size", config.vocab_size),
        ("hidden_size", config.hidden_size),
        ("num_key_value_heads", config.kv_head_count),
        ("head_dim", config.head_dim),
        ("max_position_embeddings", config.position_count_max),
    ];
    if let Some((name, size)) = positive.iter().find(|(_, size)| *size == 0 || *size > SIZE_MAX) {
        return Err(format!("{name} is {size}"));
    }
    if config.head_dim > COUNT_MAX {
        return Err(format!("head_dim is {}", config.head_dim));
    }
    if !config.head_count.is_multiple_of(config.kv_head_count) {
        return Err(format!(
            "{} attention heads cannot share {} key/value heads evenly",
            config.head_count, config.kv_head_count
        ));
    }
    check_numbers(config)?;
    config.ropes.iter().try_for_each(|rope| check_rope(rope, config.head_dim))?;
    for layer in &config.layers {
        if layer.window == Some(0) {
            return Err("sliding_window is 0".to_owned());
        }
        check_feed_forward(&layer.feed_forward)?;
    }
    match parameter_count(config) > PARAMETER_COUNT_MAX {
        true => Err("the sizes together are beyond reason".to_owned()),
        false => Ok(()),
    }
}

fn check_numbers(config: &DecoderConfig) -> Checked<()> {
    if !(config.norm_eps.is_finite() && config.norm_eps >= 0.0) {
        return Err(format!("the norm's eps is {}", config.norm_eps));
    }
    let scales = config.layers.iter().map(|layer| ("the attention's scale", Some(layer.attention_scale)));
    let others = [
        ("embedding_multiplier", Some(config.embedding_multiplier)),
        ("residual_multiplier", Some(config.residual_multiplier)),
        ("logits_scaling", Some(config.logit_divisor)),
        ("attn_logit_softcapping", config.attention_soft_cap),
        ("final_logit_softcapping", config.logit_soft_cap),
    ];
    for (name, number) in scales.chain(others) {
        if number.is_some_and(|number| !((number as f32).is_finite() && number > 0.0)) {
            return Err(format!("{name} is {}", number.unwrap_or_default()));
        }
    }
    Ok(())
}

fn check_rope(rope: &RopeConfig, head_dim: usize) -> Checked<()> {
    if rope.dim == head_dim && !head_dim.is_multiple_of(2) {
        return Err(format!("head_dim {head_dim} is odd; rotary positions need pairs"));
    }
    if rope.dim == 0 || rope.dim > head_dim || !rope.dim.is_multiple_of(2) {
        return Err(format!("{} of {head_dim} dimensions cannot be turned in pairs", rope.dim));
    }
    Ok(())
}

fn check_feed_forward(feed_forward: &FeedForward) -> Checked<()> {
    let width = |name: &str, size: usize| {
        if size == 0 || size > SIZE_MAX { Err(format!("{name} is {size}")) } else { Ok(()) }
    };
    let experts = match feed_forward {
        FeedForward::Gated { intermediate_size } | FeedForward::Plain { intermediate_size } => {
            return width("intermediate_size", *intermediate_size);
        }
        FeedForward::Experts(experts) => experts,
    };
    width("the experts' intermediate_size", experts.intermediate_size)?;
    width("shared_expert_intermediate_size", experts.shared_intermediate_size.unwrap_or(1))?;
    let (count, chosen) = (experts.expert_count, experts.chosen_count);
    if count == 0 || count > COUNT_MAX {
        return Err(format!("the number of experts is {count}"));
    }
    if chosen == 0 || chosen > count {
        return Err(format!("num_experts_per_tok is {chosen}, and there are {count} experts"));
    }
    Ok(())
}

/// [`DecoderConfig::parameter_count`], of sizes that may overflow it.
fn parameter_count(config: &DecoderConfig) -> u128 {
    let of_layer = |feed_forward: &FeedForward| match feed_forward {
        FeedForward::Gated { intermediate_size } | FeedForward::Plain { intermediate_size } => {
            3 * *intermediate_size as u128
        }
        FeedForward::Experts(experts) => {
            let width = experts.expert_count as u128 * (experts.intermediate_size as u128 + 1);
            3 * (width + experts.shared_intermediate_size.unwrap_or(0) as u128)
        }
    };
    let heads = 4 * config.head_count as u128 * config.head_dim as u128;
    let columns = config.layers.iter().map(|layer| heads + of_layer(&layer.feed_forward)).sum::<u128>();
    let rows = 2 * config.vocab_size as u128 + config.position_count_max as u128;
    config.hidden_size as u128 * (rows + columns)
}
