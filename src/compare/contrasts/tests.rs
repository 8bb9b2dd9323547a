//! Contrasts of made-up models: those that satisfy a hypothesis, violate it, and say nothing about it.

use super::*;
use crate::compare::bootstrap::Interval;
use crate::survey::{Factor, Prediction, Quantity, Reach};
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
        fixed: Vec::new(),
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
                variable: item,
                situation: 0,
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
    let verdict = stratum_verdict(&found, predicted, margin, Reach::Every);
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
    assert_eq!((found.cell_count, found.left_out_count, verdict), (48, 12, Verdict::Supported));
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
        let people = [PeopleSample { counts: vec![count, 0.0, 0.0, count], participants: None }];
        contrast(&plan(Quantity::Misfit, &[1.0]), &[cells(0)], &people).unwrap().remove(0)
    };
    let (few, many) = (of(10.0), of(1000.0));
    // Half at 1/3 and half at 2/3 against half at either end: each moves a third of the range.
    assert!((few.value.unwrap() - 1.0 / 3.0).abs() < 1e-12);
    let width = |found: &ContrastEstimate| found.interval.map(|found| found.high - found.low).unwrap();
    assert!(width(&few) > 5.0 * width(&many), "{few:?} {many:?}");
    let others = [PeopleSample { counts: vec![1.0, 1.0], participants: None }];
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

