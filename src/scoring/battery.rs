//! The response to an item that comes behind others in a conversation, over all that could have been responded to these. Exact: every
//! way is gone through with its probability, nothing is sampled.

use super::OptionProbe;
use super::cell::{CellReading, MassThresholds, log_probs, log_sum_exp};
use crate::engine::ReadoutLogits;
use crate::error::Result;
use std::collections::HashMap;

/// One point of the conversation: which options were chosen so far, and what was read there of the next item.
#[derive(Debug, Clone, Copy)]
pub struct BatteryNode<'a> {
    /// Option indices of the earlier items, in their order.
    pub earlier: &'a [usize],
    pub probe: &'a OptionProbe,
    pub readouts: &'a [ReadoutLogits],
}

/// Reads the last item. `nodes` are those of all items in front of it, from the empty path on, and its own.
///
/// With p(k | r) the probability of option k behind the responses r = (r₁, ..., rₙ), earlier ones being options too:
/// log_probs(k) = ln Σᵣ p(r₁) p(r₂ | r₁) ... p(k | r). So the answer mass is the probability that this response and all before it are options, and
/// the distribution is of this response given that they are. Each temperature has earlier responses of its own.
///
/// # Errors
/// The distribution's own check is passed on.
///
/// # Panics
/// When the nodes on the way to another are not there.
pub fn read_battery(
    nodes: &[BatteryNode],
    temperatures: &[f64],
    thresholds: MassThresholds,
) -> Result<Vec<CellReading>> {
    let depth = nodes.iter().map(|node| node.earlier.len()).max().unwrap_or(0);
    let read = |(index, &temperature): (usize, &f64)| {
        let of_node = |node: &BatteryNode| log_probs(node.probe, node.readouts, index, temperature);
        let by_path: HashMap<&[usize], Vec<f64>> =
            nodes.iter().map(|node| (node.earlier, of_node(node))).collect();
        let before = |path: &[usize]| -> f64 {
            (0..path.len()).map(|place| by_path[&path[..place]][path[place]]).sum()
        };
        let mut terms: Vec<Vec<f64>> = Vec::new();
        for node in nodes.iter().filter(|node| node.earlier.len() == depth) {
            let reached = before(node.earlier);
            let here = &by_path[node.earlier];
            terms.resize(here.len(), Vec::new());
            terms.iter_mut().zip(here).for_each(|(terms, log_prob)| terms.push(reached + log_prob));
        }
        let log_probs = terms.iter().map(|terms| log_sum_exp(terms.iter().copied())).collect();
        CellReading::new(temperature, log_probs, thresholds)
    };
    temperatures.iter().enumerate().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{ReadoutRequest, ReadoutScope, ReadoutSettings};
    use crate::tokens::{Claim, option_events};
    use proptest::prelude::*;

    const THRESHOLDS: MassThresholds = MassThresholds { low: 0.0, unusable: 0.0 };

    /// Options as single tokens.
    fn probe(option_count: usize) -> OptionProbe {
        let claim =
            |id: u32| Claim { option_index: Some(id as usize), surface_form: id.to_string(), ids: vec![id] };
        let names: Vec<String> = (0..option_count).map(|option| option.to_string()).collect();
        let claims: Vec<Claim> = (0..option_count as u32).map(claim).collect();
        OptionProbe::new(option_events(&claims, &names).unwrap())
    }

    fn readout(logits: &[f32], option_count: usize, temperatures: &[f64]) -> Vec<ReadoutLogits> {
        let settings =
            ReadoutSettings { scope: ReadoutScope::Vocabulary, temperatures: temperatures.to_vec() };
        let wanted: Vec<u32> = (0..option_count as u32).collect();
        vec![ReadoutLogits::from_row(logits, &ReadoutRequest::new(&wanted), &settings).unwrap()]
    }

    fn paths(counts: &[usize]) -> Vec<Vec<usize>> {
        counts.iter().fold(vec![Vec::new()], |paths, count| {
            let longer = |path: &Vec<usize>| {
                (0..*count).map(|option| [path.as_slice(), &[option]].concat()).collect::<Vec<_>>()
            };
            paths.iter().flat_map(longer).collect()
        })
    }

    proptest! {
        /// All conversations are written down, each with the softmax of its turns multiplied: those that end in an option are its event.
        #[test]
        fn it_is_the_sum_over_all_conversations(
            counts in proptest::collection::vec(2_usize..4, 1..4),
            seeds in proptest::collection::vec(-4.0_f32..4.0, 160),
            temperature in 0.3_f64..3.0,
        ) {
            let temperatures = [1.0, temperature];
            let vocabulary = 5;
            let all: Vec<Vec<usize>> = (0..counts.len()).flat_map(|depth| paths(&counts[..depth])).collect();
            let row = |place: usize| -> Vec<f32> {
                (0..vocabulary).map(|id| seeds[(place * vocabulary + id) % seeds.len()]).collect()
            };
            let made: Vec<(OptionProbe, Vec<ReadoutLogits>)> = all
                .iter()
                .enumerate()
                .map(|(place, path)| {
                    let count = counts[path.len()];
                    (probe(count), readout(&row(place), count, &temperatures))
                })
                .collect();
            let nodes: Vec<BatteryNode> = all
                .iter()
                .zip(&made)
                .map(|(earlier, (probe, readouts))| BatteryNode { earlier, probe, readouts })
                .collect();
            let found = read_battery(&nodes, &temperatures, THRESHOLDS).unwrap();
            for (reading, temperature) in found.iter().zip(temperatures) {
                let softmax = |path: &[usize], option: usize| {
                    let place = all.iter().position(|known| known == path).unwrap();
                    let weights: Vec<f64> =
                        row(place).iter().map(|logit| (f64::from(*logit) / temperature).exp()).collect();
                    weights[option] / weights.iter().sum::<f64>()
                };
                let mut expected = vec![0.0; counts[counts.len() - 1]];
                for path in paths(&counts) {
                    let p: f64 = (0..path.len()).map(|place| softmax(&path[..place], path[place])).product();
                    expected[path[path.len() - 1]] += p;
                }
                let mass: f64 = expected.iter().sum();
                prop_assert!((reading.answer_mass - mass).abs() < 1e-6, "{} {mass}", reading.answer_mass);
                let shares = reading.distribution.as_ref().unwrap().probabilities();
                prop_assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
                for (option, expected) in expected.iter().enumerate() {
                    prop_assert!((reading.log_probs[option].exp() - expected).abs() < 1e-6);
                    prop_assert!((shares[option] - expected / mass).abs() < 1e-6);
                }
            }
        }
    }
}
