//! What almost all families spell alike: sizes, the activation, and which layers have a sliding window.

use super::TensorLayout;
use super::fields::{Checked, Fields};
use super::rope::RopeFamily;
use super::sizes::LAYER_COUNT_MAX;
use crate::engine::{Activation, DecoderConfig, UniformSizes};

/// How a family's config tells its sizes, and what holds where it is silent: the defaults of transformers' config classes.
pub struct Usual {
    pub norm_eps_key: &'static str,
    pub norm_eps: f64,
    pub position_count: usize,
    pub head_dim: HeadDim,
    pub kv_heads: KvHeads,
    pub tied: bool,
    pub theta: f64,
}

#[derive(Clone, Copy)]
pub enum HeadDim {
    /// `head_dim`; null means hidden size by heads, absent this or the same.
    Told { absent: Option<usize> },
    /// Hidden size by heads, evenly; there is no field.
    Divided,
}

#[derive(Clone, Copy)]
pub enum KvHeads {
    /// As many as query heads, where `num_key_value_heads` is absent or null.
    AsHeads,
    /// Where the field is absent, transformers takes a number that fits one published model; that is refused.
    Needed { null_is_heads: bool },
    /// There is no field: as many as query heads.
    NotTold,
}

impl Usual {
    /// RMSNorm of 1e-6, untied, theta 10000.
    pub const fn new(position_count: usize, kv_heads: KvHeads) -> Self {
        Usual {
            norm_eps_key: "rms_norm_eps",
            norm_eps: 1e-6,
            position_count,
            head_dim: HeadDim::Told { absent: None },
            kv_heads,
            tied: false,
            theta: 10_000.0,
        }
    }

    /// A decoder whose layers are all alike, with the family's rope.
    pub fn decoder(&self, fields: &Fields) -> Checked<DecoderConfig> {
        self.decoder_with_rope(fields, |rope| rope)
    }

    /// The same, with a rope that is read otherwise.
    pub fn decoder_with_rope(
        &self,
        fields: &Fields,
        change: impl Fn(RopeFamily) -> RopeFamily,
    ) -> Checked<DecoderConfig> {
        let sizes = self.sizes(fields)?;
        let rope = RopeFamily::new(self.theta, sizes.head_dim, sizes.position_count_max);
        let rope = change(rope).read(fields)?;
        let norm_eps = fields.number(self.norm_eps_key)?.unwrap_or(self.norm_eps);
        let tied = fields.flag("tie_word_embeddings")?.unwrap_or(self.tied);
        let mut decoder = DecoderConfig::uniform(sizes, norm_eps, rope, tied);
        decoder.activation = activation(fields, "hidden_act", Activation::Silu)?;
        Ok(decoder)
    }

    pub fn sizes(&self, fields: &Fields) -> Checked<UniformSizes> {
        let hidden_size = fields.needed_size("hidden_size")?;
        let head_count = fields.needed_size("num_attention_heads")?;
        if head_count == 0 {
            return Err("num_attention_heads is 0".to_owned());
        }
        let kv_head_count = match self.kv_heads {
            KvHeads::NotTold => head_count,
            KvHeads::AsHeads => fields.size("num_key_value_heads")?.unwrap_or(head_count),
            KvHeads::Needed { null_is_heads } => match fields.size("num_key_value_heads")? {
                Some(count) => count,
                None if null_is_heads && fields.has("num_key_value_heads") => head_count,
                None => return Err("num_key_value_heads is missing".to_owned()),
            },
        };
        let head_dim = match self.head_dim {
            HeadDim::Divided if !hidden_size.is_multiple_of(head_count) => {
                return Err(format!("hidden_size {hidden_size} cannot be split over {head_count} heads"));
            }
            HeadDim::Divided => hidden_size / head_count,
            HeadDim::Told { absent: Some(size) } if !fields.has("head_dim") => size,
            HeadDim::Told { .. } => fields.size("head_dim")?.unwrap_or(hidden_size / head_count),
        };
        Ok(UniformSizes {
            vocab_size: fields.needed_size("vocab_size")?,
            hidden_size,
            intermediate_size: fields.needed_size("intermediate_size")?,
            layer_count: layer_count(fields.needed_size("num_hidden_layers")?)?,
            head_count,
            kv_head_count,
            head_dim,
            position_count_max: fields.size("max_position_embeddings")?.unwrap_or(self.position_count),
        })
    }
}

