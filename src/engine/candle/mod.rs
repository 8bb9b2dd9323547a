//! The engine in plain candle operations, on any device: what runs on GPUs, and what the packed path is held against.

mod attention;
mod decoder;
mod dense_attention;
mod layer;
mod parts;
mod rope;

pub use decoder::{CandleDecoder, KvStack};
