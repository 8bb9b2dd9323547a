//! Wall time of a whole comparison at the size of a real run, and of drawing the people behind it.
//! Synthetic distributions: the work does not depend on what the numbers are.

use criterion::{Criterion, criterion_group, criterion_main};
use respondent::compare::{ComparisonPlan, HumanResample, ModelUnit, People, compare};
use respondent::survey::{Marginal, ResponseDistribution};
use std::collections::BTreeMap;
use std::hint::black_box;

const GROUP_COUNT: usize = 3;
const ITEM_COUNT: usize = 35;
/// Languages × formats.
const CONDITION_COUNT: usize = 9;
const TEMPERATURES: [f64; 7] = [0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0];
const PLAN: ComparisonPlan =
    ComparisonPlan { replicate_count: ComparisonPlan::DEFAULT_REPLICATE_COUNT, seed: 1, tests_fit: true };

fn weights(key: usize) -> Vec<f64> {
    (0..4).map(|option| 1.0 + ((key * 7 + option * 5) % 11) as f64).collect()
}

fn group(index: usize) -> String {
    format!("group {index}")
}

fn item(index: usize) -> String {
    format!("item {index}")
}

fn units() -> Vec<ModelUnit> {
    let mut units = Vec::new();
    for key in 0..GROUP_COUNT * ITEM_COUNT * CONDITION_COUNT {
        for (offset, temperature) in TEMPERATURES.into_iter().enumerate() {
            let population_group = group(key % GROUP_COUNT);
            units.push(ModelUnit {
                persona: population_group.clone(),
                population_group,
                item: item(key / GROUP_COUNT % ITEM_COUNT),
                language: "en".to_owned(),
                elicitation_format: format!("format {}", key / GROUP_COUNT / ITEM_COUNT),
                temperature,
                distribution: Some(
                    ResponseDistribution::from_weights(&weights(key + offset)).expect("some weight"),
                ),
                cell_count: 2,
                unusable_count: 0,
            });
        }
    }
    units
}

fn people() -> Vec<Marginal> {
    let of_group = |population_group: usize| {
        (0..ITEM_COUNT).map(move |index| Marginal {
            population_group: group(population_group),
            item: item(index),
            counts: weights(population_group + index).iter().map(|weight| 2.0 * weight).collect(),
            missing_count: 0.0,
        })
    };
    (0..GROUP_COUNT).flat_map(of_group).collect()
}

fn bench(criterion: &mut Criterion) {
    let (units, people) = (units(), people());
    let values = vec![1.0, 2.0, 3.0, 4.0];
    let scale_values: BTreeMap<String, Vec<f64>> =
        (0..ITEM_COUNT).map(|i| (item(i), values.clone())).collect();
    let run_groups: Vec<String> = (0..GROUP_COUNT).map(group).collect();
    let mut benches = criterion.benchmark_group("compare");
    benches.sample_size(10);
    benches.bench_function(format!("{} units", units.len()), |bencher| {
        bencher.iter(|| {
            let mut row_count = 0;
            let mut take = |rows: Vec<_>| {
                row_count += black_box(rows).len();
                Ok(())
            };
            let held = People { marginals: &people, participants: &[] };
            let compared = compare(black_box(&units), held, &scale_values, &run_groups, &PLAN, &mut take);
            compared.expect("the units fit");
            row_count
        })
    });
    benches.bench_function("people of one group and item", |bencher| {
        bencher.iter(|| HumanResample::draw(black_box(&people[0]), &values, &PLAN).expect("the counts fit"))
    });
    benches.finish();
}

criterion_group!(all, bench);
criterion_main!(all);
