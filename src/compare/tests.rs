//! The comparison as a whole: coverage, noise floors at known sizes, rows, and independence of order and
//! threads.

mod participants;
mod whole;

use super::condition_means::correlation;
use super::stream::{Multinomial, stream};
use super::*;
use crate::error::ErrorKind;
use crate::survey::{Marginal, ResponseDistribution};
use std::collections::BTreeMap;
use whole::compare;

const SCALE: [f64; 4] = [1.0, 2.0, 3.0, 4.0];
const PLAN: ComparisonPlan = ComparisonPlan { replicate_count: 400, seed: 11, tests_fit: true };

fn marginal(population_group: &str, item: &str, counts: &[f64]) -> Marginal {
    let (population_group, item) = (population_group.to_owned(), item.to_owned());
    Marginal { population_group, item, counts: counts.to_vec(), missing_count: 0.0 }
}

fn unit(population_group: &str, item: &str, temperature: f64, weights: Option<&[f64]>) -> ModelUnit {
    ModelUnit {
        population_group: population_group.to_owned(),
        persona: format!("{population_group} student"),
        item: item.to_owned(),
        language: "en".to_owned(),
        elicitation_format: "number".to_owned(),
        temperature,
        distribution: weights.map(|weights| ResponseDistribution::from_weights(weights).unwrap()),
        cell_count: weights.map_or(0, |_| 2),
        unusable_count: weights.map_or(2, |_| 0),
    }
}

/// Intensity of anger, shame and guilt: Scherer & Wallbott (1994), people per option.
fn isear() -> Vec<Marginal> {
    vec![
        marginal("USA", "anger", &[4.0, 11.0, 22.0, 24.0]),
        marginal("USA", "shame", &[2.0, 28.0, 21.0, 9.0]),
        marginal("USA", "guilt", &[12.0, 23.0, 14.0, 11.0]),
        marginal("BRA", "anger", &[3.0, 11.0, 30.0, 14.0]),
        marginal("BRA", "shame", &[12.0, 25.0, 13.0, 8.0]),
        marginal("BRA", "guilt", &[11.0, 21.0, 15.0, 11.0]),
        marginal("HND", "anger", &[5.0, 14.0, 23.0, 13.0]),
        marginal("HND", "shame", &[8.0, 25.0, 15.0, 5.0]),
        marginal("HND", "guilt", &[10.0, 22.0, 15.0, 5.0]),
    ]
}

fn scale_values() -> BTreeMap<String, Vec<f64>> {
    ["anger", "shame", "guilt"].map(|item| (item.to_owned(), SCALE.to_vec())).into()
}

fn units() -> Vec<ModelUnit> {
    let mut units = Vec::new();
    for (group, lean) in [("USA", 1.0), ("BRA", 2.0)] {
        for (item, peak) in [("anger", 4.0), ("shame", 2.0), ("guilt", 3.0)] {
            for temperature in [0.5, 1.0] {
                let weights = SCALE.map(|value| (-lean * (value - peak).powi(2) / temperature / 4.0).exp());
                units.push(unit(group, item, temperature, Some(&weights)));
            }
        }
    }
    units
}

fn run_groups() -> [String; 2] {
    ["USA", "BRA"].map(str::to_owned)
}

fn compare_isear(units: &[ModelUnit]) -> Vec<Comparison> {
    compare(units, &isear(), &scale_values(), &run_groups(), &PLAN).unwrap().rows
}

/// The rows of the USA at one level for one predictor and metric.
fn of_usa(rows: &[Comparison], level: Level, predictor: Predictor, metric: Metric) -> Vec<&Comparison> {
    let wanted = |row: &&Comparison| {
        row.population_group == "USA"
            && (row.level, row.predictor, row.metric) == (level, predictor, metric)
            && row.temperature.is_none_or(|temperature| temperature == 1.0)
    };
    rows.iter().filter(wanted).collect()
}

