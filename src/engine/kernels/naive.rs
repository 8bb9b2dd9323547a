//! The naive twins of the kernels: one multiply-add after the other, on values as the kernels see them.

use super::isa::Level;
use super::linear::{Arithmetic, Kernel};
use half::bf16;

/// The `index`-th value along the depth that a word of an operand holds.
pub fn word_value(kernel: Kernel, word: u32, index: usize) -> f32 {
    match kernel.arithmetic() {
        Arithmetic::F32 => f32::from_bits(word),
        Arithmetic::Bf16 => bf16::from_bits((word >> (16 * index)) as u16).to_f32(),
    }
}

/// The naive twin of the kernel: one row times one column, in the kernel's own order, so that the bits agree (for bf16 where
/// no number on the way is denormal).
pub fn dot(kernel: Kernel, row: impl Fn(usize) -> f32, column: impl Fn(usize) -> f32, depth: usize) -> f32 {
    let is_fused = kernel.isa().0 != Level::Portable;
    let add = |sum: f32, at: usize| match is_fused {
        true => row(at).mul_add(column(at), sum),
        false => sum + row(at) * column(at),
    };
    match kernel.arithmetic() {
        Arithmetic::F32 => (0..depth).fold(0.0, add),
        Arithmetic::Bf16 => (0..depth).step_by(2).fold(0.0, |sum, at| {
            let sum = if at + 1 < depth { add(sum, at + 1) } else { sum };
            add(sum, at)
        }),
    }
}
