//! Prefill of packed batches through a decoder: tensors in between, readouts out. Knows nothing of surveys or text.
//!
//! Every family is one [`DecoderConfig`] and one [`WeightSource`]. There are two forwards: `packed` on this project's own
//! `kernels`, and its plain twin `candle` in that library's operations. Rows of a batch are tokens
//! of a prefix trie, keys and values are a stack of rows, and a row attends along its own path.

mod candle;
mod config;
mod decoder;
mod device;
mod flops;
pub mod kernels;
mod packed;
mod peak;
mod prefill;
mod ranking;
mod readout;
mod rope;
mod stages;
mod weights;
mod working_set;

pub use config::{
    Activation, DecoderConfig, Experts, FeedForward, LayerConfig, Llama3Scaling, LongRopeScaling, NormKind,
    QueryKeyNorm, Residual, RopeConfig, RopeKind, UniformSizes, YarnScaling,
};
pub use decoder::Decoder;
pub use device::{AUTO_KERNEL, EngineDevice, EngineDtype};
pub use flops::PrefillFlops;
pub use peak::{TilePeak, read_bandwidth};
pub use prefill::{BatchReadouts, Prefill, ReadoutRequest};
pub use ranking::Ranking;
pub use readout::{ReadoutLogits, ReadoutScope, ReadoutSettings, check_temperatures};
pub use stages::EngineStage;
pub use weights::{
    EmbeddingWeights, FeedForwardWeights, GatedWeights, LayerWeights, NormWeights, Projection, SharedExpert,
    StoredFormat, StoredMatrix, StoredRows, WeightSource,
};
pub use working_set::{BatchShape, WorkingSet};

impl From<candle_core::Error> for crate::error::Error {
    /// Tensor failures only arise while a model is loaded or run.
    fn from(source: candle_core::Error) -> Self {
        crate::error::Error::model("tensor operation failed").because(first_line(&source))
    }
}

/// Candle's messages may carry a backtrace behind their first line.
fn first_line(source: &candle_core::Error) -> String {
    source.to_string().lines().next().unwrap_or_default().to_owned()
}
