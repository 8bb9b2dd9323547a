//! A study of more personas and items than can be looked at: its page comes, and says what it does not draw.

use super::harness::{repository, respondent};
use std::process::Command;

#[test]
fn a_page_draws_what_can_be_looked_at_and_says_the_rest() {
    let place = tempfile::tempdir().unwrap();
    let made = Command::new("bash")
        .arg(repository("benches/reliability/synthetic_study.sh"))
        .args(["study", "60", "30"])
        .current_dir(place.path())
        .status()
        .unwrap();
    assert!(made.success());
    let outcome = respondent(place.path(), &["run", "./study", "--out", "out", "--certify", "0", "--quiet"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.stdout.contains("1800 cells"), "{}", outcome.stdout);
    let page = std::fs::read_to_string(place.path().join("out/report.html")).unwrap();
    assert!(page.contains("the first 20 of 30 items and 50 of 60 groups; all are in cells.parquet"));
}
