//! What the size of the human sample does to a metric: basic bootstrap intervals and the noise floor.
//! One [`HumanResample`] per group and item, drawn once and used for every predictor.

use super::draws::{Draws, Halves};
use super::halves::BetweenHalves;
use super::metric::Metric;
use super::quantile::quantile;
use super::replicates::Replicates;
use super::unit::ComparisonPlan;
use crate::error::{Error, Result};
use crate::survey::Marginal;

/// The mass inside an interval, and the level of the noise floor.
pub const INTERVAL_LEVEL: f64 = 0.95;

/// Where the metric against the whole population behind the human sample lies, at 95 %.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

/// What a metric shows between two samples from one and the same population: distances from
/// [`Metric::no_difference`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Noise {
    /// 95th percentile.
    pub floor: f64,
    pub mean: f64,
}

/// One group's people on one item, asked again and again: the human sample resampled with replacement.
///
/// Two uncertainties come from it. The **interval** is the basic bootstrap (Davison & Hinkley 1997, section
/// 5.2): with q the quantiles of the metric of a fixed predictor against the replicates, it runs from
/// 2·value − q(97.5 %) to 2·value − q(2.5 %), cut to the metric's range. Sampling error inflates a distance and
/// deflates an entropy; replicates show by how much, and reflecting them takes that out, where the percentile
/// interval would count it twice. So the interval is one for the population, and the value of a small sample may
/// lie at its edge or beyond. At a distance of exactly 0 no bootstrap interval is valid; that is what the **noise
/// floor** is for: pairs of replicates are compared with each other, and 95 % of those distances lie below the
/// floor. A distance under it shows nothing.
///
/// Where participants are known they are drawn whole, each with all responses and with the weight, which is one draw for all items of a
/// group. Else every item has a sample of its own, of as many people as the counts sum to, rounded: weighted ones are stored as their
/// effective number (Kish).
#[derive(Debug, Clone)]
pub struct HumanResample {
    n: f64,
    /// Shares of the options among the people; \[K\].
    observed: Vec<f64>,
    positions: Vec<f64>,
    replicates: Replicates,
    /// Numerators of each metric between pairs of replicates; \[metric\]\[R\].
    null_numerators: Vec<Vec<f64>>,
    noise: Vec<Noise>,
    halves: Option<BetweenHalves>,
}

impl HumanResample {
    /// Draws `plan.replicate_count` pairs of samples of n people from the counts. `values` are the scale's, one per count.
    ///
    /// # Errors
    /// Kind `HumanData` when counts are negative, not finite, sum to less than one person or do not fit
    /// `values`, or when `values` do not increase; `Usage` when the plan cannot show an interval.
    pub fn draw(marginal: &Marginal, values: &[f64], plan: &ComparisonPlan) -> Result<Self> {
        plan.check()?;
        check_counts(marginal, values.len())?;
        Self::from_draws(marginal, values, &Draws::of_counts(marginal, plan), None)
    }

    /// From samples of these people, and halves where there are any.
    ///
    /// # Errors
    /// As [`HumanResample::draw`].
    pub(super) fn from_draws(
        marginal: &Marginal,
        values: &[f64],
        draws: &Draws,
        halves: Option<&Halves>,
    ) -> Result<Self> {
        let positions =
            positions(values).ok_or_else(|| refuse(marginal, "needs a scale of increasing values"))?;
        let n = check_counts(marginal, values.len())?;
        let observed: Vec<f64> = marginal.counts.iter().map(|count| count / n).collect();
        let numerators_of = |metric: Metric| {
            let pairs = draws.twins.chunks_exact(values.len()).zip(draws.rows.chunks_exact(values.len()));
            pairs.map(|(twin, row)| metric.numerator(twin, row, &positions)).collect::<Vec<f64>>()
        };
        let null_numerators: Vec<Vec<f64>> = Metric::ALL.into_iter().map(numerators_of).collect();
        let replicates = Replicates::new(&positions, &draws.rows);
        let halves = halves.map(|halves| BetweenHalves::new(halves, &positions));
        let noise_of = |(metric, numerators): (Metric, &Vec<f64>)| {
            noise_between(metric, numerators, replicates.denominators(metric))
        };
        let noise = Metric::ALL.into_iter().zip(&null_numerators).map(noise_of).collect();
        Ok(HumanResample { n, observed, positions, replicates, null_numerators, noise, halves })
    }

    /// People behind the distribution.
    pub fn n(&self) -> f64 {
        self.n
    }

    /// The human distribution, in scale order.
    pub fn observed(&self) -> &[f64] {
        &self.observed
    }

