//! How each family spells its tensors and lays them out, as data.

use crate::engine::Residual;
use crate::models::config::{Family, ModelConfig};

/// Names of a model's tensors. `.weight` and `.bias` are behind all but those that `ignored_ends` tells.
#[derive(Debug, Clone, Copy)]
pub struct TensorNames {
    /// What may be in front of all names but the readout matrix's: the first under which there is an embedding.
    pub prefixes: &'static [&'static str],
    pub embedding: &'static str,
    /// Of learned positions.
    pub positions: &'static str,
    pub final_norm: &'static str,
    /// The first that is there.
    pub lm_heads: &'static [&'static str],
    /// In front of a layer's index.
    pub layers: &'static str,
    pub layer: LayerNames,
    /// Norms are stored as what is added to 1.
    pub norms_miss_one: bool,
    /// Matrices of layers are stored `[in, out]`.
    pub is_transposed: bool,
    /// Experts, and norms of heads, lie in one tensor each; the experts' is called by their part alone.
    pub is_stacked: bool,
    /// Queries and keys have the two dimensions that turn against each other side by side.
    pub pairs_are_adjacent: bool,
    /// Tensors that are not the decoder's weights: rotary tables, masks, what sees.
    pub ignored_ends: &'static [&'static str],
    pub ignored_starts: &'static [&'static str],
}

