//! Exponentials, logarithms, powers and angles, by one library in Rust. What std offers is the C library's, of which every system
//! and some CPUs have one of their own, with last digits of their own: a run would not come to the same bytes elsewhere. Square
//! roots are exact everywhere. (statrs's quantiles, behind intervals in manifests, are not of this kind; what tables hold is.) Knows what a number is, and
//! nothing else.

pub fn exp(x: f64) -> f64 {
    libm::exp(x)
}

/// exp(x) − 1, without loss near 0.
pub fn exp_m1(x: f64) -> f64 {
    libm::expm1(x)
}

pub fn ln(x: f64) -> f64 {
    libm::log(x)
}

pub fn log2(x: f64) -> f64 {
    libm::log2(x)
}

pub fn log10(x: f64) -> f64 {
    libm::log10(x)
}

pub fn pow(base: f64, exponent: f64) -> f64 {
    libm::pow(base, exponent)
}

/// ln Γ(x), for x > 0.
pub fn ln_gamma(x: f64) -> f64 {
    libm::lgamma(x)
}

pub fn exp_f32(x: f32) -> f32 {
    libm::expf(x)
}

pub fn sin_f32(radians: f32) -> f32 {
    libm::sinf(radians)
}

pub fn cos_f32(radians: f32) -> f32 {
    libm::cosf(radians)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_is_what_the_c_library_has_but_for_the_last_digits(
            x in -700f64..700.0, decimals in -300f64..0.0, angle in -1e4f32..1e4,
        ) {
            let share = 10f64.powf(decimals);
            let close = |found: f64, expected: f64| (found - expected).abs() <= 2.0 * f64::EPSILON * expected.abs();
            prop_assert!(close(exp(x), x.exp()) && close(exp_m1(-share), (-share).exp_m1()));
            prop_assert!(close(ln(share), share.ln()) && close(log2(share), share.log2()));
            prop_assert!(close(log10(share), share.log10()) && close(pow(share, 0.3), share.powf(0.3)));
            let close = |found: f32, expected: f32| (found - expected).abs() <= 2.0 * f32::EPSILON;
            prop_assert!(close(sin_f32(angle), angle.sin()) && close(cos_f32(angle), angle.cos()));
            let x = x as f32 / 10.0;
            prop_assert!((exp_f32(x) / x.exp() - 1.0).abs() <= 2.0 * f32::EPSILON);
        }
    }
}