/// Of `survey_count` simulated surveys of 60 people, the share whose interval holds the metric of the true
/// distribution.
fn coverage(metric: Metric, model: &[f64], survey_count: u64) -> f64 {
    let truth = [0.1, 0.25, 0.45, 0.2];
    let expected = metric.evaluate(model, &truth, &SCALE).unwrap();
    let people = Multinomial::new(&truth, 60);
    let mut shares = [0.0; 4];
    let covered = (0..survey_count).filter(|&survey| {
        people.draw(&mut stream(survey, "simulated", "survey"), &mut shares);
        let counts = shares.map(|share| share * 60.0);
        let resample = HumanResample::draw(&marginal("simulated", "item", &counts), &SCALE, &PLAN).unwrap();
        let interval = resample.interval(metric, model).unwrap();
        (interval.low..=interval.high).contains(&expected)
    });
    covered.count() as f64 / survey_count as f64
}

#[test]
fn intervals_cover_the_truth_as_often_as_they_say() {
    let model = [0.7, 0.2, 0.05, 0.05]; // far from the truth, where a plug-in distance is nearly unbiased
    for metric in Metric::ALL {
        let share = coverage(metric, &model, 200);
        if metric == Metric::ModalMass {
            assert_eq!(share, 1.0, "nothing about people is uncertain here");
        } else {
            // not smooth in people's shares: 0.825 and 0.795 here, as the metrics' docs say
            let is_smooth = !matches!(metric, Metric::ModalMassDifference | Metric::TotalVariationScore);
            let least = if is_smooth { 0.85 } else { 0.77 };
            assert!((least..=0.99).contains(&share), "{metric}: {share}");
        }
    }
}

/// The mean over items: its bias does not shrink with their number, its sampling error does.
#[test]
fn intervals_of_a_group_cover_the_truth_too() {
    const ITEM_COUNT: usize = 20;
    let truth = |item: usize| -> [f64; 4] {
        let lean = item as f64 / ITEM_COUNT as f64;
        [0.1 + 0.2 * lean, 0.3 - 0.1 * lean, 0.4 - 0.2 * lean, 0.2 + 0.1 * lean]
    };
    let model = [0.02, 0.05, 0.9, 0.03];
    let names: Vec<String> = (0..ITEM_COUNT).map(|item| format!("item {item:02}")).collect();
    let values = names.iter().map(|name| (name.clone(), SCALE.to_vec())).collect();
    let units: Vec<ModelUnit> = names.iter().map(|name| unit("USA", name, 1.0, Some(&model))).collect();
    let metrics = [Metric::TotalVariation, Metric::JensenShannon, Metric::Wasserstein1, Metric::EntropyRatio];
    let mut covered = [0; 4];
    const SURVEY_COUNT: u64 = 100;
    for survey in 0..SURVEY_COUNT {
        let draw = |item: usize| {
            let mut shares = [0.0; 4];
            Multinomial::new(&truth(item), 55).draw(&mut stream(survey, "survey", &names[item]), &mut shares);
            marginal("USA", &names[item], &shares.map(|share| (share * 55.0).round()))
        };
        let marginals: Vec<Marginal> = (0..ITEM_COUNT).map(draw).collect();
        let rows = compare(&units, &marginals, &values, &["USA".to_owned()], &PLAN).unwrap().rows;
        for (metric, covered) in metrics.iter().zip(&mut covered) {
            let sum =
                |of: &dyn Fn(&[f64; 4]) -> f64| (0..ITEM_COUNT).map(|item| of(&truth(item))).sum::<f64>();
            let expected = sum(&|truth| metric.numerator(&model, truth, &[0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0]))
                / sum(&|truth| metric.denominator(truth, &SCALE));
            let row = of_usa(&rows, Level::Group, Predictor::Model, *metric)[0];
            *covered += u64::from((row.interval.low..=row.interval.high).contains(&expected));
        }
    }
    for (metric, covered) in metrics.iter().zip(covered) {
        assert!((85..=100).contains(&covered), "{metric}: {covered} of {SURVEY_COUNT}");
    }
}

