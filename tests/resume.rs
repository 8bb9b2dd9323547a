//! A run goes on where it ended, whatever ended it, and comes to the same bytes as one that nothing disturbed.

use super::harness::{ModelCopy, Outcome, repository, respondent, respondent_killed_at};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

const TABLES: [&str; 4] = ["cells.parquet", "prompts.parquet", "tokens.parquet", "comparisons.parquet"];

/// Small batches and three branches, so that there are many places to stop at.
const RUN: [&str; 11] = [
    "run",
    "isear",
    "--token-budget",
    "256",
    "--branch-prompts",
    "700",
    "--certify",
    "3",
    "--replicates",
    "100",
    "--quiet",
];

fn command(place: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_respondent"));
    command
        .args(arguments)
        .current_dir(place)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn begun() -> Vec<&'static str> {
    [&RUN[..], &["--out", "out"]].concat()
}

pub fn tables(folder: &Path) -> Vec<Vec<u8>> {
    TABLES.iter().map(|name| fs::read(folder.join(name)).unwrap()).collect()
}

/// One that nothing disturbed.
fn undisturbed() -> &'static Vec<Vec<u8>> {
    static TABLES: std::sync::OnceLock<Vec<Vec<u8>>> = std::sync::OnceLock::new();
    TABLES.get_or_init(|| {
        let place = tempfile::tempdir().unwrap();
        let outcome = respondent(place.path(), &begun());
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        tables(&place.path().join("out"))
    })
}

/// A folder whose run was killed once its journal had that many bytes.
fn killed_at(journal_len: u64) -> TempDir {
    let place = tempfile::tempdir().unwrap();
    respondent_killed_at(place.path(), &begun(), "out/journal", journal_len);
    place
}

fn resume(place: &Path) -> Outcome {
    respondent(place, &["run", "--resume", "out", "--quiet"])
}

