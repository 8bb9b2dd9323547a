//! What is averaged over the cells of a side.

use super::ContrastCell;
use crate::compare::concentration::{modal_mass, normalised_entropy};
use crate::compare::distances::wasserstein_1;
use crate::survey::{Participants, Quantity};

/// The people behind one group and item.
#[derive(Debug, Clone, PartialEq)]
pub struct PeopleSample<'a> {
    /// People per option, in scale order, with a positive sum.
    pub counts: Vec<f64>,
    /// The group's people one by one and the item, where that is known: people are then drawn whole, once for all items.
    pub participants: Option<(&'a Participants, &'a str)>,
}

/// `None` where a quantity that needs people has none.
pub(super) fn evaluate(
    quantity: Quantity,
    cell: &ContrastCell,
    distribution: &[f64],
    people: Option<&[f64]>,
) -> Option<f64> {
    let mean = |shares: &[f64]| shares.iter().zip(&cell.positions).map(|(share, at)| share * at).sum::<f64>();
    Some(match quantity {
        Quantity::Mean => mean(distribution),
        Quantity::NormalisedEntropy => normalised_entropy(distribution),
        Quantity::ModalMass => modal_mass(distribution),
        Quantity::Misfit => wasserstein_1(distribution, people?, &cell.positions),
        Quantity::MeanMinusPeople => mean(distribution) - mean(people?),
        Quantity::NormalisedEntropyMinusPeople => {
            normalised_entropy(distribution) - normalised_entropy(people?)
        }
        Quantity::ModalMassMinusPeople => modal_mass(distribution) - modal_mass(people?),
    })
}
