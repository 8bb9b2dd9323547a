//! A response scale: ordered options, each with a code, a numeric value and a label per language.

use super::Language;
use std::collections::BTreeMap;

/// One option of a scale. Its label depends on the language and lives in [`ResponseScale::labels`].
#[derive(Debug, Clone, PartialEq)]
pub struct ResponseOption {
    /// What the human data calls this option, e.g. `"3"`.
    pub code: String,
    /// Position on the scale, used by means and Wasserstein distances. Strictly increasing along the scale.
    pub value: f64,
}

/// Options in scale order, from the lowest value to the highest.
#[derive(Debug, Clone, PartialEq)]
pub struct ResponseScale {
    pub id: String,
    pub options: Vec<ResponseOption>,
    /// For each language one label per option, in scale order.
    pub labels: BTreeMap<Language, Vec<String>>,
}

impl ResponseScale {
    /// The number of options, K.
    pub fn option_count(&self) -> usize {
        self.options.len()
    }

    /// The options' values, in scale order.
    pub fn values(&self) -> Vec<f64> {
        self.options.iter().map(|option| option.value).collect()
    }
}