#[test]
#[cfg(unix)]
fn killed_again_and_again_it_comes_to_the_same_bytes() {
    // RESPONDENT_KILLS=200 for a longer look.
    let kills: u64 = std::env::var("RESPONDENT_KILLS").map_or(12, |count| count.parse().unwrap());
    let (mut killed, mut round) = (0, 0);
    while killed < kills {
        let place = killed_at(1);
        loop {
            killed += 1;
            round += 1;
            let mut child = command(place.path(), &["run", "--resume", "out", "--quiet"]).spawn().unwrap();
            // Moments spread over a whole run, its ends too; later and later, for a slow machine has to get there.
            std::thread::sleep(Duration::from_millis(round * 67 % (900 + 20 * round)));
            if child.try_wait().unwrap().is_some() {
                break;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            if place.path().join("out/manifest.json").exists() {
                break;
            }
        }
        if !place.path().join("out/manifest.json").exists() {
            let outcome = resume(place.path());
            assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        }
        assert!(tables(&place.path().join("out")) == *undisturbed(), "after {killed} kills");
    }
}

#[test]
#[cfg(unix)]
fn a_journal_that_was_cut_or_scribbled_on_loses_its_end_and_nothing_else() {
    let place = killed_at(60_000);
    let journal = place.path().join("out/journal");
    let whole = fs::read(&journal).unwrap();
    for (share, flips) in [(0.99, false), (0.7, true), (0.31, false), (0.15, true)] {
        let at = (share * whole.len() as f64) as usize;
        let mut bytes = whole.clone();
        if flips {
            bytes[at] ^= 0x40
        } else {
            bytes.truncate(at)
        }
        let again = tempfile::tempdir().unwrap();
        fs::create_dir(again.path().join("out")).unwrap();
        fs::write(again.path().join("out/journal"), bytes).unwrap();
        let outcome = resume(again.path());
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        assert!(tables(&again.path().join("out")) == *undisturbed(), "{share} {flips}");
        assert!(!again.path().join("out/journal").exists(), "a finished run has no journal");
    }
}

#[test]
#[cfg(unix)]
fn what_was_read_is_not_read_again() {
    let place = killed_at(100_000);
    let outcome = respondent(place.path(), &["run", "--resume", "out", "--quiet", "--json"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let told: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    let (packing, counts) = (&told["manifest"]["packing"], &told["manifest"]["counts"]);
    let resumed = packing["resumed_readout_count"].as_u64().unwrap();
    assert!(resumed > 0 && resumed < counts["readout_count"].as_u64().unwrap(), "{packing}");
    assert!(tables(&place.path().join("out")) == *undisturbed());
}

#[test]
#[cfg(unix)]
fn of_processes_that_begin_one_run_together_one_does() {
    for _ in 0..3 {
        let place = tempfile::tempdir().unwrap();
        // One of them died before it had begun.
        fs::create_dir(place.path().join("out")).unwrap();
        fs::write(place.path().join("out/journal.partial"), b"respondent").unwrap();
        let begun = [&begun()[..], &["--or-resume"]].concat();
        let mut children: Vec<_> = (0..3).map(|_| command(place.path(), &begun).spawn().unwrap()).collect();
        let codes: Vec<i32> =
            children.iter_mut().map(|child| child.wait().unwrap().code().unwrap()).collect();
        // The others find another process at work, or come so late that it is done.
        assert!(codes.contains(&0) && codes.iter().all(|code| [0, 6].contains(code)), "{codes:?}");
        assert!(tables(&place.path().join("out")) == *undisturbed(), "{codes:?}");
    }
}

#[test]
#[cfg(unix)]
fn one_process_at_a_time_and_only_what_is_unfinished() {
    let place = tempfile::tempdir().unwrap();
    let mut child = command(place.path(), &begun()).spawn().unwrap();
    while !place.path().join("out/journal").exists() {
        std::thread::sleep(Duration::from_micros(200));
    }
    let second = resume(place.path());
    // Should the first be through already, the second says that instead.
    let told = ["another process is at work", "this run is finished", "nothing to go on with"];
    assert!(second.code != 0 && told.iter().any(|told| second.stderr.contains(told)), "{}", second.stderr);
    assert!(child.wait().unwrap().success());
    let finished = resume(place.path());
    assert_eq!(finished.code, 2, "{}", finished.stderr);
    assert!(finished.stderr.contains("this run is finished"), "{}", finished.stderr);
    fs::create_dir(place.path().join("empty")).unwrap();
    let empty = respondent(place.path(), &["run", "--resume", "empty"]);
    assert_eq!(empty.code, 6, "{}", empty.stderr);
    assert!(empty.stderr.contains("nothing to go on with"), "{}", empty.stderr);
    let other = respondent(place.path(), &["run", "--resume", "empty", "--seed", "3"]);
    assert_eq!(other.code, 2, "{}", other.stderr);
}

#[test]
#[cfg(unix)]
fn another_run_is_refused_and_what_changed_is_named() {
    let (place, model) = (tempfile::tempdir().unwrap(), ModelCopy::new());
    let study = place.path().join("study");
    fs::create_dir(&study).unwrap();
    for file in fs::read_dir(repository("prompts/isear")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), study.join(file.file_name())).unwrap();
    }
    let mut child = command(
        place.path(),
        &[
            "run",
            "./study",
            "--model",
            model.path(),
            "--token-budget",
            "256",
            "--full",
            "--out",
            "out",
            "--quiet",
        ],
    )
    .spawn()
    .unwrap();
    while fs::metadata(place.path().join("out/journal")).map_or(0, |found| found.len()) < 20_000 {
        std::thread::sleep(Duration::from_micros(200));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let text = fs::read_to_string(study.join("en.toml")).unwrap();
    fs::write(study.join("en.toml"), text.replace("How intense", "How very intense")).unwrap();
    let outcome = resume(place.path());
    assert_eq!(outcome.code, 2, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("inputs.study_sha256 was"), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("weights"), "only what changed: {}", outcome.stderr);
    fs::write(study.join("en.toml"), text).unwrap();
    model.edit("model.safetensors", |bytes| *bytes.last_mut().unwrap() ^= 1);
    let outcome = resume(place.path());
    assert!(outcome.stderr.contains("inputs.weights_sha256 was"), "{}", outcome.stderr);
    model.edit("model.safetensors", |bytes| *bytes.last_mut().unwrap() ^= 1);
    assert_eq!(resume(place.path()).code, 0, "refusals leave the journal as it was");
}

/// A limit on the size of files stands in for a disk that is full: whichever write comes up against it fails, early or late.
#[test]
#[cfg(unix)]
fn a_write_that_fails_loses_nothing() {
    let (mut failed, mut went_on) = (0, 0);
    for blocks in [1, 8, 40, 150, 400, 900, 1500, 2500, 4000, 6000] {
        let place = tempfile::tempdir().unwrap();
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let outcome = Command::new("sh")
            .args(["-c", &script, env!("CARGO_BIN_EXE_respondent")])
            .args(begun())
            .current_dir(place.path())
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&outcome.stderr).into_owned();
        let out = place.path().join("out");
        if !outcome.status.success() {
            failed += 1;
            assert_eq!(outcome.status.code(), Some(6), "{blocks}: {told}");
            assert!(told.contains("File too large"), "{blocks}: {told}");
        }
        if out.join("journal").exists() {
            went_on += 1;
            assert!(told.contains("`respondent run --resume out` goes on"), "{told}");
            let outcome = resume(place.path());
            assert_eq!(outcome.code, 0, "{blocks}: {}", outcome.stderr);
        } else if !out.join("manifest.json").exists() {
            assert!(!out.exists(), "{blocks}: nothing was read, and nothing is left");
            continue;
        }
        assert!(tables(&out) == *undisturbed(), "{blocks}");
    }
    assert!(failed >= 5 && went_on >= 4, "{failed} failed, {went_on} went on");
}

/// The same command again, when something that numbers come of is another by now.
#[test]
fn what_is_finished_is_what_was_asked_for() {
    let (place, model) = (tempfile::tempdir().unwrap(), ModelCopy::new());
    assert_eq!(respondent(place.path(), &["study", "new", "own"]).code, 0);
    let run = [
        "run",
        "own",
        "--model",
        model.path(),
        "--certify",
        "0",
        "--replicates",
        "50",
        "--quiet",
        "--or-resume",
    ];
    let again = |more: &[&str]| respondent(place.path(), &[&run[..], more].concat());
    let refused = |outcome: Outcome, named: &str| {
        assert_eq!(outcome.code, 2, "{named}: {} {}", outcome.stdout, outcome.stderr);
        assert!(
            outcome.stderr.contains("another run is in this folder") && outcome.stderr.contains(named),
            "{}",
            outcome.stderr
        );
    };
    for part in [&["--out", "whole"][..], &["--out", "part", "--shard", "1/2"]] {
        assert_eq!(again(part).code, 0);
        let finished = again(part);
        assert!(finished.code == 0 && finished.stdout.contains("finished already"), "{}", finished.stderr);
        model.edit("model.safetensors", |bytes| *bytes.last_mut().unwrap() ^= 1);
        refused(again(part), "weights_sha256");
        model.edit("model.safetensors", |bytes| *bytes.last_mut().unwrap() ^= 1);
        let words = place.path().join("own/en.toml");
        let text = fs::read_to_string(&words).unwrap();
        fs::write(&words, text.replace("How long", "For how long")).unwrap();
        refused(again(part), "study_sha256");
        fs::write(&words, text).unwrap();
        for kernel in ["portable", "candle"] {
            refused(again(&[part, &["--kernel", kernel]].concat()), "kernel");
        }
    }
    // The best kernel there is, whichever that was where it ran, is never candle's.
    for (kernel, is_asked_for) in [("portable", true), ("candle", false)] {
        let out = ["--out", kernel];
        assert_eq!(again(&[&out[..], &["--kernel", kernel]].concat()).code, 0);
        match is_asked_for {
            true => assert!(again(&out).stdout.contains("finished already")),
            false => refused(again(&out), "kernel"),
        }
    }
}

/// Two builds of one version may come to other numbers.
#[test]
#[cfg(unix)]
fn another_build_does_not_go_on() {
    let place = killed_at(20_000);
    let other = place.path().join("respondent");
    let mut bytes = fs::read(env!("CARGO_BIN_EXE_respondent")).unwrap();
    // Behind what is loaded: it runs as before.
    bytes.extend_from_slice(b"another build");
    fs::write(&other, bytes).unwrap();
    fs::set_permissions(&other, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let outcome = Command::new(&other)
        .args(["run", "--resume", "out", "--quiet"])
        .current_dir(place.path())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&outcome.stderr);
    assert!(outcome.status.code() == Some(2) && told.contains("versions.build was"), "{told}");
    assert_eq!(resume(place.path()).code, 0);
}
