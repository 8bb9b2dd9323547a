//! Readout logits to response distributions. Knows nothing of people, files or tensors.

mod battery;
mod cell;
mod premise;
mod probe;
mod tokens;
mod verbalised;

pub use battery::{BatteryNode, read_battery};
pub use cell::log_probs;
pub use cell::{CellReading, MassThresholds, ReadingStatus, read_cell};
pub use premise::premise_normalised;
pub use probe::OptionProbe;
pub use tokens::{NUCLEUS_MASS, TokenReading, read_tokens};
pub use verbalised::{VerbalisedReading, read_verbalised};
