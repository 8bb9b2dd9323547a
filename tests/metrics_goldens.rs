//! The comparison metrics against scipy and numpy: `goldens/metrics.json`, made by the script beside it.

use respondent::compare::Metric;
use respondent::compare::concentration::{entropy, modal_mass};
use serde_json::Value;

/// The goldens have twelve significant digits.
const TOLERANCE: f64 = 1e-11;

fn numbers(case: &Value, field: &str) -> Vec<f64> {
    let list = case[field].as_array().unwrap_or_else(|| panic!("{field} is a list in {case}"));
    list.iter().map(|number| number.as_f64().expect("a number")).collect()
}

fn of_distance(p: &[f64], q: &[f64], values: &[f64]) -> f64 {
    Metric::JensenShannonDistance.evaluate(p, q, values).expect("always defined")
}

#[test]
fn metrics_agree_with_scipy_and_numpy() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/goldens/metrics.json");
    let text = std::fs::read_to_string(path).expect("the goldens are committed");
    let goldens: Value = serde_json::from_str(&text).expect("the goldens are JSON");
    let cases = goldens["cases"].as_array().expect("the goldens have a list of cases");
    assert!(!cases.is_empty());
    for case in cases {
        let (p, q, values) = (numbers(case, "p"), numbers(case, "q"), numbers(case, "values"));
        let range = values[values.len() - 1] - values[0];
        let golden = |field: &str| case[field].as_f64();
        // a root makes 1e-8 of what rounding leaves of a divergence of 0
        let distance = of_distance(&p, &q, &values);
        let golden_distance = golden("jensen_shannon_distance").expect("always defined");
        assert!((distance - golden_distance).abs() < 1e-7, "{distance} for {case}");
        let check = |found: Option<f64>, expected: Option<f64>, what: &str| match (found, expected) {
            (Some(found), Some(expected)) => {
                let tolerance = TOLERANCE * expected.abs().max(1.0);
                assert!((found - expected).abs() <= tolerance, "{what}: {found} for {case}");
            }
            (found, expected) => assert_eq!(found, expected, "{what} for {case}"),
        };
        let of = |metric: Metric| metric.evaluate(&p, &q, &values);
        check(of(Metric::TotalVariation), golden("total_variation"), "total_variation");
        check(of(Metric::JensenShannon), golden("jensen_shannon_bits"), "jensen_shannon");
        check(of(Metric::Wasserstein1), golden("wasserstein_1"), "wasserstein_1");
        check(of(Metric::EntropyRatio), golden("entropy_ratio"), "entropy_ratio");
        // the golden is in units of the values
        check(of(Metric::MeanDifference), golden("mean_difference").map(|d| d / range), "mean_difference");
        check(Some(entropy(&p)), golden("entropy_p"), "entropy_p");
        check(Some(entropy(&q)), golden("entropy_q"), "entropy_q");
        check(of(Metric::ModalMass), golden("modal_mass_p"), "modal_mass_p");
        check(Some(modal_mass(&q)), golden("modal_mass_q"), "modal_mass_q");
        for metric in [
            Metric::KullbackLeibler,
            Metric::KolmogorovSmirnov,
            Metric::Alignment,
            Metric::TotalVariationScore,
            Metric::VarianceRatio,
        ] {
            check(of(metric), golden(metric.name()), metric.name());
        }
    }
}
