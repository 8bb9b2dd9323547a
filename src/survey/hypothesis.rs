//! What a study claims about its own cells, as plain values: two sides, a number that is averaged over each, and which way they are
//! predicted to differ.

use std::collections::BTreeMap;
use std::fmt;

/// A number made of one cell's distribution, and for some of people's.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// Expected response, as a share of the scale's range; 0..=1.
    Mean,
    /// Shannon entropy over ln K; 0..=1.
    NormalisedEntropy,
    /// The largest share; 1/K..=1.
    ModalMass,
    /// Wasserstein-1 to people over the scale's range; 0..=1.
    Misfit,
    /// The model's less people's: of the first three.
    MeanMinusPeople,
    NormalisedEntropyMinusPeople,
    ModalMassMinusPeople,
}

impl Quantity {
    pub fn needs_people(self) -> bool {
        !matches!(self, Quantity::Mean | Quantity::NormalisedEntropy | Quantity::ModalMass)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Quantity::Mean => "expected response, share of the scale's range",
            Quantity::NormalisedEntropy => "entropy over its greatest, 0 to 1",
            Quantity::ModalMass => "share of the modal option",
            Quantity::Misfit => "Wasserstein-1 to people, share of the scale's range",
            Quantity::MeanMinusPeople => "expected response, model less people, share of the scale's range",
            Quantity::NormalisedEntropyMinusPeople => "entropy over its greatest, model less people",
            Quantity::ModalMassMinusPeople => "share of the modal option, model less people",
        })
    }
}

/// What a hypothesis says of a contrast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Prediction {
    /// It is above the margin.
    Higher,
    /// It is below minus the margin.
    Lower,
    /// It lies outside of the margin, on either side.
    Different,
}

/// Of how many strata a hypothesis speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// It holds in each of them.
    Every,
    /// It holds in one of them at least. Intervals are widened for it (Bonferroni).
    Any,
}

/// What a study could have drawn differently; the three are crossed.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Factor {
    /// What is asked.
    Variable,
    /// What it is asked about.
    Situation,
    /// Language, format and order of the options.
    Prompt,
}

impl Factor {
    pub const ALL: [Factor; 3] = [Factor::Variable, Factor::Situation, Factor::Prompt];
}

/// Property of a cell to the values it may have there. Nothing: every cell.
pub type Selector = BTreeMap<String, Vec<String>>;

/// A contrast under one value of a property less the same under another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Between {
    pub property: String,
    /// First less second; or, where there are none, every other value of the run less its first.
    pub values: Option<(String, String)>,
}

/// A claim that a run decides.
#[derive(Debug, Clone, PartialEq)]
pub struct Hypothesis {
    pub id: String,
    /// A sentence for readers.
    pub claim: String,
    pub quantity: Quantity,
    /// The group whose people the quantity is held against; without, that of each cell's persona.
    pub people_of: Option<String>,
    pub more: Selector,
    /// Without, the estimate is the mean of the one side.
    pub less: Option<Selector>,
    /// Only cells among these.
    pub within: Selector,
    pub between: Option<Between>,
    /// Properties; each combination of their values is a stratum of its own.
    pub for_each: Vec<String>,
    /// Factors that the claim is about as they are, and not as examples of others.
    pub fixed: Vec<Factor>,
    pub reach: Reach,
    pub predicts: Prediction,
    /// The smallest difference that counts, in the quantity's unit.
    pub margin: f64,
}

impl Hypothesis {
    /// Every property that it names.
    pub fn properties(&self) -> impl Iterator<Item = &str> {
        let selectors = [&self.more, &self.within].into_iter().chain(&self.less);
        let selected = selectors.flat_map(BTreeMap::keys);
        let between = self.between.iter().map(|between| &between.property);
        selected.chain(between).chain(&self.for_each).map(String::as_str)
    }
}
