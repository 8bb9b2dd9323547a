//! Distances between response distributions of models and of people, with their uncertainty.
//! Plain numbers: no files, no tensors, no study beyond the names of groups and items.
//!
//! [`compare`] makes every row: each of the [`Metric`]s for the model and four baselines, item by item and as
//! the mean over a group's items, with a 95 % bootstrap interval over the human sample and a noise floor at
//! its size ([`HumanResample`]), person by person where each one's responses are known; tests that people were drawn from the model; whether means go together; and what personas are worth.

pub mod distances;

pub mod concentration;

pub mod contrasts;

pub mod significance;

mod metric;

mod quantile;

mod stream;

mod draws;

mod halves;

mod replicates;

mod bootstrap;

mod baselines;

mod unit;

mod profile;

mod comparison;

mod condition_means;

mod persona_swap;

mod fit;

mod difference;

mod diversity;

pub use bootstrap::{HumanResample, INTERVAL_LEVEL, Interval, Noise};
pub use comparison::{Compared, compare};
pub use condition_means::{CultureContrast, MeanAgreement};
pub use difference::{Difference, differences};
pub use diversity::{Diversity, DiversityTally, FACTOR_COUNT, SHARP_MASS};
pub use fit::FALSE_DISCOVERY_RATE;
pub use metric::Metric;
pub use persona_swap::{PersonaSwap, Steerability};
pub use unit::{Comparison, ComparisonPlan, Level, ModelUnit, People, Predictor};

#[cfg(test)]
mod tests;
