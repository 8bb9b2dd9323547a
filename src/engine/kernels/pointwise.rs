//! Arithmetic on single values and rows: exponentials, norms, sums with biases. Plain loops, compiled for each instruction
//! set, with an order of operations that the source fixes, and multiply-adds made as that set makes them. No closures inside:
//! they would be compiled without it.

use super::isa::compiled_for_each_isa;
use super::multiply_add::{self, MultiplyAdd, Rounded};

/// exp(x) in f32, relative error below 3e-7; 0 below −87, and at most exp(88).
#[inline(always)]
pub fn exp(by: impl MultiplyAdd, x: f32) -> f32 {
    // 1.5 · 2^23: adding it rounds to an integer and leaves that integer in the low bits.
    const ROUND: f32 = 12_582_912.0;
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    // Comparisons that a NaN passes through.
    let clamped = if x < -87.0 { -87.0 } else { x };
    let clamped = if clamped > 88.0 { 88.0 } else { clamped };
    let shifted = by.f32(clamped, std::f32::consts::LOG2_E, ROUND);
    let power = shifted - ROUND;
    let rest = by.f32(power, -LN_2_LOW, by.f32(power, -LN_2_HIGH, clamped));
    // Taylor up to the 7th power: |rest| <= ln(2)/2, so the next term is below 6e-9.
    let mut sum = 1.0 / 5040.0;
    for factor in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        sum = by.f32(rest, sum, factor);
    }
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127);
    let scaled = sum * f32::from_bits(exponent << 23);
    if x < -87.0 { 0.0 } else { scaled }
}

/// exp(x) in f64 for x <= 0, relative error below 1e-15; 0 below −708.
#[inline(always)]
pub fn exp_f64(by: impl MultiplyAdd, x: f64) -> f64 {
    const ROUND: f64 = 6_755_399_441_055_744.0;
    const LN_2_HIGH: f64 = 0.693_147_180_369_123_8;
    const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    let clamped = if x < -708.0 { -708.0 } else { x };
    let shifted = by.f64(clamped, std::f64::consts::LOG2_E, ROUND);
    let power = shifted - ROUND;
    let rest = by.f64(power, -LN_2_LOW, by.f64(power, -LN_2_HIGH, clamped));
    // Taylor up to the 13th power: |rest| <= ln(2)/2, so the next term is below 5e-18.
    let mut sum = 1.0 / 6_227_020_800.0;
    for factor in [
        1.0 / 479_001_600.0,
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ] {
        sum = by.f64(rest, sum, factor);
    }
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(1023);
    let scaled = sum * f64::from_bits(exponent << 52);
    if x < -708.0 { 0.0 } else { scaled }
}

/// exp((value − max) / temperature) of each value, none of which is above `max`. Compiled once, with the same bits on every CPU.
pub fn weights(values: &[f32], max: f32, temperature: f64, out: &mut [f64]) {
    for (out, &value) in out.iter_mut().zip(values) {
        *out = exp_f64(Rounded, (value as f64 - max as f64) / temperature);
    }
}

/// x · sigmoid(x).
#[inline(always)]
pub fn silu(by: impl MultiplyAdd, x: f32) -> f32 {
    // Below −104 it is smaller than any f32, and exp no longer grows.
    if x < -104.0 { 0.0 } else { x / (1.0 + exp(by, -x)) }
}

/// tanh(x), absolute error below 3e-7.
#[inline(always)]
pub fn tanh(by: impl MultiplyAdd, x: f32) -> f32 {
    1.0 - 2.0 / (exp(by, 2.0 * x) + 1.0)
}

/// x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³))).
#[inline(always)]
pub fn gelu_tanh(by: impl MultiplyAdd, x: f32) -> f32 {
    const SCALE: f32 = 0.797_884_6;
    let inner = SCALE * by.f32(0.044_715 * x * x, x, x);
    // x · sigmoid(2 · inner), which is the same and keeps its accuracy where tanh is near −1.
    if x < -16.0 { 0.0 } else { x / (1.0 + exp(by, -2.0 * inner)) }
}

/// x/2 · (1 + erf(x/√2)), absolute error below 3e-7 · max(1, |x|).
#[inline(always)]
pub fn gelu_erf(by: impl MultiplyAdd, x: f32) -> f32 {
    // erf by Abramowitz and Stegun 7.1.26: 1 − (a1 t + ... + a5 t⁵) exp(−z²) with t = 1/(1 + p z), for z >= 0.
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / by.f32(0.327_591_1, z, 1.0);
    let mut sum = 1.061_405_4f32;
    for factor in [-1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6] {
        sum = by.f32(sum, t, factor);
    }
    let tail = 0.5 * sum * t * exp(by, -z * z);
    // The normal distribution's mass below x.
    x * (if x < 0.0 { tail } else { 1.0 - tail })
}