/// `attention_bias` switches the biases of all four projections on.
pub fn attention_layout(fields: &Fields) -> Checked<TensorLayout> {
    let attention_bias = fields.flag("attention_bias")?.unwrap_or(false);
    Ok(TensorLayout { qkv_bias: attention_bias, output_bias: attention_bias, feed_forward_bias: false })
}

/// Checked before there is an entry for each layer.
pub fn layer_count(count: usize) -> Checked<usize> {
    if count == 0 || count > LAYER_COUNT_MAX {
        Err(format!("num_hidden_layers is {count}"))
    } else {
        Ok(count)
    }
}

pub fn activation(fields: &Fields, key: &'static str, default: Activation) -> Checked<Activation> {
    match fields.text(key)? {
        None => Ok(default),
        Some("silu" | "swish") => Ok(Activation::Silu),
        Some("gelu" | "gelu_python") => Ok(Activation::GeluErf),
        // They differ in how they compute the same formula.
        Some("gelu_new" | "gelu_pytorch_tanh" | "gelu_python_tanh" | "gelu_fast") => Ok(Activation::GeluTanh),
        Some(other) => Err(format!("{key} `{other}` is not supported")),
    }
}

/// Whether `layer_types` says of each layer that its attention slides.
fn layer_types(fields: &Fields, layer_count: usize) -> Checked<Option<Vec<bool>>> {
    let Some(types) = fields.texts("layer_types")? else { return Ok(None) };
    if types.len() != layer_count {
        return Err(format!("layer_types has {} entries for {layer_count} layers", types.len()));
    }
    let slides = |kind: &str| match kind {
        "full_attention" => Ok(false),
        "sliding_attention" => Ok(true),
        other => Err(format!("layer_types holds `{other}`, which is not supported")),
    };
    types.into_iter().map(slides).collect::<Checked<_>>().map(Some)
}

/// Gives a window to the layers that `layer_types` names, or where it is silent to those that the family's own rule does.
pub fn set_windows(
    fields: &Fields,
    decoder: &mut DecoderConfig,
    window: Option<usize>,
    slides: impl Fn(usize) -> bool,
) -> Checked<()> {
    let types = layer_types(fields, decoder.layer_count())?;
    for (index, layer) in decoder.layers.iter_mut().enumerate() {
        layer.window = match &types {
            Some(types) if types[index] => Some(window.ok_or(
                "layer_types holds `sliding_attention`, but the other fields switch no sliding window on",
            )?),
            Some(_) => None,
            None => window.filter(|_| slides(index)),
        };
    }
    Ok(())
}

/// The same window for all layers of a family that does not read `layer_types`, which then has to say the same.
pub fn set_one_window(fields: &Fields, decoder: &mut DecoderConfig, window: Option<usize>) -> Checked<()> {
    let types = layer_types(fields, decoder.layer_count())?.unwrap_or_default();
    if types.iter().any(|&slides| slides != window.is_some()) {
        let kind = if window.is_some() { "full_attention" } else { "sliding_attention" };
        return Err(format!("layer_types holds `{kind}`, which the other fields contradict"));
    }
    decoder.layers.iter_mut().for_each(|layer| layer.window = window);
    Ok(())
}

/// `sliding_window` of a family in which it alone switches the window on.
pub fn window_by_itself(fields: &Fields, absent: Option<usize>) -> Checked<Option<usize>> {
    fields.pass_over(&["max_window_layers"]);
    let window = match fields.has("sliding_window") {
        true => fields.size("sliding_window")?,
        false => absent,
    };
    match fields.flag("use_sliding_window")? {
        Some(uses) if uses != window.is_some() => Err(format!(
            "use_sliding_window is {uses}, and sliding_window says otherwise, which alone counts in this family"
        )),
        _ => Ok(window),
    }
}

/// Families without windows; some configs carry fields of another family that switch them off.
pub fn refuse_windows(fields: &Fields, decoder: &mut DecoderConfig) -> Checked<()> {
    fields.pass_over(&["max_window_layers"]);
    match fields.flag("use_sliding_window")? {
        Some(true) => return Err("use_sliding_window is not supported in this family".to_owned()),
        Some(false) => fields.pass_over(&["sliding_window"]),
        None => {}
    }
    set_one_window(fields, decoder, None)
}
