//! The loops that the engine spends its time in, written for each instruction set, behind safe doors. All unsafe code of the
//! crate is in this folder. Knows nothing of models: words, rows, panels, heads.
//!
//! Products stand beside a naive twin that sums in the same order, and agree with it to the bit; attention and reductions are held
//! against plain f64. Soft caps and windows of attention are for families that have them; none of today's does.
#![expect(unsafe_code, reason = "vector instructions and aligned buffers; nowhere else")]

mod attention;
mod isa;
mod lanes;
mod linear;
mod multiply_add;
#[cfg(test)]
mod naive;
pub mod pointwise;
pub mod reduce;
mod rows;
mod tile;
mod unquantise;
mod words;

#[cfg(test)]
mod tests;

pub use attention::{HeadRows, QueryPanel, attend};
pub use isa::Isa;
pub use linear::{Arithmetic, Kernel};
pub use rows::{PackedRows, bf16_word};
pub use unquantise::{CentredPair, Codes, QuantisedPanel};
pub use words::{AlignedWords, MatrixWords};
