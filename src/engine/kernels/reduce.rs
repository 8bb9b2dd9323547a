//! Sums over a stretch of logits, in f64 and in a fixed order of lanes; the largest of them.

use super::isa::compiled_for_each_isa;
use super::multiply_add::{self, MultiplyAdd};
use super::pointwise::exp_f64;

compiled_for_each_isa! {
    /// The largest value, and whether all are finite.
    pub fn largest(values: &[f32]) -> (f32, bool) = largest_body;
    /// Σ w and Σ w · (value − max), with w = exp((value − max) · inverse).
    pub fn exponentials[multiply_add](values: &[f32], max: f32, inverse: f64) -> (f64, f64) = exponentials_body;
    /// The `count` largest values with their places, best first; equal ones by ascending place.
    pub fn top(values: &[f32], count: usize) -> Vec<(usize, f32)> = top_body;
}

#[inline(always)]
fn largest_body(values: &[f32]) -> (f32, bool) {
    let mut largest = [f32::NEG_INFINITY; 16];
    // x · 0 is 0, or NaN where x is not finite.
    let mut zeros = [0f32; 16];
    let (chunks, rest) = values.as_chunks::<16>();
    for values in chunks {
        for lane in 0..16 {
            largest[lane] = if values[lane] > largest[lane] { values[lane] } else { largest[lane] };
            zeros[lane] += values[lane] * 0.0;
        }
    }
    for (lane, &value) in rest.iter().enumerate() {
        largest[lane] = if value > largest[lane] { value } else { largest[lane] };
        zeros[lane] += value * 0.0;
    }
    (largest.into_iter().fold(f32::NEG_INFINITY, f32::max), !zeros.into_iter().any(f32::is_nan))
}

#[inline(always)]
fn exponentials_body(by: impl MultiplyAdd, values: &[f32], max: f32, inverse: f64) -> (f64, f64) {
    /// Values whose weights are made before they are summed: the first loop has no sums, so it becomes vectors.
    const GROUP: usize = 128;
    const LANES: usize = 8;
    let (mut sums, mut weighted) = ([0f64; LANES], [0f64; LANES]);
    let (mut below, mut weights) = ([0f64; GROUP], [0f64; GROUP]);
    for values in values.chunks(GROUP) {
        for at in 0..values.len() {
            below[at] = values[at] as f64 - max as f64;
            weights[at] = exp_f64(by, below[at] * inverse);
        }
        // What is not there weighs nothing.
        weights[values.len()..].fill(0.0);
        for (below, weights) in below.as_chunks::<LANES>().0.iter().zip(weights.as_chunks::<LANES>().0) {
            for lane in 0..LANES {
                sums[lane] += weights[lane];
                weighted[lane] = by.f64(weights[lane], below[lane], weighted[lane]);
            }
        }
    }
    (sums.into_iter().sum(), weighted.into_iter().sum())
}

#[inline(always)]
fn top_body(values: &[f32], count: usize) -> Vec<(usize, f32)> {
    const GROUP: usize = 32;
    let count = count.min(values.len());
    if count == 0 {
        return Vec::new();
    }
    // The count-th best group's largest value is a bar that the count-th best value does not fall below.
    let mut largest = Vec::with_capacity(values.len().div_ceil(GROUP));
    for values in values.chunks(GROUP) {
        let mut best = f32::NEG_INFINITY;
        for &value in values {
            best = if value > best { value } else { best };
        }
        largest.push(best);
    }
    let mut bar = f32::NEG_INFINITY;
    if count < largest.len() {
        let mut sorted = largest.clone();
        bar = *sorted.select_nth_unstable_by(count - 1, |a, b| b.total_cmp(a)).1;
    }
    let mut best: Vec<(usize, f32)> = Vec::with_capacity(2 * count);
    for (group, values) in values.chunks(GROUP).enumerate() {
        if largest[group] >= bar {
            let places = group * GROUP..;
            best.extend(places.zip(values.iter().copied()).filter(|(_, value)| *value >= bar));
        }
    }
    let order = |a: &(usize, f32), b: &(usize, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if best.len() > count {
        best.select_nth_unstable_by(count - 1, order);
        best.truncate(count);
    }
    best.sort_unstable_by(order);
    best
}
