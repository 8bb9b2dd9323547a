//! Which items, prompts and people a bootstrap replicate is made of.

use super::{ContrastCell, PeopleSample};
use crate::compare::stream::{Multinomial, stream};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, BTreeSet};

/// How often each item and prompt, and in which shares people respond.
#[derive(Debug, Clone, PartialEq)]
pub struct Replicate {
    pub item_counts: Vec<f64>,
    pub prompt_counts: Vec<f64>,
    /// Shares of the options, by index of the people.
    pub people: Vec<Vec<f64>>,
}

/// Items, prompts and people that replicates are drawn from.
pub struct Resampler {
    seed: u64,
    contrast: String,
    /// Items that stand on the same sides; each is drawn within its group, so that no side runs empty.
    item_groups: Vec<Vec<usize>>,
    item_count: usize,
    prompt_count: usize,
    people: Vec<(Multinomial, usize)>,
}

impl Resampler {
    pub fn new(contrast: &str, cells: &[ContrastCell], people: &[PeopleSample], seed: u64) -> Self {
        let mut sides: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for cell in cells {
            sides.entry(cell.item).or_default().insert(cell.side);
        }
        let mut groups: BTreeMap<&BTreeSet<usize>, Vec<usize>> = BTreeMap::new();
        for (item, sides) in &sides {
            groups.entry(sides).or_default().push(*item);
        }
        let people = people.iter().map(|sample| {
            let n = sample.counts.iter().sum::<f64>().round().max(1.0) as usize;
            (Multinomial::new(&sample.counts, n), sample.counts.len())
        });
        Resampler {
            seed,
            contrast: contrast.to_owned(),
            item_groups: groups.into_values().collect(),
            item_count: cells.iter().map(|cell| cell.item + 1).max().unwrap_or(0),
            prompt_count: cells.iter().map(|cell| cell.prompt + 1).max().unwrap_or(0),
            people: people.collect(),
        }
    }

    /// The `index`-th replicate, the same whatever else is drawn.
    pub fn draw(&self, index: usize) -> Replicate {
        let mut random = stream(self.seed, &self.contrast, &index.to_string());
        let mut item_counts = vec![0.0; self.item_count];
        for group in &self.item_groups {
            for _ in group {
                item_counts[group[random.random_range(0..group.len())]] += 1.0;
            }
        }
        let mut prompt_counts = vec![0.0; self.prompt_count];
        for _ in 0..self.prompt_count {
            prompt_counts[random.random_range(0..self.prompt_count)] += 1.0;
        }
        Replicate { item_counts, prompt_counts, people: self.draw_people(&mut random) }
    }

    fn draw_people(&self, random: &mut ChaCha8Rng) -> Vec<Vec<f64>> {
        let draw = |(survey, option_count): &(Multinomial, usize)| {
            let mut shares = vec![0.0; *option_count];
            survey.draw(random, &mut shares);
            shares
        };
        self.people.iter().map(draw).collect()
    }
}
