//! People asked again: samples of as many people as responded, drawn item by item from counts, or person by person where each one's
//! responses are known; and people split into halves. Knows no metric.

use super::stream::{Multinomial, stream};
use super::unit::ComparisonPlan;
use crate::survey::{Marginal, Participants};
use rand::RngCore;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// What the streams of whole people are keyed by in the place of an item; no item's id has a tab.
const PEOPLE: &str = "\tpeople";
const HALVES: &str = "\thalves";

/// Pairs of samples of the people of one group and item.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Draws {
    /// Option shares; \[R, K\].
    pub rows: Vec<f64>,
    /// A second sample beside each; \[R, K\].
    pub twins: Vec<f64>,
}

impl Draws {
    /// From the counts of one item. The stream is keyed by the plan's seed, the group and the item; its first draws are the same
    /// whatever the number of replicates.
    pub(super) fn of_counts(marginal: &Marginal, plan: &ComparisonPlan) -> Self {
        let option_count = marginal.counts.len();
        let survey = Multinomial::new(&marginal.counts, marginal.n().round() as usize);
        let mut random = stream(plan.seed, &marginal.population_group, &marginal.item);
        let mut rows = vec![0.0; plan.replicate_count * option_count];
        let mut twins = rows.clone();
        for (row, twin) in rows.chunks_exact_mut(option_count).zip(twins.chunks_exact_mut(option_count)) {
            survey.draw(&mut random, row);
            survey.draw(&mut random, twin);
        }
        Draws { rows, twins }
    }

    /// From all people of a group, each drawn with all that they responded and with their weight: what goes together in people goes
    /// together in samples. One for each of `items`, given with their option counts, all of which somebody responded to.
    ///
    /// Replicate r has a stream of its own, keyed by the plan's seed and the group: it does not depend on which items are asked for. Where
    /// nobody of a sample responded to an item, people are drawn for it alone from those who did.
    pub(super) fn of_people(
        people: &Participants,
        items: &[(&str, usize)],
        plan: &ComparisonPlan,
    ) -> Vec<Self> {
        let sample = |random: &mut ChaCha8Rng, index: usize| {
            let times = times_drawn(people.count(), random);
            let of_item = |(item, option_count): &(&str, usize)| {
                people.shares(item, *option_count, &times).unwrap_or_else(|| {
                    let mut random = stream_of(plan.seed, &people.population_group, item, index);
                    of_respondents(people, item, *option_count, &mut random)
                })
            };
            items.iter().map(of_item).collect::<Vec<_>>()
        };
        let pair = |index: usize| {
            let mut random = stream_of(plan.seed, &people.population_group, PEOPLE, index);
            [2 * index, 2 * index + 1].map(|index| sample(&mut random, index))
        };
        let pairs: Vec<[Vec<Vec<f64>>; 2]> = (0..plan.replicate_count).into_par_iter().map(pair).collect();
        let side = |item: usize, side: usize| {
            pairs.iter().flat_map(|pair| &pair[side][item]).copied().collect::<Vec<f64>>()
        };
        (0..items.len()).map(|item| Draws { rows: side(item, 0), twins: side(item, 1) }).collect()
    }
}

/// People split into halves at random, again and again.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Halves {
    /// By split the option shares of the two halves; `None` where nobody of one of them responded; \[S\].
    pub splits: Vec<Option<[Vec<f64>; 2]>>,
}

impl Halves {
    /// As many splits as there are replicates; one of people whose number is odd has one more in the second half. Each has a stream of its
    /// own, as above.
    pub(super) fn of_people(
        people: &Participants,
        items: &[(&str, usize)],
        plan: &ComparisonPlan,
    ) -> Vec<Self> {
        let split = |index: usize| {
            let mut random = stream_of(plan.seed, &people.population_group, HALVES, index);
            let first = half(people.count(), &mut random);
            let second: Vec<f64> = first.iter().map(|times| 1.0 - times).collect();
            let of_item = |(item, option_count): &(&str, usize)| {
                Some([
                    people.shares(item, *option_count, &first)?,
                    people.shares(item, *option_count, &second)?,
                ])
            };
            items.iter().map(of_item).collect::<Vec<_>>()
        };
        let mut by_split: Vec<Vec<Option<[Vec<f64>; 2]>>> =
            (0..plan.replicate_count).into_par_iter().map(split).collect();
        (0..items.len())
            .map(|item| Halves { splits: by_split.iter_mut().map(|split| split[item].take()).collect() })
            .collect()
    }
}

/// A stream for each replicate of one group's people.
pub(super) fn stream_of(seed: u64, population_group: &str, what: &str, index: usize) -> ChaCha8Rng {
    let mut random = stream(seed, population_group, what);
    random.set_stream(index as u64 + 1);
    random
}

/// How often each of `count` people is among as many drawn with replacement.
pub(super) fn times_drawn(count: usize, random: &mut impl RngCore) -> Vec<f64> {
    let mut times = vec![0.0; count];
    for _ in 0..count {
        times[below(count, random)] += 1.0;
    }
    times
}

/// A number below `count`, by a multiplication: one is more probable than another by count / 2³² at most.
fn below(count: usize, random: &mut impl RngCore) -> usize {
    ((u64::from(random.next_u32()) * count as u64) >> 32) as usize
}

/// 1 for half of the people, 0 for the others.
fn half(count: usize, random: &mut impl RngCore) -> Vec<f64> {
    let mut order: Vec<usize> = (0..count).collect();
    let mut times = vec![0.0; count];
    for place in 0..count / 2 {
        order.swap(place, place + below(count - place, random));
        times[order[place]] = 1.0;
    }
    times
}

/// Shares of as many people as responded, drawn from them.
///
/// # Panics
/// When nobody did.
fn of_respondents(
    people: &Participants,
    item: &str,
    option_count: usize,
    random: &mut impl RngCore,
) -> Vec<f64> {
    let responses = &people.responses[item];
    let responded: Vec<usize> = (0..people.count()).filter(|person| responses[*person].is_some()).collect();
    let mut times = vec![0.0; people.count()];
    for _ in 0..responded.len() {
        times[responded[below(responded.len(), random)]] += 1.0;
    }
    people.shares(item, option_count, &times).expect("somebody responded")
}
