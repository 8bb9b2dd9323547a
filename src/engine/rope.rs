//! Rotary position embedding: cosines and sines of the positions of a batch, computed in f32 as transformers does.

use super::RopeConfig;
use crate::error::Result;
use candle_core::{Device, Tensor};
use std::f64::consts::TAU;

/// The angle that each pair of dimensions turns per position.
#[derive(Debug)]
pub struct Rope {
    /// Radians per position, `[1, head_dim / 2]`.
    frequencies: Tensor,
}

impl Rope {
    pub fn new(config: &RopeConfig, head_dim: usize, device: &Device) -> Result<Self> {
        let frequencies = inverse_frequencies(config, head_dim);
        let shape = (1, frequencies.len());
        Ok(Rope { frequencies: Tensor::from_vec(frequencies, shape, device)? })
    }

    /// `cos` and `sin` at the given positions: two `[T, head_dim / 2]`.
    pub fn at(&self, position_ids: &[u32]) -> Result<(Tensor, Tensor)> {
        let positions: Vec<f32> = position_ids.iter().map(|&position| position as f32).collect();
        let positions = Tensor::from_vec(positions, (position_ids.len(), 1), self.frequencies.device())?;
        let angles = positions.broadcast_mul(&self.frequencies)?;
        Ok((angles.cos()?, angles.sin()?))
    }
}

/// Radians per position for each pair of dimensions.
pub(super) fn inverse_frequencies(config: &RopeConfig, head_dim: usize) -> Vec<f32> {
    (0..head_dim)
        .step_by(2)
        .map(|dim| 1.0 / config.theta.powf(dim as f64 / head_dim as f64))
        .map(|frequency| match &config.scaling {
            None => frequency,
            Some(scaling) => {
                let wavelength = TAU / frequency;
                let low = scaling.original_position_count / scaling.low_freq_factor;
                let high = scaling.original_position_count / scaling.high_freq_factor;
                if wavelength > low {
                    frequency / scaling.factor
                } else if wavelength < high {
                    frequency
                } else {
                    let smooth = (scaling.original_position_count / wavelength - scaling.low_freq_factor)
                        / (scaling.high_freq_factor - scaling.low_freq_factor);
                    (1.0 - smooth) * frequency / scaling.factor + smooth * frequency
                }
            }
        })
        .map(|frequency| frequency as f32)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaling_divides_low_frequencies_and_keeps_high_ones() {
        let scaling = Llama3Scaling {
            factor: 8.0,
            low_freq_factor: 1.0,
            high_freq_factor: 4.0,
            original_position_count: 64.0,
        };
        let plain = inverse_frequencies(&RopeConfig { theta: 10_000.0, scaling: None }, 16);
        let scaled = inverse_frequencies(&RopeConfig { theta: 10_000.0, scaling: Some(scaling) }, 16);
        assert_eq!(plain[0], scaled[0]);
        assert!((plain[7] / scaled[7] - 8.0).abs() < 1e-5);
        assert!(scaled.windows(2).all(|pair| pair[0] > pair[1]));
    }

    use super::super::Llama3Scaling;
}
