//! One predictor over all items of one group: its rows item by item, and their mean over the items.

use super::bootstrap::{HumanResample, Interval, Noise, interval_of, noise_between};
use super::fit::{Fit, told_apart_share};
use super::halves::Ratios;
use super::metric::Metric;
use super::quantile::quantile;
use super::unit::{Comparison, Level, Predictor};

/// What one predictor says about the items of one population group.
#[derive(Debug, Clone)]
pub(super) struct Profile<'a> {
    pub(super) predictor: Predictor,
    pub(super) condition: Option<Condition<'a>>,
    pub(super) entries: Vec<Entry>,
}

/// Under what a model was asked; baselines have none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Condition<'a> {
    pub(super) persona: &'a str,
    pub(super) language: &'a str,
    pub(super) elicitation_format: &'a str,
    pub(super) temperature: f64,
}

/// One item of a profile.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Index into the group's people.
    pub(super) item_index: usize,
    /// The metrics are averaged over these. Empty where there is nothing to compare: no rows come of it, only
    /// its counts.
    pub(super) distributions: Vec<Vec<f64>>,
    /// That people were drawn from the distribution, where that was tested.
    pub(super) fit: Option<Fit>,
    pub(super) cell_count: u32,
    pub(super) unusable_count: u32,
}

/// The items of one population group with their people.
pub(super) struct Group<'a> {
    pub(super) population_group: &'a str,
    pub(super) items: Vec<&'a str>,
    /// One per item.
    pub(super) people: Vec<HumanResample>,
}

impl Profile<'_> {
    /// Rows of each item in the order of the entries, then those of the group; metrics in the order of
    /// [`Metric::ALL`].
    ///
    /// At the level of the group replicate r of every item makes one replicate of the mean. Where participants are known these are the same
    /// people; else it is as if each item had been put to people of its own, and where the same people responded to all items, which
    /// marginals cannot show, their responses may go together: then the true interval is wider.
    pub(super) fn compare(&self, group: &Group) -> Vec<Comparison> {
        let mut rows = Vec::with_capacity(Metric::ALL.len() * (self.entries.len() + 1));
        let mut totals: Vec<Tally> = Vec::new();
        for entry in self.entries.iter().filter(|entry| !entry.distributions.is_empty()) {
            let people = &group.people[entry.item_index];
            let tallies: Vec<Tally> = Metric::ALL
                .into_iter()
                .map(|metric| Tally::of_item(metric, people, &entry.distributions))
                .collect();
            for tally in &tallies {
                let estimate = tally.estimate(Some(people.noise(tally.metric)));
                rows.extend(estimate.map(|estimate| self.item_row(group, entry, tally.metric, estimate)));
            }
            if totals.is_empty() {
                totals = tallies;
            } else {
                totals.iter_mut().zip(&tallies).for_each(|(total, tally)| total.add(tally));
            }
        }
        for total in &totals {
            let estimate = total.estimate(None);
            rows.extend(estimate.map(|estimate| self.group_row(group, total.metric, estimate)));
        }
        rows
    }

    fn item_row(&self, group: &Group, entry: &Entry, metric: Metric, estimate: Estimate) -> Comparison {
        Comparison {
            level: Level::Item,
            item: Some(group.items[entry.item_index].to_owned()),
            n: group.people[entry.item_index].n(),
            cell_count: entry.cell_count,
            unusable_count: entry.unusable_count,
            p_value: entry.fit.map(|fit| fit.p_value),
            adjusted_p_value: entry.fit.map(|fit| fit.adjusted_p_value),
            ..self.row(group, metric, estimate)
        }
    }

    fn group_row(&self, group: &Group, metric: Metric, estimate: Estimate) -> Comparison {
        let compared = || self.entries.iter().filter(|entry| !entry.distributions.is_empty());
        Comparison {
            n: median(compared().map(|entry| group.people[entry.item_index].n()).collect()),
            told_apart_share: told_apart_share(compared().filter_map(|entry| entry.fit)),
            cell_count: self.entries.iter().map(|entry| entry.cell_count).sum(),
            unusable_count: self.entries.iter().map(|entry| entry.unusable_count).sum(),
            ..self.row(group, metric, estimate)
        }
    }

    /// A row of the group, before the counts are known.
    fn row(&self, group: &Group, metric: Metric, estimate: Estimate) -> Comparison {
        let condition = self.condition.as_ref();
        Comparison {
            level: Level::Group,
            population_group: group.population_group.to_owned(),
            item: None,
            predictor: self.predictor,
            persona: condition.map(|condition| condition.persona.to_owned()),
            language: condition.map(|condition| condition.language.to_owned()),
            elicitation_format: condition.map(|condition| condition.elicitation_format.to_owned()),
            temperature: condition.map(|condition| condition.temperature),
            metric,
            value: estimate.value,
            interval: estimate.interval,
            noise_floor: estimate.noise.floor,
            noise_mean: estimate.noise.mean,
            split_half: estimate.split_half,
            n: 0.0,
            cell_count: 0,
            unusable_count: 0,
            p_value: None,
            adjusted_p_value: None,
            told_apart_share: None,
        }
    }
}