#[test]
fn the_noise_floor_tells_a_right_model() {
    let truth = [0.1, 0.25, 0.45, 0.2];
    let counts = [9.0, 15.0, 24.0, 12.0]; // what such people might say
    let resample = HumanResample::draw(&marginal("simulated", "item", &counts), &SCALE, &PLAN).unwrap();
    let noise = resample.noise(Metric::TotalVariation);
    assert!(resample.evaluate(Metric::TotalVariation, &truth).unwrap() < noise.mean);
    assert!(resample.interval(Metric::TotalVariation, &truth).unwrap().low < noise.floor);
    assert!(noise.mean < noise.floor);
}

/// The 95th percentile of W1 between two samples from one population, people of USA, BRA and HND together.
fn null_wasserstein(counts: [f64; 4], first_n: usize, second_n: usize) -> f64 {
    let mut rng = stream(5, "null", "anger");
    let (mut first, mut second) = ([0.0; 4], [0.0; 4]);
    let mut distances: Vec<f64> = (0..4000)
        .map(|_| {
            Multinomial::new(&counts, first_n).draw(&mut rng, &mut first);
            Multinomial::new(&counts, second_n).draw(&mut rng, &mut second);
            distances::wasserstein_1(&first, &second, &SCALE)
        })
        .collect();
    quantile::quantile(&mut distances, 0.95).unwrap()
}

#[test]
fn noise_at_the_sizes_of_isear_is_what_an_independent_count_found() {
    // published with the counts: anger, USA (61) against BRA + HND (110 to 113), null 95th percentile .098
    let together = [12.0, 36.0, 75.0, 51.0];
    let two_sizes = null_wasserstein(together, 61, 113);
    assert!((two_sizes - 0.098).abs() < 0.006, "{two_sizes}");
    // two samples of 61 each differ by more, by the root of (1/61 + 1/61) over (1/61 + 1/113)
    let resample = HumanResample::draw(&isear()[0], &SCALE, &PLAN).unwrap();
    let floor = resample.noise(Metric::Wasserstein1).floor;
    let expected = 0.098 * ((2.0 / 61.0_f64) / (1.0 / 61.0 + 1.0 / 113.0)).sqrt();
    assert!((floor - expected).abs() < 0.015, "{floor} {expected}");
    // and the distance itself
    let usa = ResponseDistribution::from_weights(&[4.0, 11.0, 22.0, 24.0]).unwrap();
    let latin = ResponseDistribution::from_weights(&[8.0, 25.0, 53.0, 27.0]).unwrap();
    let distance = distances::wasserstein_1(usa.probabilities(), latin.probabilities(), &SCALE);
    assert!((distance - 0.069).abs() < 0.0005, "{distance}");
}

#[test]
fn every_unit_and_baseline_has_a_row_for_every_metric() {
    let rows = compare_isear(&units());
    // two groups; model at two temperatures and four baselines; three items and their mean
    assert_eq!(rows.len(), 2 * (2 + 4) * (3 + 1) * Metric::ALL.len());
    for row in &rows {
        assert_eq!(row.item.is_none(), row.level == Level::Group);
        assert_eq!(row.persona.is_some(), row.predictor == Predictor::Model);
        assert_eq!(row.temperature.is_some(), row.predictor == Predictor::Model);
        assert!(row.interval.low <= row.interval.high, "{row:?}");
        let cell_count = match (row.predictor, row.level) {
            (Predictor::Model, Level::Item) => 2,
            (Predictor::Model, Level::Group) => 6,
            _ => 0,
        };
        assert_eq!((row.cell_count, row.unusable_count), (cell_count, 0));
        if row.metric == Metric::ModalMass {
            let ends = [row.interval.low, row.interval.high];
            assert!(ends.iter().all(|end| (end - row.value).abs() < 1e-12) && row.noise_floor == 0.0);
        } else {
            assert!(row.noise_floor > 0.0, "{row:?}");
        }
    }
    let sizes: Vec<f64> =
        rows.iter().take(4 * Metric::ALL.len()).step_by(Metric::ALL.len()).map(|row| row.n).collect();
    assert_eq!(sizes, [58.0, 58.0, 58.0, 58.0]); // BRA comes first; anger, guilt, shame, and their median
}

