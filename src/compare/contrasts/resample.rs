//! What a bootstrap replicate is made of: each factor drawn again by itself, and people.

use super::{ContrastCell, ContrastPlan, PeopleSample};
use crate::compare::draws::times_drawn;
use crate::compare::stream::{Multinomial, stream};
use crate::survey::{Factor, Participants};
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
    people: Vec<Drawn<'a>>,
}

/// How the people of one group and item are drawn.
enum Drawn<'a> {
    /// By themselves.
    Counts(Multinomial, usize),
    /// With all of the group, and then over again from those who responded where none of them did.
    Participants { people: &'a Participants, item: &'a str, counts: &'a [f64] },
}

impl<'a> Resampler<'a> {
    pub fn new(plan: &'a ContrastPlan, cells: &[ContrastCell], people: &'a [PeopleSample<'a>]) -> Self {
        let people = people.iter().map(|sample| match sample.participants {
            Some((people, item)) => Drawn::Participants { people, item, counts: &sample.counts },
            None => Drawn::Counts(survey_of(&sample.counts), sample.counts.len()),
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
        let mut times: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        let mut draw = |drawn: &Drawn<'a>| {
            let mut alone = |survey: &Multinomial, option_count: usize| {
                let mut shares = vec![0.0; option_count];
                survey.draw(&mut random, &mut shares);
                shares
            };
            match drawn {
                Drawn::Counts(survey, option_count) => alone(survey, *option_count),
                Drawn::Participants { people, item, counts } => {
                    let times = times.entry(&people.population_group).or_insert_with(|| {
                        let what = format!("people {index}");
                        times_drawn(people.count(), &mut stream(self.seed, &people.population_group, &what))
                    });
                    let shares = people.shares(item, counts.len(), times);
                    shares.unwrap_or_else(|| alone(&survey_of(counts), counts.len()))
                }
            }
        };
        self.people.iter().map(&mut draw).collect()
    }
}

/// As many people as the counts sum to.
fn survey_of(counts: &[f64]) -> Multinomial {
    Multinomial::new(counts, counts.iter().sum::<f64>().round().max(1.0) as usize)
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
