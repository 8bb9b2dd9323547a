//! The lock file against `deny.toml`, as far as that needs no other program and no network: sources, checksums, duplicate versions.
//! `cargo deny check` holds licences and advisories besides.

use super::harness::repository;
use std::collections::{BTreeMap, BTreeSet};
use toml::{Table, Value};

fn file(name: &str) -> Table {
    std::fs::read_to_string(repository(name)).unwrap().parse().unwrap()
}

fn text<'a>(package: &'a Value, field: &str) -> Option<&'a str> {
    package.get(field).and_then(Value::as_str)
}

#[test]
fn every_package_is_of_the_registry_and_its_hash_is_known() {
    let lock = file("Cargo.lock");
    let packages = lock["package"].as_array().unwrap();
    assert!(packages.len() > 200, "the lock file is whole");
    let own = packages.iter().filter(|package| text(package, "source").is_none());
    assert_eq!(own.map(|package| text(package, "name").unwrap()).collect::<Vec<_>>(), ["respondent"]);
    for package in packages.iter().filter(|package| text(package, "name") != Some("respondent")) {
        let source = text(package, "source").unwrap();
        assert_eq!(source, "registry+https://github.com/rust-lang/crates.io-index", "{package:?}");
        assert_eq!(text(package, "checksum").map(str::len), Some(64), "{package:?}");
    }
}

/// Each reason in `deny.toml` for an older version of a crate is of one that is there.
#[test]
fn reasons_for_crates_that_are_there_twice_hold() {
    let lock = file("Cargo.lock");
    let mut versions: BTreeMap<&str, Vec<Vec<u64>>> = BTreeMap::new();
    for package in lock["package"].as_array().unwrap() {
        let number = |part: &str| part.parse().unwrap_or(0);
        let version = text(package, "version").unwrap().split(['.', '+', '-']).map(number).collect();
        versions.entry(text(package, "name").unwrap()).or_default().push(version);
    }
    let mut older = BTreeSet::new();
    for (name, versions) in &mut versions {
        versions.sort();
        older.extend(versions.split_last().unwrap().1.iter().map(|version| {
            // What is compatible is one: the first number that is not 0 tells.
            let told = version.iter().position(|part| *part > 0).unwrap_or(0).min(1) + 1;
            let told: Vec<String> = version.iter().take(told).map(ToString::to_string).collect();
            format!("{name}@{}", told.join("."))
        }));
    }
    let deny = file("deny.toml");
    let skipped: BTreeSet<String> = deny["bans"]["skip"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            assert!(text(entry, "reason").is_some_and(|reason| !reason.is_empty()), "{entry:?}");
            text(entry, "crate").unwrap().to_owned()
        })
        .collect();
    // The lock file has more: what no feature of ours switches on, which cargo-deny leaves out.
    let gone: Vec<&String> = skipped.difference(&older).collect();
    assert!(gone.is_empty(), "no longer there twice: {gone:?}");
}
