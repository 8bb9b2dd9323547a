//! The estimate of a contrast in each of its strata, and the intervals around it.

use super::matching::averaged;
use super::quantity::evaluate;
use super::resample::Resampler;
use super::{ContrastCell, PeopleSample};
use crate::compare::bootstrap::Interval;
use crate::compare::significance::student_quantile;
use crate::error::{Error, Result};
use crate::survey::{Factor, Quantity};
use rayon::prelude::*;
use std::collections::BTreeSet;

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
    /// Factors that are not drawn again: the claim is about their levels as they are.
    pub fixed: Vec<Factor>,
    pub replicate_count: usize,
    pub seed: u64,
    /// Mass inside an interval, e.g. 0.95.
    pub level: f64,
}

impl ContrastPlan {
    /// Mass inside an interval of one stratum such that all hold together at `level` (Bonferroni).
    pub fn joint_level(&self) -> f64 {
        1.0 - (1.0 - self.level) / self.stratum_count as f64
    }
}

/// A contrast in one stratum.
#[derive(Debug, Clone, PartialEq)]
pub struct ContrastEstimate {
    /// `None` where some side has no cell to average.
    pub value: Option<f64>,
    /// At the plan's level, and at its joint level. `None` too where nothing can vary, or resampling empties a side too often.
    pub interval: Option<Interval>,
    pub joint_interval: Option<Interval>,
    pub cell_count: usize,
    /// Cells that were unusable, or whose counterpart on another side was.
    pub left_out_count: usize,
    /// The largest share of left out cells on a side.
    pub left_out_share_max: f64,
    /// Distinct ones among the averaged cells.
    pub item_count: usize,
    pub variable_count: usize,
    pub situation_count: usize,
    pub prompt_count: usize,
}