#[test]
fn baseline_rows_hold_the_baselines() {
    let rows = compare_isear(&units());
    let of_anger = |predictor, metric| of_usa(&rows, Level::Item, predictor, metric)[0].value;
    let usa = [4.0 / 61.0, 11.0 / 61.0, 22.0 / 61.0, 24.0 / 61.0];
    let pooled = [8.0 / 113.0, 25.0 / 113.0, 53.0 / 113.0, 27.0 / 113.0];
    let other = [3.0 / 58.0, 11.0 / 58.0, 30.0 / 58.0, 14.0 / 58.0]; // HND is in the data but not in the run
    for metric in Metric::ALL {
        let against = |model: &[f64]| metric.evaluate(model, &usa, &SCALE).unwrap();
        let expected = [
            (Predictor::Uniform, against(&[0.25; 4])),
            (Predictor::Modal, against(&[0.0, 0.0, 0.0, 1.0])),
            (Predictor::Pooled, against(&pooled)),
            (Predictor::OtherGroup, against(&other)),
        ];
        for (predictor, expected) in expected {
            assert!((of_anger(predictor, metric) - expected).abs() < 1e-12, "{metric} {predictor:?}");
        }
    }
}

#[test]
fn the_mean_over_two_other_groups_is_taken_over_their_metrics() {
    let run_groups = ["USA", "BRA", "HND"].map(str::to_owned);
    let rows = compare(&units(), &isear(), &scale_values(), &run_groups, &PLAN).unwrap().rows;
    let usa = [4.0 / 61.0, 11.0 / 61.0, 22.0 / 61.0, 24.0 / 61.0];
    let of = |counts: [f64; 4]| {
        let n: f64 = counts.iter().sum();
        distances::total_variation(&counts.map(|count| count / n), &usa)
    };
    let expected = 0.5 * (of([3.0, 11.0, 30.0, 14.0]) + of([5.0, 14.0, 23.0, 13.0]));
    let row = of_usa(&rows, Level::Item, Predictor::OtherGroup, Metric::TotalVariation)[0];
    assert!((row.value - expected).abs() < 1e-12);
}

#[test]
fn group_rows_are_means_over_items_and_steadier_than_items() {
    let rows = compare_isear(&units());
    for predictor in [Predictor::Model, Predictor::Uniform] {
        for metric in Metric::ALL {
            let items = of_usa(&rows, Level::Item, predictor, metric);
            let group = of_usa(&rows, Level::Group, predictor, metric)[0];
            let mean_over_items = |of: fn(&Comparison) -> f64| {
                items.iter().map(|row| of(row)).sum::<f64>() / items.len() as f64
            };
            let width: fn(&Comparison) -> f64 = |row| row.interval.high - row.interval.low;
            let is_plain_mean =
                !matches!(metric, Metric::EntropyRatio | Metric::VarianceRatio | Metric::TotalVariationScore);
            if is_plain_mean {
                assert!((group.value - mean_over_items(|row| row.value)).abs() < 1e-12, "{metric}");
            }
            if metric != Metric::ModalMass {
                assert!(width(group) < mean_over_items(width), "{metric}");
                assert!(group.noise_floor < mean_over_items(|row| row.noise_floor), "{metric}");
            }
        }
    }
}

