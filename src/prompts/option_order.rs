//! The order in which a prompt shows the options. A factor of the design: averaged for a result, its spread is order bias.

use std::fmt;
use std::str::FromStr;

/// Order of presentation relative to the scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
#[serde(try_from = "String")]
pub enum OptionOrder {
    Forward,
    Reversed,
    /// Forward from this many options above the lowest, and round to it; never 0.
    Rotated(u8),
}

impl OptionOrder {
    /// Scale indices in the order in which they are shown.
    pub fn shown(self, option_count: usize) -> Vec<usize> {
        match self {
            OptionOrder::Forward => (0..option_count).collect(),
            OptionOrder::Reversed => (0..option_count).rev().collect(),
            OptionOrder::Rotated(by) => {
                (0..option_count).map(|place| (place + usize::from(by)) % option_count).collect()
            }
        }
    }
}

impl fmt::Display for OptionOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OptionOrder::Forward => f.write_str("forward"),
            OptionOrder::Reversed => f.write_str("reversed"),
            OptionOrder::Rotated(by) => write!(f, "rotated_{by}"),
        }
    }
}

impl FromStr for OptionOrder {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let rotated = || {
            let digits = name.strip_prefix("rotated_").filter(|digits| !digits.starts_with(['0', '+']))?;
            digits.parse().ok().map(OptionOrder::Rotated)
        };
        match name {
            "forward" => Ok(OptionOrder::Forward),
            "reversed" => Ok(OptionOrder::Reversed),
            _ => rotated().ok_or_else(|| {
                format!("unknown option order `{name}`, expected `forward`, `reversed`, `rotated_1`, `rotated_2`, ...")
            }),
        }
    }
}

impl TryFrom<String> for OptionOrder {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        name.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotations_run_round_the_scale() {
        assert_eq!(OptionOrder::Rotated(1).shown(4), [1, 2, 3, 0]);
        assert_eq!(OptionOrder::Rotated(3).shown(4), [3, 0, 1, 2]);
        for name in ["forward", "reversed", "rotated_1", "rotated_25"] {
            assert_eq!(name.parse::<OptionOrder>().unwrap().to_string(), name);
        }
        for name in ["rotated_0", "rotated_", "rotated_01", "rotated_+1", "rotated_256", "Forward"] {
            assert!(name.parse::<OptionOrder>().unwrap_err().contains(name));
        }
    }
}
