//! Do the means go together? Over a group's items, and in what sets one group apart from another. Means are shares of each scale's
//! range, so that scales can be put beside each other.

use super::bootstrap::{HumanResample, Interval, basic_interval};
use super::halves::stepped_up;
use super::metric::Metric;
use super::quantile::quantile;
use super::replicates::mean;
use super::unit::ModelUnit;
use std::collections::{BTreeMap, BTreeSet};

/// Other temperatures are the same distribution sharpened or flattened.
const TEMPERATURE: f64 = 1.0;

/// Fewer pairs of means than this make no correlation.
const ITEM_COUNT_MIN: usize = 3;

/// Root of the sum of squares, in shares of a range.
const VARIATION_MIN: f64 = 1e-10;

/// Whether the model's means rise and fall over the items as people's do, in one condition.
#[derive(Debug, Clone, PartialEq)]
pub struct MeanAgreement {
    pub population_group: String,
    pub persona: String,
    pub language: String,
    pub elicitation_format: String,
    pub item_count: usize,
    /// Pearson's r between model's and people's means; `None` for fewer than three items, or where one side's means are all the same.
    pub correlation: Option<f64>,
    /// 95 % basic bootstrap for the population behind the sample.
    pub interval: Option<Interval>,
    /// Median of r between two samples of the same people: no model can be expected to do better.
    pub ceiling: Option<f64>,
    /// Where participants are known: r between the means of one half of the people and the other, the median over splits, stepped up to all of
    /// them by Spearman and Brown's formula.
    pub split_half: Option<f64>,
}

/// What sets one group apart from another, by the model and by people, in one condition.
#[derive(Debug, Clone, PartialEq)]
pub struct CultureContrast {
    pub persona: String,
    /// The persona whose means are taken off.
    pub less_persona: String,
    pub language: String,
    pub elicitation_format: String,
    /// Items that both personas have a distribution and people for.
    pub item_count: usize,
    /// Mean over items of the one group's mean less the other's.
    pub model: f64,
    pub people: f64,
    /// `model` − `people`, with its 95 % basic bootstrap interval.
    pub error: f64,
    pub interval: Option<Interval>,
    /// Mean over items of the absolute error, and what two samples of the same people show, on average.
    pub absolute_error: f64,
    pub absolute_noise: f64,
    /// Pearson's r over items between the model's and people's contrasts; `None` as above.
    pub correlation: Option<f64>,
}

/// People's mean of one group and item.
pub(super) struct PeopleMeans {
    /// Of the scale's options; \[K\].
    positions: Vec<f64>,
    observed: f64,
    /// Of samples drawn from them; \[R\], and a second time.
    replicates: Vec<f64>,
    twins: Vec<f64>,
    /// Of halves of them, where participants are known; \[S\].
    halves: Vec<Option<[f64; 2]>>,
}

impl PeopleMeans {
    pub(super) fn new(people: &HumanResample) -> Self {
        let replicates = people.replicates().means();
        let apart = people.null_numerators(Metric::MeanDifference);
        PeopleMeans {
            positions: people.positions().to_vec(),
            observed: mean(people.observed(), people.positions()),
            replicates: replicates.to_vec(),
            twins: replicates.iter().zip(apart).map(|(mean, apart)| mean + apart).collect(),
            halves: people.halves().map_or(Vec::new(), |halves| halves.means().to_vec()),
        }
    }
}

/// One condition's items: model's mean by item.
struct Condition<'a> {
    unit: &'a ModelUnit,
    means: BTreeMap<&'a str, f64>,
}

/// By group and item.
type People<'a> = BTreeMap<(&'a str, &'a str), PeopleMeans>;

/// Both for each condition at temperature 1, in the order of `units`; contrasts are of each other persona less the first that has the
/// same language and format. Units without people or distribution are left out.
pub(super) fn condition_means(
    units: &[ModelUnit],
    people: &People,
) -> (Vec<MeanAgreement>, Vec<CultureContrast>) {
    let mut conditions: Vec<Condition> = Vec::new();
    for unit in units.iter().filter(|unit| unit.temperature == TEMPERATURE) {
        let of_people = people.get(&(unit.population_group.as_str(), unit.item.as_str()));
        let (Some(distribution), Some(of_people)) = (&unit.distribution, of_people) else { continue };
        let found = conditions.iter().position(|of| same_condition(of.unit, unit));
        let index = found.unwrap_or_else(|| {
            conditions.push(Condition { unit, means: BTreeMap::new() });
            conditions.len() - 1
        });
        let mean = mean(distribution.probabilities(), &of_people.positions);
        conditions[index].means.insert(&unit.item, mean);
    }
    let agreements = conditions.iter().map(|condition| agreement(condition, people)).collect();
    let contrasts = conditions.iter().filter_map(|condition| {
        let first = conditions.iter().find(|of| same_prompt(of.unit, condition.unit))?;
        let is_other = first.unit.population_group != condition.unit.population_group;
        is_other.then(|| contrast(condition, first, people)).flatten()
    });
    (agreements, contrasts.collect())
}

fn same_prompt(a: &ModelUnit, b: &ModelUnit) -> bool {
    (&a.language, &a.elicitation_format) == (&b.language, &b.elicitation_format)
}

