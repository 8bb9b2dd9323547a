//! Surveys as plain values: scales, items, personas, distributions, human marginals.
//! No files, no text rendering, no tensors.

mod distribution;
mod instrument;
mod scale;

pub use distribution::{Marginal, ResponseDistribution};
pub use instrument::{Item, Language, Persona};
pub use scale::{ResponseOption, ResponseScale};
