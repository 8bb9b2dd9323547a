//! The simplest conditions under which something holds: of format, scale and language only those that matter.

use super::readings::Context;
use respondent::error::{Error, Result};
use std::collections::BTreeMap;

/// A condition on a context; `None` where it does not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Condition {
    pub format: Option<usize>,
    pub scale: Option<usize>,
    pub language: Option<usize>,
}

/// Which of format, scale and language may be asked for, fewest first.
const ASKED: [[bool; 3]; 8] = [
    [false, false, false],
    [false, true, false],
    [true, false, false],
    [false, false, true],
    [true, true, false],
    [false, true, true],
    [true, false, true],
    [true, true, true],
];

impl Condition {
    /// All that can be asked of a context.
    pub fn full(context: &Context) -> Self {
        Condition {
            format: Some(context.format),
            scale: Some(context.scale),
            language: Some(context.language),
        }
    }

    fn restricted(self, [format, scale, language]: [bool; 3]) -> Self {
        Condition {
            format: self.format.filter(|_| format),
            scale: self.scale.filter(|_| scale),
            language: self.language.filter(|_| language),
        }
    }
}

/// What follows in each full condition that occurs.
pub type Cases<T> = BTreeMap<Condition, T>;

/// Adds a case.
///
/// # Errors
/// Kind `Study` when another consequence is known for the same condition.
pub fn add_case<T: Clone + Eq>(cases: &mut Cases<T>, context: &Context, consequence: &T) -> Result<()> {
    let known = cases.entry(Condition::full(context)).or_insert_with(|| consequence.clone());
    match known == consequence {
        true => Ok(()),
        false => Err(Error::study(format!("a word means two different things in {context:?}"))),
    }
}

/// Fewer and simpler conditions that agree with every case and exclude each other.
pub fn simplest<T: Clone + Eq>(cases: &Cases<T>) -> Cases<T> {
    let agreeing = |asked: [bool; 3]| {
        let mut rules = Cases::new();
        for (condition, consequence) in cases {
            let known = rules.entry(condition.restricted(asked)).or_insert_with(|| consequence.clone());
            if known != consequence {
                return None;
            }
        }
        Some(rules)
    };
    ASKED.into_iter().find_map(agreeing).expect("the cases themselves are rules that agree")
}
