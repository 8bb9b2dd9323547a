//! What only a whole row in order tells: how many ids hold most of the probability, and where the wanted ones stand.

use super::kernels::pointwise::weights;

/// Of one row of logits. A temperature spreads probability over ids and never changes their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranking {
    /// For each temperature of the settings: ids in the smallest set that holds the mass asked for. At least 1.
    pub nucleus_sizes: Vec<u32>,
    /// For each wanted id: 1 and as many more as there are ids with a larger logit.
    pub wanted_ranks: Vec<u32>,
}

/// A nucleus holds its mass if it lacks no more than this share of it: what the order of a sum can change, and less than
/// any probability that is read.
const MASS_SLACK: f64 = 1e-12;

/// Ids that are put in order at first. Responses are concentrated: few rows ask for more.
const FIRST_COUNT: usize = 256;

/// Ids whose weights are made together: a loop that sums nothing becomes vectors.
const GROUP: usize = 64;

impl Ranking {
    /// Ranks a row of finite logits. For each of `temperatures` there is Σ exp((logit − max) / T) in `totals`; `mass` is in 0..=1.
    pub fn of_row(
        mut row: Vec<f32>,
        wanted: &[u32],
        temperatures: &[f64],
        totals: impl IntoIterator<Item = f64>,
        mass: f64,
    ) -> Self {
        let wanted: Vec<f32> = wanted.iter().map(|&id| row[id as usize]).collect();
        let mut ordered = Ordered { values: &mut row, sorted_count: 0 };
        let size = |(&temperature, total)| ordered.nucleus_size(temperature, total * mass);
        let nucleus_sizes = temperatures.iter().zip(totals).map(size).collect();
        Ranking { nucleus_sizes, wanted_ranks: wanted.into_iter().map(|logit| ordered.rank(logit)).collect() }
    }
}

/// A row of which as many values are in order, largest first, as have been needed.
struct Ordered<'a> {
    values: &'a mut [f32],
    sorted_count: usize,
}

impl Ordered<'_> {
    fn nucleus_size(&mut self, temperature: f64, mass: f64) -> u32 {
        self.sort(FIRST_COUNT);
        let max = self.values[0];
        let enough = mass * (1.0 - MASS_SLACK);
        let (mut held, mut count) = (0.0, 0);
        let mut group = [0.0; GROUP];
        loop {
            while count < self.sorted_count {
                let values = &self.values[count..self.sorted_count.min(count + GROUP)];
                weights(values, max, temperature, &mut group);
                for weight in &group[..values.len()] {
                    held += weight;
                    count += 1;
                    if held >= enough {
                        return count as u32;
                    }
                }
            }
            if count == self.values.len() {
                return count as u32;
            }
            self.sort(8 * count);
        }
    }

    /// 1 and as many more as there are larger values; none is counted one by one that is in order already.
    fn rank(&self, value: f32) -> u32 {
        let (sorted, rest) = self.values.split_at(self.sorted_count);
        let larger = sorted.partition_point(|other| *other > value);
        let beyond = match larger < sorted.len() {
            true => 0,
            false => rest.iter().map(|&other| u32::from(other > value)).sum(),
        };
        1 + larger as u32 + beyond
    }

    /// Puts the `count` largest in order.
    fn sort(&mut self, count: usize) {
        let count = count.min(self.values.len());
        if count <= self.sorted_count {
            return;
        }
        let rest = &mut self.values[self.sorted_count..];
        let wanted = count - self.sorted_count;
        let descending = |a: &f32, b: &f32| b.total_cmp(a);
        if wanted < rest.len() {
            rest.select_nth_unstable_by(wanted, descending);
        }
        rest[..wanted].sort_unstable_by(descending);
        self.sorted_count = count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ranked(row: &[f32], wanted: &[u32], temperatures: &[f64], mass: f64) -> Ranking {
        let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max) as f64;
        let total = |&t: &f64| row.iter().map(|&x| ((x as f64 - max) / t).exp()).sum();
        Ranking::of_row(row.to_vec(), wanted, temperatures, temperatures.iter().map(total), mass)
    }

    /// The definition, word for word.
    fn plain(row: &[f32], wanted: &[u32], temperatures: &[f64], mass: f64) -> Ranking {
        let mut sorted = row.to_vec();
        sorted.sort_by(|a, b| b.total_cmp(a));
        let nucleus = |&t: &f64| {
            let weights: Vec<f64> =
                sorted.iter().map(|&x| ((x as f64 - sorted[0] as f64) / t).exp()).collect();
            let total: f64 = weights.iter().sum();
            let held = |count: usize| weights[..count].iter().sum::<f64>();
            let holds = |count: &usize| held(*count) >= total * mass * (1.0 - MASS_SLACK);
            (1..=weights.len()).find(holds).unwrap_or(weights.len()) as u32
        };
        Ranking {
            nucleus_sizes: temperatures.iter().map(nucleus).collect(),
            wanted_ranks: wanted
                .iter()
                .map(|&id| 1 + row.iter().filter(|x| **x > row[id as usize]).count() as u32)
                .collect(),
        }
    }

    proptest! {
        #[test]
        fn it_is_what_the_definition_says(
            row in prop::collection::vec(-12f32..12.0, 1..3000), flat in any::<bool>(), mass in 0.0..1.0f64,
        ) {
            // Flat rows have ties, and nuclei beyond what is put in order first.
            let row: Vec<f32> = if flat { row.iter().map(|x| (x / 6.0).round()).collect() } else { row };
            let (wanted, temperatures) = ([0, row.len() as u32 - 1], [0.25, 1.0, 2.0, 50.0]);
            let found = ranked(&row, &wanted, &temperatures, mass);
            prop_assert_eq!(&found, &plain(&row, &wanted, &temperatures, mass));
            prop_assert!(found.nucleus_sizes.is_sorted(), "heat spreads");
        }
    }

    #[test]
    fn a_border_that_is_met_exactly_is_met() {
        let found = ranked(&[1.0; 10], &[3], &[1.0, 3.0], 0.9);
        assert_eq!(found, Ranking { nucleus_sizes: vec![9, 9], wanted_ranks: vec![1] });
        let row: Vec<f32> = [0.5f32, 0.2, 0.2, 0.06, 0.04].map(f32::ln).to_vec();
        assert_eq!(ranked(&row, &[4], &[1.0], 0.9).wanted_ranks, [5]);
    }
}