fn same_condition(a: &ModelUnit, b: &ModelUnit) -> bool {
    a.persona == b.persona && same_prompt(a, b)
}

fn agreement(condition: &Condition, people: &People) -> MeanAgreement {
    let unit = condition.unit;
    let model: Vec<f64> = condition.means.values().copied().collect();
    let of_people: Vec<&PeopleMeans> =
        condition.means.keys().map(|item| &people[&(unit.population_group.as_str(), *item)]).collect();
    let each =
        |of: &dyn Fn(&PeopleMeans) -> f64| of_people.iter().map(|means| of(means)).collect::<Vec<f64>>();
    let value = correlation(&model, &each(&|means| means.observed));
    let replicate_count = of_people.first().map_or(0, |means| means.replicates.len());
    let mut drawn: Vec<f64> = (0..replicate_count)
        .filter_map(|r| correlation(&model, &each(&|means| means.replicates[r])))
        .collect();
    let mut between: Vec<f64> = (0..replicate_count)
        .filter_map(|r| correlation(&each(&|means| means.twins[r]), &each(&|means| means.replicates[r])))
        .collect();
    let split_count = of_people.first().map_or(0, |means| means.halves.len());
    let between_halves = |split: usize| {
        let pairs: Vec<[f64; 2]> = of_people.iter().filter_map(|means| means.halves[split]).collect();
        let [first, second] = [0, 1].map(|half| pairs.iter().map(|pair| pair[half]).collect::<Vec<f64>>());
        correlation(&first, &second)
    };
    let mut halves: Vec<f64> = (0..split_count).filter_map(between_halves).collect();
    MeanAgreement {
        population_group: unit.population_group.clone(),
        persona: unit.persona.clone(),
        language: unit.language.clone(),
        elicitation_format: unit.elicitation_format.clone(),
        item_count: model.len(),
        correlation: value,
        interval: value.and_then(|value| basic_interval(value, &mut drawn, (-1.0, 1.0))),
        ceiling: quantile(&mut between, 0.5),
        split_half: stepped_up(&mut halves),
    }
}

/// `None` where the two have no item in common.
fn contrast(condition: &Condition, first: &Condition, people: &People) -> Option<CultureContrast> {
    let (unit, other) = (condition.unit, first.unit);
    let items: BTreeSet<&str> =
        condition.means.keys().copied().filter(|item| first.means.contains_key(item)).collect();
    let n = items.len() as f64;
    if items.is_empty() {
        return None;
    }
    let pairs: Vec<(f64, &PeopleMeans, &PeopleMeans)> = items
        .iter()
        .map(|item| {
            let [own, others] = [unit, other].map(|unit| &people[&(unit.population_group.as_str(), *item)]);
            (condition.means[item] - first.means[item], own, others)
        })
        .collect();
    let model: Vec<f64> = pairs.iter().map(|(model, ..)| *model).collect();
    let by_people: Vec<f64> = pairs.iter().map(|(_, own, other)| own.observed - other.observed).collect();
    let average = |numbers: &[f64]| numbers.iter().sum::<f64>() / n;
    let error = average(&model) - average(&by_people);
    let replicate_count = pairs[0].1.replicates.len();
    let mut drawn: Vec<f64> = (0..replicate_count)
        .map(|r| {
            let drawn =
                pairs.iter().map(|(model, own, other)| model - own.replicates[r] + other.replicates[r]);
            drawn.sum::<f64>() / n
        })
        .collect();
    let noise = (0..replicate_count).map(|r| {
        let between = pairs.iter().map(|(_, own, other)| {
            (own.replicates[r] - other.replicates[r] - own.twins[r] + other.twins[r]).abs()
        });
        between.sum::<f64>() / n
    });
    Some(CultureContrast {
        persona: unit.persona.clone(),
        less_persona: other.persona.clone(),
        language: unit.language.clone(),
        elicitation_format: unit.elicitation_format.clone(),
        item_count: items.len(),
        model: average(&model),
        people: average(&by_people),
        error,
        interval: basic_interval(error, &mut drawn, (-2.0, 2.0)),
        absolute_error: model.iter().zip(&by_people).map(|(a, b)| (a - b).abs()).sum::<f64>() / n,
        absolute_noise: noise.sum::<f64>() / replicate_count as f64,
        correlation: correlation(&model, &by_people),
    })
}

/// Pearson's r; `None` for fewer than three pairs, or where one side does not vary.
pub(super) fn correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    assert_eq!(a.len(), b.len(), "a correlation is of pairs");
    if a.len() < ITEM_COUNT_MIN {
        return None;
    }
    let centred = |numbers: &[f64]| {
        let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
        numbers.iter().map(|number| number - mean).collect::<Vec<f64>>()
    };
    let (a, b) = (centred(a), centred(b));
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let squares = [product(&a, &a), product(&b, &b)];
    // what rounding leaves of numbers that are all the same is not variation
    let varies = squares.iter().all(|sum| *sum > VARIATION_MIN.powi(2));
    varies.then(|| (product(&a, &b) / (squares[0] * squares[1]).sqrt()).clamp(-1.0, 1.0))
}