compiled_for_each_isa! {
    /// `out = x / sqrt(mean(x²) + eps) · weight`.
    pub fn rms_norm[multiply_add](x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) = rms_norm_body;
    /// `out = (x − mean) / sqrt(variance + eps) · weight + bias`, with the biased variance.
    pub fn layer_norm[multiply_add](x: &[f32], weight: &[f32], bias: &[f32], eps: f32, out: &mut [f32]) = layer_norm_body;
    /// Adds `factor · values` to `out`.
    pub fn add_scaled(values: &[f32], factor: f32, out: &mut [f32]) = add_scaled_body;
    /// Multiplies all values by `factor`.
    pub fn scale(values: &mut [f32], factor: f32) = scale_body;
    /// Divides logits, then `cap · tanh(logit / cap)`.
    pub fn cap_logits[multiply_add](logits: &mut [f32], divisor: f32, cap: Option<f32>) = cap_logits_body;
    /// Writes a tile of sums `[rows, columns]`, plus `bias`, into `out` (rows `stride` apart, from its start on).
    pub fn write_tile(sums: &[f32], columns: usize, bias: &[f32], out: &mut [f32], stride: usize) = write_body;
    /// Adds a tile of sums, plus `bias`, to `out`.
    pub fn add_tile(sums: &[f32], columns: usize, bias: &[f32], out: &mut [f32], stride: usize) = add_body;
    /// Rotates the halves of one head against each other, and multiplies by `scale`.
    pub fn rotate(head: &mut [f32], cos: &[f32], sin: &[f32], scale: f32) = rotate_body;
}

#[inline(always)]
fn rms_norm_body(by: impl MultiplyAdd, x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
    let mean = squares_from(by, x, 0.0) / x.len() as f32;
    // A sum beyond f32 must not pass for a row of zeros.
    let scale = if mean.is_finite() { 1.0 / (mean + eps).sqrt() } else { f32::NAN };
    for ((out, &value), &weight) in out.iter_mut().zip(x).zip(weight) {
        *out = value * scale * weight;
    }
}

/// Σ (x − from)², in sixteen sums that are joined pairwise.
#[inline(always)]
fn squares_from(by: impl MultiplyAdd, x: &[f32], from: f32) -> f32 {
    let (chunks, rest) = x.as_chunks::<16>();
    let mut sums = [0f32; 16];
    for chunk in chunks {
        for (sum, &value) in sums.iter_mut().zip(chunk) {
            let value = value - from;
            *sum = by.f32(value, value, *sum);
        }
    }
    for (sum, &value) in sums.iter_mut().zip(rest) {
        let value = value - from;
        *sum = by.f32(value, value, *sum);
    }
    joined(sums)
}

#[inline(always)]
fn joined(mut sums: [f32; 16]) -> f32 {
    for half in [8, 4, 2, 1] {
        for at in 0..half {
            sums[at] += sums[at + half];
        }
    }
    sums[0]
}

#[inline(always)]
fn layer_norm_body(by: impl MultiplyAdd, x: &[f32], weight: &[f32], bias: &[f32], eps: f32, out: &mut [f32]) {
    let (chunks, rest) = x.as_chunks::<16>();
    let mut sums = [0f32; 16];
    for chunk in chunks {
        for (sum, &value) in sums.iter_mut().zip(chunk) {
            *sum += value;
        }
    }
    for (sum, &value) in sums.iter_mut().zip(rest) {
        *sum += value;
    }
    let mean = joined(sums) / x.len() as f32;
    let variance = squares_from(by, x, mean) / x.len() as f32;
    let scale = if variance.is_finite() { 1.0 / (variance + eps).sqrt() } else { f32::NAN };
    for (((out, &value), &weight), &bias) in out.iter_mut().zip(x).zip(weight).zip(bias) {
        *out = (value - mean) * scale * weight + bias;
    }
}

#[inline(always)]
fn add_scaled_body(values: &[f32], factor: f32, out: &mut [f32]) {
    for (out, &value) in out.iter_mut().zip(values) {
        *out += factor * value;
    }
}

#[inline(always)]
fn scale_body(values: &mut [f32], factor: f32) {
    for value in values {
        *value *= factor;
    }
}

#[inline(always)]
fn cap_logits_body(by: impl MultiplyAdd, logits: &mut [f32], divisor: f32, cap: Option<f32>) {
    for logit in logits.iter_mut() {
        *logit /= divisor;
    }
    if let Some(cap) = cap {
        for logit in logits.iter_mut() {
            *logit = cap * tanh(by, *logit / cap);
        }
    }
}

/// `out` may be narrower than the tile at the right border: as many columns are written as `bias` has.
#[inline(always)]
fn write_body(sums: &[f32], columns: usize, bias: &[f32], out: &mut [f32], stride: usize) {
    for (row, sums) in sums.chunks(columns).enumerate() {
        for ((out, &sum), &bias) in out[row * stride..].iter_mut().zip(sums).zip(bias) {
            *out = sum + bias;
        }
    }
}

#[inline(always)]
fn add_body(sums: &[f32], columns: usize, bias: &[f32], out: &mut [f32], stride: usize) {
    for (row, sums) in sums.chunks(columns).enumerate() {
        for ((out, &sum), &bias) in out[row * stride..].iter_mut().zip(sums).zip(bias) {
            *out += sum + bias;
        }
    }
}

