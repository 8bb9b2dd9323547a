//! Metadata of a model that is absent, contradicts itself or means what is not supported: refused by name, and never a panic.

use super::damage::Forged;
use super::models::{changes, gguf_models};
use proptest::prelude::*;
use respondent::engine::EngineDevice;
use respondent::error::Error;
use respondent::models::{ModelConfig, ModelFiles, ModelFolder, load};
use std::path::Path;

#[derive(Clone)]
enum Entry {
    U32(u32),
    F32(f32),
    Bool(bool),
    Text(&'static str),
    U32s(Vec<u32>),
    Absent,
}
use Entry::*;

/// What a small Llama says, but for the changes.
fn refusal(changes: &[(&'static str, Entry)]) -> Error {
    config("llama", changes).expect_err("it should be refused")
}

/// The same under the name of another architecture; the changes are spelt as a Llama's.
fn config(architecture: &'static str, changes: &[(&'static str, Entry)]) -> Result<ModelConfig, Error> {
    let base = [
        ("general.architecture", Text(architecture)),
        ("llama.block_count", U32(2)),
        ("llama.context_length", U32(64)),
        ("llama.embedding_length", U32(8)),
        ("llama.feed_forward_length", U32(16)),
        ("llama.attention.head_count", U32(2)),
        ("llama.attention.layer_norm_rms_epsilon", F32(1e-5)),
    ];
    let mut entries: Vec<_> =
        base.into_iter().filter(|(key, _)| changes.iter().all(|(changed, _)| changed != key)).collect();
    entries.extend(changes.iter().filter(|(_, entry)| !matches!(entry, Absent)).cloned());
    let mut forged = Forged::new(1, entries.len() as u64);
    for (key, entry) in entries {
        forged.text(&key.replacen("llama.", &format!("{architecture}."), 1));
        match entry {
            U32(value) => forged.u32(4).u32(value),
            F32(value) => forged.u32(6).u32(value.to_bits()),
            Bool(value) => {
                forged.u32(7).0.push(value.into());
                &mut forged
            }
            Text(text) => forged.u32(8).text(text),
            U32s(values) => {
                forged.u32(9).u32(4).u64(values.len() as u64);
                values.into_iter().for_each(|value| _ = forged.u32(value));
                &mut forged
            }
            Absent => unreachable!("left out before"),
        };
    }
    forged.tensor("token_embd.weight", &[8, 32], 0, 0);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    std::fs::write(&path, forged.data(8 * 32 * 4)).unwrap();
    ModelConfig::read(&ModelFolder::Gguf(path))
}

#[test]
fn files_of_before_converters_told_the_window_have_it_all_the_same() {
    let window = |changes: &[(&'static str, Entry)]| {
        config("phi3", changes).unwrap().decoder.layers.iter().map(|layer| layer.window).collect::<Vec<_>>()
    };
    const CONTEXT: &str = "llama.context_length";
    const WINDOW: &str = "llama.attention.sliding_window";
    assert_eq!(window(&[(CONTEXT, U32(4096))]), [Some(2047); 2]);
    assert_eq!(window(&[(CONTEXT, U32(4096)), (WINDOW, U32(0))]), [None; 2]);
    assert_eq!(window(&[(CONTEXT, U32(4096)), (WINDOW, U32(8))]), [Some(8); 2]);
    assert_eq!(window(&[(CONTEXT, U32(16_384))]), [None; 2]);
}

#[test]
fn an_expert_of_no_width_is_none() {
    let experts = |width| {
        let count = [("llama.expert_count", U32(4)), ("llama.expert_used_count", U32(2))];
        let of_width = [
            ("llama.expert_feed_forward_length", U32(8)),
            ("llama.expert_shared_feed_forward_length", U32(width)),
        ];
        config("qwen3moe", &[count, of_width].concat())
    };
    assert!(experts(0).is_ok());
    let error = experts(8).unwrap_err().to_string();
    assert!(error.contains("a shared expert is not supported"), "{error}");
}

#[test]
fn a_factor_of_two_meanings_is_refused_where_they_differ() {
    let yarn = |factor: f32, attention: f32| {
        let scaling = [
            ("llama.rope.scaling.type", Text("yarn")),
            ("llama.rope.scaling.original_context_length", U32(16)),
            ("llama.rope.scaling.factor", F32(factor)),
            ("llama.rope.scaling.yarn_attn_factor", F32(attention)),
        ];
        config("qwen3", &scaling)
    };
    assert!(yarn(4.0, 0.1 * 4f32.ln() + 1.0).is_ok() && yarn(1.0, 0.9).is_ok());
    let error = yarn(4.0, 0.878_248_9).unwrap_err();
    assert!(error.to_string().contains("`rope.scaling.yarn_attn_factor` 0.878"), "{error}");
}

#[test]
fn metadata_that_is_absent_wrong_or_unknown_is_named() {
    let cases = [
        (vec![("general.architecture", Absent)], "`general.architecture` is missing"),
        (
            vec![("general.architecture", Text("mamba"))],
            "`mamba` is not supported (supported: llama, qwen2, qwen2moe",
        ),
        (vec![("llama.context_length", Absent)], "`llama.context_length` is missing"),
        (vec![("llama.block_count", U32(0))], "block_count is 0"),
        (vec![("llama.block_count", U32(u32::MAX))], "block_count is 4294967295"),
        (vec![("llama.block_count", Text("two"))], "a string where an integer"),
        (vec![("llama.attention.head_count", U32(0))], "`attention.head_count` is missing or 0"),
        (vec![("llama.attention.head_count", U32(4)), ("llama.attention.head_count_kv", U32(3))], "evenly"),
        (vec![("llama.attention.head_count_kv", U32s(vec![1, 2]))], "differs from layer to layer"),
        (vec![("llama.attention.head_count_kv", U32s(vec![1; 3]))], "has 3 entries for 2 layers"),
        (vec![("llama.feed_forward_length", U32s(vec![16, 0]))], "intermediate_size is 0"),
        (vec![("llama.attention.key_length", U32(6))], "keys of 6 with values of 4"),
        (vec![("llama.attention.layer_norm_rms_epsilon", F32(f32::NAN))], "is NaN"),
        (vec![("llama.attention.layer_norm_rms_epsilon", Absent)], "layer_norm_rms_epsilon` is missing"),
        (vec![("llama.rope.scaling.type", Text("magic"))], "rope.scaling.type `magic` is not supported"),
        (vec![("llama.rope.scaling.factor", F32(-2.0))], "`rope.scaling.factor` is -2"),
        (vec![("llama.rope.dimension_count", U32(2))], "a rope over a part of each head"),
        (vec![("llama.attention.sliding_window", U32(8))], "a sliding window (8) is not supported"),
        (vec![("llama.attention.causal", Bool(false))], "not causal"),
        (vec![("llama.attention.clamp_kqv", F32(8.0))], "`llama.attention.clamp_kqv` is not supported"),
        (vec![("llama.expert_count", U32(4))], "`llama.expert_used_count` is missing"),
        (
            vec![("llama.expert_count", U32(4)), ("llama.expert_used_count", U32(5))],
            "num_experts_per_tok is 5, and there are 4 experts",
        ),
        (vec![("llama.embedding_length", U32(0))], "hidden_size is 0"),
    ];
    for (changes, message) in cases {
        let error = refusal(&changes);
        assert!(error.to_string().contains(message), "{message}: {error}");
        assert!(error.to_string().contains("model.gguf"), "{error}");
    }
}

fn loaded(path: &Path) -> Result<(), Error> {
    let folder = ModelFolder::Gguf(path.to_owned());
    let files = ModelFiles::read(&folder)?;
    load(&folder, &files.config, &EngineDevice::from_name("cpu")?, &|_, _| ()).map(drop)
}

/// What loading a golden says in which every `from` is `to`, of the same length.
fn changed(name: &str, from: &[u8], to: &[u8]) -> Error {
    let mut bytes = std::fs::read(gguf_models().join(name)).unwrap();
    let places: Vec<usize> =
        (0..bytes.len() - from.len()).filter(|&at| bytes[at..].starts_with(from)).collect();
    assert!(!places.is_empty(), "{name} has nothing to change");
    places.into_iter().for_each(|at| bytes[at..at + to.len()].copy_from_slice(to));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    std::fs::write(&path, bytes).unwrap();
    loaded(&path).expect_err("it should be refused")
}

#[test]
fn tensors_that_the_metadata_does_not_explain_are_named() {
    let name = "llama_falcon3.gguf";
    loaded(&gguf_models().join(name)).unwrap();
    let check = |error: Error, message: &str| assert!(error.to_string().contains(message), "{error}");
    check(changed(name, b"blk.0.attn_q.weight", b"blk.0.attn_x.weight"), "`blk.0.attn_q.weight` [");
    // With its length in front, so that it is the whole name.
    let whole = |name: &[u8; 13]| [b"\x0d\0\0\0\0\0\0\0", name.as_slice()].concat();
    check(
        changed("gpt2_unscaled.gguf", &whole(b"output.weight"), &whole(b"output_weight")),
        "does not explain the tensors",
    );
    let count = |count: u8| [b"llama.block_count\x04\0\0\0".as_slice(), &[count, 0, 0, 0]].concat();
    check(changed(name, &count(3), &count(2)), "does not explain the tensors blk.2.");
    check(changed(name, &count(3), &count(4)), "`blk.3.attn_");
    let divisors = "llama_rope3_parameters.gguf";
    check(
        changed(divisors, b"rope_freqs.weight", b"rope_FREQS.weight"),
        "does not explain the tensors rope_F",
    );
    check(changed("phi3_longrope.gguf", b"rope_factors_short", b"rope_factors_SHORT"), "one is missing");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn damaged_models_never_panic(
        name in prop::sample::select(changes().into_keys().collect::<Vec<_>>()),
        edits in prop::collection::vec((0usize..6000, any::<u8>()), 1..4),
    ) {
        let mut bytes = std::fs::read(gguf_models().join(format!("{name}.gguf"))).unwrap();
        edits.into_iter().for_each(|(at, value)| bytes[at] = value);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.gguf");
        std::fs::write(&path, bytes).unwrap();
        let _ = loaded(&path);
    }
}
