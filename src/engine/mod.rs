//! Prefill of packed batches through a decoder: tensors in between, readouts out. Knows nothing of surveys or text.
//!
//! Every family is one [`DecoderConfig`] and one [`DecoderWeights`]; there is one forward. Rows of a batch are tokens of a
//! prefix trie, keys and values are a stack of rows, and a row attends along its own path.

mod attention;
mod config;
mod decoder;
mod device;
mod prefill;
mod readout;
mod rope;

pub use config::{DecoderConfig, Llama3Scaling, RopeConfig};
pub use decoder::{Decoder, DecoderWeights, LayerWeights, Projection};
pub use device::{EngineDevice, describe_device};
pub use prefill::{BatchReadouts, Prefill, ReadoutRequest};
pub use readout::{ReadoutLogits, ReadoutSettings, check_temperatures};

/// Names the arithmetic in results: plain candle operations in f32.
pub const KERNEL: &str = "candle-portable-f32";

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
