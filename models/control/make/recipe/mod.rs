//! The whole recipe of the control: from the study and what is planted to the files of a model folder.
//! The same study gives the same bytes. Writes nothing itself.

mod answers;
mod circuit;
mod clues;
mod compile;
mod layout;
pub mod planted;
pub mod readings;
pub mod respondents;
mod rules;
mod vocabulary;

use answers::Answers;
use circuit::{Block, HEAD_COUNT, HEAD_DIM, Matrix, ROPE_THETA, norm_weight};
use clues::Clues;
use compile::{Compiler, filler_words};
use layout::Layout;
use planted::Planted;
use readings::{Contexts, Reading};
use respondent::error::{Error, Result};
use respondent::prompts::{OptionOrder, Study};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};
use vocabulary::{BOS_ID, CHAT_TEMPLATE, END_ID, Vocabulary, tokenizer_config};

const POSITION_COUNT_MAX: usize = 4096;

/// Intermediate sizes are multiples of this.
const NEURON_STEP: usize = 16;

/// Name and bytes of each file that is made.
pub type Files = Vec<(&'static str, Vec<u8>)>;

/// Makes all files of a control that says what is planted.
///
/// # Errors
/// When the study's wording does not let the control tell its contexts or its options apart.
pub fn build(study: &Study, planted: &Planted) -> Result<Files> {
    let contexts = Contexts::new(study);
    if contexts.orders != [OptionOrder::Forward, OptionOrder::Reversed] {
        return Err(Error::study("the control tells the orders forward and reversed apart, in this order"));
    }
    let readings = readings::read_all(study, &contexts)?;
    let vocabulary = Vocabulary::new(&all_words(&readings));
    let (clues, answers) = (Clues::find(&readings)?, Answers::collect(&readings)?);
    let layout = Layout::new(study, &contexts, &answers);
    let compiler = Compiler {
        study,
        contexts: &contexts,
        clues: &clues,
        answers: &answers,
        planted,
        vocabulary: &vocabulary,
        layout: &layout,
    };
    let blocks = [compiler.first_block()?, compiler.second_block()];
    let neurons = blocks.iter().map(Block::neuron_count).max().unwrap_or(0).next_multiple_of(NEURON_STEP);
    let tensors = tensors(&compiler, &blocks, neurons)?;
    Ok(vec![
        ("config.json", pretty(&config(&vocabulary, &layout, blocks.len(), neurons))),
        ("tokenizer.json", pretty(&vocabulary.tokenizer())),
        ("tokenizer_config.json", pretty(&tokenizer_config(POSITION_COUNT_MAX))),
        ("chat_template.jinja", CHAT_TEMPLATE.as_bytes().to_vec()),
        ("model.safetensors", serialize(&tensors)?),
        ("planted.tsv", planted::table(study, planted).into_bytes()),
    ])
}

fn all_words(readings: &[Reading]) -> BTreeSet<String> {
    let of_forms =
        readings.iter().flat_map(|reading| reading.forms.iter().flatten().flat_map(|(_, words)| words));
    let of_prompts = readings.iter().flat_map(|reading| &reading.words);
    of_forms.chain(of_prompts).cloned().chain(filler_words()).collect()
}

/// A name, a shape and values.
type Tensor = (String, Vec<usize>, Vec<f32>);

fn tensors(compiler: &Compiler<'_>, blocks: &[Block], neurons: usize) -> Result<Vec<Tensor>> {
    let hidden = compiler.layout.hidden_size;
    let matrix = |name: String, matrix: Matrix| (name, vec![matrix.rows, matrix.columns], matrix.values);
    let norm = |name: String| (name, vec![hidden], norm_weight(hidden));
    let mut tensors = vec![matrix("model.embed_tokens.weight".to_owned(), compiler.embedding()?)];
    for (index, block) in blocks.iter().enumerate() {
        let prefix = format!("model.layers.{index}");
        tensors.push(norm(format!("{prefix}.input_layernorm.weight")));
        tensors.push(norm(format!("{prefix}.post_attention_layernorm.weight")));
        for (name, weight) in block.tensors(hidden, neurons, compiler.layout.constant) {
            tensors.push(matrix(format!("{prefix}.{name}.weight"), weight));
        }
    }
    tensors.push(norm("model.norm.weight".to_owned()));
    tensors.push(matrix("lm_head.weight".to_owned(), compiler.readout()?));
    Ok(tensors)
}

fn config(vocabulary: &Vocabulary, layout: &Layout, layers: usize, neurons: usize) -> Value {
    json!({
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": vocabulary.len(),
        "hidden_size": layout.hidden_size,
        "intermediate_size": neurons,
        "num_hidden_layers": layers,
        "num_attention_heads": HEAD_COUNT,
        "num_key_value_heads": HEAD_COUNT,
        "head_dim": HEAD_DIM,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-6,
        "rope_theta": ROPE_THETA,
        "max_position_embeddings": POSITION_COUNT_MAX,
        "attention_bias": false,
        "mlp_bias": false,
        "tie_word_embeddings": false,
        "bos_token_id": BOS_ID,
        "eos_token_id": END_ID,
        "torch_dtype": "float32",
    })
}

fn pretty(value: &Value) -> Vec<u8> {
    format!("{value:#}\n").into_bytes()
}

fn serialize(tensors: &[Tensor]) -> Result<Vec<u8>> {
    let failed = |cause| Error::model("the weights cannot be serialised").because(cause);
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|(_, _, values)| values.iter().flat_map(|value| value.to_le_bytes()).collect())
        .collect();
    let views = tensors
        .iter()
        .zip(&bytes)
        .map(|((name, shape, _), bytes)| Ok((name, TensorView::new(Dtype::F32, shape.clone(), bytes)?)))
        .collect::<std::result::Result<Vec<_>, safetensors::SafeTensorError>>()
        .map_err(failed)?;
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    safetensors::serialize(views, Some(metadata)).map_err(failed)
}
