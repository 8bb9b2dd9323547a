//! Prefill of a survey through random weights of a real shape (speed does not depend on the values): tokens per second of
//! the whole forward, readouts included. Two layers of Qwen2.5-0.5B and a smaller vocabulary, so that a sample is short.

use candle_core::{Device, Tensor};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use respondent::engine::{
    Decoder, DecoderConfig, DecoderWeights, EngineDevice, LayerWeights, Prefill, Projection, ReadoutRequest,
    ReadoutSettings, RopeConfig,
};
use respondent::packing::{PrefixTrie, TokenSequence};

const LAYER_COUNT: usize = 2;

fn config() -> DecoderConfig {
    DecoderConfig {
        vocab_size: 16_384,
        hidden_size: 896,
        intermediate_size: 4864,
        layer_count: LAYER_COUNT,
        head_count: 14,
        kv_head_count: 2,
        head_dim: 64,
        norm_eps: 1e-6,
        rope: RopeConfig { theta: 1e6, scaling: None },
        position_count_max: 32_768,
        qk_norm: false,
        qkv_bias: true,
        output_bias: false,
        mlp_bias: false,
        tied_embeddings: true,
    }
}

/// Values in -0.05..0.05 that are spread out but need no generator.
fn filled(shape: &[usize]) -> Tensor {
    let count = shape.iter().product::<usize>() as u64;
    let values: Vec<f32> = (0..count)
        .map(|index| (index.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f32 / (1 << 24) as f32 * 0.1 - 0.05)
        .collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

fn projection(output: usize, input: usize, bias: bool) -> Projection {
    Projection { weight: filled(&[output, input]), bias: bias.then(|| filled(&[output])) }
}

fn decoder() -> Decoder {
    let config = config();
    let (hidden, inner) = (config.hidden_size, config.intermediate_size);
    let ones = || Tensor::ones(hidden, candle_core::DType::F32, &Device::Cpu).unwrap();
    let layer = |_| LayerWeights {
        attention_norm: ones(),
        qkv: projection(config.query_size() + 2 * config.kv_size(), hidden, true),
        query_norm: None,
        key_norm: None,
        output: projection(hidden, config.query_size(), false),
        mlp_norm: ones(),
        gate_up: projection(2 * inner, hidden, false),
        down: projection(hidden, inner, false),
    };
    let embedding = filled(&[config.vocab_size, hidden]);
    let weights = DecoderWeights {
        layers: (0..LAYER_COUNT).map(layer).collect(),
        final_norm: ones(),
        lm_head: embedding.clone(),
        embedding,
    };
    Decoder::new(config, weights, &EngineDevice::from_name("cpu").unwrap()).unwrap()
}

/// 2 personas × 10 situations × 12 items: 180 tokens shared by a persona, 60 by a situation, 30 an item's own.
fn survey() -> Vec<Vec<u32>> {
    let run = |salt: u32, count: u32| (0..count).map(move |at| (salt * 97 + at * 31) % 16_000);
    let mut prompts = Vec::new();
    for persona in 0..2 {
        for situation in 0..10 {
            for item in 0..12 {
                let own = run(1000 + persona * 120 + situation * 12 + item, 30);
                prompts.push(
                    run(persona, 180).chain(run(10 + persona * 10 + situation, 60)).chain(own).collect(),
                );
            }
        }
    }
    prompts
}

fn survey_prefill(criterion: &mut Criterion) {
    let (decoder, prompts) = (decoder(), survey());
    let views: Vec<_> = prompts.iter().map(|ids| TokenSequence::new(ids, &[])).collect();
    let trie = PrefixTrie::new(&views);
    let requests = vec![ReadoutRequest { wanted: &[16, 17, 18, 19, 20, 21] }; prompts.len()];
    let settings = ReadoutSettings { temperatures: vec![1.0], top_count: 8 };
    let mut group = criterion.benchmark_group("survey_prefill");
    group.sample_size(10).throughput(Throughput::Elements(trie.token_count()));
    for token_budget in [512, 2048, 8192] {
        group.bench_function(format!("qwen2.5-0.5b-2-layers/budget-{token_budget}"), |bencher| {
            bencher.iter(|| {
                Prefill::new(&decoder, &trie, &requests, &settings, token_budget)
                    .map(|batch| batch.unwrap().readouts.len())
                    .sum::<usize>()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, survey_prefill);
criterion_main!(benches);
