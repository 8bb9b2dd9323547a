//! Prefill of a survey through random weights of a real shape (speed does not depend on the values): tokens per second of
//! the whole forward, readouts included. Two layers of Qwen2.5-0.5B and a smaller vocabulary, so that a sample is short.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use respondent::engine::{
    Decoder, EngineDevice, EngineDtype, Prefill, ReadoutRequest, ReadoutScope, ReadoutSettings,
};
use respondent::models::{random_decoder, shape_config};
use respondent::packing::{PrefixTrie, TokenSequence};

fn decoder(dtype: EngineDtype) -> Option<Decoder> {
    let mut config = shape_config("qwen2.5-0.5b").unwrap();
    config.decoder.vocab_size = 16_384;
    config.decoder.layers.truncate(2);
    let device = EngineDevice::new("cpu", dtype, "auto").ok()?;
    Some(random_decoder(&config, 1, None, &device, &|_, _| ()).unwrap())
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
    let prompts = survey();
    let views: Vec<_> = prompts.iter().map(|ids| TokenSequence::new(ids, &[])).collect();
    let trie = PrefixTrie::new(&views);
    let requests = vec![ReadoutRequest::new(&[16, 17, 18, 19, 20, 21]).naming(8); prompts.len()];
    let settings = ReadoutSettings { scope: ReadoutScope::Vocabulary, temperatures: vec![1.0] };
    let mut group = criterion.benchmark_group("survey_prefill");
    group.sample_size(10).throughput(Throughput::Elements(trie.token_count()));
    for dtype in [EngineDtype::F32, EngineDtype::Bf16] {
        let Some(decoder) = decoder(dtype) else {
            eprintln!("skipped: this CPU does not multiply in {dtype}");
            continue;
        };
        for token_budget in [512, 2048, 8192] {
            group.bench_function(format!("qwen2.5-0.5b-2-layers/{dtype}/budget-{token_budget}"), |bencher| {
                bencher.iter(|| {
                    Prefill::new(&decoder, &trie, &requests, &settings, token_budget)
                        .map(|batch| batch.unwrap().readouts.len())
                        .sum::<usize>()
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, survey_prefill);
criterion_main!(benches);
