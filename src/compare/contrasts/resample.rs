//! What a bootstrap replicate is made of: each factor drawn again by itself, and people.

use super::{ContrastCell, ContrastPlan, PeopleSample};
use crate::compare::stream::{Multinomial, stream};
use crate::survey::Factor;
use rand::Rng;
use std::collections::{BTreeMap, BTreeSet};

/// Where a level of a factor stands: strata and sides.
type Places = BTreeSet<(usize, usize)>;

/// Levels of one factor that stand in the same places; each is drawn within its group, so that no side runs empty.
struct Group {
    places: Places,
    levels: Vec<usize>,
}

/// What replicates are drawn from.
pub(super) struct Resampler<'a> {
    seed: u64,
    contrast: &'a str,
    /// Those that are drawn, each with its groups.
    factors: BTreeMap<Factor, Vec<Group>>,
    people: Vec<(Multinomial, usize)>,
}

impl<'a> Resampler<'a> {
    pub fn new(plan: &'a ContrastPlan, cells: &[ContrastCell], people: &[PeopleSample]) -> Self {
        let people = people.iter().map(|sample| {
            let n = sample.counts.iter().sum::<f64>().round().max(1.0) as usize;
            (Multinomial::new(&sample.counts, n), sample.counts.len())
        });
        let drawn = Factor::ALL.into_iter().filter(|factor| !plan.fixed.contains(factor));
        Resampler {
            seed: plan.seed,
            contrast: &plan.id,
            factors: drawn.map(|factor| (factor, groups(cells, factor))).collect(),
            people: people.collect(),
        }
    }

    /// Degrees of freedom that a factor leaves in a stratum: its levels less one, in each group. None for one that is not drawn.
    pub fn freedom(&self, factor: Factor, stratum: usize) -> usize {
        let here = |group: &&Group| group.places.iter().any(|(of, _)| *of == stratum);
        let groups = self.factors.get(&factor).into_iter().flatten();
        groups.filter(here).map(|group| group.levels.len() - 1).sum()
    }

    /// The factors that are drawn.
    pub fn factors(&self) -> impl Iterator<Item = Factor> {
        self.factors.keys().copied()
    }

    /// A weight for each level of one factor, the `index`-th draw whatever else is drawn. Of n levels n − 1 are drawn, each to count
    /// n / (n − 1) times, which makes the variance of a mean the unbiased one (Rao & Wu 1988, doi:10.1080/01621459.1988.10478591,
    /// section 2). A level alone in its group counts once.
    ///
    /// # Panics
    /// For a factor that is not drawn.
    pub fn draw_levels(&self, factor: Factor, index: usize) -> Vec<f64> {
        let mut random = stream(self.seed, self.contrast, &format!("{factor:?} {index}"));
        let groups = &self.factors[&factor];
        let level_count = groups.iter().flat_map(|group| &group.levels).max().map_or(0, |level| level + 1);
        let mut weights = vec![0.0; level_count];
        for Group { levels, .. } in groups {
            if let [level] = levels[..] {
                weights[level] = 1.0;
                continue;
            }
            let drawn_count = levels.len() - 1;
            let weight = levels.len() as f64 / drawn_count as f64;
            for _ in 0..drawn_count {
                weights[levels[random.random_range(0..levels.len())]] += weight;
            }
        }
        weights
    }

    /// Shares of the options among as many people as responded, by index of the people.
    pub fn draw_people(&self, index: usize) -> Vec<Vec<f64>> {
        let mut random = stream(self.seed, self.contrast, &format!("people {index}"));
        let mut draw = |(survey, option_count): &(Multinomial, usize)| {
            let mut shares = vec![0.0; *option_count];
            survey.draw(&mut random, &mut shares);
            shares
        };
        self.people.iter().map(&mut draw).collect()
    }
}

fn groups(cells: &[ContrastCell], factor: Factor) -> Vec<Group> {
    let mut places: BTreeMap<usize, Places> = BTreeMap::new();
    for cell in cells {
        places.entry(cell.level(factor)).or_default().insert((cell.stratum, cell.side));
    }
    let mut groups: BTreeMap<Places, Vec<usize>> = BTreeMap::new();
    for (level, places) in places {
        groups.entry(places).or_default().push(level);
    }
    groups.into_iter().map(|(places, levels)| Group { places, levels }).collect()
}
