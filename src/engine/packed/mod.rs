//! The engine on this project's own kernels, for every CPU: weights packed once, keys and values read in place,
//! logits reduced where they arise. `candle` is the plain twin.

mod attention;
mod decoder;
mod feed_forward;
mod ggml;
mod layer;
mod matrix;
mod norm;
mod panels;
mod plan;
mod quantised;
mod readout;
mod rope_table;
mod session;
mod stack;

pub use decoder::PackedDecoder;
pub use ggml::kept_bytes_per_value;
pub use session::PackedSession;
