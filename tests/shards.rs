//! A run shared out and merged comes to the bytes of one in one piece; what is missing, doubled or of another run is named.

use super::harness::{ModelCopy, respondent};
use respondent::output::{CellWriter, read_cells};
use std::fs;
use std::path::Path;

const TABLES: [&str; 4] = ["cells.parquet", "prompts.parquet", "tokens.parquet", "comparisons.parquet"];

/// Premises, verbalised counts and two orders: whatever a cell can need of several shards.
const STUDIES: [&[&str]; 5] = [
    &["isear", "--personas", "USA,BRA", "--languages", "en,pt"],
    &["social_emotions", "--personas", "neutral", "--languages", "en", "--formats", "json,sentence"],
    &[FORMATS, "--full"],
    // In several branches, more and fewer of them than shards.
    &["isear", "--personas", "USA,BRA", "--languages", "en,pt", "--branch-prompts", "100"],
    &[FORMATS, "--full", "--branch-prompts", "30"],
];
/// Of all formats that there are.
const FORMATS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/studies/formats");
const SETTINGS: [&str; 5] = ["--certify", "3", "--replicates", "50", "--quiet"];

fn run(place: &Path, study: &[&str], more: &[&str]) -> String {
    let outcome = respondent(place, &[&["run"], study, &SETTINGS, more].concat());
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    outcome.stdout
}

fn shards(place: &Path, study: &[&str], count: usize) -> Vec<String> {
    (1..=count)
        .map(|index| {
            let (shard, out) = (format!("{index}/{count}"), format!("shard-{index}-{count}"));
            // Neither budget nor threads have to be the same.
            let (threads, budget) = ((1 + index % 2).to_string(), (2048 >> (index % 3)).to_string());
            let own = ["--shard", &shard, "--out", &out, "--threads", &threads, "--token-budget", &budget];
            run(place, study, &own);
            out
        })
        .collect()
}

fn merge(place: &Path, shards: &[String], out: &str) -> serde_json::Value {
    let folders: Vec<&str> = shards.iter().map(String::as_str).collect();
    let outcome =
        respondent(place, &[&["merge"], &folders[..], &["--out", out, "--json", "--quiet"]].concat());
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    serde_json::from_str(&outcome.stdout).unwrap()
}

fn same_tables(place: &Path, one: &str, other: &str) {
    for table in TABLES {
        let read = |folder: &str| fs::read(place.join(folder).join(table)).ok();
        assert!(read(one) == read(other), "{table} of {other}");
    }
}

#[test]
fn merged_shards_are_the_run_to_the_byte_and_cost_the_same() {
    let place = tempfile::tempdir().unwrap();
    for (index, study) in STUDIES.iter().enumerate() {
        let whole = format!("whole-{index}");
        run(place.path(), study, &["--out", &whole]);
        let manifest = |folder: &str| -> serde_json::Value {
            let text = fs::read_to_string(place.path().join(folder).join("manifest.json")).unwrap();
            serde_json::from_str(&text).unwrap()
        };
        for count in if index % 3 == 0 { &[1, 3, 8][..] } else { &[5] } {
            let count = *count;
            let mut folders = shards(place.path(), study, count);
            folders.reverse();
            let out = format!("merged-{index}-{count}");
            let told = merge(place.path(), &folders, &out);
            same_tables(place.path(), &whole, &out);
            let (one, other) = (manifest(&whole), manifest(&out));
            for key in [
                "identity",
                "plan",
                "counts",
                "kernel",
                "tables",
                "certificate",
                "hypotheses",
                "concentration",
            ] {
                let (mut one, mut other) = (one[key].clone(), other[key].clone());
                if key == "plan" {
                    for plan in [&mut one, &mut other] {
                        plan["token_budget"].take();
                    }
                }
                assert_eq!(one, other, "{key}");
            }
            assert_eq!(one["packing"]["trie_token_count"], other["packing"]["trie_token_count"]);
            let cards = told["manifest"]["shards"].as_array().unwrap();
            let tokens: Vec<u64> = cards.iter().map(|card| card["token_count"].as_u64().unwrap()).collect();
            assert_eq!(tokens.len(), count);
            let (least, most) = (tokens.iter().min().unwrap(), tokens.iter().max().unwrap());
            assert!(most * 10 <= least * 11, "{tokens:?}");
            let (sum, once) =
                (tokens.iter().sum::<u64>(), one["packing"]["trie_token_count"].as_u64().unwrap());
            println!(
                "{} in {count}: {tokens:?}, {:.2} % computed again",
                study[0],
                100.0 * (sum as f64 / once as f64 - 1.0)
            );
            assert!(sum >= once && (sum - once) * 10 <= once, "{sum} of {once}");
            for folder in folders {
                fs::remove_dir_all(place.path().join(folder)).unwrap();
            }
        }
    }
}

