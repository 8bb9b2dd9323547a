//! The order in which a prompt shows the options. A factor of the design: averaged for a result, its spread is order bias.

use std::fmt;

/// Order of presentation relative to the scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptionOrder {
    Forward,
    Reversed,
}

impl OptionOrder {
    /// Scale indices in the order in which they are shown.
    pub fn shown(self, option_count: usize) -> Vec<usize> {
        match self {
            OptionOrder::Forward => (0..option_count).collect(),
            OptionOrder::Reversed => (0..option_count).rev().collect(),
        }
    }
}

impl fmt::Display for OptionOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            OptionOrder::Forward => "forward",
            OptionOrder::Reversed => "reversed",
        })
    }
}