/// How often a 95 % interval held a true difference of 0.1 between variables 0 to n − 1 and n to 2n − 1, in six situations and four
/// prompts, with effects of each of these given sds and some of each cell by itself.
fn coverage(variable_count: usize, [of_variable, of_situation, of_prompt, of_cell]: [f64; 4]) -> f64 {
    let mut random = ChaCha8Rng::seed_from_u64(11);
    let mut normal = move |sd: f64| sd * ((0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0);
    let mut held = 0;
    const TRIALS: usize = 400;
    for _ in 0..TRIALS {
        let mut effects = |count: usize, sd: f64| (0..count).map(|_| normal(sd)).collect::<Vec<f64>>();
        let variables = effects(2 * variable_count, of_variable);
        let (situations, prompts) = (effects(6, of_situation), effects(4, of_prompt));
        let own = effects(2 * variable_count * 24, of_cell);
        let cell = |index: usize| {
            let (variable, situation, prompt) = (index / 24, index / 4 % 6, index % 4);
            let lift = if variable < variable_count { 0.1 } else { 0.0 };
            let mean =
                0.45 + lift + variables[variable] + situations[situation] + prompts[prompt] + own[index];
            ContrastCell {
                stratum: 0,
                side: variable / variable_count,
                variable,
                situation,
                prompt,
                positions: positions(),
                distribution: Some(around(mean)),
                people: None,
            }
        };
        let cells: Vec<ContrastCell> = (0..own.len()).map(cell).collect();
        let plan = ContrastPlan { replicate_count: 200, ..plan(Quantity::Mean, &[1.0, -1.0]) };
        let interval = contrast(&plan, &cells, &[]).unwrap()[0].interval.unwrap();
        held += usize::from(interval.low <= 0.1 && 0.1 <= interval.high);
    }
    held as f64 / TRIALS as f64
}

#[test]
fn intervals_hold_the_truth_about_as_often_as_they_say() {
    // Few variables of which each is unlike the others: what 12 emotions in 12 situations are.
    for variable_count in [2, 3, 6] {
        let found = coverage(variable_count, [0.06, 0.05, 0.05, 0.02]);
        assert!((0.92..=0.99).contains(&found), "{variable_count} variables: {found}");
    }
    // Cells that go their own way are counted once for each factor: wider than need be.
    let found = coverage(6, [0.0, 0.0, 0.0, 0.05]);
    assert!(found >= 0.97, "{found}");
}

#[test]
fn situations_on_either_side_are_drawn_too() {
    // Two and two situations of three variables: nothing but the situation matters, and two of them show little.
    let mean = |situation: usize| [0.70, 0.50, 0.45, 0.35][situation];
    let cells: Vec<ContrastCell> = two_sides(&mut |_, _| 0.5)
        .into_iter()
        .map(|cell| ContrastCell {
            side: cell.variable % 4 / 2,
            situation: cell.variable % 4,
            variable: cell.variable / 4,
            distribution: Some(around(mean(cell.variable % 4))),
            ..cell
        })
        .collect();
    let (found, verdict) = decide(&cells, Prediction::Higher, 0.0);
    assert!((found.value.unwrap() - 0.2).abs() < 1e-12);
    assert_eq!((found.variable_count, found.situation_count, found.item_count), (3, 4, 12));
    // By hand: the means of two have variances 0.01 and 0.0025, and 2 degrees of freedom together.
    let width = found.interval.map(|found| found.high - found.low).unwrap();
    let by_hand = 2.0 * 4.3027 * (0.01_f64 + 0.0025).sqrt();
    assert!((width / by_hand - 1.0).abs() < 0.1, "{width} {by_hand}");
    assert_eq!(verdict, Verdict::Undecided);
}

#[test]
fn a_fixed_factor_does_not_vary() {
    let cells = two_sides(&mut |item, prompt| 0.5 + 0.2 * noise(item, 0) + 0.01 * noise(99, prompt));
    let fixed = ContrastPlan { fixed: vec![Factor::Variable], ..plan(Quantity::Mean, &[1.0, -1.0]) };
    let interval = |plan| contrast(&plan, &cells, &[]).unwrap()[0].interval.unwrap();
    let width = |interval: Interval| interval.high - interval.low;
    assert!(width(interval(fixed)) < 1e-9, "prompts lift both sides alike");
    assert!(width(interval(plan(Quantity::Mean, &[1.0, -1.0]))) > 0.05);
}

#[test]
fn a_cell_that_is_missing_on_one_side_is_left_out_on_the_other() {
    // One item in two prompts under two languages; the second prompt lifts both, and fails in one of them.
    let cell = |side: usize, prompt: usize, usable: bool| ContrastCell {
        side,
        prompt,
        distribution: usable.then(|| around(if prompt == 0 { 0.3 } else { 0.9 })),
        ..two_sides(&mut |_, _| 0.5)[0].clone()
    };
    let cells = [cell(0, 0, true), cell(0, 1, true), cell(1, 0, true), cell(1, 1, false)];
    let (found, _) = decide(&cells, Prediction::Higher, 0.0);
    assert!(found.value.unwrap().abs() < 1e-12, "{found:?}");
    assert_eq!((found.cell_count, found.left_out_count, found.left_out_share_max), (4, 2, 0.5));
}

#[test]
fn half_of_one_side_missing_decides_nothing() {
    let mut cells = two_sides(&mut |item, _| if item < 6 { 0.7 } else { 0.3 });
    for cell in cells.iter_mut().filter(|cell| cell.side == 1 && cell.variable > 8) {
        cell.distribution = None;
    }
    assert_eq!(decide(&cells, Prediction::Higher, 0.0).1, Verdict::Supported);
    for cell in cells.iter_mut().filter(|cell| cell.side == 1 && cell.variable > 7) {
        cell.distribution = None;
    }
    assert_eq!(decide(&cells, Prediction::Higher, 0.0).1, Verdict::Undecided);
}

#[test]
fn what_cannot_vary_has_no_interval() {
    let cells: Vec<ContrastCell> = two_sides(&mut |item, _| if item == 0 { 0.7 } else { 0.3 })
        .into_iter()
        .filter(|cell| cell.prompt == 0)
        .collect();
    let (found, verdict) = decide(&[cells[0].clone(), cells[6].clone()], Prediction::Higher, 0.0);
    assert!((found.value.unwrap() - 0.4).abs() < 1e-12);
    assert_eq!((found.interval, verdict), (None, Verdict::Undecided));
}

#[test]
fn a_difference_between_two_properties_is_of_entropy_and_modal_mass_too() {
    // Sides: more and less under one value, more and less under the other. Sharp only where both are first.
    let sharp = vec![1.0, 0.0, 0.0, 0.0];
    let even = vec![0.25; 4];
    let cells: Vec<ContrastCell> = two_sides(&mut |_, _| 0.5)
        .into_iter()
        .map(|cell| ContrastCell { side: cell.side + 2 * (cell.prompt % 2), prompt: cell.prompt / 2, ..cell })
        .map(|cell| ContrastCell {
            distribution: Some(if cell.side == 0 { sharp.clone() } else { even.clone() }),
            ..cell
        })
        .collect();
    for (quantity, expected) in [(Quantity::NormalisedEntropy, -1.0), (Quantity::ModalMass, 0.75)] {
        let found = contrast(&plan(quantity, &[1.0, -1.0, -1.0, 1.0]), &cells, &[]).unwrap().remove(0);
        assert!((found.value.unwrap() - expected).abs() < 1e-12, "{found:?}");
        let interval = found.interval.unwrap();
        assert!((interval.high - interval.low).abs() < 1e-9, "all items agree: {interval:?}");
    }
}

#[test]
fn where_one_stratum_is_enough_it_decides_by_the_joint_interval() {
    let interval = |low, high| Some(Interval { low, high });
    let found = ContrastEstimate {
        value: Some(0.1),
        interval: interval(0.02, 0.18),
        joint_interval: interval(-0.02, 0.22),
        cell_count: 8,
        left_out_count: 0,
        left_out_share_max: 0.0,
        item_count: 2,
        variable_count: 2,
        situation_count: 1,
        prompt_count: 2,
    };
    let verdict = |predicts, reach| stratum_verdict(&found, predicts, 0.0, reach);
    assert_eq!(verdict(Prediction::Higher, Reach::Every), Verdict::Supported);
    assert_eq!(verdict(Prediction::Higher, Reach::Any), Verdict::Undecided);
    assert_eq!(verdict(Prediction::Lower, Reach::Every), Verdict::Undecided);
    assert_eq!(verdict(Prediction::Lower, Reach::Any), Verdict::Contradicted);
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

/// What the bootstrap tends to, in closed form by numpy and scipy (`tests/goldens/make_statistics.py`).
#[test]
fn estimates_are_numpys_and_intervals_tend_to_its() {
    let text = include_str!("../../../tests/goldens/statistics.json");
    let goldens: serde_json::Value = serde_json::from_str(text).unwrap();
    let cases = goldens["contrasts"].as_array().unwrap();
    assert_eq!(cases.len(), 3);
    let rows =
        |value: &serde_json::Value| -> Vec<Vec<f64>> { serde_json::from_value(value.clone()).unwrap() };
    for case in cases {
        let first_side = case["sides"][0].as_u64().unwrap() as usize;
        let people = rows(&case["people"]);
        let people: Vec<PeopleSample> =
            people.into_iter().map(|counts| PeopleSample { counts, participants: None }).collect();
        let mut cells = Vec::new();
        for (variable, by_situation) in case["means"].as_array().unwrap().iter().enumerate() {
            for (situation, by_prompt) in rows(by_situation).into_iter().enumerate() {
                for (prompt, mean) in by_prompt.into_iter().enumerate() {
                    cells.push(ContrastCell {
                        stratum: 0,
                        side: usize::from(variable >= first_side),
                        variable,
                        situation,
                        prompt,
                        positions: positions(),
                        // Any distribution of this mean: at either end.
                        distribution: Some(vec![1.0 - mean, 0.0, 0.0, mean]),
                        people: Some(variable),
                    });
                }
            }
        }
        let plan = ContrastPlan { replicate_count: 20_000, ..plan(Quantity::MeanMinusPeople, &[1.0, -1.0]) };
        let found = contrast(&plan, &cells, &people).unwrap().remove(0);
        let [estimate, low, high] = ["estimate", "low", "high"].map(|name| case[name].as_f64().unwrap());
        assert!((found.value.unwrap() - estimate).abs() < 1e-9, "{found:?} {estimate}");
        let interval = found.interval.unwrap();
        // Of 20,000 replicates a standard deviation is known to half a percent.
        let off = [interval.low - low, interval.high - high].map(|off| off.abs() / (high - low));
        assert!(off.iter().all(|off| *off < 0.02), "{interval:?} for {low} to {high}");
    }
}