#[test]
fn an_item_on_which_people_agree_keeps_its_place_in_the_ratio_of_mean_entropies() {
    let marginals = [marginal("USA", "anger", &[0.0, 0.0, 0.0, 40.0]), marginal("USA", "shame", &[10.0; 4])];
    let units = [unit("USA", "anger", 1.0, Some(&[1.0; 4])), unit("USA", "shame", 1.0, Some(&[1.0; 4]))];
    let rows = compare(&units, &marginals, &scale_values(), &run_groups(), &PLAN).unwrap().rows;
    let ratios = of_usa(&rows, Level::Item, Predictor::Model, Metric::EntropyRatio);
    assert_eq!(ratios.iter().map(|row| row.item.as_deref()).collect::<Vec<_>>(), [Some("shame")]);
    // (ln 4 + ln 4) / (0 + ln 4)
    let of_group = of_usa(&rows, Level::Group, Predictor::Model, Metric::EntropyRatio)[0];
    assert!((of_group.value - 2.0).abs() < 1e-12);
}

#[test]
fn units_that_cannot_be_compared_are_counted_or_left_out() {
    let units = [
        unit("USA", "anger", 1.0, Some(&[1.0; 4])),
        unit("USA", "guilt", 1.0, None),
        unit("ZMB", "anger", 1.0, Some(&[1.0; 4])), // no people
        unit("BRA", "anger", 1.0, None),
    ];
    let rows = compare_isear(&units);
    assert!(!rows.iter().any(|row| row.population_group == "ZMB"));
    let of_model =
        |group: &'static str| rows.iter().filter(move |r| r.population_group == group && r.persona.is_some());
    assert_eq!(of_model("BRA").count(), 0);
    assert!(of_model("USA").all(|row| row.item.as_deref().is_none_or(|item| item == "anger")));
    let of_group = of_usa(&rows, Level::Group, Predictor::Model, Metric::TotalVariation)[0];
    assert_eq!((of_group.cell_count, of_group.unusable_count, of_group.n), (2, 2, 61.0));
}

#[test]
fn neither_order_nor_company_nor_threads_change_a_number() {
    let all = compare_isear(&units());
    let mut reversed = units();
    reversed.reverse();
    let mut marginals = isear();
    marginals.reverse();
    let on_threads = |thread_count| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(thread_count).build().unwrap();
        pool.install(|| compare(&reversed, &marginals, &scale_values(), &run_groups(), &PLAN).unwrap().rows)
    };
    assert_eq!(on_threads(1), all);
    assert_eq!(on_threads(2), all);
    let usa_only: Vec<ModelUnit> =
        units().into_iter().filter(|unit| unit.population_group == "USA").collect();
    // What is adjusted for the number of tests in the run does know its company.
    let by_itself = |row: Comparison| Comparison { adjusted_p_value: None, told_apart_share: None, ..row };
    let alone: Vec<Comparison> = compare_isear(&usa_only).into_iter().map(by_itself).collect();
    let of_usa = all.into_iter().filter(|row| row.population_group == "USA").map(by_itself);
    assert!(of_usa.eq(alone));
}

#[test]
fn the_seed_moves_intervals_and_not_values() {
    let of_seed = |seed| {
        let plan = ComparisonPlan { seed, ..PLAN };
        compare(&units(), &isear(), &scale_values(), &run_groups(), &plan).unwrap().rows
    };
    let (one, other) = (of_seed(1), of_seed(2));
    assert!(one.iter().zip(&other).all(|(a, b)| a.value == b.value));
    assert!(one.iter().zip(&other).any(|(a, b)| a.interval != b.interval));
    assert!(one.iter().zip(&other).any(|(a, b)| a.noise_floor != b.noise_floor));
}

