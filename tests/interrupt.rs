//! Ctrl-C loses nothing that was finished.

use respondent::output::{read_cells, read_prompts};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

fn begun(place: &Path, arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_respondent"))
        .args(arguments)
        .current_dir(place)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits for the line that tells of a stage, and hands on what comes behind it.
fn after(child: &mut Child, stage: &str) -> BufReader<ChildStderr> {
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.trim_start().starts_with(stage) {
        line.clear();
        assert!(stderr.read_line(&mut line).unwrap() > 0, "the run ended before {stage} did");
    }
    stderr
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

#[test]
#[cfg(unix)]
fn finished_cells_survive_an_interrupt() {
    let place = tempfile::tempdir().unwrap();
    // Small batches, so that there are many places to stop at, and the whole study, so that there is time to.
    let mut child = begun(place.path(), &["run", "--full", "--token-budget", "256", "--out", "out"]);
    let mut stderr = after(&mut child, "weights");
    std::thread::sleep(std::time::Duration::from_millis(700));
    signal(&child, "-INT");
    let mut told = String::new();
    stderr.read_to_string(&mut told).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{told}");
    assert!(
        told.contains("of 10080 cells") && told.contains("hint: the finished cells are in cells.parquet"),
        "{told}"
    );

    let out = place.path().join("out");
    let cells = read_cells(&out.join("cells.parquet")).unwrap();
    let prompts = read_prompts(&out.join("prompts.parquet")).unwrap();
    let finished: BTreeSet<&str> = cells.iter().map(|row| row.cell_id.as_str()).collect();
    assert!(!finished.is_empty() && finished.len() < 10_080);
    assert!(finished.into_iter().eq(prompts.iter().map(|row| row.cell_id.as_str()).collect::<BTreeSet<_>>()));
    assert!(!out.join("manifest.json").exists(), "an unfinished folder has no manifest");
}

#[test]
#[cfg(unix)]
fn a_shard_that_a_scheduler_ends_goes_on() {
    let place = tempfile::tempdir().unwrap();
    let job =
        ["run", "isear", "--full", "--shard", "1/2", "--token-budget", "256", "--out", "out", "--or-resume"];
    let mut child = begun(place.path(), &job);
    let journal = place.path().join("out/journal");
    while std::fs::metadata(&journal).map_or(0, |found| found.len()) < 50_000 {
        assert!(child.try_wait().unwrap().is_none(), "the shard ended before it could be stopped");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    signal(&child, "-TERM");
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{told}");
    assert!(told.contains("readouts") && told.contains("`respondent run --resume out` goes on"), "{told}");
    let again = super::harness::respondent(place.path(), &[&job[..], &["--quiet", "--json"]].concat());
    assert_eq!(again.code, 0, "{}", again.stderr);
    let card: serde_json::Value = serde_json::from_str(&again.stdout).unwrap();
    assert!(card["shard"]["resumed_readout_count"].as_u64().unwrap() > 0, "{card}");
}

#[test]
#[cfg(unix)]
fn a_stop_after_everything_was_read_seals_nothing() {
    let place = tempfile::tempdir().unwrap();
    // As many replicates as take long.
    let run = ["run", "isear", "--replicates", "6000", "--certify", "4", "--out", "out"];
    let mut child = begun(place.path(), &run);
    let mut stderr = after(&mut child, "certify");
    signal(&child, "-INT");
    let mut told = String::new();
    stderr.read_to_string(&mut told).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{told}");
    assert!(told.contains("`respondent run --resume out` goes on\n"), "{told}");
    let out = place.path().join("out");
    assert!(out.join("journal").exists() && !out.join("manifest.json").exists());
    // Everything is in the journal: what is left is done in the time that it takes.
    let resumed = super::harness::respondent(place.path(), &["run", "--resume", "out", "--quiet", "--json"]);
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    let told: serde_json::Value = serde_json::from_str(&resumed.stdout).unwrap();
    let manifest = &told["manifest"];
    assert_eq!(manifest["packing"]["resumed_readout_count"], manifest["counts"]["readout_count"]);
    assert_eq!(manifest["certificate"]["cell_count"], 4, "{manifest}");
}
