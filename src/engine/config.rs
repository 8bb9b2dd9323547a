//! What a decoder is, in numbers. A model family is a value of this type, not a second forward. Knows no file formats, and no
//! family by its name.

/// Shape and arithmetic of a decoder-only transformer. Where a projection has a bias, and which norms a layer has, is told by
/// the weights themselves.
#[derive(Debug, Clone, PartialEq)]
pub struct DecoderConfig {
    pub vocab_size: usize,
    pub hidden_size: usize,
    pub head_count: usize,
    /// Divides `head_count`; each key/value head serves `head_count / kv_head_count` query heads.
    pub kv_head_count: usize,
    /// Need not be `hidden_size / head_count`.
    pub head_dim: usize,
    /// Positions the model was made for; longer prompts are refused.
    pub position_count_max: usize,
    /// The readout matrix is the embedding matrix.
    pub tied_embeddings: bool,
    /// What a token's embedding is multiplied with: 1 in most families.
    pub embedding_multiplier: f64,
    /// A learned row for each position is added to the embedding (GPT-2).
    pub learned_positions: bool,
    pub norm: NormKind,
    pub norm_eps: f64,
    /// Norm of queries and keys before they are turned.
    pub query_key_norm: Option<QueryKeyNorm>,
    pub residual: Residual,
    /// What a branch's output is multiplied with before it is added to the residual stream: 1 in most families.
    pub residual_multiplier: f64,
    pub activation: Activation,
    /// Scores are `cap · tanh(score / cap)`, after scaling and before masking.
    pub attention_soft_cap: Option<f64>,
    /// Logits are `cap · tanh(logit / cap)`, after division.
    pub logit_soft_cap: Option<f64>,
    /// What logits are divided by: 1 in most families.
    pub logit_divisor: f64,
    /// The rotary embeddings that layers refer to; most families have one.
    pub ropes: Vec<RopeConfig>,
    /// One entry a layer; at least one.
    pub layers: Vec<LayerConfig>,
}

/// What may differ from layer to layer.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerConfig {
    /// Index into [`DecoderConfig::ropes`]; `None`: queries and keys are not turned.
    pub rope: Option<usize>,
    /// Keys that a query sees, itself included; `None`: its whole path.
    pub window: Option<usize>,
    /// What products of queries and keys are multiplied with.
    pub attention_scale: f64,
    pub feed_forward: FeedForward,
}

/// The part of a layer behind its attention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedForward {
    /// `down(activation(gate x) · up x)`.
    Gated { intermediate_size: usize },
    /// `down(activation(up x))`.
    Plain { intermediate_size: usize },
    /// The sum of a few gated ones, weighted by a router.
    Experts(Experts),
}

impl FeedForward {
    /// Values between the two products of a row, the most that are held at once.
    pub fn width(&self) -> usize {
        match self {
            FeedForward::Gated { intermediate_size } | FeedForward::Plain { intermediate_size } => {
                *intermediate_size
            }
            FeedForward::Experts(experts) => {
                experts.intermediate_size.max(experts.shared_intermediate_size.unwrap_or(0))
            }
        }
    }
}

