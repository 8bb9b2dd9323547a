//! README's table of families, which the tests that measure it hold it against.

use super::repository;
use std::collections::BTreeMap;

/// How much larger a difference may be than README says: another CPU sums in another order.
const SLACK: f64 = 4.0;

/// Family to its number of models, and the largest difference from transformers on our kernels and on candle's operations.
#[derive(Default)]
pub struct FamilyRows(BTreeMap<String, (usize, [f64; 2])>);

/// The `model_type` of a golden model.
pub fn golden_family(name: &str) -> String {
    let config = std::fs::read(repository("tests/goldens/models").join(name).join("config.json")).unwrap();
    let config: serde_json::Value = serde_json::from_slice(&config).unwrap();
    config["model_type"].as_str().unwrap().to_owned()
}

impl FamilyRows {
    /// One model on one path: 0 for our kernels, 1 for candle's operations.
    pub fn add(&mut self, family: &str, path: usize, difference: f64) {
        let row = self.0.entry(family.to_owned()).or_default();
        row.0 += usize::from(path == 0);
        row.1[path] = row.1[path].max(difference);
    }

    /// Prints the three cells of each family, and holds them against README's, which begin at the `first` column.
    pub fn check_readme(&self, first: usize) {
        let readme = std::fs::read_to_string(repository("README.md")).unwrap();
        let lines = readme.lines().filter(|line| line.contains("`) | "));
        let lines = lines.filter(|line| !line.starts_with("| family"));
        let mut stated: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for line in lines {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let family = cells[0].split("(`").nth(1).unwrap().trim_end_matches("`)");
            stated.insert(family.to_owned(), cells[first..first + 3].to_vec());
        }
        for (family, (count, [kernels, candle])) in &self.0 {
            eprintln!("{family} | {count} | {kernels:.1e} | {candle:.1e}");
        }
        for (family, (count, [kernels, candle])) in &self.0 {
            let cells = stated.remove(family).unwrap_or_else(|| panic!("README's table has no `{family}`"));
            assert_eq!(cells[0], count.to_string(), "{family}: README has another number of models");
            for (cell, found) in cells[1..].iter().zip([kernels, candle]) {
                let bound: f64 = cell.parse().unwrap();
                assert!(*found <= SLACK * bound, "{family}: {found:.1e}, README says {bound:.1e}");
            }
        }
        for (family, cells) in stated {
            assert_eq!(cells[0], "-", "README's table has `{family}`, which was not measured");
        }
    }
}
