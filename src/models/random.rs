//! Decoders with random weights made in memory. They answer nothing; they are as fast as real ones of their shape, since speed
//! does not depend on the values.

use super::families::{NamedTensors, NamedWeights, TensorNames};
use super::weights::gibibytes;
use super::{ModelConfig, Quantisation, QuantisedWeights};
use crate::engine::{Decoder, EngineDevice, StoredFormat, StoredMatrix, StoredRows};
use crate::error::{Error, Result};
use half::bf16;
use sha2::{Digest, Sha256};
use std::ops::Range;
use std::sync::Arc;

/// A decoder with random weights, quantised if asked for. `progress` is told layers made and layers in all.
///
/// # Errors
/// Kind `Model` when they do not fit the memory, or the device fails.
pub fn random_decoder(
    config: &ModelConfig,
    seed: u64,
    quantisation: Option<Quantisation>,
    device: &EngineDevice,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Decoder> {
    let needed_bytes = config.decoder.parameter_count() as u64 * device.bytes_per_value();
    match crate::system_memory::available_bytes() {
        Some(available) if device.is_cpu() && needed_bytes > available => {
            return Err(Error::model(format!(
                "weights of this shape take {:.1} GiB in {}, and {:.1} GiB of memory are free",
                gibibytes(needed_bytes),
                device.dtype(),
                gibibytes(available)
            ))
            .hint("use a smaller shape, or --dtype bf16"));
        }
        _ => {}
    }
    let store = RandomTensors { seed };
    let mut source = NamedWeights::new(&store, config, TensorNames::of(config), progress);
    match quantisation {
        None => Decoder::new(config.decoder.clone(), &mut source, device),
        Some(quantisation) => {
            let mut source = QuantisedWeights { source: &mut source, quantisation };
            Decoder::new(config.decoder.clone(), &mut source, device)
        }
    }
}

/// Tensors drawn from a seed and their own name, in bf16 as checkpoints have them: uniform with standard deviation 0.02, about
/// 0, and about 1 where they are norms.
pub(super) struct RandomTensors {
    pub seed: u64,
}

impl NamedTensors for RandomTensors {
    fn matrix(&self, name: &str, shape: &[usize]) -> Result<StoredMatrix> {
        let hash = Sha256::digest(name);
        let salt = mixed(self.seed ^ u64::from_le_bytes(*hash.as_chunks().0.first().expect("32 bytes")));
        let column_count = shape.last().copied().unwrap_or(1);
        let row_count = shape.iter().rev().skip(1).product();
        let is_norm = shape.len() == 1 && name.ends_with(".weight");
        let rows = Arc::new(RandomRows { salt, column_count, mean: if is_norm { 1.0 } else { 0.0 } });
        Ok(StoredMatrix::new(row_count, column_count, StoredFormat::Bf16, rows))
    }

    /// Of nothing that may be there or not.
    fn contains(&self, _: &str) -> bool {
        false
    }
}

/// Rows that are drawn when they are asked for, always the same ones.
struct RandomRows {
    salt: u64,
    column_count: usize,
    mean: f32,
}

impl StoredRows for RandomRows {
    fn read(&self, rows: Range<usize>, bytes: &mut [u8]) -> Result<()> {
        let half_width = 0.02 * 3f32.sqrt();
        let first = rows.start * self.column_count;
        for (at, two) in bytes.as_chunks_mut::<2>().0.iter_mut().enumerate() {
            let bits = mixed(self.salt.wrapping_add((first + at) as u64)) >> 40;
            let unit = bits as f32 / (1u32 << 23) as f32 - 1.0;
            *two = bf16::from_f32(self.mean + unit * half_width).to_le_bytes();
        }
        Ok(())
    }
}

/// A finaliser that spreads every bit of its input over all of its output (splitmix64's).
fn mixed(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::DType;

    #[test]
    fn weights_depend_on_seed_and_name_alone() {
        let values = |seed, name: &str, shape: &[usize]| {
            let matrix = RandomTensors { seed }.matrix(name, shape).unwrap();
            let flat = matrix.to_tensor().unwrap().to_dtype(DType::F32).unwrap().flatten_all().unwrap();
            flat.to_vec1::<f32>().unwrap()
        };
        let moments = |values: &[f32]| {
            let mean = values.iter().sum::<f32>() / values.len() as f32;
            let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f32>();
            (mean, (variance / values.len() as f32).sqrt())
        };
        let query = values(1, "query.weight", &[64, 64]);
        assert_eq!(query, values(1, "query.weight", &[64, 64]));
        assert_ne!(query, values(2, "query.weight", &[64, 64]));
        assert_ne!(query, values(1, "key.weight", &[64, 64]));
        let (mean, deviation) = moments(&query);
        assert!(mean.abs() < 1e-3 && (deviation - 0.02).abs() < 1e-3);
        assert!((moments(&values(1, "norm.weight", &[4096])).0 - 1.0).abs() < 1e-3);
        assert!(moments(&values(1, "query.bias", &[4096])).0.abs() < 1e-3);
    }
}
