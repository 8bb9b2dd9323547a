//! A directory with a codebook and the file of people that it describes, for `respondent humans import`.

use super::{Outcome, respondent};
use respondent::human_data::find_human_data;
use respondent::survey::Marginal;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

pub struct ImportPlace {
    place: TempDir,
    file: &'static str,
}

impl ImportPlace {
    pub fn new(file: &'static str, codebook: &str, people: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("book.toml"), codebook).unwrap();
        fs::write(place.path().join(file), people).unwrap();
        ImportPlace { place, file }
    }

    pub fn path(&self, inside: &str) -> PathBuf {
        self.place.path().join(inside)
    }

    pub fn run(&self, arguments: &[&str]) -> Outcome {
        respondent(self.place.path(), arguments)
    }

    pub fn import(&self, more: &[&str]) -> Outcome {
        self.run(&[&["humans", "import", self.file, "--codebook", "book.toml"], more].concat())
    }

    /// What the import tells, where it goes well.
    pub fn imported(&self, more: &[&str]) -> Value {
        let outcome = self.import(&[more, &["--json"]].concat());
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        serde_json::from_str(&outcome.stdout).unwrap()
    }

    /// Of the data set `mood`.
    pub fn marginal(&self, group: &str, item: &str) -> Option<Marginal> {
        let data = find_human_data(self.path("human_data/mood").to_str().unwrap()).unwrap();
        data.marginal(group, item).cloned()
    }
}
