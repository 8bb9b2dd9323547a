//! The naive twins of the kernels: one multiply-add after the other, on values as the kernels see them.

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
    let mut sum = 0f32;
    match kernel.arithmetic() {
        Arithmetic::F32 => {
            for at in 0..depth {
                sum = row(at).mul_add(column(at), sum);
            }
        }
        Arithmetic::Bf16 => {
            for at in (0..depth).step_by(2) {
                if at + 1 < depth {
                    sum = row(at + 1).mul_add(column(at + 1), sum);
                }
                sum = row(at).mul_add(column(at), sum);
            }
        }
    }
    sum
}
