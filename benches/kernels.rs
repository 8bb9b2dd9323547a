//! The loops of the engine by themselves, on one thread: products of rows and panels, laying rows out, attention along a path,
//! reducing a stretch of logits. Every instruction set that the CPU has.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use respondent::engine::Ranking;
use respondent::engine::kernels::pointwise::rms_norm;
use respondent::engine::kernels::reduce::{exponentials, largest, top};
use respondent::engine::kernels::{
    AlignedWords, Arithmetic, HeadRows, Isa, Kernel, PackedRows, QueryPanel, attend,
};
use std::hint::black_box;

fn kernels() -> Vec<Kernel> {
    let of = |isa| [Arithmetic::F32, Arithmetic::Bf16].map(|arithmetic| Kernel::new(isa, arithmetic));
    Isa::all().into_iter().flat_map(of).collect()
}

/// Small numbers that differ.
fn numbers(count: usize) -> Vec<f32> {
    (0..count).map(|at| (at * 37 % 101) as f32 / 64.0 - 0.75).collect()
}

fn rows(kernel: Kernel, row_count: usize, depth: usize) -> PackedRows {
    let mut rows = PackedRows::new(kernel);
    rows.reshape(row_count, depth);
    let values = numbers(depth);
    (0..row_count).for_each(|row| rows.set(row, 0, &values));
    rows
}

/// Rows × 32 panels of 896 inputs, from a stub of rows to a whole block. Elements are multiply-adds.
fn linear(criterion: &mut Criterion) {
    const DEPTH: usize = 896;
    const PANELS: usize = 32;
    let mut group = criterion.benchmark_group("linear");
    for kernel in kernels() {
        let panel_words = kernel.padded_words(DEPTH) * kernel.columns();
        let mut words = AlignedWords::zeroed(PANELS * panel_words);
        words.words_mut().fill(0x3c00_3c00);
        for row_count in [1, 4, 16, 17, 120] {
            let rows = rows(kernel, row_count, DEPTH);
            group.throughput(Throughput::Elements((row_count * DEPTH * PANELS * kernel.columns()) as u64));
            group.bench_function(BenchmarkId::new(kernel.name(), row_count), |bencher| {
                bencher.iter(|| {
                    for panel in words.words().chunks_exact(panel_words).take(PANELS) {
                        kernel.multiply(&rows, panel, &[], |_, _, sums| {
                            black_box(sums);
                        });
                    }
                });
            });
        }
    }
    group.finish();
}

/// Norm and layout of a block of rows. Elements are values.
fn packing(criterion: &mut Criterion) {
    const DEPTH: usize = 896;
    const ROWS: usize = 120;
    let mut group = criterion.benchmark_group("packing");
    group.throughput(Throughput::Elements((ROWS * DEPTH) as u64));
    for kernel in kernels() {
        let (x, weight) = (numbers(ROWS * DEPTH), numbers(DEPTH));
        let (mut rows, mut normed) = (rows(kernel, ROWS, DEPTH), vec![0.0; DEPTH]);
        group.bench_function(kernel.name(), |bencher| {
            bencher.iter(|| {
                for (row, x) in x.chunks_exact(DEPTH).enumerate() {
                    rms_norm(kernel.isa(), x, &weight, 1e-6, &mut normed);
                    rows.set(row, 0, &normed);
                }
            });
        });
    }
    group.finish();
}

/// A panel of queries over a path of three ranges, 270 keys. Elements are multiply-adds of both products.
fn attention(criterion: &mut Criterion) {
    const DIM: usize = 64;
    let path = [0..180, 200..260, 300..330];
    let key_count: usize = path.iter().map(ExactSizeIterator::len).sum();
    let (keys, values) = (numbers(330 * DIM), numbers(330 * DIM));
    let head = HeadRows { keys: &keys, values: &values, head_dim: DIM };
    let mut group = criterion.benchmark_group("attention");
    for isa in Isa::all() {
        let lanes = isa.columns();
        let (queries, visible) = (numbers(DIM * lanes), vec![0..key_count; lanes]);
        let panel = QueryPanel { queries: &queries, path: &path, visible: &visible, soft_cap: None };
        let (mut scores, mut out) = (AlignedWords::default(), vec![0.0; DIM * lanes]);
        group.throughput(Throughput::Elements((2 * key_count * DIM * lanes) as u64));
        group.bench_function(isa.name(), |bencher| {
            bencher.iter(|| attend(isa, head, &panel, &mut scores, black_box(&mut out)));
        });
    }
    group.finish();
}

/// Largest, sums at one temperature and the best eight of a vocabulary of Qwen2.5's size. Elements are logits.
fn readout(criterion: &mut Criterion) {
    let logits = numbers(151_936);
    let mut group = criterion.benchmark_group("readout");
    group.throughput(Throughput::Elements(logits.len() as u64));
    for isa in Isa::all() {
        group.bench_function(isa.name(), |bencher| {
            bencher.iter(|| {
                for logits in logits.chunks(1024) {
                    let (max, _) = largest(isa, logits);
                    black_box((exponentials(isa, logits, max, 1.0), top(isa, logits, 8)));
                }
            });
        });
    }
    group.finish();
}

/// A ranked row of that size, peaked as responses are and nearly flat, at seven temperatures with forty wanted ids.
fn ranking(criterion: &mut Criterion) {
    const TEMPERATURES: [f64; 7] = [0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0];
    let wanted: Vec<u32> = (0..40).map(|index| index * 3000).collect();
    let mut group = criterion.benchmark_group("ranking");
    // −ln of something uniform: an exponential tail of logits.
    let tail = |at: u64| {
        -((at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f32 + 1.0).ln() + 24.0 * std::f32::consts::LN_2
    };
    for (name, scale) in [("peaked", 1.5), ("flat", 0.1)] {
        let row: Vec<f32> = (0..151_936).map(|at| tail(at) * scale).collect();
        let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max) as f64;
        let total = |t: f64| row.iter().map(|&logit| ((logit as f64 - max) / t).exp()).sum();
        let totals: [f64; 7] = TEMPERATURES.map(total);
        group.throughput(Throughput::Elements(row.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| black_box(Ranking::of_row(row.clone(), &wanted, &TEMPERATURES, totals, 0.9)));
        });
    }
    group.finish();
}

criterion_group!(benches, linear, packing, attention, readout, ranking);
criterion_main!(benches);
