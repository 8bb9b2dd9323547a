//! What goes into a comparison and what comes out: plain values, joined with a study's names elsewhere.

use super::bootstrap::Interval;
use super::metric::Metric;
use crate::error::{Error, Result};
use crate::survey::{Marginal, Participants, ResponseDistribution};

/// A model's distribution for one persona and item in one language, format and temperature: the mean over
/// option orders.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelUnit {
    pub population_group: String,
    pub persona: String,
    pub item: String,
    pub language: String,
    pub elicitation_format: String,
    pub temperature: f64,
    /// `None` when every cell was unusable.
    pub distribution: Option<ResponseDistribution>,
    /// Cells averaged into the distribution.
    pub cell_count: u32,
    /// Cells left out because they were unusable.
    pub unusable_count: u32,
}

/// The people that models are held against.
#[derive(Debug, Clone, Copy)]
pub struct People<'a> {
    /// One per population group × item.
    pub marginals: &'a [Marginal],
    /// The same people one by one, for the groups in which that is known.
    pub participants: &'a [Participants],
}

/// How uncertainty is worked out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ComparisonPlan {
    /// Bootstrap replicates, and pairs of samples behind the noise floor.
    pub replicate_count: usize,
    pub seed: u64,
    /// Whether it is tested if people could be a sample from the model; not where their very responses are unknown.
    pub tests_fit: bool,
}

impl ComparisonPlan {
    /// Enough that the 2.5 % tails of a replicate distribution hold 25 replicates each.
    pub const DEFAULT_REPLICATE_COUNT: usize = 1000;
    /// The fewest with a replicate in each 2.5 % tail.
    pub const LEAST_REPLICATE_COUNT: usize = 40;

    /// The most: replicates of a group's items are held at once.
    pub const MOST_REPLICATE_COUNT: usize = 100_000;

    /// # Errors
    /// Kind `Usage` when there are too few replicates for a 95 % interval.
    pub fn check(&self) -> Result<()> {
        if self.replicate_count < Self::LEAST_REPLICATE_COUNT {
            let least = Self::LEAST_REPLICATE_COUNT;
            let found = self.replicate_count;
            return Err(Error::usage(format!("{found} bootstrap replicates cannot show a 95 % interval"))
                .hint(format!("ask for at least {least}; {} is usual", Self::DEFAULT_REPLICATE_COUNT)));
        }
        if self.replicate_count > Self::MOST_REPLICATE_COUNT {
            let (found, most) = (self.replicate_count, Self::MOST_REPLICATE_COUNT);
            return Err(Error::usage(format!("{found} bootstrap replicates are more than {most}")));
        }
        Ok(())
    }
}

/// What a comparison is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// One item.
    Item,
    /// The mean over a group's items.
    Group,
}

impl Level {
    /// The name in the `level` column.
    pub fn name(self) -> &'static str {
        match self {
            Level::Item => "item",
            Level::Group => "group",
        }
    }
}

/// Whose distribution is held against people: the model's, or a baseline's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Predictor {
    Model,
    /// The same share for every option: what is reached without knowing anything.
    Uniform,
    /// All mass on the option that most people of this very group chose. It peeks at the data it is held
    /// against: no single option has a smaller total variation, but nobody could have named it beforehand.
    Modal,
    /// The people of all other groups of the human data together; the group itself is left out.
    Pooled,
    /// The mean of the metric over the run's other groups, each group's people held against this group's.
    OtherGroup,
}

impl Predictor {
    /// The baselines, in the order of the rows.
    pub const BASELINES: [Predictor; 4] =
        [Predictor::Uniform, Predictor::Modal, Predictor::Pooled, Predictor::OtherGroup];

    /// The name in the `predictor` column.
    pub fn name(self) -> &'static str {
        match self {
            Predictor::Model => "model",
            Predictor::Uniform => "uniform",
            Predictor::Modal => "modal",
            Predictor::Pooled => "pooled",
            Predictor::OtherGroup => "other_group",
        }
    }
}

/// One metric of one predictor against one human group: a row of `comparisons.parquet` without the study's
/// own columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    pub level: Level,
    pub population_group: String,
    /// `None` at [`Level::Group`].
    pub item: Option<String>,
    pub predictor: Predictor,
    /// The four below are `None` for baselines, which do not depend on them.
    pub persona: Option<String>,
    pub language: Option<String>,
    pub elicitation_format: Option<String>,
    pub temperature: Option<f64>,
    pub metric: Metric,
    pub value: f64,
    /// 95 % basic bootstrap interval for the population behind the sample; the predictor, a baseline too, is held
    /// fixed.
    pub interval: Interval,
    /// 95th percentile of the metric's distance from "no difference" between two samples of size `n`.
    pub noise_floor: f64,
    /// Mean of that distance.
    pub noise_mean: f64,
    /// Mean of the metric's distance from "no difference" between one half of the people and the other, over random splits; `None` where
    /// participants are not known, and for a metric that compares nothing. A half is half as many people: of itself this is wider than the
    /// noise of all of them.
    pub split_half: Option<f64>,
    /// People behind the human distribution; at [`Level::Group`] the median over the items that are averaged.
    pub n: f64,
    /// Cells averaged into the model's distribution, at [`Level::Group`] over all items; 0 for baselines.
    pub cell_count: u32,
    /// Cells left out because they were unusable, counted in the same way.
    pub unusable_count: u32,
    /// Of the model at temperature 1 on one item: the multinomial test that people were drawn from its distribution; see
    /// [`multinomial_test`](super::significance::multinomial_test). The same in the rows of all metrics.
    pub p_value: Option<f64>,
    /// Adjusted for the number of tests in the run (Benjamini & Hochberg 1995).
    pub adjusted_p_value: Option<f64>,
    /// At [`Level::Group`]: the share of items with an adjusted p-value up to 0.05.
    pub told_apart_share: Option<f64>,
}
