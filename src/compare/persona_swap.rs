//! Is a group's own persona nearer to the group's people than the other personas are? A persona that is no nearer is a name, and nothing
//! of the group.

use super::bootstrap::{HumanResample, Interval, basic_interval};
use super::metric::Metric;
use super::unit::ModelUnit;
use rayon::prelude::*;
use std::collections::{BTreeMap, HashMap};

/// Other temperatures are the same distribution sharpened or flattened.
const TEMPERATURE: f64 = 1.0;

/// One group's own persona beside the personas of other groups, against the group's people, in one condition. Distances are Wasserstein-1
/// as a share of the scale's range, means over the items to which each of these personas has a distribution.
#[derive(Debug, Clone, PartialEq)]
pub struct PersonaSwap {
    pub population_group: String,
    pub persona: String,
    pub language: String,
    pub elicitation_format: String,
    pub item_count: usize,
    /// Personas of other groups.
    pub other_count: usize,
    pub own: f64,
    /// Mean over the other personas.
    pub others: f64,
    /// `own` − `others`: below 0 the own persona is nearer; with its 95 % basic bootstrap interval for the people behind the sample.
    pub difference: f64,
    pub interval: Option<Interval>,
    /// 1 and as many more as there are other personas nearer than the own one.
    pub rank: usize,
}

/// What telling a model whom to answer for gains, over the groups of a run, in one condition: the mean of `others` − `own`, which is by how
/// much alignment (1 − Wasserstein-1 over the range) rises. After Santurkar, Durmus, Ladhak, Lee, Liang & Hashimoto (2023), Whose Opinions Do
/// Language Models Reflect?, arXiv 2303.17548, who steer to each group and average over groups; here what the same steering to other groups
/// comes to is taken off.
#[derive(Debug, Clone, PartialEq)]
pub struct Steerability {
    pub language: String,
    pub elicitation_format: String,
    pub group_count: usize,
    /// Mean alignment with the own persona, and with those of other groups.
    pub own: f64,
    pub others: f64,
    pub gain: f64,
    pub interval: Option<Interval>,
    /// Groups whose own persona is the nearest.
    pub nearest_count: usize,
}

/// A swap with what its interval was made of; \[R\].
pub(super) struct DrawnSwap {
    pub swap: PersonaSwap,
    differences: Vec<f64>,
}

/// Model's distributions of one persona in one condition, by item.
struct Asked<'a> {
    unit: &'a ModelUnit,
    by_item: BTreeMap<&'a str, &'a [f64]>,
}

/// All personas of a run in each condition at temperature 1, gathered once for all groups.
pub(super) struct AskedPersonas<'a>(Vec<Asked<'a>>);

impl<'a> AskedPersonas<'a> {
    /// In the order of `units`.
    pub(super) fn new(units: &'a [ModelUnit]) -> Self {
        let mut places: HashMap<[&str; 3], usize> = HashMap::new();
        let mut asked: Vec<Asked> = Vec::new();
        for unit in units.iter().filter(|unit| unit.temperature == TEMPERATURE) {
            let Some(distribution) = &unit.distribution else { continue };
            let place = *places
                .entry([&unit.persona, &unit.language, &unit.elicitation_format])
                .or_insert_with(|| {
                    asked.push(Asked { unit, by_item: BTreeMap::new() });
                    asked.len() - 1
                });
            asked[place].by_item.insert(&unit.item, distribution.probabilities());
        }
        AskedPersonas(asked)
    }

    /// Every persona of one group against those of other groups, in each condition that has both.
    pub(super) fn swaps(
        &self,
        population_group: &str,
        people: &BTreeMap<&str, &HumanResample>,
    ) -> Vec<DrawnSwap> {
        let own: Vec<&Asked> =
            self.0.iter().filter(|asked| asked.unit.population_group == population_group).collect();
        let swap_of = |own: &&Asked| {
            let is_other = |other: &&Asked| {
                let (a, b) = (own.unit, other.unit);
                b.population_group != population_group
                    && (&a.language, &a.elicitation_format) == (&b.language, &b.elicitation_format)
            };
            swap(own, &self.0.iter().filter(is_other).collect::<Vec<_>>(), people)
        };
        own.par_iter().filter_map(swap_of).collect()
    }
}

