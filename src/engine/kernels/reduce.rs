//! Sums over a stretch of logits, in f64 and in a fixed order of eight lanes.

use super::isa::compiled_for_each_isa;
use super::pointwise::exp_f64;

compiled_for_each_isa! {
    /// The largest value, and whether all are finite.
    pub fn largest(values: &[f32]) -> (f32, bool) = largest_body;
    /// Σ w and Σ w · (value − max), with w = exp((value − max) · inverse).
    pub fn exponentials(values: &[f32], max: f32, inverse: f64) -> (f64, f64) = exponentials_body;
}

#[inline(always)]
fn largest_body(values: &[f32]) -> (f32, bool) {
    let mut largest = [f32::NEG_INFINITY; 16];
    let mut broken = [false; 16];
    for values in values.chunks(16) {
        for ((largest, broken), &value) in largest.iter_mut().zip(&mut broken).zip(values) {
            *largest = if value > *largest { value } else { *largest };
            *broken |= !value.is_finite();
        }
    }
    (largest.into_iter().fold(f32::NEG_INFINITY, f32::max), !broken.into_iter().any(|broken| broken))
}

#[inline(always)]
fn exponentials_body(values: &[f32], max: f32, inverse: f64) -> (f64, f64) {
    let max = max as f64;
    let (chunks, rest) = values.as_chunks::<8>();
    let (mut sums, mut weighted) = ([0f64; 8], [0f64; 8]);
    for values in chunks {
        for lane in 0..8 {
            let below = values[lane] as f64 - max;
            let weight = exp_f64(below * inverse);
            sums[lane] += weight;
            weighted[lane] = weight.mul_add(below, weighted[lane]);
        }
    }
    for (lane, &value) in rest.iter().enumerate() {
        let below = value as f64 - max;
        let weight = exp_f64(below * inverse);
        sums[lane] += weight;
        weighted[lane] = weight.mul_add(below, weighted[lane]);
    }
    (sums.into_iter().sum(), weighted.into_iter().sum())
}