/// Behind a layer's prefix.
#[derive(Debug, Clone, Copy)]
pub struct LayerNames {
    pub attention_norm: Option<&'static str>,
    pub attention_post_norm: Option<&'static str>,
    pub feed_forward_norm: Option<&'static str>,
    pub feed_forward_post_norm: Option<&'static str>,
    pub qkv: QkvNames,
    /// Norms of queries and of keys, where the config has them.
    pub query_key_norms: [&'static str; 2],
    pub output: &'static str,
    pub gate_up: GateUpNames,
    pub down: &'static str,
    /// Router, experts and their parts.
    pub experts: ExpertNames,
}

#[derive(Debug, Clone, Copy)]
pub enum QkvNames {
    Apart([&'static str; 3]),
    /// All queries' rows, then all keys', then all values'.
    Fused(&'static str),
    /// For each head its query's rows, its key's and its value's.
    ByHead(&'static str),
}

#[derive(Debug, Clone, Copy)]
pub enum GateUpNames {
    Apart([&'static str; 2]),
    /// The gate's rows, then the other's.
    Fused(&'static str),
    /// There is no gate.
    Up(&'static str),
}

#[derive(Debug, Clone, Copy)]
pub struct ExpertNames {
    pub router: &'static str,
    /// In front of an expert's index; nothing where they are stacked.
    pub experts: &'static str,
    /// Gate, up and down of each expert.
    pub parts: [&'static str; 3],
    /// The same parts of the expert that all rows go through.
    pub shared: [&'static str; 3],
    pub shared_gate: &'static str,
}

const LLAMA: TensorNames = TensorNames {
    prefixes: &["model."],
    embedding: "embed_tokens",
    positions: "",
    final_norm: "norm",
    lm_heads: &["lm_head"],
    layers: "layers",
    layer: LayerNames {
        attention_norm: Some("input_layernorm"),
        attention_post_norm: None,
        feed_forward_norm: Some("post_attention_layernorm"),
        feed_forward_post_norm: None,
        qkv: QkvNames::Apart(["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"]),
        query_key_norms: ["self_attn.q_norm", "self_attn.k_norm"],
        output: "self_attn.o_proj",
        gate_up: GateUpNames::Apart(["mlp.gate_proj", "mlp.up_proj"]),
        down: "mlp.down_proj",
        experts: ExpertNames {
            router: "mlp.gate",
            experts: "mlp.experts",
            parts: ["gate_proj", "up_proj", "down_proj"],
            shared: [
                "mlp.shared_expert.gate_proj",
                "mlp.shared_expert.up_proj",
                "mlp.shared_expert.down_proj",
            ],
            shared_gate: "mlp.shared_expert_gate",
        },
    },
    norms_miss_one: false,
    is_transposed: false,
    is_stacked: false,
    pairs_are_adjacent: false,
    ignored_ends: &["rotary_emb.inv_freq"],
    ignored_starts: &[],
};

const MIXTRAL: TensorNames = TensorNames {
    layer: LayerNames {
        experts: ExpertNames {
            router: "block_sparse_moe.gate",
            experts: "block_sparse_moe.experts",
            parts: ["w1", "w3", "w2"],
            ..LLAMA.layer.experts
        },
        ..LLAMA.layer
    },
    ..LLAMA
};

const OLMO2: TensorNames = TensorNames {
    layer: LayerNames {
        attention_norm: None,
        attention_post_norm: Some("post_attention_layernorm"),
        feed_forward_norm: None,
        feed_forward_post_norm: Some("post_feedforward_layernorm"),
        ..LLAMA.layer
    },
    ..LLAMA
};

const GEMMA: TensorNames = TensorNames { norms_miss_one: true, ..LLAMA };

const GEMMA2: TensorNames = TensorNames {
    layer: LayerNames {
        attention_post_norm: Some("post_attention_layernorm"),
        feed_forward_norm: Some("pre_feedforward_layernorm"),
        feed_forward_post_norm: Some("post_feedforward_layernorm"),
        ..LLAMA.layer
    },
    ..GEMMA
};

/// As it was published, and as transformers 4.52 and later save it.
const GEMMA3: TensorNames = TensorNames {
    prefixes: &["language_model.model.", "model.language_model."],
    lm_heads: &["language_model.lm_head", "lm_head"],
    ignored_starts: &[
        "vision_tower.",
        "multi_modal_projector.",
        "model.vision_tower.",
        "model.multi_modal_projector.",
    ],
    ..GEMMA2
};

const PHI3: TensorNames = TensorNames {
    layer: LayerNames {
        qkv: QkvNames::Fused("self_attn.qkv_proj"),
        gate_up: GateUpNames::Fused("mlp.gate_up_proj"),
        ..LLAMA.layer
    },
    ..LLAMA
};

const STABLELM: TensorNames = TensorNames {
    layer: LayerNames { query_key_norms: ["self_attn.q_layernorm", "self_attn.k_layernorm"], ..LLAMA.layer },
    ..LLAMA
};

const STABLELM_PARALLEL: TensorNames =
    TensorNames { layer: LayerNames { feed_forward_norm: None, ..STABLELM.layer }, ..STABLELM };

const GPT2: TensorNames = TensorNames {
    prefixes: &["transformer.", ""],
    embedding: "wte",
    positions: "wpe",
    final_norm: "ln_f",
    layers: "h",
    layer: LayerNames {
        attention_norm: Some("ln_1"),
        feed_forward_norm: Some("ln_2"),
        qkv: QkvNames::Fused("attn.c_attn"),
        output: "attn.c_proj",
        gate_up: GateUpNames::Up("mlp.c_fc"),
        down: "mlp.c_proj",
        ..LLAMA.layer
    },
    is_transposed: true,
    ignored_ends: &[".attn.bias", ".attn.masked_bias"],
    ..LLAMA
};

const GPT_NEOX: TensorNames = TensorNames {
    prefixes: &["gpt_neox."],
    embedding: "embed_in",
    final_norm: "final_layer_norm",
    lm_heads: &["embed_out", "lm_head"],
    layer: LayerNames {
        qkv: QkvNames::ByHead("attention.query_key_value"),
        output: "attention.dense",
        gate_up: GateUpNames::Up("mlp.dense_h_to_4h"),
        down: "mlp.dense_4h_to_h",
        ..LLAMA.layer
    },
    ignored_ends: &["rotary_emb.inv_freq", ".attention.bias", ".attention.masked_bias"],
    ..LLAMA
};

impl TensorNames {
    /// Those that safetensors files of this model have.
    pub fn of(config: &ModelConfig) -> Self {
        match config.family {
            Family::Llama | Family::Mistral | Family::Granite | Family::SmolLm3 => LLAMA,
            Family::Qwen2 | Family::Qwen2Moe | Family::Qwen3 | Family::Qwen3Moe => LLAMA,
            Family::Mixtral => MIXTRAL,
            Family::Gemma => GEMMA,
            Family::Gemma2 | Family::Gemma3Text => GEMMA2,
            Family::Gemma3 => GEMMA3,
            Family::Phi3 => PHI3,
            Family::Olmo2 => OLMO2,
            Family::StableLm if config.decoder.residual == Residual::Parallel => STABLELM_PARALLEL,
            Family::StableLm => STABLELM,
            Family::Gpt2 => GPT2,
            Family::GptNeox => GPT_NEOX,
        }
    }

    /// Whether a tensor is none of the decoder's weights.
    pub fn ignores(&self, name: &str) -> bool {
        self.ignored_ends.iter().any(|end| name.ends_with(end))
            || self.ignored_starts.iter().any(|start| name.starts_with(start))
    }
}
