//! The frequencies of rotary position embeddings, plain or scaled, as transformers' `modeling_rope_utils.py` has them. Knows
//! numbers, not tensors.

use super::{DecoderConfig, Llama3Scaling, RopeConfig, RopeKind, YarnScaling};
use crate::elementary::{ln, pow};
use crate::packing::TokenSequence;
use std::f64::consts::TAU;

/// What a rotary embedding turns by.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Frequencies {
    /// Per position, for each pair of dimensions.
    pub radians: Vec<f32>,
    /// What cosines and sines are multiplied with.
    pub attention_factor: f32,
}

impl DecoderConfig {
    /// Tokens in two parts as a sequence of this decoder's tries.
    pub fn sequence<'a>(&self, head: &'a [u32], tail: &'a [u32]) -> TokenSequence<'a> {
        TokenSequence::new(head, tail).grouped(|len| self.length_group(len))
    }

    /// Sequences of different groups turn their keys differently and share nothing. 0 for almost all models and lengths.
    pub fn length_group(&self, len: usize) -> u32 {
        self.ropes.iter().map(|rope| rope.length_group(len)).max().unwrap_or(0)
    }
}

impl RopeConfig {
    /// 0 where frequencies are those of short sequences.
    pub fn length_group(&self, len: usize) -> u32 {
        match &self.kind {
            RopeKind::Dynamic { position_count, .. } if len > *position_count => len as u32,
            // All longer ones alike.
            RopeKind::LongRope(scaling) if len > scaling.original_position_count => {
                scaling.original_position_count as u32 + 1
            }
            _ => 0,
        }
    }
}

/// Frequencies for the sequences of one group of lengths.
pub(super) fn frequencies(config: &RopeConfig, length_group: u32) -> Frequencies {
    let dim = config.dim as f64;
    let with_theta = |theta: f64| (0..config.dim / 2).map(move |pair| pow(theta, -2.0 * pair as f64 / dim));
    let plain = || with_theta(config.theta);
    let (radians, attention_factor): (Vec<f64>, f64) = match &config.kind {
        RopeKind::Default => (plain().collect(), 1.0),
        RopeKind::Linear { factor } => (plain().map(|radians| radians / factor).collect(), 1.0),
        RopeKind::Dynamic { factor, position_count } => {
            let len = (length_group as f64).max(*position_count as f64);
            let stretch = factor * len / *position_count as f64 - (factor - 1.0);
            (with_theta(config.theta * pow(stretch, dim / (dim - 2.0))).collect(), 1.0)
        }
        RopeKind::Llama3(scaling) => (plain().map(|radians| llama3(scaling, radians)).collect(), 1.0),
        RopeKind::Yarn(scaling) => {
            let ramp = yarn_ramp(scaling, config);
            let blended = plain()
                .zip(ramp)
                .map(|(radians, ramp)| radians / scaling.factor * ramp + radians * (1.0 - ramp));
            (blended.collect(), scaling.attention_factor)
        }
        RopeKind::LongRope(scaling) => {
            let is_long = length_group as usize > scaling.original_position_count;
            let divisors = if is_long { &scaling.long_divisors } else { &scaling.short_divisors };
            (plain().zip(divisors).map(|(radians, by)| radians / by).collect(), scaling.attention_factor)
        }
        RopeKind::Divided { divisors } => {
            (plain().zip(divisors).map(|(radians, &by)| radians / by as f64).collect(), 1.0)
        }
    };
    let radians = radians.into_iter().map(|radians| radians as f32).collect();
    Frequencies { radians, attention_factor: attention_factor as f32 }
}

fn llama3(scaling: &Llama3Scaling, radians: f64) -> f64 {
    let wavelength = TAU / radians;
    let low = scaling.original_position_count / scaling.low_freq_factor;
    let high = scaling.original_position_count / scaling.high_freq_factor;
    if wavelength > low {
        radians / scaling.factor
    } else if wavelength < high {
        radians
    } else {
        let smooth = (scaling.original_position_count / wavelength - scaling.low_freq_factor)
            / (scaling.high_freq_factor - scaling.low_freq_factor);
        (1.0 - smooth) * radians / scaling.factor + smooth * radians
    }
}

/// For each pair how far it is divided: 0 not at all, 1 wholly.
fn yarn_ramp(scaling: &YarnScaling, config: &RopeConfig) -> Vec<f64> {
    let dim = config.dim as f64;
    // The pair that turns this often over the original positions.
    let pair_of =
        |turns: f64| dim * ln(scaling.original_position_count / (turns * TAU)) / (2.0 * ln(config.theta));
    let (mut low, mut high) = (pair_of(scaling.beta_fast), pair_of(scaling.beta_slow));
    if scaling.truncate {
        (low, high) = (low.floor(), high.ceil());
    }
    (low, high) = (low.max(0.0), high.min(dim - 1.0));
    if low == high {
        high += 0.001;
    }
    (0..config.dim / 2).map(|pair| ((pair as f64 - low) / (high - low)).clamp(0.0, 1.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::LongRopeScaling;
    use super::*;

    fn of(kind: RopeKind, length_group: u32) -> Frequencies {
        frequencies(&RopeConfig { dim: 16, theta: 10_000.0, kind }, length_group)
    }

    #[test]
    fn scaling_divides_low_frequencies_and_keeps_high_ones() {
        let plain = of(RopeKind::Default, 0).radians;
        let llama3 = RopeKind::Llama3(Llama3Scaling {
            factor: 8.0,
            low_freq_factor: 1.0,
            high_freq_factor: 4.0,
            original_position_count: 64.0,
        });
        let yarn = RopeKind::Yarn(YarnScaling {
            factor: 8.0,
            original_position_count: 64.0,
            beta_fast: 32.0,
            beta_slow: 1.0,
            truncate: true,
            attention_factor: 1.25,
        });
        for (kind, attention_factor) in [(llama3, 1.0), (yarn, 1.25)] {
            let scaled = of(kind, 0);
            assert_eq!(scaled.attention_factor, attention_factor);
            assert_eq!(plain[0], scaled.radians[0]);
            assert!((plain[7] / scaled.radians[7] - 8.0).abs() < 1e-5);
            assert!(scaled.radians.windows(2).all(|pair| pair[0] > pair[1]));
        }
    }

    #[test]
    fn long_sequences_turn_differently() {
        let plain = of(RopeKind::Default, 0).radians;
        let dynamic = RopeKind::Dynamic { factor: 2.0, position_count: 32 };
        assert_eq!(of(dynamic.clone(), 0).radians, plain);
        assert!(of(dynamic.clone(), 40).radians[7] < plain[7]);
        let config = RopeConfig { dim: 16, theta: 1e4, kind: dynamic };
        assert_eq!([32, 33, 40].map(|len| config.length_group(len)), [0, 33, 40]);
        let long = RopeKind::LongRope(LongRopeScaling {
            short_divisors: vec![1.0; 8],
            long_divisors: vec![2.0; 8],
            original_position_count: 32,
            attention_factor: 1.5,
        });
        assert_eq!(of(long.clone(), 0).radians, plain);
        assert_eq!(of(long, 33).radians[3], plain[3] / 2.0);
    }
}
