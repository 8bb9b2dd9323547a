//! How llama.cpp's converter spells the tensors of each family and lays them out, as data. Names as in `gguf/constants.py`,
//! layouts as in `conversion/` of llama.cpp.

use super::super::config::{Family, ModelConfig};
use super::super::families::{ExpertNames, GateUpNames, LayerNames, QkvNames, TensorNames};
use crate::engine::Residual;

/// Rotary pairs are kept apart, as the layers of the family have them.
const PLAIN: TensorNames = TensorNames {
    prefixes: &[""],
    embedding: "token_embd",
    positions: "position_embd",
    final_norm: "output_norm",
    lm_heads: &["output"],
    layers: "blk",
    layer: LayerNames {
        attention_norm: Some("attn_norm"),
        attention_post_norm: None,
        feed_forward_norm: Some("ffn_norm"),
        feed_forward_post_norm: None,
        qkv: QkvNames::Apart(["attn_q", "attn_k", "attn_v"]),
        query_key_norms: ["attn_q_norm", "attn_k_norm"],
        output: "attn_output",
        gate_up: GateUpNames::Apart(["ffn_gate", "ffn_up"]),
        down: "ffn_down",
        experts: ExpertNames {
            router: "ffn_gate_inp",
            experts: "",
            parts: ["ffn_gate_exps", "ffn_up_exps", "ffn_down_exps"],
            shared: ["ffn_gate_shexp", "ffn_up_shexp", "ffn_down_shexp"],
            shared_gate: "ffn_gate_inp_shexp",
        },
    },
    // The converter adds the one.
    norms_miss_one: false,
    is_transposed: false,
    is_stacked: true,
    pairs_are_adjacent: false,
    ignored_ends: &[],
    ignored_starts: &[],
};

/// What goes through `LlamaModel` of the converter has the rows of queries and keys permuted. `rope_freqs.weight` is part of
/// the config.
const LLAMA: TensorNames =
    TensorNames { pairs_are_adjacent: true, ignored_starts: &["rope_freqs.weight"], ..PLAIN };

/// No `rope_freqs.weight`: llama.cpp does not read it in this family.
const SMOLLM3: TensorNames = TensorNames { ignored_starts: &[], ..LLAMA };

const GEMMA2: TensorNames = TensorNames {
    layer: LayerNames {
        attention_post_norm: Some("post_attention_norm"),
        feed_forward_post_norm: Some("post_ffw_norm"),
        ..PLAIN.layer
    },
    ..PLAIN
};

const OLMO2: TensorNames = TensorNames {
    layer: LayerNames { attention_norm: None, feed_forward_norm: None, ..GEMMA2.layer },
    ..PLAIN
};

/// The factors are part of the config.
const PHI3: TensorNames = TensorNames {
    layer: LayerNames { gate_up: GateUpNames::Fused("ffn_up"), ..PLAIN.layer },
    ignored_starts: &["rope_factors_long.weight", "rope_factors_short.weight"],
    ..PLAIN
};

const STABLELM_PARALLEL: TensorNames =
    TensorNames { layer: LayerNames { feed_forward_norm: None, ..PLAIN.layer }, ..PLAIN };

const GPT2: TensorNames =
    TensorNames { layer: LayerNames { gate_up: GateUpNames::Up("ffn_up"), ..PLAIN.layer }, ..PLAIN };

/// Names for a config that [`super::config`] read. Any family's queries, keys and values may be fused.
pub fn of(config: &ModelConfig, contains: impl Fn(&str) -> bool) -> TensorNames {
    let mut names = match config.family {
        Family::Llama | Family::Mistral | Family::Mixtral | Family::Granite => LLAMA,
        Family::SmolLm3 => SMOLLM3,
        Family::Gemma2 | Family::Gemma3 | Family::Gemma3Text => GEMMA2,
        Family::Olmo2 => OLMO2,
        Family::Phi3 => PHI3,
        Family::StableLm if config.decoder.residual == Residual::Parallel => STABLELM_PARALLEL,
        Family::Gpt2 => GPT2,
        Family::Qwen2 | Family::Qwen2Moe | Family::Qwen3 | Family::Qwen3Moe => PLAIN,
        Family::Gemma | Family::StableLm | Family::GptNeox => PLAIN,
    };
    if contains("blk.0.attn_qkv.weight") {
        names.layer.qkv = QkvNames::Fused("attn_qkv");
    }
    names
}