/// A router's softmax over all experts picks the most probable; their shares weigh their outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Experts {
    pub expert_count: usize,
    /// Experts that a row goes through; at most `expert_count`.
    pub chosen_count: usize,
    pub intermediate_size: usize,
    /// Shares of the chosen are divided by their sum.
    pub normalised: bool,
    /// Width of an expert that all rows go through, weighted by the sigmoid of a gate of its own (Qwen2-MoE).
    pub shared_intermediate_size: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NormKind {
    /// `weight · x / √(mean x² + eps)`. Families that write `1 + weight` add the one when weights are read.
    Rms,
    /// `weight · (x − mean x) / √(var x + eps) + bias`, with the biased variance.
    Layer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryKeyNorm {
    /// RMSNorm over each head, one weight `[head_dim]` for all of them (Qwen3, Gemma 3).
    HeadRms,
    /// LayerNorm without bias over each head, a weight for each: `[heads · head_dim]` (StableLM).
    HeadLayer,
    /// RMSNorm over all heads together: `[heads · head_dim]` (OLMo 2).
    WholeRms,
}

/// How a layer's two branches meet the residual stream `h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Residual {
    /// `h += attention(norm h)`, then `h += feed_forward(norm h)`; each norm may be absent, and each branch may have a norm
    /// behind it.
    Sequential,
    /// `h += attention(norm h) + feed_forward(norm h)`; without a norm of its own the second takes the first's.
    Parallel,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x · sigmoid(x)`.
    Silu,
    /// `x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³)))`.
    GeluTanh,
    /// `x/2 · (1 + erf(x/√2))`.
    GeluErf,
}

/// Rotary position embedding, halves rotated against each other.
#[derive(Debug, Clone, PartialEq)]
pub struct RopeConfig {
    /// Even; the first `dim` dimensions of a head are turned, the rest stays.
    pub dim: usize,
    pub theta: f64,
    pub kind: RopeKind,
}

/// What becomes of the frequencies `f_i = theta^(−2i/dim)`; formulas as in transformers' `modeling_rope_utils.py`.
#[derive(Debug, Clone, PartialEq)]
pub enum RopeKind {
    Default,
    /// `f_i / factor`.
    Linear {
        factor: f64,
    },
    /// Beyond `position_count` a theta that grows with the length of the whole sequence.
    Dynamic {
        factor: f64,
        position_count: usize,
    },
    Llama3(Llama3Scaling),
    Yarn(YarnScaling),
    LongRope(LongRopeScaling),
    /// `f_i / divisors[i]`, as GGUF files carry them (`rope_freqs.weight`).
    Divided {
        divisors: Vec<f32>,
    },
}

/// Llama 3.1's frequency-dependent scaling: low frequencies are divided by `factor`, high ones kept, those between
/// interpolated.
#[derive(Debug, Clone, PartialEq)]
pub struct Llama3Scaling {
    pub factor: f64,
    pub low_freq_factor: f64,
    pub high_freq_factor: f64,
    pub original_position_count: f64,
}

/// YaRN (arXiv 2309.00071): a ramp between divided and kept frequencies, and longer queries and keys.
#[derive(Debug, Clone, PartialEq)]
pub struct YarnScaling {
    pub factor: f64,
    pub original_position_count: f64,
    pub beta_fast: f64,
    pub beta_slow: f64,
    /// Borders of the ramp are rounded outwards to whole pairs.
    pub truncate: bool,
    /// What cosines and sines are multiplied with.
    pub attention_factor: f64,
}

/// LongRoPE (arXiv 2402.13753): a divisor for each pair, one list for sequences of up to `original_position_count` tokens
/// and one for longer ones.
#[derive(Debug, Clone, PartialEq)]
pub struct LongRopeScaling {
    /// `dim / 2` each.
    pub short_divisors: Vec<f64>,
    pub long_divisors: Vec<f64>,
    pub original_position_count: usize,
    /// What cosines and sines are multiplied with.
    pub attention_factor: f64,
}

impl DecoderConfig {
    pub fn layer_count(&self) -> usize {
        self.layers.len()
    }

    /// Width of all query heads together.
    pub fn query_size(&self) -> usize {
        self.head_count * self.head_dim
    }

    /// Width of all key heads together; the same for values.
    pub fn kv_size(&self) -> usize {
        self.kv_head_count * self.head_dim
    }

    /// Width of queries, keys and values together.
    pub fn qkv_size(&self) -> usize {
        self.query_size() + 2 * self.kv_size()
    }

    /// Values in the matrices of one layer, all experts included.
    pub fn layer_parameter_count(&self, layer: usize) -> usize {
        let attention = self.hidden_size * (self.qkv_size() + self.query_size());
        attention + self.layers[layer].feed_forward.parameter_count(self.hidden_size)
    }

    /// Values in all matrices: layers, embedding, and the readout matrix where it is not the embedding.
    pub fn parameter_count(&self) -> usize {
        let ends = if self.tied_embeddings { 1 } else { 2 } * self.vocab_size * self.hidden_size;
        ends + (0..self.layer_count()).map(|layer| self.layer_parameter_count(layer)).sum::<usize>()
    }

    /// A decoder as Llama, Qwen2 and many others have it: RMSNorm, one rope, gated SiLU, all layers alike.
    pub fn uniform(sizes: UniformSizes, norm_eps: f64, rope: RopeConfig, tied_embeddings: bool) -> Self {
        let layer = LayerConfig {
            rope: Some(0),
            window: None,
            attention_scale: 1.0 / (sizes.head_dim as f64).sqrt(),
            feed_forward: FeedForward::Gated { intermediate_size: sizes.intermediate_size },
        };
        DecoderConfig {
            vocab_size: sizes.vocab_size,
            hidden_size: sizes.hidden_size,
            head_count: sizes.head_count,
            kv_head_count: sizes.kv_head_count,
            head_dim: sizes.head_dim,
            position_count_max: sizes.position_count_max,
            tied_embeddings,
            embedding_multiplier: 1.0,
            learned_positions: false,
            norm: NormKind::Rms,
            norm_eps,
            query_key_norm: None,
            residual: Residual::Sequential,
            residual_multiplier: 1.0,
            activation: Activation::Silu,
            attention_soft_cap: None,
            logit_soft_cap: None,
            logit_divisor: 1.0,
            ropes: vec![rope],
            layers: vec![layer; sizes.layer_count],
        }
    }
}

impl FeedForward {
    fn parameter_count(&self, hidden_size: usize) -> usize {
        match self {
            FeedForward::Gated { intermediate_size } => 3 * hidden_size * intermediate_size,
            FeedForward::Plain { intermediate_size } => 2 * hidden_size * intermediate_size,
            FeedForward::Experts(experts) => {
                let width = experts.expert_count * experts.intermediate_size
                    + experts.shared_intermediate_size.unwrap_or(0);
                3 * hidden_size * width + experts.expert_count * hidden_size
            }
        }
    }
}

/// The sizes of a [`DecoderConfig::uniform`] decoder.
#[derive(Debug, Clone, Copy)]
pub struct UniformSizes {
    pub vocab_size: usize,
    pub hidden_size: usize,
    pub intermediate_size: usize,
    pub layer_count: usize,
    pub head_count: usize,
    pub kv_head_count: usize,
    pub head_dim: usize,
    pub position_count_max: usize,
}
