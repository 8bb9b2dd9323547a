//! Which decoder is measured: one from a folder, or random weights of a named shape.

use crate::engine::{Decoder, DecoderConfig, EngineDevice};
use crate::error::Result;
use crate::models::{
    ModelConfig, ModelFolder, Quantisation, load_decoder, random_decoder, read_weight_files, shape_config,
};
use std::time::Instant;

/// Where the weights come from.
#[derive(Debug, Clone)]
pub enum BenchmarkModel {
    Folder(ModelFolder),
    /// A name that [`crate::models::shape_names`] has.
    Shape(String),
}

impl BenchmarkModel {
    pub fn name(&self) -> String {
        match self {
            BenchmarkModel::Folder(folder) => folder.name(),
            BenchmarkModel::Shape(name) => name.clone(),
        }
    }

    pub fn is_random(&self) -> bool {
        matches!(self, BenchmarkModel::Shape(_))
    }

    /// Reads the config; no tokenizer is needed.
    ///
    /// # Errors
    /// Kind `Usage` for an unknown shape, `Model` for a folder that is not one.
    pub fn config(&self) -> Result<DecoderConfig> {
        match self {
            BenchmarkModel::Folder(folder) => Ok(ModelConfig::read(folder)?.decoder),
            BenchmarkModel::Shape(name) => Ok(shape_config(name)?.decoder),
        }
    }

    /// Reads or makes the weights. `progress` is told layers done and layers in all.
    ///
    /// # Errors
    /// Kind `Model` when they are broken or do not fit the memory.
    pub fn load(
        &self,
        seed: u64,
        quantisation: Option<Quantisation>,
        device: &EngineDevice,
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> Result<Decoder> {
        match self {
            BenchmarkModel::Folder(folder) => {
                load_decoder(folder, &ModelConfig::read(folder)?, quantisation, device, progress)
            }
            BenchmarkModel::Shape(name) => {
                random_decoder(&shape_config(name)?, seed, quantisation, device, progress)
            }
        }
    }

    /// Seconds to read the weight files once, from the system's cache where it holds them; `None` without files.
    ///
    /// # Errors
    /// Kind `Model` when they cannot be read.
    pub fn read_wall_seconds(&self, device: &EngineDevice) -> Result<Option<f64>> {
        let BenchmarkModel::Folder(folder) = self else { return Ok(None) };
        // The load that comes next finds the cache warm, so this reading has to find it so too.
        read_weight_files(folder, device)?;
        let start = Instant::now();
        read_weight_files(folder, device)?;
        Ok(Some(start.elapsed().as_secs_f64()))
    }
}