#[test]
fn a_killed_shard_is_resumed_and_merged() {
    let (place, study) = (tempfile::tempdir().unwrap(), STUDIES[0]);
    run(place.path(), study, &["--out", "whole"]);
    let folders = shards(place.path(), study, 2);
    // As it would be left by a kill: half a journal, and nothing that says it is finished.
    let second = place.path().join(&folders[1]);
    let journal = fs::read(second.join("journal")).unwrap();
    fs::write(second.join("journal"), &journal[..journal.len() / 2]).unwrap();
    let unfinished = |arguments: &[&str], code: i32, told: &str| {
        let outcome = respondent(place.path(), arguments);
        assert!(outcome.code == code && outcome.stderr.contains(told), "{} {}", outcome.code, outcome.stderr);
    };
    let names = [folders[0].as_str(), folders[1].as_str()];
    unfinished(
        &["merge", names[0], names[1], "--out", "merged", "--quiet"],
        6,
        "its journal was cut or altered",
    );
    assert!(!place.path().join("merged").exists(), "nothing is left of a merge that failed");
    fs::remove_file(second.join("shard.json")).unwrap();
    unfinished(&["merge", names[0], names[1], "--out", "merged"], 6, "shard 2/2 is not finished");
    unfinished(&["run", "--resume", names[0]], 2, "this shard is finished");
    unfinished(&["report", names[0]], 6, "this is one shard of a run");
    let outcome = respondent(place.path(), &["run", "--resume", names[1], "--quiet", "--json"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let told: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    let (resumed, read) = (&told["shard"]["resumed_readout_count"], &told["shard"]["readout_count"]);
    assert!(resumed.as_u64().unwrap() > 0 && resumed.as_u64() < read.as_u64(), "{told}");
    merge(place.path(), &folders, "merged");
    same_tables(place.path(), "whole", "merged");
    // Without the weights it says so, and is the same otherwise.
    let outcome = respondent(
        place.path(),
        &["merge", names[0], names[1], "--out", "small", "--no-certificate", "--quiet"],
    );
    assert!(
        outcome.stdout.contains("not certified: the merge was asked not to load the model"),
        "{}",
        outcome.stdout
    );
    same_tables(place.path(), "whole", "small");
    let verified = respondent(place.path(), &["verify", "merged", "--model", "control", "--quiet"]);
    assert_eq!(verified.code, 0, "{}", verified.stderr);
}

#[test]
fn what_is_no_set_of_shards_is_refused_by_name() {
    let (place, study) = (tempfile::tempdir().unwrap(), STUDIES[0]);
    let folders = shards(place.path(), study, 3);
    run(place.path(), study, &["--shard", "2/3", "--out", "again"]);
    run(place.path(), study, &["--shard", "1/2", "--out", "halves"]);
    run(place.path(), study, &["--shard", "2/3", "--out", "other", "--seed", "7"]);
    run(place.path(), study, &["--out", "whole"]);
    let (one, two, three) = (folders[0].as_str(), folders[1].as_str(), folders[2].as_str());
    let refused = |arguments: &[&str], code: i32, told: &str| {
        let outcome = respondent(place.path(), &[&["merge"], arguments, &["--out", "merged"]].concat());
        assert!(outcome.code == code && outcome.stderr.contains(told), "{} {}", outcome.code, outcome.stderr);
        assert!(!place.path().join("merged").exists());
    };
    refused(&[one, three], 2, "shards are missing: 2/3");
    refused(&[one, two, "again", three], 2, "shard 2/3 is here twice");
    refused(&[one, "other", three], 2, "plan.bootstrap_seed was 1 and is 7");
    refused(&[one, two, three, "halves"], 2, "it is one of 2 shards, not of 3");
    refused(&[one, two, "whole"], 6, "this is a whole run");
    refused(&[one, "nowhere"], 6, "there is no result folder here");
    for (shard, told) in
        [("0/3", "is no shard of a run"), ("4/3", "is no shard of a run"), ("3", "a shard is I/N")]
    {
        let outcome = respondent(place.path(), &["run", "isear", "--shard", shard]);
        assert!(outcome.code == 2 && outcome.stderr.contains(told), "{}", outcome.stderr);
    }
    let outcome =
        respondent(place.path(), &["run", "isear", "--shard", "1/9999", "--out", "none", "--quiet"]);
    assert!(outcome.code == 2 && outcome.stderr.contains("too few for 9999 shards"), "{}", outcome.stderr);
    assert!(!place.path().join("none").exists());
}

#[test]
fn shards_of_an_altered_model_are_refused() {
    let (place, model) = (tempfile::tempdir().unwrap(), ModelCopy::new());
    let study: Vec<&str> = [STUDIES[0], &["--model", model.path()]].concat();
    run(place.path(), &study, &["--shard", "1/2", "--out", "first"]);
    model.edit("model.safetensors", |bytes| *bytes.last_mut().unwrap() ^= 1);
    run(place.path(), &study, &["--shard", "2/2", "--out", "second"]);
    let outcome = respondent(place.path(), &["merge", "first", "second", "--out", "merged"]);
    assert!(outcome.code == 2 && outcome.stderr.contains("inputs.weights_sha256 was"), "{}", outcome.stderr);
}

#[test]
fn a_killed_merge_is_begun_again_and_one_process_is_at_it() {
    let (place, study) = (tempfile::tempdir().unwrap(), STUDIES[0]);
    run(place.path(), study, &["--out", "whole"]);
    let folders = shards(place.path(), study, 2);
    let again = ["merge", folders[0].as_str(), folders[1].as_str(), "--out", "merged", "--quiet"];
    // What a kill leaves: the right to be at it, tables whole and not, no manifest.
    let merged = place.path().join("merged");
    fs::create_dir(&merged).unwrap();
    for left in ["journal.partial", "cells.parquet", "prompts.parquet.partial", "manifest.json.partial"] {
        fs::write(merged.join(left), b"").unwrap();
    }
    let outcome = respondent(place.path(), &["report", "merged"]);
    assert!(outcome.stderr.contains("a merge that was killed is begun again"), "{}", outcome.stderr);
    let held = fs::File::open(merged.join("journal.partial")).unwrap();
    held.lock().unwrap();
    let second = respondent(place.path(), &again);
    assert!(second.code == 6 && second.stderr.contains("another process is at work"), "{}", second.stderr);
    drop(held);
    let outcome = respondent(place.path(), &again);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    same_tables(place.path(), "whole", "merged");
    assert!(!merged.join("journal.partial").exists());
    // What is finished, or anybody else's, is not.
    assert!(respondent(place.path(), &again).stderr.contains("exists already"));
    fs::remove_file(merged.join("manifest.json")).unwrap();
    assert!(respondent(place.path(), &again).stderr.contains("exists already"));
}

#[test]
fn a_shard_of_a_kernel_that_rounds_does_not_choose_a_token_budget_of_its_own() {
    let place = tempfile::tempdir().unwrap();
    let shard = ["run", "isear", "--shard", "1/2", "--memory", "1GiB", "--kernel", "candle"];
    let outcome = respondent(place.path(), &shard);
    assert_eq!(outcome.code, 2, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("give it to every shard with --token-budget"), "{}", outcome.stderr);
}

/// Candle's operations round with the shapes that they are given: that is said, and a run is not accused of it.
#[test]
fn a_kernel_that_rounds_with_its_batches_says_so() {
    let place = tempfile::tempdir().unwrap();
    let study = ["--personas", "USA", "--languages", "en", "--kernel", "candle", "--token-budget", "64"];
    let study =
        [&["run", "isear"][..], &study, &["--certify", "0", "--replicates", "50", "--quiet"]].concat();
    let shard = respondent(place.path(), &[&study[..], &["--shard", "1/2", "--out", "one"]].concat());
    assert!(
        shard.code == 0 && shard.stderr.contains("rounds otherwise in other batches"),
        "{}",
        shard.stderr
    );
    assert_eq!(respondent(place.path(), &[&study[..], &["--out", "out"]].concat()).code, 0);
    let verified = respondent(place.path(), &["verify", "out", "--model", "control", "--cells", "100"]);
    assert_eq!(verified.code, 0, "{} {}", verified.stdout, verified.stderr);
    assert!(verified.stdout.contains("1e-3 are let pass"), "{}", verified.stdout);
    // What no rounding comes to is found all the same.
    let path = place.path().join("out/cells.parquet");
    let mut rows = read_cells(&path).unwrap();
    rows[0].answer_mass -= 0.01;
    let facets: Vec<String> = rows[0].facets.keys().cloned().collect();
    let mut writer = CellWriter::create(&path, &facets).unwrap();
    writer.write_all(rows).unwrap();
    writer.finish().unwrap();
    let told = ["verify", "out", "--model", "control", "--cells", "100", "--json", "--quiet"];
    let told: serde_json::Value = serde_json::from_str(&respondent(place.path(), &told).stdout).unwrap();
    let difference = told["sample"]["largest_share_difference"].as_f64().unwrap();
    assert!((0.009..0.011).contains(&difference), "{told}");
}
