//! Each way in which human data can be wrong, the file and line that its refusal names, and the numbers of `isear`.

use super::find_human_data;
use crate::error::{Error, ErrorKind};
use crate::survey::{Item, Persona, ResponseOption, ResponseScale};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const COUNTS: &str = "item\tgroup\tvalid\tmissing\tfew\tmany\tall\n\
                      trust\tnorth\t6\t1\t1\t2\t3\n\
                      trust\tsouth\t5\t0\t2\t3\t\n";

const PROVENANCE: &str = r#"schema_version = 1
id = "trust"
title = "Trust"
citation = "none"
counted = "by hand"
licence = "ours"
[source]
description = "made up for tests"
[counts]
sha256 = "HASH"
[columns]
population_group = "group"
item = ["item"]
valid = "valid"
missing = "missing"
counts = ["few", "many", "all"]
"#;

fn hash(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn write(folder: &Path, provenance: &str, counts: &str) {
    fs::write(folder.join("provenance.toml"), provenance).unwrap();
    fs::write(folder.join("counts.tsv"), counts).unwrap();
}

#[track_caller]
fn refusal(folder: &Path) -> Error {
    let error = find_human_data(folder.to_str().unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::HumanData);
    error
}

#[track_caller]
fn check_shown(shown: &str, folder: &Path, name: &str, line: usize, message: &str) {
    let place = format!("{}:{line}: ", folder.join(name).display());
    assert!(shown.starts_with(&place), "expected {place}: {shown}");
    assert!(shown.contains(message), "expected `{message}`: {shown}");
}

/// Changes the counts, with a hash that fits.
#[track_caller]
fn check_counts(old: &str, new: &str, line: usize, message: &str) {
    assert!(COUNTS.contains(old), "`{old}` is there");
    let (folder, counts) = (tempfile::tempdir().unwrap(), COUNTS.replace(old, new));
    write(folder.path(), &PROVENANCE.replace("HASH", &hash(&counts)), &counts);
    check_shown(&refusal(folder.path()).to_string(), folder.path(), "counts.tsv", line, message);
}

#[track_caller]
fn check_provenance(old: &str, new: &str, line: usize, message: &str) {
    assert!(PROVENANCE.contains(old), "`{old}` is there");
    let (folder, provenance) = (tempfile::tempdir().unwrap(), PROVENANCE.replace(old, new));
    write(folder.path(), &provenance.replace("HASH", &hash(COUNTS)), COUNTS);
    check_shown(&refusal(folder.path()).to_string(), folder.path(), "provenance.toml", line, message);
}

#[test]
fn the_numbers_of_isear() {
    let data = find_human_data("isear").unwrap();
    assert_eq!(data.marginals.len(), 5 * 16 * 7);
    for (group, item, counts) in [
        ("USA", "INTS.anger", &[4.0, 11.0, 22.0, 24.0][..]),
        ("BRA", "INTS.shame", &[12.0, 25.0, 13.0, 8.0]),
        ("HND", "CON.anger", &[33.0, 12.0, 8.0]),
    ] {
        let marginal = data.marginal(group, item).unwrap();
        assert_eq!(marginal.counts, counts);
        assert_eq!(marginal.n(), counts.iter().sum::<f64>());
    }
    assert_eq!(data.marginal("NOR", "INTS.disgust").unwrap().missing_count, 11.0);
    assert_eq!(data.sha256, "4a3be1132529e71ad38d31d759815ad16dfdbb4c7258cd3543d0f7ae2d1a6d63");
    assert!(data.citation.contains("Scherer"));
}

#[test]
fn the_binary_holds_what_the_folder_holds() {
    let read = find_human_data(concat!(env!("CARGO_MANIFEST_DIR"), "/human_data/isear")).unwrap();
    let embedded = find_human_data("isear").unwrap();
    assert_eq!((read.sha256, read.marginals), (embedded.sha256, embedded.marginals));
}

#[test]
fn empty_cells_at_the_end_are_options_the_scale_lacks() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &PROVENANCE.replace("HASH", &hash(COUNTS)), COUNTS);
    let data = find_human_data(folder.path().to_str().unwrap()).unwrap();
    assert_eq!(data.marginals[0].counts, [1.0, 2.0, 3.0]);
    assert_eq!(data.marginals[1].counts, [2.0, 3.0]);
    assert_eq!(data.marginal_lines, [2, 3]);
}

#[test]
fn columns_that_are_not_as_explained() {
    check_counts("all\n", "all\tnotes\n", 1, "does not say what the column `notes` is");
    check_counts("\tmissing", "", 1, "there is no column `missing`");
    check_counts("few\tmany", "few\tfew", 1, "the column `few` is there twice");
    check_counts("1\t2\t3\n", "1\t2\t3\t4\n", 2, "there are 8 cells below 7 columns");
    check_counts("trust\tsouth", "trust\t", 3, "the group or the item is empty");
}

