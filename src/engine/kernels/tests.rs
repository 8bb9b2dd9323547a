//! Products against their naive twin, to the bit; attention against plain f64; each against itself in other company.

#[cfg(target_arch = "x86_64")]
use super::isa::Level;
use super::linear::{Arithmetic, Kernel};
use super::naive::{dot, word_value};
use super::*;
use proptest::prelude::*;
use std::ops::Range;

/// Those of this CPU, and those of one that lacks its bf16.
fn kernels() -> Vec<Kernel> {
    let mut all = Isa::all();
    #[cfg(target_arch = "x86_64")]
    if all.contains(&Isa(Level::Avx512 { bf16: true })) {
        all.push(Isa(Level::Avx512 { bf16: false }));
    }
    let of = |isa| [Arithmetic::F32, Arithmetic::Bf16].map(|arithmetic| Kernel::new(isa, arithmetic));
    all.into_iter().flat_map(of).collect()
}

/// Spread-out values without a generator: seed, row and place decide.
fn value(seed: u64, row: usize, at: usize) -> f32 {
    let mixed = (seed ^ (row as u64) << 32 ^ at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40) as f32 / (1u32 << 23) as f32 - 1.0
}

fn packed(kernel: Kernel, rows: Range<usize>, depth: usize, seed: u64) -> PackedRows {
    let mut packed = PackedRows::new(kernel);
    packed.reshape(rows.len(), depth);
    for (index, row) in rows.enumerate() {
        let values: Vec<f32> = (0..depth).map(|at| value(seed, row, at)).collect();
        packed.set(index, 0, &values);
    }
    packed
}

/// A panel in the kernel's layout.
fn panel(kernel: Kernel, depth: usize, seed: u64) -> AlignedWords {
    let (columns, per_word) = (kernel.columns(), kernel.values_per_word());
    let mut words = AlignedWords::zeroed(kernel.padded_words(depth) * columns);
    for at in (0..depth).step_by(per_word) {
        for column in 0..columns {
            let get = |at: usize| if at < depth { value(!seed, column, at) } else { 0.0 };
            words.words_mut()[at / per_word * columns + column] = match kernel.arithmetic() {
                Arithmetic::F32 => get(at).to_bits(),
                Arithmetic::Bf16 => bf16_word(get(at), get(at + 1)),
            };
        }
    }
    words
}