    /// The metric of `model` against the observed human distribution, see [`Metric::evaluate`].
    pub fn evaluate(&self, metric: Metric, model: &[f64]) -> Option<f64> {
        metric.evaluate(model, &self.observed, &self.positions)
    }

    /// The bootstrap interval of the metric of `model`. Replicates in which the metric is undefined are left
    /// out; `None` when none is left.
    pub fn interval(&self, metric: Metric, model: &[f64]) -> Option<Interval> {
        let mut numerators = vec![0.0; self.replicates.replicate_count()];
        self.replicates.add_numerators(metric, model, 1.0, &mut numerators);
        interval_of(metric, self.evaluate(metric, model)?, &numerators, self.replicates.denominators(metric))
    }

    /// What the metric shows between two samples of n people from this distribution.
    pub fn noise(&self, metric: Metric) -> Noise {
        self.noise[metric as usize]
    }

    /// People against people, half against half; `None` where participants are not known.
    pub(super) fn halves(&self) -> Option<&BetweenHalves> {
        self.halves.as_ref()
    }

    pub(super) fn positions(&self) -> &[f64] {
        &self.positions
    }

    pub(super) fn replicates(&self) -> &Replicates {
        &self.replicates
    }

    pub(super) fn null_numerators(&self, metric: Metric) -> &[f64] {
        &self.null_numerators[metric as usize]
    }
}

/// The basic interval around `value` from the ratios whose denominator is not 0.
pub(super) fn interval_of(
    metric: Metric,
    value: f64,
    numerators: &[f64],
    denominators: &[f64],
) -> Option<Interval> {
    basic_interval(value, &mut ratios(numerators, denominators), metric.range())
}

/// The basic interval around `value` from what replicates of it have, cut to a range. `None` without replicates.
pub(super) fn basic_interval(
    value: f64,
    replicates: &mut [f64],
    (least, most): (f64, f64),
) -> Option<Interval> {
    let tail = 0.5 * (1.0 - INTERVAL_LEVEL);
    let reflected = |quantile: f64| (2.0 * value - quantile).clamp(least, most);
    let (low, high) = (quantile(replicates, tail)?, quantile(replicates, 1.0 - tail)?);
    Some(Interval { low: reflected(high), high: reflected(low) })
}

/// Distances of the ratios from "no difference". Nothing, i.e. 0, for a metric that compares nothing or is
/// never defined.
pub(super) fn noise_between(metric: Metric, numerators: &[f64], denominators: &[f64]) -> Noise {
    let silent = Noise { floor: 0.0, mean: 0.0 };
    let Some(none) = metric.no_difference() else { return silent };
    let mut distances = ratios(numerators, denominators);
    distances.iter_mut().for_each(|ratio| *ratio = (*ratio - none).abs());
    let mean = distances.iter().sum::<f64>() / distances.len() as f64;
    quantile(&mut distances, INTERVAL_LEVEL).map_or(silent, |floor| Noise { floor, mean })
}

fn ratios(numerators: &[f64], denominators: &[f64]) -> Vec<f64> {
    let defined = numerators.iter().zip(denominators).filter(|(_, denominator)| **denominator > 0.0);
    defined.map(|(numerator, denominator)| numerator / denominator).collect()
}

/// The values moved and stretched to 0..=1; `None` unless there are at least two, finite and increasing.
fn positions(values: &[f64]) -> Option<Vec<f64>> {
    let (first, last) = (*values.first()?, *values.last()?);
    let increasing = values.windows(2).all(|pair| pair[0] < pair[1]);
    let range = last - first;
    (increasing && range.is_finite() && range > 0.0)
        .then(|| values.iter().map(|value| (value - first) / range).collect())
}

/// The number of people, once the counts are known to be counts.
fn check_counts(marginal: &Marginal, option_count: usize) -> Result<f64> {
    if marginal.counts.len() != option_count {
        let found = marginal.counts.len();
        return Err(refuse(marginal, &format!("has {found} counts for a scale of {option_count} options")));
    }
    if marginal.counts.iter().any(|count| !count.is_finite() || *count < 0.0) {
        return Err(refuse(marginal, "has a count that is negative or not finite"));
    }
    let n = marginal.n();
    if !(n.is_finite() && n >= 1.0) {
        return Err(refuse(marginal, "has nobody who responded"));
    }
    Ok(n)
}

fn refuse(marginal: &Marginal, what: &str) -> Error {
    Error::human_data(format!("item {} of group {} {what}", marginal.item, marginal.population_group))
}
