//! The two ways to make `a · b + sum`. Which of them is an instruction set's own; knows no instruction set.

/// What loops are compiled with.
pub trait MultiplyAdd: Copy {
    fn f32(self, a: f32, b: f32, sum: f32) -> f32;
    fn f64(self, a: f64, b: f64, sum: f64) -> f64;
}

/// Rounded once, where the CPU has an instruction for it. Elsewhere it would be a call.
#[derive(Debug, Clone, Copy)]
pub struct Fused;

/// The product is rounded before it is added.
#[derive(Debug, Clone, Copy)]
pub struct Rounded;

impl MultiplyAdd for Fused {
    #[inline(always)]
    fn f32(self, a: f32, b: f32, sum: f32) -> f32 {
        a.mul_add(b, sum)
    }

    #[inline(always)]
    fn f64(self, a: f64, b: f64, sum: f64) -> f64 {
        a.mul_add(b, sum)
    }
}

impl MultiplyAdd for Rounded {
    #[inline(always)]
    fn f32(self, a: f32, b: f32, sum: f32) -> f32 {
        sum + a * b
    }

    #[inline(always)]
    fn f64(self, a: f64, b: f64, sum: f64) -> f64 {
        sum + a * b
    }
}