fn product(kernel: Kernel, rows: &PackedRows, panel: &AlignedWords, depth: usize) -> Vec<f32> {
    let words = &panel.words()[..kernel.padded_words(depth) * kernel.columns()];
    let mut out = vec![f32::NAN; rows.row_count() * kernel.columns()];
    kernel.multiply(rows, words, words, |first, count, sums| {
        out[first * kernel.columns()..(first + count) * kernel.columns()].copy_from_slice(sums);
    });
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn products_are_the_naive_ones_to_the_bit(row_count in 1usize..40, depth in 1usize..200, seed in any::<u64>()) {
        for kernel in kernels() {
            let rows = packed(kernel, 0..row_count, depth, seed);
            let panel = panel(kernel, depth, seed);
            let (columns, per_word) = (kernel.columns(), kernel.values_per_word());
            let weight = |column: usize, at: usize| {
                word_value(kernel, panel.words()[at / per_word * columns + column], at % per_word)
            };
            let found = product(kernel, &rows, &panel, depth);
            for row in 0..row_count {
                for column in 0..columns {
                    let expected = dot(kernel, |at| rows.value(row, at), |at| weight(column, at), depth);
                    prop_assert_eq!(found[row * columns + column].to_bits(), expected.to_bits(), "{}", kernel.name());
                }
            }
        }
    }

    #[test]
    fn a_row_has_the_same_bits_among_any_others(
        row_count in 1usize..40, at in 0usize..40, depth in 1usize..100, seed in any::<u64>(),
    ) {
        let at = at % row_count;
        for kernel in kernels() {
            let (panel, columns) = (panel(kernel, depth, seed), kernel.columns());
            let all = product(kernel, &packed(kernel, 0..row_count, depth, seed), &panel, depth);
            let alone = product(kernel, &packed(kernel, at..at + 1, depth, seed), &panel, depth);
            prop_assert_eq!(&all[at * columns..][..columns], &alone[..]);
        }
    }

    #[test]
    fn attention_is_the_naive_one(
        dim in (1usize..40).prop_map(|half| 2 * half),
        cuts in prop::collection::vec((0usize..3, 1usize..30), 1..5),
        window in 1usize..60,
        capped in any::<bool>(),
        seed in any::<u64>(),
    ) {
        // Ranges with holes between them.
        let mut end = 0;
        let path: Vec<Range<usize>> = cuts
            .iter()
            .map(|&(hole, len)| { end += hole + len; end - len..end })
            .collect();
        let rows: Vec<usize> = path.iter().cloned().flatten().collect();
        let keys: Vec<f32> = (0..end * dim).map(|at| value(seed, 1, at)).collect();
        let values: Vec<f32> = (0..end * dim).map(|at| value(seed, 2, at)).collect();
        let head = HeadRows { keys: &keys, values: &values, head_dim: dim };
        let soft_cap = capped.then_some(3.0);
        for isa in Isa::all() {
            let lanes = isa.columns();
            let queries: Vec<f32> = (0..dim * lanes).map(|at| value(seed, 3, at) * 4.0 / (dim as f32).sqrt()).collect();
            let seen = |lane: usize| {
                let last = rows.len() - lane % rows.len().min(5);
                last.saturating_sub(window)..last
            };
            let visible: Vec<Range<usize>> = (0..lanes).map(seen).collect();
            let panel = QueryPanel { queries: &queries, path: &path, visible: &visible, soft_cap };
            let mut out = vec![f32::NAN; dim * lanes];
            attend(isa, head, &panel, &mut AlignedWords::default(), &mut out);
            for lane in 0..lanes {
                let query: Vec<f64> = (0..dim).map(|at| queries[at * lanes + lane] as f64).collect();
                let expected = naive_mix(&query, &rows[visible[lane].clone()], head, soft_cap);
                for (at, expected) in expected.into_iter().enumerate() {
                    let found = out[at * lanes + lane] as f64;
                    prop_assert!((found - expected).abs() < 1e-5, "{}: {found} {expected}", isa.name());
                }
            }
        }
    }

    #[test]
    fn a_query_has_the_same_bits_however_its_path_is_cut(
        dim in 1usize..30, len in 2usize..60, cut in 1usize..59, hole in 0usize..5, seed in any::<u64>(),
    ) {
        let cut = cut % (len - 1) + 1;
        for isa in Isa::all() {
            let lanes = isa.columns();
            let mixed = |hole: usize, lane: usize, seen: usize| {
                let row = |at: usize| if at < cut { at } else { at + hole };
                let mut keys = vec![0.0; (len + hole) * dim];
                let mut values = keys.clone();
                for at in 0..len {
                    for d in 0..dim {
                        keys[row(at) * dim + d] = value(seed, at, d);
                        values[row(at) * dim + d] = value(!seed, at, d);
                    }
                }
                let path = [0..cut, cut + hole..len + hole];
                let path = if hole == 0 { std::iter::once(0..seen).collect() } else { path.to_vec() };
                let mut queries = vec![0.5; dim * lanes];
                (0..dim).for_each(|d| queries[d * lanes + lane] = value(seed, 99, d));
                let mut visible = vec![0..1; lanes];
                visible[lane] = 0..seen;
                let head = HeadRows { keys: &keys, values: &values, head_dim: dim };
                let panel = QueryPanel { queries: &queries, path: &path, visible: &visible, soft_cap: None };
                let mut out = vec![0.0; dim * lanes];
                attend(isa, head, &panel, &mut AlignedWords::default(), &mut out);
                (0..dim).map(|d| out[d * lanes + lane].to_bits()).collect::<Vec<_>>()
            };
            // Once as one range up to the last key seen, in the first lane; once cut, behind a hole, with keys beyond.
            prop_assert_eq!(mixed(0, 0, len - 1), mixed(hole + 1, lanes - 1, len - 1));
        }
    }
}

/// Attention of one query over the given rows, in f64.
fn naive_mix(query: &[f64], rows: &[usize], head: HeadRows<'_>, soft_cap: Option<f32>) -> Vec<f64> {
    let dim = head.head_dim;
    let score = |row: usize| -> f64 {
        let score: f64 = query.iter().zip(&head.keys[row * dim..]).map(|(q, &k)| q * k as f64).sum();
        soft_cap.map_or(score, |cap| cap as f64 * (score / cap as f64).tanh())
    };
    let weights: Vec<f64> = rows.iter().map(|&row| score(row).exp()).collect();
    let total: f64 = weights.iter().sum();
    let mix = |at: usize| {
        rows.iter()
            .zip(&weights)
            .map(|(&row, weight)| head.values[row * dim + at] as f64 * weight / total)
            .sum()
    };
    (0..dim).map(mix).collect()
}

#[test]
fn a_size_beyond_the_memory_is_refused_and_not_wrapped() {
    for kernel in kernels() {
        let lying = std::panic::catch_unwind(|| {
            let mut rows = PackedRows::new(kernel);
            rows.reshape(1, 1 << 62);
            kernel.multiply(&rows, &[], &[], |_, _, _| ());
        });
        assert!(lying.is_err(), "{}", kernel.name());
    }
}

#[test]
fn the_best_may_be_none_or_all() {
    let values: Vec<f32> = (0..100).map(|at| value(5, 0, at)).collect();
    let mut sorted: Vec<(usize, f32)> = values.iter().copied().enumerate().collect();
    sorted.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    for isa in Isa::all() {
        for count in [0, 1, 3, 4, 50, 100, usize::MAX] {
            assert_eq!(reduce::top(isa, &values, count), sorted[..count.min(100)]);
        }
    }
}
