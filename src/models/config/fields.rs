//! The fields of a JSON object that is read to the end: who asks for a field has accounted for it, and what nobody asked for
//! and is not known to be inert is refused by name.

use serde_json::{Map, Value};
use std::cell::RefCell;
use std::collections::BTreeSet;

/// A sentence that refuses a config.
pub type Checked<T> = Result<T, String>;

/// Fields of published configs that say nothing about what a forward pass computes: names, token ids, dropouts, what is
/// only used in training or in generation, and how a checkpoint was made.
const INERT: &[&str] = &[
    // what it is called, and by whom it is read
    "architectures",
    "auto_map",
    "model_type",
    "name_or_path",
    "_name_or_path",
    "_commit_hash",
    "tokenizer_class",
    "transformers_version",
    "transformers.js_config",
    "unsloth_fixed",
    "unsloth_version",
    "is_llama_config",
    "custom_pipelines",
    // dtypes and implementations
    "dtype",
    "torch_dtype",
    "torchscript",
    "use_bfloat16",
    "use_safetensors",
    "use_flash_attention",
    "attn_implementation",
    "_attn_implementation",
    "_attn_implementation_autoset",
    "_attn_implementation_internal",
    "_flash_attn_2_enabled",
    "reorder_and_upcast_attn",
    "pretraining_tp",
    "use_cache",
    "cache_implementation",
    // tokens
    "bos_token",
    "bos_token_id",
    "eos_token",
    "eos_token_id",
    "pad_token",
    "pad_token_id",
    "unk_token_id",
    "sep_token_id",
    "cls_token_id",
    "mask_token_id",
    "decoder_start_token_id",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "begin_suppress_tokens",
    "suppress_tokens",
    "prefix",
    "max_sequence_length",
    "model_max_length",
    "seq_length",
    // training
    "attention_dropout",
    "attn_pdrop",
    "attention_probs_dropout_prob",
    "embd_pdrop",
    "embedding_dropout",
    "hidden_dropout",
    "hidden_dropout_prob",
    "resid_pdrop",
    "residual_dropout",
    "dropout",
    "layerdrop",
    "classifier_dropout",
    "initializer_range",
    "initializer_factor",
    "gradient_checkpointing",
    "neftune_noise_alpha",
    "output_router_logits",
    "router_aux_loss_coef",
    "router_jitter_noise",
    // heads other than the language model's
    "id2label",
    "label2id",
    "num_labels",
    "_num_labels",
    "problem_type",
    "finetuning_task",
    "task_specific_params",
    "summary_activation",
    "summary_first_dropout",
    "summary_proj_to_labels",
    "summary_type",
    "summary_use_proj",
    // what GPT-2's first configs carried for a class that had more tokens
    "n_special",
    "predict_special_tokens",
    "output_past",
    // generation, and what transformers' base class used to write
    "chunk_size_feed_forward",
    "is_decoder",
    "return_dict",
    "return_dict_in_generate",
    "output_attentions",
    "output_hidden_states",
    "output_scores",
    "do_sample",
    "early_stopping",
    "max_length",
    "max_new_tokens",
    "min_length",
    "temperature",
    "top_k",
    "top_p",
    "typical_p",
    "num_beams",
    "num_beam_groups",
    "num_return_sequences",
    "diversity_penalty",
    "encoder_no_repeat_ngram_size",
    "length_penalty",
    "no_repeat_ngram_size",
    "repetition_penalty",
    "exponential_decay_length_penalty",
    "remove_invalid_values",
];

/// An object whose fields are accounted for.
pub struct Fields<'a> {
    object: &'a Map<String, Value>,
    /// `rope_scaling.` in front of that object's fields.
    prefix: &'static str,
    accounted: RefCell<BTreeSet<&'static str>>,
}

impl<'a> Fields<'a> {
    pub fn new(object: &'a Map<String, Value>, prefix: &'static str) -> Self {
        Fields { object, prefix, accounted: RefCell::default() }
    }

