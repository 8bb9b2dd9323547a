//! `respondent bundle`: what is packed runs on the other side as it did here; what was altered, cut off or made up is told.

use super::harness::{Outcome, repository, respondent};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// A folder with a model of its own, a study and the people that it names.
fn place() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    let model = place.path().join("tiny");
    fs::create_dir(&model).unwrap();
    for name in
        ["config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "model.safetensors"]
    {
        fs::copy(repository("models/control").join(name), model.join(name)).unwrap();
    }
    fs::write(model.join("notes.txt"), "not the model's").unwrap();
    place
}

fn run(place: &Path, arguments: &[&str]) -> Outcome {
    respondent(place, &[&["bundle"], arguments].concat())
}

fn create(place: &Path, out: &str) -> Value {
    let made = run(place, &["create", out, "--model", "./tiny", "--study", "isear", "--json"]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    serde_json::from_str(&made.stdout).unwrap()
}

#[test]
fn what_is_carried_over_runs_as_it_did() {
    let place = place();
    let made = create(place.path(), "study.tar");
    let paths: Vec<&str> =
        made["files"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap()).collect();
    for path in ["models/tiny/model.safetensors", "prompts/isear/pt.toml", "human_data/isear/counts.tsv"] {
        assert!(paths.contains(&path), "{paths:?}");
    }
    assert!(!paths.iter().any(|path| path.contains("notes")), "{paths:?}");
    create(place.path(), "again.tar");
    let bytes = fs::read(place.path().join("study.tar")).unwrap();
    assert!(bytes == fs::read(place.path().join("again.tar")).unwrap(), "the same bytes");
    // Other programs read it too.
    let listed =
        std::process::Command::new("tar").arg("tf").arg(place.path().join("study.tar")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&listed.stdout).lines().count(), paths.len() + 1);

    let there = tempfile::tempdir().unwrap();
    fs::copy(place.path().join("study.tar"), there.path().join("carried.tar")).unwrap();
    let verified = run(there.path(), &["verify", "carried.tar"]);
    assert_eq!(verified.code, 0, "{}", verified.stderr);
    assert!(verified.stdout.contains("every file is as the list says"), "{}", verified.stdout);
    let opened = run(there.path(), &["open", "carried.tar", "opened"]);
    assert_eq!(opened.code, 0, "{}", opened.stderr);
    assert!(
        opened.stdout.contains("next: cd opened && respondent run ./prompts/isear --model models/tiny"),
        "{}",
        opened.stdout
    );
    let part = [
        "--personas",
        "USA",
        "--languages",
        "en",
        "--formats",
        "number",
        "--certify",
        "0",
        "-q",
        "--out",
        "out",
    ];
    let here = [&["run", "isear", "--model", "./tiny"][..], &part].concat();
    let carried = [&["run", "./prompts/isear", "--model", "models/tiny"][..], &part].concat();
    let folder = there.path().join("opened");
    for (place, arguments) in [(place.path(), here), (folder.as_path(), carried)] {
        let outcome = respondent(place, &arguments);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    }
    for table in ["cells.parquet", "comparisons.parquet"] {
        let [a, b] = [place.path(), &folder].map(|place| fs::read(place.join("out").join(table)).unwrap());
        assert!(a == b, "{table}");
    }
    // Opened once more, everything is there.
    let again = run(there.path(), &["open", "carried.tar", "opened", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&again.stdout).unwrap()["kept_count"], paths.len());
    fs::write(folder.join("human_data/isear/counts.tsv"), "other").unwrap();
    let other = run(there.path(), &["open", "carried.tar", "opened"]);
    assert!(
        other.code == 6 && other.stderr.contains("is another file than the bundle's"),
        "{}",
        other.stderr
    );
}

#[test]
fn what_was_begun_is_gone_on_with() {
    let place = place();
    create(place.path(), "whole.tar");
    let whole = fs::read(place.path().join("whole.tar")).unwrap();
    for cut in [0, 1, 511, 513, whole.len() / 2, whole.len() - 1] {
        fs::write(place.path().join("begun.tar.partial"), &whole[..cut]).unwrap();
        create(place.path(), "begun.tar");
        assert!(fs::read(place.path().join("begun.tar")).unwrap() == whole, "{cut}");
        assert!(!place.path().join("begun.tar.partial").exists());
        fs::remove_file(place.path().join("begun.tar")).unwrap();
    }
    // What was begun with another model is written over.
    let mut other = whole.clone();
    other[whole.len() / 2] ^= 1;
    fs::write(place.path().join("begun.tar.partial"), [other.as_slice(), b"and more"].concat()).unwrap();
    create(place.path(), "begun.tar");
    assert!(fs::read(place.path().join("begun.tar")).unwrap() == whole);
    let taken = run(place.path(), &["create", "begun.tar", "--study", "isear"]);
    assert!(taken.code == 6 && taken.stderr.contains("is there already"), "{}", taken.stderr);
    let nothing = run(place.path(), &["create", "none.tar", "--model", "control"]);
    assert!(nothing.code == 2 && nothing.stderr.contains("nothing to bundle"), "{}", nothing.stderr);
}

