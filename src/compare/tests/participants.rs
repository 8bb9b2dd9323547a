//! People drawn whole: what goes together in them, their weights, halves of them, and how often intervals hold.

use super::whole::compare_people;
use super::*;
use crate::compare::contrasts::{ContrastCell, ContrastPlan, PeopleSample, contrast};
use crate::compare::draws::{Draws, Halves};
use crate::survey::{Participants, Quantity};
use rand::RngCore;

/// One group whose people respond to each item as `responses` say; \[item\]\[person\].
fn people_of(weights: &[f64], responses: &[(&str, Vec<Option<u8>>)]) -> Participants {
    Participants {
        population_group: "USA".to_owned(),
        weights: weights.to_vec(),
        responses: responses.iter().map(|(item, of)| ((*item).to_owned(), of.clone())).collect(),
    }
}

/// What an import would count.
fn counted(people: &Participants, items: &[&str]) -> Vec<Marginal> {
    let everybody = vec![1.0; people.count()];
    let of_item = |item: &&str| {
        let n = people.effective_n(item);
        let shares = people.shares(item, SCALE.len(), &everybody).unwrap();
        marginal("USA", item, &shares.iter().map(|share| share * n).collect::<Vec<f64>>())
    };
    items.iter().map(of_item).collect()
}

/// The group's row of a metric of a model that is even over the options, people drawn whole or item by item.
fn group_row(people: &Participants, items: &[&str], is_whole: bool, metric: Metric) -> Comparison {
    let units: Vec<ModelUnit> = items.iter().map(|item| unit("USA", item, 1.0, Some(&[1.0; 4]))).collect();
    let values = items.iter().map(|item| ((*item).to_owned(), SCALE.to_vec())).collect();
    let marginals = counted(people, items);
    let people = std::slice::from_ref(people);
    let held = People { marginals: &marginals, participants: if is_whole { people } else { &[] } };
    let rows = compare_people(&units, held, &values, &["USA".to_owned()], &PLAN).unwrap().rows;
    let wanted = |row: &&Comparison| {
        (row.level, row.predictor, row.metric) == (Level::Group, Predictor::Model, metric)
    };
    rows.iter().find(wanted).unwrap().clone()
}

fn width(row: &Comparison) -> f64 {
    row.interval.high - row.interval.low
}

/// Responses 0 to 3 of so many people.
fn drawn(count: usize, key: &str) -> Vec<Option<u8>> {
    let mut random = stream(5, "made up", key);
    (0..count).map(|_| Some((random.next_u32() % 4) as u8)).collect()
}

#[test]
fn items_that_say_the_same_are_worth_one() {
    let responses = drawn(80, "same");
    let items = ["a", "b", "c", "d"];
    let people = people_of(&[1.0; 80], &items.map(|item| (item, responses.clone())));
    let one = width(&group_row(&people, &items[..1], true, Metric::MeanDifference));
    let four = width(&group_row(&people, &items, true, Metric::MeanDifference));
    let apart = width(&group_row(&people, &items, false, Metric::MeanDifference));
    assert!((four / one - 1.0).abs() < 1e-9, "{four} {one}");
    assert!((apart / four - 0.5).abs() < 0.06, "as if four times as many people: {apart} {four}");
}

#[test]
fn people_of_one_item_are_drawn_as_its_counts_are() {
    // Far from the model, where distances have no edge: nobody at the lowest option.
    let high = drawn(120, "one").into_iter().map(|option| option.map(|option| option.max(2))).collect();
    let people = people_of(&[1.0; 120], &[("a", high)]);
    for metric in [Metric::MeanDifference, Metric::TotalVariation, Metric::EntropyRatio] {
        let (whole, counts) =
            (group_row(&people, &["a"], true, metric), group_row(&people, &["a"], false, metric));
        assert_eq!((whole.value, whole.n), (counts.value, counts.n));
        assert!((width(&whole) / width(&counts) - 1.0).abs() < 0.15, "{metric}: {whole:?} {counts:?}");
        assert!((whole.noise_floor / counts.noise_floor - 1.0).abs() < 0.15, "{metric}");
        assert!(whole.split_half.is_some() && counts.split_half.is_none());
    }
}

