//! What a power cut may take: a run's own calls to the system, in their order, show that a name is given only to what is on disk, and that the name
//! itself is on disk before anything is built on it.

use super::harness::respondent;
use std::collections::{HashMap, HashSet};
use std::process::Command;

/// One call, its arguments as the trace writes them.
struct Call {
    name: String,
    arguments: String,
    returned: String,
}

fn calls(trace: &str) -> Vec<Call> {
    // `PID name(arguments) = returned`; calls of other threads may cut one in two.
    let mut open: HashMap<&str, String> = HashMap::new();
    let mut found = Vec::new();
    for line in trace.lines() {
        let Some((process, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start();
        let whole = match rest.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>")) {
            Some((_, end)) => open.remove(process).unwrap_or_default() + end,
            None => rest.to_owned(),
        };
        if let Some(begin) = whole.strip_suffix(" <unfinished ...>") {
            open.insert(process, begin.to_owned());
            continue;
        }
        let Some((name, rest)) = whole.split_once('(') else { continue };
        let Some((arguments, returned)) = rest.rsplit_once(" = ") else { continue };
        // What comes before the equals sign is padded.
        let arguments = arguments.trim_end().trim_end_matches(')');
        let [name, arguments, returned] = [name, arguments, returned].map(str::to_owned);
        found.push(Call { name, arguments, returned });
    }
    found
}

/// The quoted names in a call's arguments.
fn names(call: &Call) -> Vec<&str> {
    call.arguments.split('"').skip(1).step_by(2).collect()
}

#[test]
#[cfg(target_os = "linux")]
fn names_stand_for_what_is_on_disk() {
    if Command::new("strace").arg("-V").output().is_err() {
        println!("skipped: strace is not installed");
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let study = ["run", "isear", "--personas", "USA", "--languages", "en", "--formats", "number"];
    let settings = ["--out", "out", "--certify", "0", "--replicates", "50", "--quiet"];
    let traced = Command::new("strace")
        .args([
            "-f",
            "-o",
            "trace",
            "-e",
            "trace=open,openat,close,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat",
        ])
        .arg(env!("CARGO_BIN_EXE_respondent"))
        .args(study.iter().chain(&settings))
        .current_dir(place.path())
        .output()
        .unwrap();
    let trace = std::fs::read_to_string(place.path().join("trace")).unwrap_or_default();
    if !trace.contains("+++ exited with") {
        println!("skipped: strace cannot trace here: {}", String::from_utf8_lossy(&traced.stderr));
        return;
    }
    assert!(traced.status.success(), "{}", String::from_utf8_lossy(&traced.stderr));

    let mut files: HashMap<String, String> = HashMap::new();
    // Written to and synced since it was opened; renamed, and its directory not yet synced.
    let (mut synced, mut unsynced_names): (HashSet<String>, HashSet<String>) = Default::default();
    let mut renamed = Vec::new();
    for call in calls(&trace) {
        match call.name.as_str() {
            "open" | "openat" => {
                let path = names(&call)[0].to_owned();
                files.insert(call.returned.clone(), path);
            }
            "close" => {
                files.remove(&call.arguments);
            }
            "fsync" | "fdatasync" if call.returned.starts_with('0') => {
                let Some(path) = files.get(&call.arguments) else { continue };
                synced.insert(path.clone());
                unsynced_names.retain(|name| name.rsplit_once('/').map_or(".", |(folder, _)| folder) != path);
            }
            "rename" | "renameat" | "renameat2" => {
                let names = names(&call);
                let (from, to) = (names[0], names[1]);
                assert!(synced.contains(from), "{from} becomes {to} before it is on disk");
                assert!(
                    unsynced_names.is_empty(),
                    "{to} comes before the names of {unsynced_names:?} are on disk"
                );
                unsynced_names.insert(to.to_owned());
                renamed.push(to.to_owned());
            }
            "unlink" | "unlinkat" if names(&call)[0] == "out/journal" => {
                // What it keeps stands elsewhere by now.
                assert!(renamed.iter().any(|name| name == "out/manifest.json"));
                assert!(unsynced_names.is_empty(), "{unsynced_names:?}");
            }
            _ => (),
        }
    }
    assert!(unsynced_names.is_empty(), "{unsynced_names:?}");
    let expected = [
        "journal",
        "cells.parquet",
        "prompts.parquet",
        "tokens.parquet",
        "comparisons.parquet",
        "manifest.json",
        "report.html",
    ];
    assert_eq!(renamed, expected.map(|name| format!("out/{name}")));
    // The folder's own name, in the directory that the run was begun in.
    assert!(synced.contains(".") && synced.contains("out"));
    assert_eq!(respondent(place.path(), &["verify", "out"]).code, 0);
}
