//! The engine in plain candle operations, on any device: what runs on GPUs and on CPUs without vector kernels, and what the
//! packed path is tested against.

mod attention;
mod decoder;
mod dense_attention;
mod layer;
mod parts;
mod rope;

pub use decoder::{KvStack, PortableDecoder};