#[test]
fn weights_scatter_as_their_linearised_variance() {
    let responses = drawn(60, "weights");
    let weights: Vec<f64> = (0..60).map(|person| [0.3, 1.0, 2.5][person % 3]).collect();
    let people = people_of(&weights, &[("a", responses.clone())]);
    let plan = ComparisonPlan { replicate_count: 4000, ..PLAN };
    let draws = Draws::of_people(&people, &[("a", 4)], &plan).remove(0);
    let mean = |shares: &[f64]| shares.iter().zip(0..).map(|(share, at)| share * f64::from(at)).sum::<f64>();
    let means: Vec<f64> = draws.rows.chunks_exact(4).map(mean).collect();
    let middle = means.iter().sum::<f64>() / 4000.0;
    let variance = means.iter().map(|mean| (mean - middle).powi(2)).sum::<f64>() / 4000.0;
    // Σ w² (x − m)² / (Σ w)².
    let total: f64 = weights.iter().sum();
    let at = |person: usize| f64::from(responses[person].unwrap());
    let m = (0..60).map(|person| weights[person] * at(person)).sum::<f64>() / total;
    let linear = (0..60).map(|person| (weights[person] * (at(person) - m)).powi(2)).sum::<f64>();
    let expected = linear / total.powi(2);
    assert!((variance / expected - 1.0).abs() < 0.12, "{variance} {expected}");
}

#[test]
fn halves_are_all_splits_alike() {
    // Three ways to part four people: 0 1 | 2 3, 0 2 | 1 3, 0 3 | 1 2. Total variation between the halves, by hand: 1, 1/2, 1/2.
    let people = people_of(&[1.0; 4], &[("a", [0, 0, 1, 2].map(Some).to_vec())]);
    let plan = ComparisonPlan { replicate_count: 6000, ..PLAN };
    let halves = Halves::of_people(&people, &[("a", 3)], &plan).remove(0);
    let positions = [0.0, 0.5, 1.0];
    let between = crate::compare::halves::BetweenHalves::new(&halves, &positions);
    let found = between.ratios(Metric::TotalVariation).distance(Metric::TotalVariation).unwrap();
    // A standard error of the mean is 0.236 / √6000.
    assert!((found - 2.0 / 3.0).abs() < 4.0 * 0.236 / 6000.0_f64.sqrt(), "{found}");
    // Somebody of both halves has to respond.
    let alone = people_of(&[1.0; 4], &[("a", vec![Some(0), None, None, None])]);
    let halves = Halves::of_people(&alone, &[("a", 3)], &plan).remove(0);
    assert!(halves.splits.iter().all(Option::is_none));
}

#[test]
fn an_item_that_few_were_asked_is_never_without_people() {
    let mut few = vec![None; 200];
    few[7] = Some(2);
    let people = people_of(&[1.0; 200], &[("a", drawn(200, "many")), ("few", few)]);
    let draws = Draws::of_people(&people, &[("a", 4), ("few", 4)], &PLAN);
    assert!(draws[1].rows.chunks_exact(4).all(|row| row == [0.0, 0.0, 1.0, 0.0]));
    // Which items are asked for does not matter to the draws.
    assert_eq!(Draws::of_people(&people, &[("a", 4)], &PLAN)[0], draws[0]);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    assert_eq!(pool.install(|| Draws::of_people(&people, &[("a", 4)], &PLAN)).remove(0), draws[0]);
}

/// Of so many surveys of 60 people who lean one way in all six items, the share whose interval of the group's mean difference holds the
/// truth, which is 0.
fn coverage_of_group(is_whole: bool) -> f64 {
    let items = ["a", "b", "c", "d", "e", "f"];
    let held = (0..150).filter(|survey| {
        let mut random = stream(*survey, "leaning", "people");
        let leans: Vec<bool> = (0..60).map(|_| random.next_u32().is_multiple_of(2)).collect();
        let mut of_item = |item| {
            let respond = |high: &bool| Some((random.next_u32() % 2) as u8 + if *high { 2 } else { 0 });
            (item, leans.iter().map(respond).collect())
        };
        let people = people_of(&[1.0; 60], &items.map(&mut of_item));
        let row = group_row(&people, &items, is_whole, Metric::MeanDifference);
        row.interval.low <= 0.0 && 0.0 <= row.interval.high
    });
    held.count() as f64 / 150.0
}