#[inline(always)]
fn rotate_body(head: &mut [f32], cos: &[f32], sin: &[f32], scale: f32) {
    let (low, high) = head.split_at_mut(cos.len());
    for (((low, high), &cos), &sin) in low.iter_mut().zip(high).zip(cos).zip(sin) {
        let (a, b) = (*low, *high);
        *low = (a * cos - b * sin) * scale;
        *high = (b * cos + a * sin) * scale;
    }
}

#[cfg(test)]
mod tests {
    use super::super::Isa;
    use super::super::isa::Level;
    use super::multiply_add::Fused;
    use super::*;
    use proptest::prelude::*;

    /// `x` in ±80, `y` in −700..0.
    fn are_close(by: impl MultiplyAdd, x: f32, y: f64) -> Result<(), TestCaseError> {
        prop_assert!((exp(by, x) as f64 / (x as f64).exp() - 1.0).abs() < 3e-7);
        prop_assert!((exp_f64(by, y) / y.exp() - 1.0).abs() < 2e-15);
        prop_assert!((tanh(by, x / 8.0) as f64 - (x as f64 / 8.0).tanh()).abs() < 3e-7);
        let x = x / 8.0;
        let wide = x as f64;
        let bound = 3e-7 * wide.abs().max(1.0);
        let bent = (2.0 / std::f64::consts::PI).sqrt() * (wide + 0.044715 * wide.powi(3));
        prop_assert!((gelu_tanh(by, x) as f64 - wide / 2.0 * (1.0 + bent.tanh())).abs() < bound);
        let erf = candle_core::cpu::erf::erf_f64(wide / std::f64::consts::SQRT_2);
        prop_assert!((gelu_erf(by, x) as f64 - wide / 2.0 * (1.0 + erf)).abs() < bound);
        Ok(())
    }

    fn bits(values: Vec<f32>) -> Vec<u32> {
        values.into_iter().map(f32::to_bits).collect()
    }

    proptest! {
        #[test]
        fn exponentials_are_close(x in -80f32..80.0, y in -700f64..0.0) {
            are_close(Fused, x, y)?;
            are_close(Rounded, x, y)?;
        }

        #[test]
        fn every_instruction_set_gives_the_bits_of_the_plain_loop(x in prop::collection::vec(-9f32..9.0, 1..70)) {
            let weight: Vec<f32> = x.iter().map(|x| 1.0 + x / 32.0).collect();
            let mean = x.iter().map(|&v| v as f64).sum::<f64>() / x.len() as f64;
            let variance = x.iter().map(|&v| (v as f64 - mean).powi(2)).sum::<f64>() / x.len() as f64;
            for isa in Isa::all() {
                let (mut found, mut plain) = (vec![0.0; x.len()], vec![0.0; x.len()]);
                rms_norm(isa, &x, &weight, 1e-6, &mut found);
                match isa.0 {
                    Level::Portable => rms_norm_body(Rounded, &x, &weight, 1e-6, &mut plain),
                    _ => rms_norm_body(Fused, &x, &weight, 1e-6, &mut plain),
                }
                prop_assert_eq!(bits(found.clone()), bits(plain.clone()));

                layer_norm(isa, &x, &weight, &x, 1e-5, &mut found);
                for ((&found, &x), &weight) in found.iter().zip(&x).zip(&weight) {
                    let expected = (x as f64 - mean) / (variance + 1e-5).sqrt() * weight as f64 + x as f64;
                    prop_assert!((found as f64 - expected).abs() < 1e-4, "{found} {expected}");
                }
                match isa.0 {
                    Level::Portable => layer_norm_body(Rounded, &x, &weight, &x, 1e-5, &mut plain),
                    _ => layer_norm_body(Fused, &x, &weight, &x, 1e-5, &mut plain),
                }
                prop_assert_eq!(bits(found), bits(plain));
            }
        }
    }

    fn check_borders(by: impl MultiplyAdd) {
        assert_eq!((exp(by, f32::NEG_INFINITY), exp(by, 0.0), exp_f64(by, 0.0)), (0.0, 1.0, 1.0));
        assert_eq!(exp_f64(by, f64::NEG_INFINITY), 0.0);
        assert!(exp(by, f32::NAN).is_nan() && exp_f64(by, f64::NAN).is_nan() && exp(by, 1e9).is_finite());
        assert_eq!((silu(by, -200.0), silu(by, -1e38), silu(by, 100.0)), (0.0, 0.0, 100.0));
        assert_eq!((gelu_tanh(by, -1e38), gelu_erf(by, -1e38)), (0.0, -0.0));
        assert_eq!((gelu_tanh(by, 1e38), gelu_erf(by, 1e38)), (1e38, 1e38));
        assert!(silu(by, f32::NAN).is_nan() && gelu_tanh(by, f32::NAN).is_nan());
        assert!(gelu_erf(by, f32::NAN).is_nan());
    }

    #[test]
    fn exponentials_at_the_borders() {
        check_borders(Fused);
        check_borders(Rounded);
    }
}
