//! Surveys as plain values: scales, items, personas, distributions, human marginals, hypotheses.
//! No files, no text rendering, no tensors.

mod distribution;
mod hypothesis;
mod instrument;
mod participants;
mod scale;

pub use distribution::{Marginal, ResponseDistribution};
pub use hypothesis::{Between, Factor, Hypothesis, Prediction, Quantity, Reach, Selector};
pub use instrument::{Item, Language, Persona};
pub use participants::{Participants, effective_n};
pub use scale::{ResponseOption, ResponseScale};