#[test]
fn counts_that_are_none() {
    check_counts("1\t2\t3\n", "1\t2.5\t3\n", 2, "`2.5` is not a number of people");
    check_counts("1\t2\t3\n", "1\t-2\t3\n", 2, "`-2` is not a number of people");
    check_counts("1\t2\t3\n", "1\t+2\t3\n", 2, "`+2` is not a number of people");
    check_counts("1\t2\t3\n", "1\t\t3\n", 2, "`` is not a number of people");
    check_counts("1\t2\t3\n", "6\t\t\n", 2, "counts for fewer than two options");
    check_counts("1\t2\t3\n", "1\t2\t99999999999\n", 2, "is not a number of people");
    check_counts("north\t6\t1", "north\t6\tx", 2, "`x` is not a number of people");
    check_counts("north\t6\t1\t1\t2\t3", "north\t0\t1\t0\t0\t0", 2, "nobody gave a valid response");
}

#[test]
fn rows_that_do_not_hold_together() {
    check_counts("north\t6", "north\t7", 2, "the counts add up to 6, not to the 7 valid responses stated");
    check_counts("trust\tsouth", "trust\tnorth", 3, "`trust` for `north` repeats line 2");
    check_counts("trust\tnorth", "\r\ntrust\tnorth", 2, "there are 1 cells below 7 columns");
    check_counts(&COUNTS[COUNTS.find('\n').unwrap() + 1..], "", 1, "there are no counts below the header");
}

#[test]
fn provenance_that_is_not_complete() {
    check_provenance("title =", "name =", 3, "unknown field `name`");
    check_provenance("schema_version = 1", "schema_version = 2", 1, "reads schema_version 1");
    check_provenance("citation = \"none\"", "citation = \"\"", 4, "this text is empty");
    check_provenance("HASH", "cafe", 10, "a sha256 is 64 lower-case hexadecimal digits");
    check_provenance("item = [\"item\"]", "item = []", 12, "one item column and two count columns");
    check_provenance(
        "missing = \"missing\"",
        "missing = \"valid\"",
        15,
        "the column `valid` has two meanings",
    );
}

#[test]
fn counts_that_were_altered() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &PROVENANCE.replace("HASH", &hash("other counts")), COUNTS);
    let error = refusal(folder.path());
    let message = format!("counts.tsv has the sha256 {}, not the {}", hash(COUNTS), hash("other counts"));
    check_shown(&error.to_string(), folder.path(), "provenance.toml", 10, &message);
    assert!(error.hint_text().unwrap().contains("line endings"));
}

#[test]
fn data_that_is_not_there() {
    let error = find_human_data("no-such-data").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::HumanData);
    assert!(error.hint_text().unwrap().contains("isear"));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("provenance.toml"), PROVENANCE.replace("HASH", &hash(COUNTS))).unwrap();
    assert!(refusal(folder.path()).to_string().ends_with("counts.tsv: there is no such file"));
}

#[test]
fn a_study_that_its_data_does_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &PROVENANCE.replace("HASH", &hash(COUNTS)), COUNTS);
    let data = find_human_data(folder.path().to_str().unwrap()).unwrap();
    let persona = |group: &str| Persona {
        id: group.to_owned(),
        population_group: group.to_owned(),
        texts: BTreeMap::new(),
    };
    let item = |id: &str| Item {
        variable: id.to_owned(),
        id: id.to_owned(),
        scale_index: 0,
        facets: BTreeMap::new(),
        stems: BTreeMap::new(),
    };
    let option = |value: u8| ResponseOption { code: value.to_string(), value: f64::from(value) };
    let options = (1..=3).map(option).collect();
    let scales = [ResponseScale { id: "amount".to_owned(), options, labels: BTreeMap::new() }];
    let refusal = |group: &str, id: &str| data.check_against(&[persona(group)], &[item(id)], &scales);

    refusal("north", "trust").unwrap();
    let error = refusal("south", "trust").unwrap_err();
    let message = "the item `trust` has counts for 2 options; the study's scale `amount` has 3";
    check_shown(&error.to_string(), folder.path(), "counts.tsv", 3, message);
    let error = refusal("west", "trust").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::HumanData);
    assert!(error.to_string().contains("counts.tsv: there are no counts of the group `west`"), "{error}");
    let error = refusal("north", "hope").unwrap_err();
    assert!(error.to_string().contains("for the item `hope` of the study"), "{error}");
}