/// The numerators and denominators of one metric, summed over items: observed, and at each of R replicates.
pub(super) struct Tally {
    metric: Metric,
    numerator: f64,
    denominator: f64,
    /// \[R\].
    numerators: Vec<f64>,
    /// \[R\].
    denominators: Vec<f64>,
    /// Between two samples of people; over the same denominators; \[R\].
    null_numerators: Vec<f64>,
    /// Between halves of the people, where participants are known.
    halves: Option<Ratios>,
}

#[derive(Debug, Clone, Copy)]
struct Estimate {
    value: f64,
    interval: Interval,
    noise: Noise,
    split_half: Option<f64>,
}

impl Tally {
    pub(super) fn of_item(metric: Metric, people: &HumanResample, distributions: &[Vec<f64>]) -> Self {
        let weight = 1.0 / distributions.len() as f64;
        let replicates = people.replicates();
        let mut numerators = vec![0.0; replicates.replicate_count()];
        let mut numerator = 0.0;
        for distribution in distributions {
            numerator += weight * metric.numerator(distribution, people.observed(), people.positions());
            replicates.add_numerators(metric, distribution, weight, &mut numerators);
        }
        Tally {
            metric,
            numerator,
            denominator: metric.denominator(people.observed(), people.positions()),
            numerators,
            denominators: replicates.denominators(metric).to_vec(),
            null_numerators: people.null_numerators(metric).to_vec(),
            halves: people.halves().map(|halves| halves.ratios(metric).clone()),
        }
    }

    pub(super) fn add(&mut self, other: &Tally) {
        let add = |total: &mut Vec<f64>, terms: &[f64]| {
            total.iter_mut().zip(terms).for_each(|(t, term)| *t += term)
        };
        self.numerator += other.numerator;
        self.denominator += other.denominator;
        add(&mut self.numerators, &other.numerators);
        add(&mut self.denominators, &other.denominators);
        add(&mut self.null_numerators, &other.null_numerators);
        if let (Some(total), Some(terms)) = (&mut self.halves, &other.halves) {
            total.add(terms);
        }
    }

    pub(super) fn metric(&self) -> Metric {
        self.metric
    }

    /// `None` where the metric is undefined.
    pub(super) fn value(&self) -> Option<f64> {
        (self.denominator > 0.0).then(|| self.numerator / self.denominator)
    }

    /// This one's metric minus another's of the same people, replicate by replicate, where it is defined.
    pub(super) fn ratios_minus(&self, other: &Tally) -> Vec<f64> {
        let numerators = self.numerators.iter().zip(&other.numerators).map(|(own, other)| own - other);
        let defined = numerators.zip(&self.denominators).filter(|(_, denominator)| **denominator > 0.0);
        defined.map(|(numerator, denominator)| numerator / denominator).collect()
    }

    /// `None` where the metric is undefined. The noise is worked out unless it is already known.
    fn estimate(&self, noise: Option<Noise>) -> Option<Estimate> {
        let value = self.value()?;
        let interval = interval_of(self.metric, value, &self.numerators, &self.denominators)?;
        let noise =
            noise.unwrap_or_else(|| noise_between(self.metric, &self.null_numerators, &self.denominators));
        let split_half = self.halves.as_ref().and_then(|halves| halves.distance(self.metric));
        Some(Estimate { value, interval, noise, split_half })
    }
}

fn median(mut numbers: Vec<f64>) -> f64 {
    quantile(&mut numbers, 0.5).unwrap_or(0.0)
}
