//! Contrasts between sets of cells, with bootstrap intervals over what was asked, how it was asked, and people: what a hypothesis is
//! decided by. Plain numbers: knows neither a study nor what its sides mean.

mod estimate;
mod matching;
mod quantity;
mod resample;
#[cfg(test)]
mod tests;
mod verdict;

pub use estimate::{ContrastEstimate, ContrastPlan, contrast};
pub use quantity::PeopleSample;
pub use verdict::{Verdict, overall_verdict, stratum_verdict};

use crate::survey::Factor;

/// One cell as a contrast sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct ContrastCell {
    /// Which of the contrast's estimates it goes into.
    pub stratum: usize,
    /// On which side it is; the sides' means are added with the signs of the plan.
    pub side: usize,
    /// Cells with one of these are resampled together.
    pub variable: usize,
    pub situation: usize,
    pub prompt: usize,
    /// Positions of the options on the scale, 0 to 1, rising; shared by all cells of an item.
    pub positions: Vec<f64>,
    /// `None` where the cell was unusable: it is counted and left out.
    pub distribution: Option<Vec<f64>>,
    /// Index of the people it is held against, where the quantity needs any.
    pub people: Option<usize>,
}

impl ContrastCell {
    fn level(&self, factor: Factor) -> usize {
        match factor {
            Factor::Variable => self.variable,
            Factor::Situation => self.situation,
            Factor::Prompt => self.prompt,
        }
    }
}
