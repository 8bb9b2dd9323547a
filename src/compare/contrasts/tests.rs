//! Contrasts of made-up models: those that satisfy a hypothesis, violate it, and say nothing about it.

use super::*;
use crate::survey::{Prediction, Quantity, Reach};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Four options at 0, 1/3, 2/3 and 1.
fn positions() -> Vec<f64> {
    (0..4).map(|option| option as f64 / 3.0).collect()
}

/// A distribution over four options whose mean is `mean`.
fn around(mean: f64) -> Vec<f64> {
    let at = (mean.clamp(0.0, 1.0)) * 3.0;
    let low = (at.floor() as usize).min(2);
    let mut shares = vec![0.0; 4];
    shares[low + 1] = at - low as f64;
    shares[low] = 1.0 - shares[low + 1];
    shares
}

fn plan(quantity: Quantity, signs: &[f64]) -> ContrastPlan {
    ContrastPlan {
        id: "H".to_owned(),
        quantity,
        signs: signs.to_vec(),
        stratum_count: 1,
        replicate_count: 400,
        seed: 7,
        level: 0.95,
    }
}

/// Items 0 to 5 on side 0, 6 to 11 on side 1, four prompts; a mean for each.
fn two_sides(mean: &mut dyn FnMut(usize, usize) -> f64) -> Vec<ContrastCell> {
    let mut cells = Vec::new();
    for item in 0..12 {
        for prompt in 0..4 {
            cells.push(ContrastCell {
                stratum: 0,
                side: item / 6,
                item,
                prompt,
                positions: positions(),
                distribution: Some(around(mean(item, prompt))),
                people: None,
            });
        }
    }
    cells
}

fn decide(cells: &[ContrastCell], predicted: Prediction, margin: f64) -> (ContrastEstimate, Verdict) {
    let found = contrast(&plan(Quantity::Mean, &[1.0, -1.0]), cells, &[]).unwrap().remove(0);
    let verdict = stratum_verdict(&found, predicted, margin);
    (found, verdict)
}

/// Something between −1 and 1 for each item and prompt.
fn noise(item: usize, prompt: usize) -> f64 {
    let mut random = ChaCha8Rng::seed_from_u64((item * 31 + prompt) as u64);
    random.random_range(-1.0..1.0)
}

#[test]
fn what_is_higher_is_supported_and_what_is_lower_contradicted() {
    let lift = |item: usize| if item < 6 { 0.2 } else { 0.0 };
    let cells = two_sides(&mut |item, prompt| 0.4 + lift(item) + 0.02 * noise(item, prompt));
    let (found, verdict) = decide(&cells, Prediction::Higher, 0.05);
    assert!((found.value.unwrap() - 0.2).abs() < 0.02, "{found:?}");
    assert_eq!((verdict, found.item_count, found.prompt_count), (Verdict::Supported, 12, 4));
    assert_eq!(decide(&cells, Prediction::Lower, 0.0).1, Verdict::Contradicted);
    assert_eq!(decide(&cells, Prediction::Different, 0.05).1, Verdict::Supported);
    // An effect that counts only from 0.5 on is not there.
    assert_eq!(decide(&cells, Prediction::Higher, 0.5).1, Verdict::Contradicted);
    assert_eq!(decide(&cells, Prediction::Different, 0.5).1, Verdict::Contradicted);
}

#[test]
fn items_that_scatter_leave_it_undecided() {
    let cells = two_sides(&mut |item, _| 0.5 + 0.3 * noise(item, 0));
    assert_eq!(decide(&cells, Prediction::Higher, 0.0).1, Verdict::Undecided);
}

#[test]
fn a_model_that_answers_by_position_supports_no_contrast_of_items() {
    // It picks what is shown first: low in forward prompts, high in reversed ones, whatever the item.
    let cells = two_sides(&mut |_, prompt| if prompt % 2 == 0 { 0.05 } else { 0.95 });
    let (found, verdict) = decide(&cells, Prediction::Higher, 0.0);
    assert!(found.value.unwrap().abs() < 1e-12);
    assert_eq!(verdict, Verdict::Undecided);
    assert_eq!(decide(&cells, Prediction::Different, 0.02).1, Verdict::Contradicted);
}

