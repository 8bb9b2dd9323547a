//! Any weights as a GGML file would hold them: a source of weights around another, for measuring what quantised models do.

use crate::engine::{LayerWeights, Projection, StoredFormat, StoredMatrix, WeightSource};
use crate::error::Result;
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use rayon::prelude::*;
use std::fmt;

/// GGML types that stay quantised in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantisation {
    Q8_0,
    Q6K,
    Q4K,
}

impl fmt::Display for Quantisation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Quantisation::Q8_0 => "q8_0",
            Quantisation::Q6K => "q6_k",
            Quantisation::Q4K => "q4_k",
        })
    }
}

impl Quantisation {
    /// The type for rows of `input_len` values: Q8_0 where they do not fill blocks of 256.
    fn dtype(self, input_len: usize) -> GgmlDType {
        match self {
            Quantisation::Q6K if input_len.is_multiple_of(256) => GgmlDType::Q6K,
            Quantisation::Q4K if input_len.is_multiple_of(256) => GgmlDType::Q4K,
            _ => GgmlDType::Q8_0,
        }
    }
}

/// Quantises what another source gives.
pub struct QuantisedWeights<'a> {
    pub source: &'a mut dyn WeightSource,
    pub quantisation: Quantisation,
}

impl QuantisedWeights<'_> {
    fn quantised(&self, matrix: &StoredMatrix) -> Result<StoredMatrix> {
        /// Rows that one thread quantises at a time.
        const ROW_COUNT: usize = 64;
        let (row_count, input_len) = matrix.dims();
        let dtype = self.quantisation.dtype(input_len);
        let quantise = |start: usize| -> Result<Vec<u8>> {
            let mut bytes = Vec::new();
            matrix.read(start..row_count.min(start + ROW_COUNT), &mut bytes)?;
            let values = matrix.format().to_f32(&bytes, input_len)?;
            let shape = (values.len() / input_len, input_len);
            let rows = Tensor::from_vec(values, shape, &Device::Cpu)?;
            Ok(QTensor::quantize(&rows, dtype)?.data()?.into_owned())
        };
        let starts: Vec<usize> = (0..row_count).step_by(ROW_COUNT).collect();
        let bytes = starts.into_par_iter().map(quantise).collect::<Result<Vec<_>>>()?.concat();
        Ok(StoredMatrix::in_memory(row_count, input_len, StoredFormat::Ggml(dtype), bytes))
    }

    fn projection(&self, part: Projection) -> Result<Projection> {
        Ok(Projection { weight: self.quantised(&part.weight)?, bias: part.bias })
    }
}

impl WeightSource for QuantisedWeights<'_> {
    fn embedding_and_lm_head(&mut self) -> Result<(StoredMatrix, Option<StoredMatrix>)> {
        let (embedding, lm_head) = self.source.embedding_and_lm_head()?;
        let lm_head = lm_head.map(|lm_head| self.quantised(&lm_head)).transpose()?;
        Ok((self.quantised(&embedding)?, lm_head))
    }

    fn layer(&mut self, index: usize) -> Result<LayerWeights> {
        let layer = self.source.layer(index)?;
        Ok(LayerWeights {
            query: self.projection(layer.query)?,
            key: self.projection(layer.key)?,
            value: self.projection(layer.value)?,
            output: self.projection(layer.output)?,
            gate: self.projection(layer.gate)?,
            up: self.projection(layer.up)?,
            down: self.projection(layer.down)?,
            ..layer
        })
    }

    fn final_norm(&mut self) -> Result<Tensor> {
        self.source.final_norm()
    }
}