/// An archive of these entries, as somebody might make one.
fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, bytes) in entries {
        let mut header = tar::Header::new_gnu();
        // The crate refuses `..`; a header takes what it is given.
        header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive.append(&header, *bytes).unwrap();
    }
    archive.into_inner().unwrap()
}

fn list(path: &str, bytes: &[u8], size: u64) -> String {
    let sha256 = respondent::models::sha256_hex(bytes);
    serde_json::json!({
        "format_version": 1, "respondent": "0", "model": null, "study": null, "human_data": null,
        "files": [{"path": path, "size_bytes": size, "sha256": sha256}],
    })
    .to_string()
}

#[test]
fn what_is_not_as_its_list_says_is_refused_and_leaves_its_folder_alone() {
    let place = tempfile::tempdir().unwrap();
    let into = place.path().join("deep/into");
    let refuse = |bytes: &[u8], message: &str| {
        fs::write(place.path().join("made.tar"), bytes).unwrap();
        for arguments in [&["verify", "made.tar"][..], &["open", "made.tar", "deep/into"]] {
            let outcome = run(place.path(), arguments);
            assert_eq!(outcome.code, 6, "{message}: {}", outcome.stderr);
            assert!(outcome.stderr.contains(message), "no `{message}`: {}", outcome.stderr);
        }
        assert!(!place.path().join("escaped").exists() && !place.path().join("deep/escaped").exists());
        let left = fs::read_dir(&into).map(|entries| entries.count()).unwrap_or(0);
        assert!(left <= 1, "a folder at the most");
    };
    let one = |path: &str, bytes: &[u8], told: &str| {
        archive(&[("bundle.json", list(told, bytes, bytes.len() as u64).as_bytes()), (path, bytes)])
    };
    refuse(b"", "is empty");
    refuse(b"not a tar archive, but some text", "is not a bundle, or a damaged one");
    refuse(&archive(&[("other.json", b"{}")]), "does not begin with bundle.json");
    refuse(&archive(&[("bundle.json", b"{")]), "its list is no JSON");
    refuse(&archive(&[("bundle.json", br#"{"format_version": 7}"#)]), "is of format version 7");
    for path in ["../escaped", "/tmp/escaped", "a/../../escaped", ""] {
        refuse(&one("a", b"bytes", path), "no place in a folder");
    }
    refuse(&one("b", b"bytes", "a"), "has something else where its list says a");
    let altered = archive(&[("bundle.json", list("a", b"bytes", 5).as_bytes()), ("a", b"BYTES")]);
    refuse(&altered, "a has the sha256");
    let large = archive(&[("bundle.json", list("a", b"bytes", u64::MAX).as_bytes()), ("a", b"bytes")]);
    refuse(&large, "its list tells of");
    let missing = archive(&[("bundle.json", list("a", b"bytes", 5).as_bytes())]);
    refuse(&missing, "ends before a");
    let mut more = vec![("bundle.json", list("a", b"bytes", 5).into_bytes()), ("a", b"bytes".to_vec())];
    more.push(("b", b"bytes".to_vec()));
    let more: Vec<(&str, &[u8])> = more.iter().map(|(path, bytes)| (*path, bytes.as_slice())).collect();
    refuse(&archive(&more), "has more files than its list");
    // A link out of the folder that lies there already is not written through.
    let whole = one("a", b"bytes", "a");
    fs::write(place.path().join("made.tar"), &whole).unwrap();
    fs::create_dir_all(&into).unwrap();
    #[cfg(unix)]
    {
        let _ = fs::remove_file(into.join("a"));
        std::os::unix::fs::symlink(place.path().join("escaped"), into.join("a")).unwrap();
        let outcome = run(place.path(), &["open", "made.tar", "deep/into"]);
        assert!(outcome.code == 6 && outcome.stderr.contains("is another file"), "{}", outcome.stderr);
        assert!(!place.path().join("escaped").exists());
        fs::remove_file(into.join("a")).unwrap();
    }
    assert_eq!(run(place.path(), &["open", "made.tar", "deep/into"]).code, 0);
    assert_eq!(fs::read(into.join("a")).unwrap(), b"bytes");
}
