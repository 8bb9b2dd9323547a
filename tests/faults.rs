//! A run ended at each of its calls that write: killed before it, or told by the system that it failed. It goes on to the same bytes.

use super::durability::RUN;
use super::harness::{respondent, respondent_traced};
use super::resume::tables;
use rayon::prelude::*;
use std::collections::HashMap;

/// What ends a run, in strace's words: a call, which of its kind, what becomes of it.
#[derive(Debug)]
struct Fault {
    call: String,
    nth: usize,
    what: &'static str,
}

impl Fault {
    fn is_kill(&self) -> bool {
        self.what.starts_with("signal")
    }
}

const KILL: &str = "signal=SIGKILL";

/// What a full disk, a failing one or one that was taken away says.
fn failure_of(call: &str) -> Option<&'static str> {
    Some(match call {
        "write" | "mkdir" => "error=ENOSPC",
        "openat" => "error=EACCES",
        "fsync" | "fdatasync" | "rename" | "ftruncate" | "unlink" => "error=EIO",
        _ => return None,
    })
}

const TRACED: &str = "trace=openat,write,ftruncate,fsync,fdatasync,rename,unlink,mkdir";

/// Every call of an undisturbed run that could have changed a disk, killed and failed.
fn faults() -> Option<(Vec<Fault>, Vec<Vec<u8>>)> {
    let place = tempfile::tempdir().unwrap();
    let undisturbed = respondent_traced(place.path(), &["-e", TRACED], &RUN)?;
    assert_eq!(undisturbed.code, Some(0), "{}", undisturbed.stderr);
    let mut counts: HashMap<&str, usize> = HashMap::new();
    let mut faults = Vec::new();
    for call in &undisturbed.calls {
        let nth = counts.entry(&call.name).or_default();
        *nth += 1;
        let reads = call.name == "openat" && !call.arguments.contains("O_CREAT");
        if let Some(failure) = failure_of(&call.name).filter(|_| !reads) {
            faults.extend([KILL, failure].map(|what| Fault { call: call.name.clone(), nth: *nth, what }));
        }
    }
    Some((faults, tables(&place.path().join("out"))))
}

#[test]
fn killed_or_failing_at_a_call_it_goes_on_to_the_same_bytes() {
    let Some((mut faults, undisturbed)) = faults() else { return };
    assert!(faults.len() > 120, "{}", faults.len());
    // RESPONDENT_FAULTS=all for each of them.
    if std::env::var_os("RESPONDENT_FAULTS").is_none_or(|which| which != "all") {
        let mut position = 0;
        faults.retain(|_| {
            position += 1;
            position % 5 == 1
        });
    }
    let (killed, failed): (Vec<_>, Vec<_>) = faults.iter().partition(|fault| fault.is_kill());
    println!("{} kills, {} failures", killed.len(), failed.len());
    faults.par_iter().for_each(|fault| {
        let place = tempfile::tempdir().unwrap();
        let inject = format!("inject={}:{}:when={}", fault.call, fault.what, fault.nth);
        let traced = respondent_traced(place.path(), &["-e", TRACED, "-e", &inject], &RUN);
        let traced = traced.expect("it could be traced before");
        let out = place.path().join("out");
        match (fault.is_kill(), traced.code) {
            (true, code) => assert_eq!(code, None, "{fault:?}: {}", traced.stderr),
            (false, Some(6)) => assert!(traced.stderr.contains("os error"), "{fault:?}: {}", traced.stderr),
            (false, code) => assert_eq!(code, Some(0), "{fault:?}: {}", traced.stderr),
        }
        if out.join("manifest.json").exists() {
            assert!(tables(&out) == undisturbed, "{fault:?}: a run with a manifest is finished");
        } else {
            assert_ne!(traced.code, Some(0), "{fault:?}: it did not do what it was told to");
        }
        let outcome = respondent(place.path(), &RUN);
        assert_eq!(outcome.code, 0, "{fault:?}: {}", outcome.stderr);
        assert!(tables(&out) == undisturbed, "{fault:?}");
        assert!(out.join("report.html").exists(), "{fault:?}");
    });
}
