//! The built-in model as a GGUF file, through the whole program.

use super::super::harness::{repository, respondent};
use super::damage::Forged;
use respondent::models::is_control;
use respondent::output::read_prompts;
use respondent::output::records::RunManifest;
use safetensors::SafeTensors;
use serde_json::Value;
use std::path::Path;

/// Keys and values whose count goes in front of them.
#[derive(Default)]
struct Entries {
    bytes: Vec<u8>,
    count: u64,
}

impl Entries {
    fn add(&mut self, key: &str, kind: u32, value: impl FnOnce(&mut Forged)) {
        let mut forged = Forged(Vec::new());
        value(forged.text(key).u32(kind));
        self.bytes.extend(forged.0);
        self.count += 1;
    }

    fn number(&mut self, key: &str, value: u64) {
        self.add(key, 4, |forged| _ = forged.u32(value as u32));
    }

    fn real(&mut self, key: &str, value: f64) {
        self.add(key, 6, |forged| _ = forged.u32((value as f32).to_bits()));
    }

    fn text(&mut self, key: &str, text: &str) {
        self.add(key, 8, |forged| _ = forged.text(text));
    }
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The config and the tokenizer. Whole words of the vocabulary are tokens, as in Llama 3's; the one merge is of tokens that
/// stand in no prompt.
fn metadata(control: &Path) -> Entries {
    let config = json(&control.join("config.json"));
    let mut entries = Entries::default();
    entries.text("general.architecture", "llama");
    for (key, field) in [
        ("block_count", "num_hidden_layers"),
        ("context_length", "max_position_embeddings"),
        ("embedding_length", "hidden_size"),
        ("feed_forward_length", "intermediate_size"),
        ("attention.head_count", "num_attention_heads"),
        ("attention.head_count_kv", "num_key_value_heads"),
        ("attention.key_length", "head_dim"),
        ("attention.value_length", "head_dim"),
    ] {
        entries.number(&format!("llama.{key}"), config[field].as_u64().unwrap());
    }
    entries.real("llama.rope.freq_base", config["rope_theta"].as_f64().unwrap());
    entries.real("llama.attention.layer_norm_rms_epsilon", config["rms_norm_eps"].as_f64().unwrap());
    let tokenizer = json(&control.join("tokenizer.json"));
    let mut tokens: Vec<(&str, u64)> = tokenizer["model"]["vocab"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(token, id)| (token.as_str(), id.as_u64().unwrap()))
        .collect();
    tokens.sort_by_key(|token| token.1);
    let special = tokenizer["added_tokens"].as_array().unwrap().len();
    entries.text("tokenizer.ggml.model", "gpt2");
    entries.text("tokenizer.ggml.pre", "llama-bpe");
    entries.add("tokenizer.ggml.tokens", 9, |forged| {
        forged.u32(8).u64(tokens.len() as u64);
        tokens.iter().for_each(|(token, _)| _ = forged.text(token));
    });
    entries.add("tokenizer.ggml.token_type", 9, |forged| {
        forged.u32(5).u64(tokens.len() as u64);
        (0..tokens.len()).for_each(|id| _ = forged.u32(if id < special { 3 } else { 1 }));
    });
    entries.add("tokenizer.ggml.merges", 9, |forged| _ = forged.u32(8).u64(1).text("A n"));
    entries.number("tokenizer.ggml.bos_token_id", 0);
    entries.number("tokenizer.ggml.eos_token_id", 1);
    entries.text(
        "tokenizer.chat_template",
        &std::fs::read_to_string(control.join("chat_template.jinja")).unwrap(),
    );
    entries
}

/// The name that llama.cpp's converter gives a tensor of a Llama.
fn renamed(name: &str) -> String {
    [
        ("model.layers.", "blk."),
        ("model.embed_tokens", "token_embd"),
        ("model.norm", "output_norm"),
        ("lm_head", "output"),
        ("input_layernorm", "attn_norm"),
        ("post_attention_layernorm", "ffn_norm"),
        ("self_attn.o_proj", "attn_output"),
        ("self_attn.", "attn_"),
        ("mlp.", "ffn_"),
        ("_proj", ""),
    ]
    .into_iter()
    .fold(name.to_owned(), |name, (from, to)| name.replace(from, to))
}

/// Rows of queries and keys with the two of a pair side by side.
fn paired(bytes: &[u8], row_bytes: usize, head_dim: usize) -> Vec<u8> {
    let rows: Vec<&[u8]> = bytes.chunks_exact(row_bytes).collect();
    let stored = |row: usize| row / head_dim * head_dim + row % 2 * head_dim / 2 + row % head_dim / 2;
    (0..rows.len()).flat_map(|row| rows[stored(row)]).copied().collect()
}

fn write_control(path: &Path) {
    let control = repository("models/control");
    let weights = std::fs::read(control.join("model.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&weights).unwrap();
    let entries = metadata(&control);
    let mut forged = Forged::new(tensors.len() as u64, entries.count);
    forged.0.extend(entries.bytes);
    let mut data: Vec<u8> = Vec::new();
    for (name, tensor) in tensors.tensors() {
        let sizes: Vec<u64> = tensor.shape().iter().rev().map(|&size| size as u64).collect();
        forged.tensor(&renamed(&name), &sizes, 0, data.len() as u64);
        match name.contains("q_proj") || name.contains("k_proj") {
            true => data.extend(paired(tensor.data(), 4 * sizes[0] as usize, 16)),
            false => data.extend(tensor.data()),
        }
        data.resize(data.len().next_multiple_of(32), 0);
    }
    forged.data(0);
    forged.0.extend(data);
    std::fs::write(path, forged.0).unwrap();
}

#[test]
fn a_run_on_a_file_reads_what_a_run_on_the_folder_reads() {
    let place = tempfile::tempdir().unwrap();
    write_control(&place.path().join("as-a-file.gguf"));
    let run = |model: &str, out: &str| {
        let arguments = ["run", "isear", "--model", model, "--languages", "en", "--out", out];
        let outcome = respondent(place.path(), &arguments);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        read_prompts(&place.path().join(out).join("prompts.parquet")).unwrap()
    };
    let (of_file, of_folder) = (run("as-a-file.gguf", "file"), run("control", "folder"));
    assert_eq!(of_file.len(), of_folder.len());
    let mut same_count = 0;
    for (one, other) in of_file.iter().zip(&of_folder) {
        assert_eq!(one.rendered_text, other.rendered_text, "the template is the same");
        // Words are cut by another pattern, which not every prompt meets.
        if one.token_ids == other.token_ids {
            same_count += 1;
            assert!((one.vocabulary_entropy - other.vocabulary_entropy).abs() < 1e-6, "{}", one.cell_id);
            assert_eq!(one.top_ids, other.top_ids, "{}", one.cell_id);
        }
    }
    eprintln!("{same_count} of {} prompts have the same ids", of_file.len());
    assert!(same_count > 100, "{same_count}");
    let manifest = std::fs::read(place.path().join("file/manifest.json")).unwrap();
    let manifest: RunManifest = serde_json::from_slice(&manifest).unwrap();
    assert_eq!((manifest.model.name.as_str(), manifest.model.stored_dtype.as_str()), ("as-a-file", "f32"));
    assert!(manifest.prompting.template == "model" && !is_control(&manifest.identity.weights_sha256));
}

#[test]
fn check_tells_a_file_from_its_folder() {
    let place = tempfile::tempdir().unwrap();
    write_control(&place.path().join("as-a-file.gguf"));
    let check = |more: &[&str]| {
        let arguments =
            [&["models", "check", "control", "--against", "as-a-file.gguf", "--json"], more].concat();
        let outcome = respondent(place.path(), &arguments);
        // Some prompts are cut into other tokens: that is what the exit code says.
        assert_eq!(outcome.code, 3, "{}", outcome.stderr);
        assert!(outcome.stderr.contains("not asked the same"), "{}", outcome.stderr);
        serde_json::from_str::<Value>(&outcome.stdout).unwrap()
    };
    let report = check(&["--sample", "12", "--seed", "5"]);
    let prompts = &report["prompts"];
    assert_eq!(prompts["prompt_count"], 1890);
    assert_eq!(prompts["text_differs_count"], 0, "the template is the same");
    // A space in front of a digit is a token of its own in the file, and so is every letter of a word that its pattern cuts.
    for (index, (kind, what)) in
        [("options_differ_count", "option tokens"), ("ids_differ_count", "token ids")].into_iter().enumerate()
    {
        assert!((1..1890).contains(&prompts[kind].as_u64().unwrap()), "{prompts}");
        let first = &prompts["first"][index];
        assert!(first["what"] == what && first["model"] != first["other"], "{first}");
    }
    let numbers = &report["numbers"];
    assert_eq!(numbers["cells"].as_array().unwrap().len(), 12);
    // On the same ids they are one model.
    for figure in ["kl_divergence_nats", "option_log_prob_difference_nats", "response_total_variation"] {
        assert!(numbers[figure]["largest"].as_f64().unwrap() < 1e-5, "{figure}: {numbers}");
    }
    assert_eq!(numbers["same_most_probable_token_count"], 12);
    assert_eq!(check(&["--sample", "12", "--seed", "5"]), report, "a seed is a sample");
    assert_eq!(check(&["--sample", "0"])["numbers"], Value::Null);
}