#[test]
fn what_does_not_fit_is_refused() {
    let check = |units: &[ModelUnit], plan: &ComparisonPlan, kind: ErrorKind, message: &str| {
        let error = compare(units, &isear(), &scale_values(), &run_groups(), plan).unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (kind, message));
    };
    let anger = unit("USA", "anger", 1.0, Some(&[1.0; 4]));
    let place = "the distribution of USA student/anger/en/number at temperature 1";
    check(&[anger.clone(), anger.clone()], &PLAN, ErrorKind::Output, &format!("{place} is there twice"));
    let short = unit("USA", "anger", 1.0, Some(&[1.0; 3]));
    let message = format!("{place} has 3 options where the scale has 4");
    check(&[short], &PLAN, ErrorKind::Output, &message);
    let few = ComparisonPlan { replicate_count: 10, ..PLAN };
    check(&[anger], &few, ErrorKind::Usage, "10 bootstrap replicates cannot show a 95 % interval");
    let falling = HumanResample::draw(&isear()[0], &[4.0, 3.0, 2.0, 1.0], &PLAN).unwrap_err();
    assert_eq!(falling.to_string(), "item anger of group USA needs a scale of increasing values");
}

/// The share of items told apart, of a model that says what people do and of one that reverses it.
#[test]
fn people_are_told_apart_from_another_model_and_not_from_their_own() {
    let truth = [0.1, 0.2, 0.4, 0.3];
    let items: Vec<String> = (0..60).map(|index| format!("item {index}")).collect();
    let survey = Multinomial::new(&truth, 60);
    let people: Vec<Marginal> = items
        .iter()
        .map(|item| {
            let mut shares = [0.0; 4];
            survey.draw(&mut stream(5, "people", item), &mut shares);
            marginal("USA", item, &shares.map(|share| (share * 60.0).round()))
        })
        .collect();
    let values: BTreeMap<String, Vec<f64>> =
        items.iter().map(|item| (item.clone(), SCALE.to_vec())).collect();
    let share = |weights: [f64; 4]| {
        let units: Vec<ModelUnit> = items.iter().map(|item| unit("USA", item, 1.0, Some(&weights))).collect();
        let rows = compare(&units, &people, &values, &["USA".to_owned()], &PLAN).unwrap().rows;
        let of_items: Vec<&Comparison> = of_usa(&rows, Level::Item, Predictor::Model, Metric::Wasserstein1);
        assert!(of_items.iter().all(|row| row.p_value.unwrap() <= row.adjusted_p_value.unwrap()));
        let group = of_usa(&rows, Level::Group, Predictor::Model, Metric::Wasserstein1)[0];
        let apart =
            of_items.iter().filter(|row| row.adjusted_p_value.unwrap() <= FALSE_DISCOVERY_RATE).count();
        assert_eq!(group.told_apart_share, Some(apart as f64 / 60.0));
        assert!(rows.iter().all(|row| row.predictor == Predictor::Model || row.p_value.is_none()));
        group.told_apart_share.unwrap()
    };
    assert!(share(truth) <= 2.0 / 60.0);
    assert_eq!(share([0.3, 0.4, 0.2, 0.1]), 1.0);
}

#[test]
fn means_go_together_where_the_model_says_what_people_do() {
    // The USA as they respond; Brazil as the USA respond.
    let people = isear();
    let counts = |group: &str, item: &str| {
        people.iter().find(|of| of.population_group == group && of.item == item).unwrap().counts.clone()
    };
    let units: Vec<ModelUnit> = ["USA", "BRA"]
        .into_iter()
        .flat_map(|group| ["anger", "shame", "guilt"].map(|item| (group, item)))
        .map(|(group, item)| unit(group, item, 1.0, Some(&counts("USA", item))))
        .collect();
    let (agreements, contrasts) = {
        let found = compare(&units, &people, &scale_values(), &run_groups(), &PLAN).unwrap();
        (found.compared.mean_agreements, found.compared.culture_contrasts)
    };
    assert_eq!((agreements.len(), contrasts.len()), (2, 1));
    let usa = &agreements[0];
    assert!((usa.correlation.unwrap() - 1.0).abs() < 1e-12 && usa.item_count == 3);
    assert!((0.9..1.0).contains(&usa.ceiling.unwrap()), "{usa:?}");
    let mean = |group: &str, item: &str| {
        let counts = counts(group, item);
        let sum: f64 = counts.iter().zip(0..).map(|(count, at)| count * f64::from(at)).sum();
        sum / 3.0 / counts.iter().sum::<f64>()
    };
    let apart = ["anger", "shame", "guilt"].map(|item| mean("BRA", item) - mean("USA", item));
    let found = &contrasts[0];
    assert_eq!((found.less_persona.as_str(), found.model.abs() < 1e-12), ("USA student", true));
    assert!((found.people - apart.iter().sum::<f64>() / 3.0).abs() < 1e-12);
    assert!((found.error + found.people).abs() < 1e-12 && found.correlation.is_none());
    assert!((found.absolute_error - apart.iter().map(|gap| gap.abs()).sum::<f64>() / 3.0).abs() < 1e-12);
    let interval = found.interval.unwrap();
    assert!(interval.low < found.error && found.error < interval.high && found.absolute_noise > 0.0);
}

