//! Quantiles, tests and their correction for number: what says whether a difference is more than chance. Plain numbers.

mod false_discovery;
mod multinomial_test;
mod student;
#[cfg(test)]
mod tests;

pub use false_discovery::adjusted_p_values;
pub use multinomial_test::{MultinomialTest, multinomial_test};
pub(super) use student::quantile as student_quantile;
