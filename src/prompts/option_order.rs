//! The order in which a prompt shows the options. A factor of the design: averaged for a result, its spread is order bias.

use std::fmt;
use std::str::FromStr;

/// Order of presentation relative to the scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum OptionOrder {
    Forward,
    Reversed,
    /// Forward, begun so many options later, what was left out at the end: over all rotations each option stands once in each place.
    Rotated(u8),
}

impl OptionOrder {
    /// Scale indices in the order in which they are shown.
    pub fn shown(self, option_count: usize) -> Vec<usize> {
        let mut shown: Vec<usize> = (0..option_count).collect();
        match self {
            OptionOrder::Forward => {}
            OptionOrder::Reversed => shown.reverse(),
            OptionOrder::Rotated(by) => shown.rotate_left(usize::from(by) % option_count.max(1)),
        }
        shown
    }
}

impl schemars::JsonSchema for OptionOrder {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "OptionOrder".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^(forward|reversed|rotated_[1-9][0-9]{0,2})$" })
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

    fn from_str(text: &str) -> Result<Self, String> {
        let rotated =
            || text.strip_prefix("rotated_")?.parse().ok().filter(|by| *by > 0).map(OptionOrder::Rotated);
        match text {
            "forward" => Ok(OptionOrder::Forward),
            "reversed" => Ok(OptionOrder::Reversed),
            // One spelling each: `rotated_01` is none.
            _ => rotated().filter(|order| order.to_string() == text).ok_or_else(|| {
                format!(
                    "`{}` is not an option order (forward, reversed, rotated_1, ...)",
                    text.escape_debug()
                )
            }),
        }
    }
}

impl TryFrom<String> for OptionOrder {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<OptionOrder> for String {
    fn from(order: OptionOrder) -> Self {
        order.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_all_rotations_each_option_stands_once_in_each_place() {
        let orders: Vec<OptionOrder> = ["forward", "rotated_1", "rotated_2", "rotated_3"]
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
        for place in 0..4 {
            let mut there: Vec<usize> = orders.iter().map(|order| order.shown(4)[place]).collect();
            there.sort_unstable();
            assert_eq!(there, [0, 1, 2, 3]);
        }
        assert_eq!(OptionOrder::Rotated(1).shown(3), [1, 2, 0]);
        for text in ["rotated_0", "rotated_01", "rotated_-1", "rotated_999", "backward"] {
            assert!(text.parse::<OptionOrder>().is_err(), "{text}");
        }
    }
}
