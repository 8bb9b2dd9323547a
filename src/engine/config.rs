//! What a decoder is, in numbers. A model family is a value of this type, not a second forward.

/// Shape and arithmetic of a decoder-only transformer with RMSNorm, rotary positions and a gated SiLU MLP.
#[derive(Debug, Clone, PartialEq)]
pub struct DecoderConfig {
    pub vocab_size: usize,
    pub hidden_size: usize,
    pub intermediate_size: usize,
    pub layer_count: usize,
    pub head_count: usize,
    /// Divides `head_count`; each key/value head serves `head_count / kv_head_count` query heads.
    pub kv_head_count: usize,
    /// Even; need not be `hidden_size / head_count`.
    pub head_dim: usize,
    pub norm_eps: f64,
    pub rope: RopeConfig,
    /// Positions the model was made for; longer prompts are refused.
    pub position_count_max: usize,
    /// RMSNorm over each head's query and key before rotation (Qwen3).
    pub qk_norm: bool,
    /// Biases on the query, key and value projections.
    pub qkv_bias: bool,
    /// Bias on the attention's output projection.
    pub output_bias: bool,
    /// Biases in the MLP.
    pub mlp_bias: bool,
    /// The readout matrix is the embedding matrix.
    pub tied_embeddings: bool,
}

/// Rotary position embedding, halves rotated against each other.
#[derive(Debug, Clone, PartialEq)]
pub struct RopeConfig {
    pub theta: f64,
    /// `None`: frequencies as they are.
    pub scaling: Option<Llama3Scaling>,
}

/// Llama 3.1's frequency-dependent scaling: low frequencies are divided by `factor`, high ones kept, those between
/// interpolated. As `rope_type = "llama3"` in transformers' `modeling_rope_utils.py`.
#[derive(Debug, Clone, PartialEq)]
pub struct Llama3Scaling {
    pub factor: f64,
    pub low_freq_factor: f64,
    pub high_freq_factor: f64,
    pub original_position_count: f64,
}

impl DecoderConfig {
    /// Width of all query heads together.
    pub fn query_size(&self) -> usize {
        self.head_count * self.head_dim
    }

    /// Width of queries, keys and values together.
    pub fn qkv_size(&self) -> usize {
        self.query_size() + 2 * self.kv_size()
    }

    /// What products of queries and keys are multiplied with.
    pub fn attention_scale(&self) -> f64 {
        1.0 / (self.head_dim as f64).sqrt()
    }

    /// Values in the matrices of one layer.
    pub fn layer_parameter_count(&self) -> usize {
        self.hidden_size * (self.qkv_size() + self.query_size() + 3 * self.intermediate_size)
    }

    /// Width of all key heads together; the same for values.
    pub fn kv_size(&self) -> usize {
        self.kv_head_count * self.head_dim
    }
}
