//! Against scipy and numpy (`tests/goldens/statistics.json`), and the drawn test against the exact one.

use super::*;
use crate::compare::stream::{Multinomial, stream};
use serde_json::Value;

fn goldens(section: &str) -> Vec<Value> {
    let text = include_str!("../../../tests/goldens/statistics.json");
    let goldens: Value = serde_json::from_str(text).unwrap();
    let cases = goldens[section].as_array().unwrap().clone();
    assert!(!cases.is_empty());
    cases
}

fn number(case: &Value, field: &str) -> f64 {
    case[field].as_f64().unwrap()
}

fn numbers(case: &Value, field: &str) -> Vec<f64> {
    case[field].as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

#[test]
fn students_quantiles_are_scipys() {
    for case in goldens("student") {
        let expected = number(&case, "quantile");
        let found = student_quantile(number(&case, "probability"), Some(number(&case, "degrees_of_freedom")))
            .unwrap();
        assert!((found / expected - 1.0).abs() < 1e-7, "{case}: {found}");
    }
    let beyond = |freedom| student_quantile(0.975, freedom).unwrap();
    assert!((beyond(Some(1e30)) - 1.959963984540054).abs() < 1e-12);
    assert_eq!(beyond(None), beyond(Some(f64::INFINITY)));
    assert_eq!((student_quantile(0.975, Some(0.0)), student_quantile(0.975, Some(f64::NAN))), (None, None));
}

#[test]
fn p_values_are_those_of_all_outcomes() {
    for case in goldens("multinomial") {
        let (counts, probabilities) = (numbers(&case, "counts"), numbers(&case, "probabilities"));
        let found = multinomial_test(&counts, &probabilities, 0, &mut stream(1, "", ""));
        let expected = number(&case, "p_value");
        assert!(
            found.is_exact && (found.p_value - expected).abs() < 1e-9 * expected.max(1e-9),
            "{case} {found:?}"
        );
    }
}

#[test]
fn adjusted_p_values_are_scipys() {
    for case in goldens("benjamini_hochberg") {
        let found = adjusted_p_values(&numbers(&case, "p_values"));
        for (found, expected) in found.iter().zip(numbers(&case, "adjusted")) {
            assert!((found - expected).abs() < 1e-10, "{case}: {found}");
        }
    }
    assert!(adjusted_p_values(&[]).is_empty());
}

#[test]
fn what_has_no_probability_cannot_have_been_chosen() {
    let test = |counts: &[f64]| multinomial_test(counts, &[0.0, 0.4, 0.6], 99, &mut stream(1, "", ""));
    assert_eq!(test(&[1.0, 4.0, 5.0]), MultinomialTest { p_value: 0.0, is_exact: true });
    assert!(test(&[0.0, 4.0, 6.0]).p_value > 0.9);
    let many = test(&[0.0, 400.0, 600.0]);
    assert!(!many.is_exact && many.p_value > 0.5, "{many:?}");
}

#[test]
fn drawn_p_values_are_uniform_under_the_distribution_and_small_under_another() {
    let truth = [0.5, 0.3, 0.15, 0.05];
    let survey = Multinomial::new(&truth, 80);
    let mut random = stream(3, "people", "");
    let mut shares = vec![0.0; 4];
    let mut drawn = |probabilities: &[f64]| -> Vec<f64> {
        let draw = |_| {
            survey.draw(&mut random, &mut shares);
            let counts: Vec<f64> = shares.iter().map(|share| (share * 80.0).round()).collect();
            let found = multinomial_test(&counts, probabilities, 199, &mut random);
            assert!(!found.is_exact);
            found.p_value
        };
        (0..400).map(draw).collect()
    };
    let share_below = |p_values: &[f64], level: f64| {
        p_values.iter().filter(|p| **p <= level).count() as f64 / p_values.len() as f64
    };
    let same = drawn(&truth);
    for level in [0.05, 0.25, 0.5, 0.75] {
        let share = share_below(&same, level);
        assert!((share - level).abs() < 0.075, "{share} at {level}");
    }
    assert!(share_below(&drawn(&[0.3, 0.3, 0.3, 0.1]), 0.05) > 0.9);
}

#[test]
fn counts_that_are_not_whole_keep_their_number_of_people() {
    // 10.4 people are 10, who cannot tell apart what 10 whole ones of the same shares cannot.
    let of = |counts: &[f64]| multinomial_test(counts, &[0.2, 0.3, 0.5], 0, &mut stream(1, "", ""));
    assert_eq!(of(&[2.2, 2.9, 5.3]), of(&[2.0, 3.0, 5.0]));
}