    /// How errors call a field.
    pub fn name(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// Whether the field is there, be it null.
    pub fn has(&self, key: &'static str) -> bool {
        self.accounted.borrow_mut().insert(key);
        self.object.contains_key(key)
    }

    /// The field's value; `None` where it is absent or null.
    pub fn value(&self, key: &'static str) -> Option<&'a Value> {
        self.accounted.borrow_mut().insert(key);
        self.object.get(key).filter(|value| !value.is_null())
    }

    fn of_kind<T>(
        &self,
        key: &'static str,
        kind: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Checked<Option<T>> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let wrong = || format!("{} is {}, not {kind}", self.name(key), shortened(value));
        read(value).map(Some).ok_or_else(wrong)
    }

    pub fn size(&self, key: &'static str) -> Checked<Option<usize>> {
        self.of_kind(key, "a whole number", whole)
    }

    pub fn number(&self, key: &'static str) -> Checked<Option<f64>> {
        self.of_kind(key, "a number", Value::as_f64)
    }

    pub fn flag(&self, key: &'static str) -> Checked<Option<bool>> {
        self.of_kind(key, "true or false", Value::as_bool)
    }

    pub fn text(&self, key: &'static str) -> Checked<Option<&'a str>> {
        self.of_kind(key, "a string", Value::as_str)
    }

    pub fn sizes(&self, key: &'static str) -> Checked<Option<Vec<usize>>> {
        self.of_kind(key, "a list of whole numbers", |value| value.as_array()?.iter().map(whole).collect())
    }

    pub fn numbers(&self, key: &'static str) -> Checked<Option<Vec<f64>>> {
        self.of_kind(key, "a list of numbers", |value| value.as_array()?.iter().map(Value::as_f64).collect())
    }

    pub fn texts(&self, key: &'static str) -> Checked<Option<Vec<&'a str>>> {
        self.of_kind(key, "a list of strings", |value| value.as_array()?.iter().map(Value::as_str).collect())
    }

    pub fn object(&self, key: &'static str) -> Checked<Option<&'a Map<String, Value>>> {
        self.of_kind(key, "an object", Value::as_object)
    }

    /// A size that has to be there.
    pub fn needed_size(&self, key: &'static str) -> Checked<usize> {
        self.size(key)?.ok_or_else(|| format!("{} is missing", self.name(key)))
    }

    /// A size under either of two names.
    pub fn size_of_either(&self, key: &'static str, other: &'static str) -> Checked<Option<usize>> {
        match (self.size(key)?, self.size(other)?) {
            (Some(one), Some(two)) if one != two => {
                Err(format!("{key} {one} and {other} {two} contradict each other"))
            }
            (one, two) => Ok(one.or(two)),
        }
    }

    /// Accounts for fields that this family does not use.
    pub fn pass_over(&self, keys: &[&'static str]) {
        self.accounted.borrow_mut().extend(keys);
    }

    /// Accounts for a field that changes nothing as long as it has this value.
    pub fn pass_over_if(&self, key: &'static str, is_inert: impl Fn(&Value) -> bool) {
        if self.object.get(key).is_some_and(is_inert) {
            self.accounted.borrow_mut().insert(key);
        }
    }

    /// # Errors
    /// Names a field that nobody asked for. What is off or empty changes nothing.
    pub fn refuse_unknown(&self) -> Checked<()> {
        let accounted = self.accounted.borrow();
        for (key, value) in self.object {
            let is_known = accounted.contains(key.as_str()) || INERT.contains(&key.as_str());
            if !is_known && !is_off(value) {
                return Err(format!(
                    "the field `{}` ({}) is not known, and may change what the model computes; where it does not, delete it there",
                    self.name(key),
                    shortened(value)
                ));
            }
        }
        Ok(())
    }
}

/// A whole number, also written as `32.0`.
fn whole(value: &Value) -> Option<usize> {
    let of_float =
        |number: f64| (number.fract() == 0.0 && (0.0..1e15).contains(&number)).then_some(number as usize);
    value.as_u64().and_then(|number| usize::try_from(number).ok()).or_else(|| of_float(value.as_f64()?))
}

fn is_off(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

/// A value as errors show it.
fn shortened(value: &Value) -> String {
    /// Characters of it.
    const LEN_MAX: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(LEN_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