#[test]
fn a_correlation_is_numpys() {
    // numpy.corrcoef([1, 2, 4, 3], [2, 1, 5, 5])[0, 1]
    let found = correlation(&[1.0, 2.0, 4.0, 3.0], &[2.0, 1.0, 5.0, 5.0]).unwrap();
    assert!((found - 0.8140915784106943).abs() < 1e-12, "{found}");
    assert_eq!(correlation(&[0.1, 0.1, 0.1], &[1.0, 2.0, 3.0]), None);
    assert_eq!(correlation(&[1.0, 2.0], &[1.0, 2.0]), None);
}

#[test]
fn a_persona_that_answers_for_another_group_is_found_out() {
    // Each persona answers as the people of the other group do, or as its own do.
    for (is_swapped, rank) in [(false, 1), (true, 2)] {
        let other = |group: &str| if group == "USA" { "BRA" } else { "USA" };
        let mut units = Vec::new();
        for group in ["USA", "BRA"] {
            for item in ["anger", "shame", "guilt"] {
                let answered_for = if is_swapped { other(group) } else { group };
                let people =
                    isear().into_iter().find(|m| m.population_group == answered_for && m.item == item);
                units.push(unit(group, item, 1.0, Some(&people.unwrap().counts)));
            }
        }
        let groups = ["BRA".to_owned(), "USA".to_owned()];
        let found = compare(&units, &isear(), &scale_values(), &groups, &PLAN).unwrap();
        assert_eq!(found.persona_swaps.len(), 2);
        for swap in &found.persona_swaps {
            assert_eq!((swap.item_count, swap.other_count, swap.rank), (3, 1, rank));
            assert_eq!(swap.own > swap.others, is_swapped);
            assert!((swap.difference - (swap.own - swap.others)).abs() < 1e-15);
            assert!((swap.own.min(swap.others)).abs() < 1e-12, "one of the two is the people themselves");
        }
        let [steering] = &found.steerability[..] else { panic!("one condition") };
        let mean = found.persona_swaps.iter().map(|swap| -swap.difference).sum::<f64>() / 2.0;
        assert!((steering.gain - mean).abs() < 1e-12 && (steering.gain > 0.0) != is_swapped);
        assert_eq!((steering.group_count, steering.nearest_count), (2, if is_swapped { 0 } else { 2 }));
        let interval = steering.interval.unwrap();
        // Reflected: a distance of nothing to the sample is one of something to the people behind it.
        assert!(interval.low < interval.high && (interval.low > 0.0) != is_swapped, "{interval:?}");
    }
}

#[test]
fn one_group_has_nobody_to_swap_with() {
    let units: Vec<ModelUnit> = units().into_iter().filter(|unit| unit.population_group == "USA").collect();
    let found = compare(&units, &isear(), &scale_values(), &["USA".to_owned()], &PLAN).unwrap();
    assert!(found.persona_swaps.is_empty() && found.steerability.is_empty());
}
