//! `docs/cluster.md`: its commands run in their order. What it submits to Slurm, `tests/slurm/run.sh` does.

use super::harness::{repository, respondent};
use std::fs;
use std::process::Command;

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
        let arguments = [&["slurm", "isear", "--model", "control", "--out", "other"], wrong].concat();
        let outcome = respondent(place.path(), &arguments);
        assert!(outcome.code == 2 && outcome.stderr.contains(told), "{}", outcome.stderr);
        assert!(!place.path().join("other").exists());
    }
}
