//! `docs/cluster.md`: its commands run in their order. What it submits to Slurm, `tests/slurm/run.sh` does.

#[cfg(target_os = "linux")]
use super::harness::respondent_traced;
use super::harness::{repository, respondent};
use std::fs;
use std::process::Command;

const SLURM: [&str; 6] = ["slurm", "isear", "--model", "control", "--out", "other"];

#[test]
fn the_chapter_shares_a_run_out_and_merges_it() {
    let place = tempfile::tempdir().unwrap();
    let chapter = fs::read_to_string(repository("docs/cluster.md")).unwrap();
    let blocks = chapter.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap());
    let mut command_count = 0;
    for command in blocks.flat_map(str::lines) {
        let arguments: Vec<&str> = command.strip_prefix("respondent ").unwrap().split(' ').collect();
        let outcome = respondent(place.path(), &arguments);
        assert_eq!(outcome.code, 0, "{command}: {}", outcome.stderr);
        command_count += 1;
    }
    assert_eq!(command_count, 5);
    assert!(place.path().join("merged/report.html").exists());
    let array = fs::read_to_string(place.path().join("job/shards.sbatch")).unwrap();
    assert!(array.contains("#SBATCH --array=1-4\n") && array.contains("#SBATCH --mem="), "{array}");
    assert!(array.trim_end().ends_with("--quiet --full --certify 3"), "{array}");
    for script in ["shards.sbatch", "merge.sbatch", "submit.sh"] {
        let checked =
            Command::new("bash").arg("-n").arg(place.path().join("job").join(script)).status().unwrap();
        assert!(checked.success(), "{script} is not a script");
    }
    let again =
        respondent(place.path(), &["slurm", "isear", "--model", "control", "--shards", "4", "--out", "job"]);
    assert!(again.code == 6 && again.stderr.contains("exists already"), "{}", again.stderr);
    for (wrong, told) in [
        (&["--shards", "0"][..], "no shard of a run"),
        (&["--shards", "2", "--", "--colour"], "behind `--`: unexpected argument '--colour'"),
        (&["--shards", "2", "--", "--out", "x"], "cannot be used multiple times"),
        (&["--shards", "2", "--", "--personas", "XYZ"], "no persona `XYZ`"),
    ] {
        let outcome = respondent(place.path(), &[&SLURM[..], wrong].concat());
        assert!(outcome.code == 2 && outcome.stderr.contains(told), "{}", outcome.stderr);
        assert!(!place.path().join("other").exists());
    }
}

#[test]
fn what_slurm_could_not_mean_is_refused() {
    let place = tempfile::tempdir().unwrap();
    for (wrong, told) in [
        (&["--cpus", "0"][..], "1..=1024"),
        (&["--cpus", "1025"], "1..=1024"),
        (&["--gpus", "0"], "'--gpus <COUNT>'"),
        (&["--at-once", "0"], "'--at-once <COUNT>'"),
        (&["--mem", "banana"], "e.g. 16G"),
        (&["--mem", "16GiB"], "e.g. 16G"),
        (&["--partition", ""], "'--partition <NAME>'"),
        (&["--sbatch=constraint=avx512"], "e.g. --constraint=avx512"),
        (&["--mem", "1G", "--account", "a\nrm b"], "no place in a script: --account=a\\nrm b"),
        (&["--mem", "1G", "--sbatch=--comment=a\nrm b"], "no place in a script: --comment=a\\nrm b"),
        (&["--mem", "1G", "--time", "1\r"], "no place in a script: --time=1\\r"),
    ] {
        let outcome = respondent(place.path(), &[&SLURM[..], &["--shards", "2"], wrong].concat());
        assert!(outcome.code == 2 && outcome.stderr.contains(told), "{wrong:?}: {}", outcome.stderr);
        assert!(!place.path().join("other").exists(), "{wrong:?}");
    }
}

#[test]
fn what_is_handed_on_stays_one_word() {
    let place = tempfile::tempdir().unwrap();
    let handed_on = ["--partition", "a b", "--account", "it's", "--sbatch=--comment=say \"x\" # y"];
    let outcome =
        respondent(place.path(), &[&SLURM[..], &["--shards", "2", "--mem", "1G"], &handed_on[..]].concat());
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    for script in ["shards.sbatch", "merge.sbatch"] {
        let text = fs::read_to_string(place.path().join("other").join(script)).unwrap();
        for line in
            [r#"--partition="a b""#, r#"--account="it's""#, r#"--comment="say \"x\" # y""#, "--mem=1G"]
        {
            assert!(text.contains(&format!("#SBATCH {line}\n")), "{line}: {text}");
        }
    }
}

/// The number behind `--mem=` in a script, in MiB.
#[cfg(target_os = "linux")]
fn mem_of(place: &std::path::Path, cpus: &str) -> f64 {
    let out = format!("job-{cpus}");
    let arguments = ["slurm", "isear", "--model", "control", "--shards", "2", "--cpus", cpus, "--out", &out];
    let outcome = respondent(place, &arguments);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let text = fs::read_to_string(place.join(out).join("shards.sbatch")).unwrap();
    let (_, told) = text.split_once("--mem=").unwrap();
    told.split_once("M\n").unwrap().0.parse().unwrap()
}

#[test]
#[cfg(target_os = "linux")]
fn memory_is_what_plan_expects_of_as_many_threads() {
    let place = tempfile::tempdir().unwrap();
    let plan = respondent(place.path(), &["plan", "isear", "--threads", "256", "--json", "--quiet"]);
    let plan: serde_json::Value = serde_json::from_str(&plan.stdout).unwrap();
    let expected = plan["memory"]["peak_bytes"].as_u64().unwrap() as f64 / 1048576.0;
    let (few, many) = (mem_of(place.path(), "1"), mem_of(place.path(), "256"));
    assert!(few < many, "{few} {many}");
    // Rounded up to 64 MiB; and what is held when prompts are prepared is not the same to the last page each time.
    assert!((1.05 * expected..1.25 * expected + 64.0).contains(&many), "{expected} {many}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_directory_that_is_no_text_is_named_and_nothing_is_written() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join(OsStr::from_bytes(b"caf\xe9"));
    fs::create_dir(&directory).unwrap();
    let outcome = respondent(&directory, &[&SLURM[..], &["--shards", "2", "--mem", "1G"]].concat());
    assert!(outcome.code == 2 && outcome.stderr.contains("/caf"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("is not UTF-8"), "{}", outcome.stderr);
    assert!(fs::read_dir(&directory).unwrap().next().is_none());
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_leaves_no_half_of_a_job() {
    let arguments = [&SLURM[..], &["--shards", "2", "--mem", "1G"]].concat();
    // Each of the three files is synced, and after it the folder.
    for nth in 1..=6 {
        let place = tempfile::tempdir().unwrap();
        let inject = format!("inject=fsync:error=ENOSPC:when={nth}");
        let Some(traced) = respondent_traced(place.path(), &["-e", "trace=fsync", "-e", &inject], &arguments)
        else {
            return;
        };
        assert!(traced.code == Some(6) && traced.stderr.contains("os error 28"), "{nth}: {}", traced.stderr);
        assert!(fs::read_dir(place.path()).unwrap().next().is_none(), "{nth}");
        let outcome = respondent(place.path(), &arguments);
        assert_eq!(outcome.code, 0, "{nth}: {}", outcome.stderr);
    }
}
