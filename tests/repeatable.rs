//! A run's files are the same bytes on every kernel and in every dtype, however it is cut, ended, shared out and gone on with; and on
//! CPUs that this one is not.

use super::harness::{respondent, respondent_killed_at};
use super::resume::tables;
use respondent::engine::kernels::Isa;
use std::path::Path;
use std::process::Command;

const STUDY: [&str; 12] = [
    "run",
    "isear",
    "--personas",
    "USA",
    "--languages",
    "en",
    "--certify",
    "0",
    "--replicates",
    "50",
    "--quiet",
    "--json",
];
/// Unlike what is usual in all that must not matter.
const OTHERWISE: [&str; 4] = ["--threads", "1", "--token-budget", "64"];

fn done(place: &Path, arguments: &[&[&str]]) -> serde_json::Value {
    let outcome = respondent(place, &arguments.concat());
    assert_eq!(outcome.code, 0, "{arguments:?}: {}", outcome.stderr);
    serde_json::from_str(&outcome.stdout).unwrap()
}

#[test]
fn on_every_kernel_and_dtype_the_bytes_are_those_of_a_run_in_one_piece() {
    for (kernel, dtype) in Isa::all().iter().flat_map(|isa| ["f32", "bf16"].map(|dtype| (isa.name(), dtype)))
    {
        let place = tempfile::tempdir().unwrap();
        let place = place.path();
        let study = [&STUDY[..], &["--kernel", kernel, "--dtype", dtype]].concat();
        done(place, &[&study, &["--out", "whole"]]);
        let whole = tables(&place.join("whole"));

        done(place, &[&study, &OTHERWISE, &["--out", "otherwise"]]);
        assert!(whole == tables(&place.join("otherwise")), "{kernel} {dtype}, cut otherwise");

        let killed = [&study[..], &OTHERWISE, &["--out", "killed"]].concat();
        respondent_killed_at(place, &killed, "killed/journal", 40_000);
        done(place, &[&["run", "--resume", "killed", "--quiet", "--json"]]);
        assert!(whole == tables(&place.join("killed")), "{kernel} {dtype}, killed and resumed");

        done(place, &[&study, &["--shard", "1/2", "--out", "one"]]);
        done(place, &[&study, &["--shard", "2/2", "--out", "two"], &OTHERWISE]);
        done(place, &[&["merge", "one", "two", "--out", "merged", "--quiet", "--json"]]);
        assert!(whole == tables(&place.join("merged")), "{kernel} {dtype}, shared out");

        let verified = done(place, &[&["verify", "whole", "--model", "control", "--cells", "60", "--json"]]);
        assert_eq!(verified["sample"]["cell_count"], 60);
        assert_eq!(verified["sample"]["differences"].as_array().map(Vec::len), Some(0), "{verified}");
    }
}

/// Vectors of other widths, on machines of one cluster.
#[test]
fn kernels_with_fused_multiply_adds_stand_in_for_each_other() {
    let fused: Vec<&str> = Isa::all().into_iter().map(Isa::name).filter(|name| *name != "portable").collect();
    let [one, .., other] = fused[..] else {
        eprintln!("skipped: this CPU has fewer than two such kernels");
        return;
    };
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    done(place, &[&STUDY, &["--kernel", one, "--out", "whole"]]);
    done(place, &[&STUDY, &["--kernel", one, "--shard", "1/2", "--out", "one"]]);
    done(place, &[&STUDY, &["--kernel", other, "--shard", "2/2", "--out", "two"]]);
    done(place, &[&["merge", "one", "two", "--out", "merged", "--quiet", "--json"]]);
    assert!(tables(&place.join("whole")) == tables(&place.join("merged")), "{one} and {other}");

    // A run of a machine that this one is not.
    let manifest = place.join("whole/manifest.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text.replace(&format!("{one}-f32"), "neon-f32")).unwrap();
    let verify = ["verify", "whole", "--model", "control", "--cells", "60", "--quiet"];
    let verified = done(place, &[&verify, &["--json"]]);
    assert_eq!(verified["sample"]["kernel"], format!("{one}-f32"));
    // The portable kernel stands in for none of them.
    std::fs::write(&manifest, text.replace(&format!("{one}-f32"), "portable-f32")).unwrap();
    assert!(respondent(place, &verify).stdout.contains("60 cells differ"));
    done(place, &[&STUDY, &["--kernel", "portable", "--shard", "2/2", "--out", "three"]]);
    let refused = respondent(place, &["merge", "one", "three", "--out", "none"]);
    let told = format!("kernel was \"{one}-f32\" and is \"portable-f32\"");
    assert!(refused.code == 2 && refused.stderr.contains(&told), "{}", refused.stderr);
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn emulated(place: &Path, cpu: &str, arguments: &[&str]) -> std::process::Output {
    let mut command = Command::new("qemu-x86_64");
    command.args(["-cpu", cpu, env!("CARGO_BIN_EXE_respondent")]).args(arguments).current_dir(place);
    command.output().unwrap()
}

/// Emulated CPUs: one of 2008 without AVX, which has the portable kernel alone, and one with AVX2.
#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn another_cpu_comes_to_the_same_bytes() {
    if Command::new("qemu-x86_64").arg("--version").output().is_err() {
        eprintln!("skipped: qemu-x86_64 is not installed (Debian's qemu-user)");
        return;
    }
    let study = [&STUDY[..], &["--formats", "number", "--option-orders", "forward"]].concat();
    for (cpu, kernel) in [("Nehalem", "portable"), ("Haswell", "avx2")] {
        let place = tempfile::tempdir().unwrap();
        let emulated = emulated(place.path(), cpu, &[&study[..], &["--out", "emulated"]].concat());
        assert!(emulated.status.success(), "{}", String::from_utf8_lossy(&emulated.stderr));
        let manifest = std::fs::read(place.path().join("emulated/manifest.json")).unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
        if cpu == "Haswell" && manifest["kernel"] == "portable-f32" {
            eprintln!("skipped: this qemu has no AVX2 (7.2 has)");
            continue;
        }
        assert_eq!(manifest["kernel"], format!("{kernel}-f32"));
        if !Isa::all().iter().any(|isa| isa.name() == kernel) {
            eprintln!("skipped: this CPU has no {kernel} to hold {cpu} against");
            continue;
        }
        done(place.path(), &[&study, &["--kernel", kernel, "--out", "here"]]);
        let [here, there] = ["here", "emulated"].map(|folder| tables(&place.path().join(folder)));
        assert!(here == there, "{kernel} of {cpu}");
        // What was the best kernel there is all that was asked for.
        done(place.path(), &[&study, &["--out", "emulated", "--or-resume"]]);
    }
    // Begun here, ended there.
    let place = tempfile::tempdir().unwrap();
    done(place.path(), &[&study, &["--out", "whole"]]);
    let killed = [&study[..], &["--token-budget", "64", "--out", "killed"]].concat();
    respondent_killed_at(place.path(), &killed, "killed/journal", 8_000);
    let emulated = emulated(place.path(), "Haswell", &["run", "--resume", "killed", "--quiet"]);
    let stderr = String::from_utf8_lossy(&emulated.stderr);
    assert_eq!(emulated.status.success(), Isa::all()[0].name() != "portable", "{stderr}");
    if emulated.status.success() {
        let [here, there] = ["whole", "killed"].map(|folder| tables(&place.path().join(folder)));
        assert!(here == there, "begun here and ended on an AVX2 CPU");
    }
}
