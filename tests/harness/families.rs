//! README's table of families, which the tests that measure it hold it against.

use super::repository;
use respondent::engine::{EngineDevice, EngineDtype};
use std::collections::{BTreeMap, BTreeSet};

/// How much larger a difference may be than README says: another CPU sums in another order.
const SLACK: f64 = 4.0;

/// What models are held against transformers on, with the place of each in a row: the best kernel and the portable one are both
/// our own, and one number is told of both.
pub fn reference_devices() -> [(usize, EngineDevice); 3] {
    [(0, "auto"), (0, "portable"), (1, "candle")]
        .map(|(path, kernel)| (path, EngineDevice::new("cpu", EngineDtype::F32, kernel).unwrap()))
}

/// Family to its models, and the largest difference from transformers on our kernels and on candle's operations.
#[derive(Default)]
pub struct FamilyRows(BTreeMap<String, (BTreeSet<String>, [f64; 2])>);

/// The `model_type` of a golden model.
fn golden_family(name: &str) -> String {
    let config = std::fs::read(repository("tests/goldens/models").join(name).join("config.json")).unwrap();
    let config: serde_json::Value = serde_json::from_slice(&config).unwrap();
    config["model_type"].as_str().unwrap().to_owned()
}

impl FamilyRows {
    /// One model on one path of [`reference_devices`].
    pub fn add(&mut self, name: &str, path: usize, difference: f64) {
        let row = self.0.entry(golden_family(name)).or_default();
        row.0.insert(name.to_owned());
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
        for (family, (models, [kernels, candle])) in &self.0 {
            eprintln!("{family} | {} | {kernels:.1e} | {candle:.1e}", models.len());
        }
        for (family, (models, [kernels, candle])) in &self.0 {
            let cells = stated.remove(family).unwrap_or_else(|| panic!("README's table has no `{family}`"));
            assert_eq!(cells[0], models.len().to_string(), "{family}: README has another number of models");
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
