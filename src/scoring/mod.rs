//! Readout logits to response distributions. Knows nothing of people, files or tensors.

mod cell;
mod probe;

pub use cell::{CellReading, MassThresholds, ReadingStatus, read_cell};
pub use probe::OptionProbe;