#[test]
fn intervals_of_people_who_lean_hold_when_they_are_drawn_whole() {
    // A standard error of 0.018.
    let whole = coverage_of_group(true);
    assert!((0.89..=0.99).contains(&whole), "{whole}");
    // Item by item the same people count six times.
    let apart = coverage_of_group(false);
    println!("intervals that hold: {whole:.2} of people drawn whole, {apart:.2} item by item");
    assert!(apart < 0.75, "{apart}");
}

#[test]
fn contrasts_draw_people_whole_too() {
    // The same responses to two items: whoever is drawn, the people's difference stays what it is.
    let responses = drawn(80, "contrast");
    let mut shifted = responses.clone();
    shifted[0] = shifted[0].map(|option| 3 - option);
    let people = people_of(&[1.0; 80], &[("a", responses), ("b", shifted)]);
    let marginals = counted(&people, &["a", "b"]);
    let cell = |side: usize| ContrastCell {
        stratum: 0,
        side,
        variable: side,
        situation: 0,
        prompt: 0,
        positions: vec![0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0],
        distribution: Some(vec![0.25; 4]),
        people: Some(side),
    };
    let plan = ContrastPlan {
        id: "H".to_owned(),
        quantity: Quantity::MeanMinusPeople,
        signs: vec![1.0, -1.0],
        stratum_count: 1,
        fixed: Vec::new(),
        replicate_count: 400,
        seed: 7,
        level: 0.95,
    };
    let width = |is_whole: bool| {
        let sample = |item: usize| PeopleSample {
            counts: marginals[item].counts.clone(),
            participants: is_whole.then(|| (&people, ["a", "b"][item])),
        };
        let found = contrast(&plan, &[cell(0), cell(1)], &[sample(0), sample(1)]).unwrap().remove(0);
        found.interval.map(|interval| interval.high - interval.low).unwrap()
    };
    assert!(width(true) < 0.3 * width(false), "{} {}", width(true), width(false));
}

#[test]
fn a_correlation_of_halves_is_stepped_up_where_there_is_one() {
    let of = |numbers: &[f64]| crate::compare::halves::stepped_up(&mut numbers.to_vec());
    // 2 · 0.6 / 1.6 of the median; a negative one would leave the range of a correlation.
    assert!((of(&[0.2, 0.6, 0.9]).unwrap() - 0.75).abs() < 1e-15);
    assert_eq!((of(&[0.0]), of(&[1.0]), of(&[-0.5]), of(&[])), (Some(0.0), Some(1.0), None, None));
}

#[test]
fn means_of_halves_go_together_in_people_who_agree() {
    let items = ["a", "b", "c", "d"];
    let of_item = |item: &&'static str| {
        let place = items.iter().position(|known| known == item).unwrap() as u8;
        let noisy = drawn(60, item);
        // Everybody but a quarter says the same of an item.
        let responses = noisy.iter().zip(0..).map(|(noise, person)| match person % 4 {
            0 => *noise,
            _ => Some(place),
        });
        (*item, responses.collect())
    };
    let responses: Vec<(&str, Vec<Option<u8>>)> = items.iter().map(of_item).collect();
    let people = people_of(&[1.0; 60], &responses);
    let marginals = counted(&people, &items);
    let units: Vec<ModelUnit> =
        marginals.iter().map(|of| unit("USA", &of.item, 1.0, Some(&of.counts))).collect();
    let values = items.iter().map(|item| ((*item).to_owned(), SCALE.to_vec())).collect();
    let held = People { marginals: &marginals, participants: std::slice::from_ref(&people) };
    let found = compare_people(&units, held, &values, &["USA".to_owned()], &PLAN).unwrap();
    let agreement = &found.mean_agreements[0];
    let split_half = agreement.split_half.unwrap();
    assert!((0.95..1.0).contains(&split_half), "{agreement:?}");
    let counts_only = People { participants: &[], ..held };
    let found = compare_people(&units, counts_only, &values, &["USA".to_owned()], &PLAN).unwrap();
    assert_eq!(found.mean_agreements[0].split_half, None);
}
