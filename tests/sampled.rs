//! What sampling would have found: ten thousand draws from the distributions that a run read agree with what it says exactly, within the
//! error that sampling has. The exact reading is what sampled studies get nearer to.

use super::harness::respondent;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use respondent::compare::concentration::{entropy, modal_mass};
use respondent::output::read_cells;

const DRAW_COUNT: usize = 10_000;

/// So many standard errors that not one of some thousand figures is beyond them by chance.
const DEVIATION_MAX: f64 = 5.0;

fn sampled(distribution: &[f64], random: &mut ChaCha8Rng) -> Vec<f64> {
    let mut counts = vec![0.0; distribution.len()];
    for _ in 0..DRAW_COUNT {
        let at: f64 = random.random();
        let mut cumulative = 0.0;
        let drawn = distribution.iter().position(|share| {
            cumulative += share;
            at < cumulative
        });
        // rounding may leave the sum just below what was drawn
        counts[drawn.unwrap_or(distribution.len() - 1)] += 1.0;
    }
    counts.iter().map(|count| count / DRAW_COUNT as f64).collect()
}

#[test]
fn ten_thousand_draws_agree_with_what_was_read_exactly() {
    let place = tempfile::tempdir().unwrap();
    let outcome =
        respondent(place.path(), &["run", "--out", "run", "--personas", "USA", "--languages", "en"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let rows = read_cells(&place.path().join("run/cells.parquet")).unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(20);
    let n = DRAW_COUNT as f64;
    let mut cell_count = 0;
    for rows in rows.chunk_by(|a, b| a.cell_id == b.cell_id && a.temperature == b.temperature) {
        let exact: Option<Vec<f64>> = rows.iter().map(|row| row.probability).collect();
        let Some(exact) = exact.filter(|_| [0.5, 1.0, 2.0].contains(&rows[0].temperature)) else { continue };
        let values: Vec<f64> = rows.iter().map(|row| row.option_value).collect();
        let found = sampled(&exact, &mut random);
        let agree = |what: &str, found: f64, exact: f64, error: f64, bias: f64| {
            let most = DEVIATION_MAX * error + bias + 1e-9;
            assert!((found - exact).abs() <= most, "{what} of {}: {found} {exact}", rows[0].cell_id);
        };
        for (found, exact) in found.iter().zip(&exact) {
            // a share seen once in ten thousand has a Poisson's error
            agree("a share", *found, *exact, (exact * (1.0 - exact) / n).sqrt(), 5.0 / n);
        }
        let mean = |shares: &[f64]| shares.iter().zip(&values).map(|(p, value)| p * value).sum::<f64>();
        let variance = exact.iter().zip(&values).map(|(p, v)| p * (v - mean(&exact)).powi(2)).sum::<f64>();
        agree("the mean", mean(&found), mean(&exact), (variance / n).sqrt(), 5.0 * 3.0 / n);
        // Sampling makes entropies too small, by (K − 1) / 2n (Miller 1955).
        let surprise = exact.iter().filter(|p| **p > 0.0).map(|p| p * p.ln().powi(2)).sum::<f64>();
        let spread = (surprise - entropy(&exact).powi(2)).max(0.0);
        let bias = 10.0 * (exact.len() - 1) as f64 / n;
        agree("the entropy", entropy(&found), entropy(&exact), (spread / n).sqrt(), bias);
        let mode = modal_mass(&exact);
        agree("the modal mass", modal_mass(&found), mode, (mode * (1.0 - mode) / n).sqrt(), 1e-3);
        cell_count += 1;
    }
    assert!(cell_count > 500, "{cell_count}");
}