/// `None` without another persona, or an item that all have.
fn swap(own: &Asked, others: &[&Asked], people: &BTreeMap<&str, &HumanResample>) -> Option<DrawnSwap> {
    let has_all = |item: &&str| {
        people.contains_key(*item) && others.iter().all(|other| other.by_item.contains_key(*item))
    };
    let items: Vec<&str> = own.by_item.keys().copied().filter(has_all).collect();
    let first = people[*items.first()?];
    if others.is_empty() {
        return None;
    }
    let replicate_count = first.replicates().replicate_count();
    let distance = |asked: &Asked| {
        let (mut observed, mut drawn) = (0.0, vec![0.0; replicate_count]);
        let weight = 1.0 / items.len() as f64;
        for item in &items {
            let (sample, model) = (people[*item], asked.by_item[*item]);
            observed += weight * Metric::Wasserstein1.numerator(model, sample.observed(), sample.positions());
            sample.replicates().add_numerators(Metric::Wasserstein1, model, weight, &mut drawn);
        }
        (observed, drawn)
    };
    let (own_distance, own_drawn) = distance(own);
    let of_others: Vec<(f64, Vec<f64>)> = others.iter().map(|other| distance(other)).collect();
    let count = others.len() as f64;
    let others_distance = of_others.iter().map(|(observed, _)| observed).sum::<f64>() / count;
    let difference = own_distance - others_distance;
    let drawn = |r: usize| own_drawn[r] - of_others.iter().map(|(_, drawn)| drawn[r]).sum::<f64>() / count;
    let differences: Vec<f64> = (0..replicate_count).map(drawn).collect();
    let unit = own.unit;
    let swap = PersonaSwap {
        population_group: unit.population_group.clone(),
        persona: unit.persona.clone(),
        language: unit.language.clone(),
        elicitation_format: unit.elicitation_format.clone(),
        item_count: items.len(),
        other_count: others.len(),
        own: own_distance,
        others: others_distance,
        difference,
        interval: basic_interval(difference, &mut differences.clone(), (-1.0, 1.0)),
        rank: 1 + of_others.iter().filter(|(observed, _)| *observed < own_distance).count(),
    };
    Some(DrawnSwap { swap, differences })
}

/// Over the groups of each language and format, in the order in which these come; where a group has several personas, the mean over all.
pub(super) fn steerability(swaps: &[DrawnSwap]) -> Vec<Steerability> {
    let mut conditions: Vec<(&str, &str)> = Vec::new();
    for DrawnSwap { swap, .. } in swaps {
        let condition = (swap.language.as_str(), swap.elicitation_format.as_str());
        if !conditions.contains(&condition) {
            conditions.push(condition);
        }
    }
    let of_condition = |(language, format): (&str, &str)| {
        let drawn: Vec<&DrawnSwap> = swaps
            .iter()
            .filter(|drawn| (&*drawn.swap.language, &*drawn.swap.elicitation_format) == (language, format))
            .collect();
        let count = drawn.len() as f64;
        let mean = |of: &dyn Fn(&DrawnSwap) -> f64| drawn.iter().map(|drawn| of(drawn)).sum::<f64>() / count;
        let gain = -mean(&|drawn| drawn.swap.difference);
        // People of different groups are different people: their samples are drawn apart.
        let mut replicates: Vec<f64> =
            (0..drawn[0].differences.len()).map(|r| -mean(&|drawn| drawn.differences[r])).collect();
        Steerability {
            language: language.to_owned(),
            elicitation_format: format.to_owned(),
            group_count: drawn.len(),
            own: 1.0 - mean(&|drawn| drawn.swap.own),
            others: 1.0 - mean(&|drawn| drawn.swap.others),
            gain,
            interval: basic_interval(gain, &mut replicates, (-1.0, 1.0)),
            nearest_count: drawn.iter().filter(|drawn| drawn.swap.rank == 1).count(),
        }
    };
    conditions.into_iter().map(of_condition).collect()
}
