//! The estimate of a contrast in each of its strata, and the interval around it.

use super::quantity::evaluate;
use super::resample::{Replicate, Resampler};
use super::{ContrastCell, PeopleSample};
use crate::compare::bootstrap::Interval;
use crate::compare::quantile::quantile;
use crate::error::{Error, Result};
use crate::survey::Quantity;
use rayon::prelude::*;

/// Replicates in which some side has no cell left are left out; with more than this share of them there is no interval.
const EMPTY_SHARE_MAX: f64 = 0.2;

/// What is contrasted, and how uncertainty is worked out.
#[derive(Debug, Clone, PartialEq)]
pub struct ContrastPlan {
    /// Keys the random stream.
    pub id: String,
    pub quantity: Quantity,
    /// A sign for each side: the estimate is the sum of the sides' means, each times its sign.
    pub signs: Vec<f64>,
    pub stratum_count: usize,
    pub replicate_count: usize,
    pub seed: u64,
    /// Mass inside each interval, e.g. 0.95.
    pub level: f64,
}

/// A contrast in one stratum.
#[derive(Debug, Clone, PartialEq)]
pub struct ContrastEstimate {
    /// `None` where some side has no usable cell.
    pub value: Option<f64>,
    /// `None` too where resampling empties a side too often.
    pub interval: Option<Interval>,
    pub cell_count: usize,
    pub unusable_count: usize,
    /// Distinct items and prompts among the usable cells.
    pub item_count: usize,
    pub prompt_count: usize,
}

/// Estimates a contrast, and its basic bootstrap interval (Davison & Hinkley 1997, section 5.2).
///
/// A model asked once more says the same, so what is uncertain is which items and which wordings were asked, and which people
/// responded. Items and prompts are crossed, and resampled independently of each other, each cell counting as often as its item
/// times its prompt (the pigeonhole bootstrap, Owen 2007, doi:10.1214/07-AOAS122, which errs on the side of wide intervals);
/// people are resampled within group and item. Cells of a side are averaged with these weights. Strata share the same draws.
/// An item alone in its place cannot vary: with one item, or one prompt, the interval says nothing about others.
///
/// # Errors
/// Kind `HumanData` where a cell's people have no count, or counts over other options.
///
/// # Panics
/// When a cell names a stratum, side or people that is not there.
pub fn contrast(
    plan: &ContrastPlan,
    cells: &[ContrastCell],
    people: &[PeopleSample],
) -> Result<Vec<ContrastEstimate>> {
    for sample in people {
        let total: f64 = sample.counts.iter().sum();
        if !(total.is_finite() && total > 0.0) || sample.counts.iter().any(|count| *count < 0.0) {
            return Err(Error::human_data("a contrast is held against nobody"));
        }
    }
    for (distribution, index) in
        cells.iter().filter_map(|cell| Some((cell.distribution.as_ref()?, cell.people?)))
    {
        if people[index].counts.len() != distribution.len() {
            return Err(Error::human_data("people were asked with other options than the model"));
        }
    }
    let observed = observed(cells, people);
    let values = estimates(plan, cells, &observed);
    let resampler = Resampler::new(&plan.id, cells, people, plan.seed);
    let replicates: Vec<Vec<Option<f64>>> = (0..plan.replicate_count)
        .into_par_iter()
        .map(|index| estimates(plan, cells, &resampler.draw(index)))
        .collect();
    let estimate = |(stratum, value): (usize, Option<f64>)| {
        let drawn: Vec<f64> = replicates.iter().filter_map(|values| values[stratum]).collect();
        let enough = drawn.len() as f64 >= (1.0 - EMPTY_SHARE_MAX) * plan.replicate_count as f64;
        let interval = value.filter(|_| enough).and_then(|value| interval(value, drawn, plan.level));
        ContrastEstimate { value, interval, ..counted(cells, stratum) }
    };
    Ok(values.into_iter().enumerate().map(estimate).collect())
}

/// Everything once, people as they responded.
fn observed(cells: &[ContrastCell], people: &[PeopleSample]) -> Replicate {
    let count = |of: fn(&ContrastCell) -> usize| cells.iter().map(|cell| of(cell) + 1).max().unwrap_or(0);
    let shares = |sample: &PeopleSample| {
        let total: f64 = sample.counts.iter().sum();
        sample.counts.iter().map(|count| count / total).collect()
    };
    Replicate {
        item_counts: vec![1.0; count(|cell| cell.item)],
        prompt_counts: vec![1.0; count(|cell| cell.prompt)],
        people: people.iter().map(shares).collect(),
    }
}

/// By stratum.
fn estimates(plan: &ContrastPlan, cells: &[ContrastCell], replicate: &Replicate) -> Vec<Option<f64>> {
    let side_count = plan.signs.len();
    let mut sums = vec![(0.0, 0.0); plan.stratum_count * side_count];
    for cell in cells {
        let weight = replicate.item_counts[cell.item] * replicate.prompt_counts[cell.prompt];
        let Some(distribution) = cell.distribution.as_ref().filter(|_| weight > 0.0) else { continue };
        let people = cell.people.map(|index| replicate.people[index].as_slice());
        let Some(value) = evaluate(plan.quantity, cell, distribution, people) else { continue };
        let (sum, total) = &mut sums[cell.stratum * side_count + cell.side];
        *sum += weight * value;
        *total += weight;
    }
    let of_stratum = |sides: &[(f64, f64)]| {
        let terms = sides
            .iter()
            .zip(&plan.signs)
            .map(|((sum, total), sign)| (*total > 0.0).then(|| sign * sum / total));
        terms.sum::<Option<f64>>()
    };
    sums.chunks_exact(side_count).map(of_stratum).collect()
}

fn interval(value: f64, mut drawn: Vec<f64>, level: f64) -> Option<Interval> {
    let tail = 0.5 * (1.0 - level);
    let (low, high) = (quantile(&mut drawn, tail)?, quantile(&mut drawn, 1.0 - tail)?);
    Some(Interval { low: 2.0 * value - high, high: 2.0 * value - low })
}

fn counted(cells: &[ContrastCell], stratum: usize) -> ContrastEstimate {
    let of_stratum = || cells.iter().filter(move |cell| cell.stratum == stratum);
    let usable = || of_stratum().filter(|cell| cell.distribution.is_some());
    let distinct = |of: fn(&ContrastCell) -> usize| {
        usable().map(of).collect::<std::collections::BTreeSet<usize>>().len()
    };
    ContrastEstimate {
        value: None,
        interval: None,
        cell_count: of_stratum().count(),
        unusable_count: of_stratum().count() - usable().count(),
        item_count: distinct(|cell| cell.item),
        prompt_count: distinct(|cell| cell.prompt),
    }
}