#[test]
fn unusable_cells_are_counted_and_too_many_decide_nothing() {
    let mut cells = two_sides(&mut |item, _| if item < 6 { 0.7 } else { 0.3 });
    for cell in cells.iter_mut().filter(|cell| cell.prompt == 3) {
        cell.distribution = None;
    }
    let (found, verdict) = decide(&cells, Prediction::Higher, 0.0);
    assert_eq!((found.cell_count, found.unusable_count, verdict), (48, 12, Verdict::Supported));
    for cell in cells.iter_mut().filter(|cell| cell.prompt > 0) {
        cell.distribution = None;
    }
    assert_eq!(decide(&cells, Prediction::Higher, 0.0).1, Verdict::Undecided);
    for cell in cells.iter_mut().filter(|cell| cell.side == 1) {
        cell.distribution = None;
    }
    assert_eq!(decide(&cells, Prediction::Higher, 0.0).0.value, None);
}

#[test]
fn misfit_is_of_the_people_and_their_number_widens_it() {
    let cells = |people| ContrastCell { people: Some(people), ..two_sides(&mut |_, _| 0.5)[0].clone() };
    let of = |count: f64| {
        let people = [PeopleSample { counts: vec![count, 0.0, 0.0, count] }];
        contrast(&plan(Quantity::Misfit, &[1.0]), &[cells(0)], &people).unwrap().remove(0)
    };
    let (few, many) = (of(10.0), of(1000.0));
    // Half at 1/3 and half at 2/3 against half at either end: each moves a third of the range.
    assert!((few.value.unwrap() - 1.0 / 3.0).abs() < 1e-12);
    let width = |found: &ContrastEstimate| found.interval.map(|found| found.high - found.low).unwrap();
    assert!(width(&few) > 5.0 * width(&many), "{few:?} {many:?}");
    let others = [PeopleSample { counts: vec![1.0, 1.0] }];
    assert!(contrast(&plan(Quantity::Misfit, &[1.0]), &[cells(0)], &others).is_err());
}

#[test]
fn draws_do_not_depend_on_threads() {
    let cells = two_sides(&mut |item, prompt| 0.5 + 0.2 * noise(item, prompt));
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| contrast(&plan(Quantity::Mean, &[1.0, -1.0]), &cells, &[]).unwrap())
    };
    assert_eq!(run(1), run(3));
}

#[test]
fn intervals_hold_the_truth_about_as_often_as_they_say() {
    // Effects of items (sd 0.1) and prompts (sd 0.05, the same on both sides) around a true difference of 0.1.
    let mut random = ChaCha8Rng::seed_from_u64(11);
    let mut normal = move || (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
    let mut held = 0;
    const TRIALS: usize = 200;
    for _ in 0..TRIALS {
        let items: Vec<f64> = (0..12).map(|_| 0.1 * normal()).collect();
        let prompts: Vec<f64> = (0..4).map(|_| 0.05 * normal()).collect();
        let lift = |item: usize| if item < 6 { 0.1 } else { 0.0 };
        let cells = two_sides(&mut |item, prompt| 0.45 + lift(item) + items[item] + prompts[prompt]);
        let found = contrast(&plan(Quantity::Mean, &[1.0, -1.0]), &cells, &[]).unwrap().remove(0);
        let interval = found.interval.unwrap();
        held += usize::from(interval.low <= 0.1 && 0.1 <= interval.high);
    }
    // With six items a side a bootstrap of means is known to be somewhat short.
    assert!((0.85..=0.99).contains(&(held as f64 / TRIALS as f64)), "{held} of {TRIALS}");
}

#[test]
fn every_and_any() {
    use Verdict::{Contradicted, NotTested, Supported, Undecided};
    for (strata, every, any) in [
        (vec![Supported, Supported], Supported, Supported),
        (vec![Supported, Undecided], Undecided, Supported),
        (vec![Supported, Contradicted], Contradicted, Supported),
        (vec![Contradicted, Undecided], Contradicted, Undecided),
        (vec![Contradicted, Contradicted], Contradicted, Contradicted),
        (vec![], NotTested, NotTested),
    ] {
        assert_eq!(overall_verdict(&strata, Reach::Every), every, "{strata:?}");
        assert_eq!(overall_verdict(&strata, Reach::Any), any, "{strata:?}");
    }
}