/// Estimates a contrast, and its intervals.
///
/// A model asked once more says the same, so what is uncertain is what could have been asked instead, and which people responded.
/// Variables, situations and prompts are crossed. Each is drawn again by itself, whole levels at a time among those on the same sides
/// (see the resampler), and so are people within group, and item unless participants are known; the variances of the four add up. That is the cluster-robust
/// variance in three ways (Cameron, Gelbach & Miller 2011, doi:10.1198/jbes.2010.07136) without the terms that it takes off for
/// what two factors share, which makes it too wide rather than too narrow. The interval is Student's around the estimate less the
/// bias that drawing people shows, with the degrees of freedom of Satterthwaite (1946, doi:10.2307/3002019): a factor of n levels on
/// a side has n − 1, people have no end of them. Strata share draws.
///
/// A factor with one level on a side cannot vary there, nor can one that the plan holds fixed: the interval says nothing of others
/// that could have stood in its place. Where nothing can vary, there is no interval.
///
/// # Errors
/// Kind `HumanData` where a cell's people have no count, or counts over other options.
///
/// # Panics
/// When a cell names a stratum, side or people that is not there.
pub fn contrast(
    plan: &ContrastPlan,
    cells: &[ContrastCell],
    people: &[PeopleSample<'_>],
) -> Result<Vec<ContrastEstimate>> {
    check_people(cells, people)?;
    let kept = averaged(cells);
    let shares: Vec<Vec<f64>> = people.iter().map(shares).collect();
    let values = cell_values(plan, cells, &kept, &shares);
    let everything = |_: &ContrastCell| 1.0;
    let estimates = estimates(plan, cells, &values, everything);
    let spreads = spreads(plan, cells, people, &kept, &values, &estimates);
    let estimate = |(stratum, value): (usize, Option<f64>)| {
        let interval = |level| value.and_then(|value| spreads[stratum].as_ref()?.interval(value, level));
        ContrastEstimate {
            value,
            interval: interval(plan.level),
            joint_interval: interval(plan.joint_level()),
            ..counted(plan, cells, &kept, stratum)
        }
    };
    Ok(estimates.into_iter().enumerate().map(estimate).collect())
}

fn check_people(cells: &[ContrastCell], people: &[PeopleSample]) -> Result<()> {
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
    Ok(())
}

fn shares(sample: &PeopleSample) -> Vec<f64> {
    let total: f64 = sample.counts.iter().sum();
    sample.counts.iter().map(|count| count / total).collect()
}

/// The quantity of each cell that is averaged.
fn cell_values(
    plan: &ContrastPlan,
    cells: &[ContrastCell],
    kept: &[bool],
    people: &[Vec<f64>],
) -> Vec<Option<f64>> {
    let value = |(cell, kept): (&ContrastCell, &bool)| {
        let distribution = cell.distribution.as_ref().filter(|_| *kept)?;
        let people = cell.people.map(|index| people[index].as_slice());
        evaluate(plan.quantity, cell, distribution, people)
    };
    cells.iter().zip(kept).map(value).collect()
}

/// By stratum: the sum of the sides' weighted means, each times its sign.
fn estimates(
    plan: &ContrastPlan,
    cells: &[ContrastCell],
    values: &[Option<f64>],
    weight_of: impl Fn(&ContrastCell) -> f64,
) -> Vec<Option<f64>> {
    let side_count = plan.signs.len();
    let mut sums = vec![(0.0, 0.0); plan.stratum_count * side_count];
    for (cell, value) in cells.iter().zip(values) {
        let Some(value) = value else { continue };
        let weight = weight_of(cell);
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

/// How uncertain an estimate is.
struct Spread {
    variance: f64,
    /// `None`: no end of them.
    degrees_of_freedom: Option<f64>,
    bias: f64,
}

impl Spread {
    fn interval(&self, value: f64, level: f64) -> Option<Interval> {
        let quantile = student_quantile(0.5 * (1.0 + level), self.degrees_of_freedom)?;
        let (middle, reach) = (value - self.bias, quantile * self.variance.sqrt());
        (middle.is_finite() && reach.is_finite())
            .then_some(Interval { low: middle - reach, high: middle + reach })
    }
}

/// By stratum; `None` where there is nothing to go by.
fn spreads(
    plan: &ContrastPlan,
    cells: &[ContrastCell],
    people: &[PeopleSample],
    kept: &[bool],
    values: &[Option<f64>],
    estimates_observed: &[Option<f64>],
) -> Vec<Option<Spread>> {
    let resampler = Resampler::new(plan, cells, people);
    let replicates = |draw: &(dyn Fn(usize) -> Vec<Option<f64>> + Sync)| -> Vec<Vec<Option<f64>>> {
        (0..plan.replicate_count).into_par_iter().map(draw).collect()
    };
    let of_factor = |factor| {
        let drawn = replicates(&|index| {
            let weights = resampler.draw_levels(factor, index);
            estimates(plan, cells, values, |cell| weights[cell.level(factor)])
        });
        (factor, drawn)
    };
    let by_factor: Vec<(Factor, _)> = resampler.factors().map(of_factor).collect();
    let of_people = (!people.is_empty()).then(|| {
        replicates(&|index| {
            let values = cell_values(plan, cells, kept, &resampler.draw_people(index));
            estimates(plan, cells, &values, |_| 1.0)
        })
    });
    let spread = |(stratum, value): (usize, &Option<f64>)| {
        let mut spread = Spread { variance: 0.0, degrees_of_freedom: None, bias: 0.0 };
        let (mut varies, mut shared) = (false, 0.0);
        for (factor, replicates) in &by_factor {
            let freedom = resampler.freedom(*factor, stratum);
            if freedom > 0 {
                let (_, variance) = moments(replicates, stratum)?;
                varies = true;
                spread.variance += variance;
                shared += variance * variance / freedom as f64;
            }
        }
        if let Some(replicates) = &of_people {
            let (mean, variance) = moments(replicates, stratum)?;
            varies = true;
            spread.variance += variance;
            spread.bias = mean - (*value)?;
        }
        spread.degrees_of_freedom = (shared > 0.0).then(|| spread.variance * spread.variance / shared);
        varies.then_some(spread)
    };
    estimates_observed.iter().enumerate().map(spread).collect()
}

/// Mean and unbiased variance of a stratum's replicates.
fn moments(replicates: &[Vec<Option<f64>>], stratum: usize) -> Option<(f64, f64)> {
    let drawn: Vec<f64> = replicates.iter().filter_map(|values| values[stratum]).collect();
    let n = drawn.len() as f64;
    if drawn.len() < 2 || n < (1.0 - EMPTY_SHARE_MAX) * replicates.len() as f64 {
        return None;
    }
    let mean = drawn.iter().sum::<f64>() / n;
    let squares: f64 = drawn.iter().map(|value| (value - mean).powi(2)).sum();
    Some((mean, squares / (n - 1.0)))
}

fn counted(plan: &ContrastPlan, cells: &[ContrastCell], kept: &[bool], stratum: usize) -> ContrastEstimate {
    let here = || cells.iter().zip(kept).filter(move |(cell, _)| cell.stratum == stratum);
    let left_out = |side: Option<usize>| {
        let of_side = || here().filter(move |(cell, _)| side.is_none_or(|side| cell.side == side));
        (of_side().filter(|(_, kept)| !**kept).count(), of_side().count())
    };
    let shares = (0..plan.signs.len()).map(|side| match left_out(Some(side)) {
        (_, 0) => 0.0,
        (left_out, all) => left_out as f64 / all as f64,
    });
    let distinct = |of: &dyn Fn(&ContrastCell) -> (usize, usize)| {
        here().filter(|(_, kept)| **kept).map(|(cell, _)| of(cell)).collect::<BTreeSet<_>>().len()
    };
    ContrastEstimate {
        value: None,
        interval: None,
        joint_interval: None,
        cell_count: left_out(None).1,
        left_out_count: left_out(None).0,
        left_out_share_max: shares.fold(0.0, f64::max),
        item_count: distinct(&|cell| (cell.variable, cell.situation)),
        variable_count: distinct(&|cell| (cell.variable, 0)),
        situation_count: distinct(&|cell| (cell.situation, 0)),
        prompt_count: distinct(&|cell| (cell.prompt, 0)),
    }
}
