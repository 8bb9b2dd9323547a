//! Responses averaged over option orders: what of a response does not hang on where its option was shown. Plain numbers.

use super::hypotheses::CellResponse;
use crate::compare::SHARP_MASS;
use crate::compare::concentration::{effective_option_count, modal_mass, normalised_entropy};
use crate::output::records::OverOrdersCard;
use crate::prompts::Cell;
use std::collections::BTreeMap;

/// Everything but the order; temperature by its bits.
type Key = ([usize; 5], u64);

fn key(response: &CellResponse) -> Key {
    let Cell { persona_index, item_index, language_index, format_index, wording_index, .. } = response.cell;
    ([persona_index, item_index, language_index, format_index, wording_index], response.temperature.to_bits())
}

/// One response for those that differ in order alone, in the place of the first of them: the mean of their distributions, and unusable where
/// any of them is, for a mean over some of the orders would hang on which they are.
pub fn over_orders(responses: &[CellResponse]) -> Vec<CellResponse> {
    let mut places: BTreeMap<Key, usize> = BTreeMap::new();
    let mut found: Vec<(CellResponse, f64)> = Vec::new();
    for response in responses {
        let next = found.len();
        match *places.entry(key(response)).or_insert(next) {
            place if place == next => found.push((response.clone(), 1.0)),
            place => {
                let (sum, count) = &mut found[place];
                *count += 1.0;
                match (&mut sum.distribution, &response.distribution) {
                    (Some(sum), Some(more)) => {
                        sum.iter_mut().zip(more).for_each(|(sum, share)| *sum += share)
                    }
                    (sum, _) => *sum = None,
                }
            }
        }
    }
    let mean = |(mut response, count): (CellResponse, f64)| {
        response.distribution.iter_mut().flatten().for_each(|share| *share /= count);
        response
    };
    found.into_iter().map(mean).collect()
}

/// How concentrated distributions are, each a mean over option orders and wordings, as they come.
#[derive(Debug, Clone, Default)]
pub struct OverOrdersTally(OverOrdersCard);

impl OverOrdersTally {
    pub fn add(&mut self, distribution: &[f64]) {
        let sums = &mut self.0;
        sums.response_count += 1;
        sums.sharp_share += f64::from(u8::from(modal_mass(distribution) > SHARP_MASS));
        sums.normalised_entropy += normalised_entropy(distribution);
        sums.effective_option_count += effective_option_count(distribution);
        sums.modal_mass += modal_mass(distribution);
    }

    /// Means; `None` where there were none.
    pub fn card(&self) -> Option<OverOrdersCard> {
        let (sums, count) = (&self.0, self.0.response_count as f64);
        (sums.response_count > 0).then(|| OverOrdersCard {
            response_count: sums.response_count,
            sharp_share: sums.sharp_share / count,
            normalised_entropy: sums.normalised_entropy / count,
            effective_option_count: sums.effective_option_count / count,
            modal_mass: sums.modal_mass / count,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompts::OptionOrder;

    fn response(item_index: usize, order: OptionOrder, distribution: Option<[f64; 2]>) -> CellResponse {
        let cell = Cell {
            persona_index: 0,
            item_index,
            language_index: 0,
            format_index: 0,
            order,
            wording_index: 0,
        };
        CellResponse { cell, temperature: 1.0, distribution: distribution.map(|shares| shares.to_vec()) }
    }

    #[test]
    fn what_is_shown_first_is_nobodys_opinion() {
        let responses = [
            response(0, OptionOrder::Forward, Some([1.0, 0.0])),
            response(1, OptionOrder::Forward, Some([0.5, 0.5])),
            response(0, OptionOrder::Reversed, Some([0.0, 1.0])),
            response(1, OptionOrder::Reversed, None),
        ];
        let found = over_orders(&responses);
        assert_eq!(found.iter().map(|one| one.cell.item_index).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(found[0].distribution, Some(vec![0.5, 0.5]));
        assert_eq!(found[1].distribution, None, "half of the orders is not the mean over them");
        let mut tally = OverOrdersTally::default();
        assert_eq!(tally.card(), None);
        found.iter().filter_map(|one| one.distribution.as_deref()).for_each(|shares| tally.add(shares));
        let card = tally.card().unwrap();
        assert_eq!((card.response_count, card.sharp_share, card.normalised_entropy), (1, 0.0, 1.0));
    }
}
