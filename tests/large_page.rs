//! A study of more personas and items than can be looked at: its page comes, and says what it does not draw.

use super::harness::{repository, respondent};
use std::process::Command;

/// A run of so many personas and items, and its page.
fn page(personas: &str, items: &str) -> (String, String) {
    let place = tempfile::tempdir().unwrap();
    let made = Command::new("bash")
        .arg(repository("benches/reliability/synthetic_study.sh"))
        .args(["study", personas, items])
        .current_dir(place.path())
        .status()
        .unwrap();
    assert!(made.success());
    let settings = ["--out", "out", "--certify", "0", "--quiet"];
    let outcome = respondent(place.path(), &[&["run", "./study"][..], &settings].concat());
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    (outcome.stdout, std::fs::read_to_string(place.path().join("out/report.html")).unwrap())
}

#[test]
fn a_page_draws_what_can_be_looked_at_and_says_the_rest() {
    let (told, page) = page("60", "30");
    assert!(told.contains("1800 cells"), "{told}");
    assert!(page.contains("the first 20 of 30 items and 50 of 60 groups; all are in cells.parquet"));
    assert!(!page.contains("more than a page can hold"));
}

#[test]
fn a_page_of_too_many_cells_is_made_of_the_first_personas_and_says_so() {
    let (told, page) = page("520", "100");
    assert!(told.contains("52000 cells"), "{told}");
    let part = "The run has 52,000 cells, more than a page can hold. This one is made of 50,000: those of the first 500 personas and 100 items.";
    assert!(page.contains(part));
    assert!(page.contains("nobody · p23 and 476 more"));
}
