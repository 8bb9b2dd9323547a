//! `respondent bundle`: what is packed runs on the other side as it did here; what was altered, cut off or made up is told.

use super::harness::{Outcome, repository, respondent, respondent_with_input};
use respondent::models::{ManifestFile, ModelManifest};
use serde_json::Value;
use std::fs::{self, File};
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

/// A file that a list may name.
const FILE: &str = "prompts/a/en.toml";

/// A list of one file. `places` are those of model, study and people.
fn list_with(places: [Option<&str>; 3], path: &str, bytes: &[u8], size: u64) -> String {
    let sha256 = respondent::models::sha256_hex(bytes);
    serde_json::json!({
        "format_version": 1, "respondent": "0", "model": places[0], "study": places[1], "human_data": places[2],
        "files": [{"path": path, "size_bytes": size, "sha256": sha256}],
    })
    .to_string()
}

fn list(path: &str, bytes: &[u8], size: u64) -> String {
    list_with([None, Some("prompts/a"), None], path, bytes, size)
}

/// A bundle of one file that is as its list says.
fn bundle_with(places: [Option<&str>; 3], path: &str, bytes: &[u8]) -> Vec<u8> {
    let list = list_with(places, path, bytes, bytes.len() as u64);
    archive(&[("bundle.json", list.as_bytes()), (path, bytes)])
}

fn bundle_of(places: [Option<&str>; 3], path: &str) -> Vec<u8> {
    bundle_with(places, path, b"bytes")
}

/// A manifest whose model lies there.
fn manifest_to(model: &str) -> String {
    let file = ManifestFile { name: "config.json".to_owned(), size_bytes: 5, sha256: "ab".repeat(32) };
    toml::to_string(&ModelManifest::new("m".to_owned(), model.into(), vec![file])).unwrap()
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
    refuse(&one("b", b"bytes", FILE), &format!("has something else where its list says {FILE}"));
    let listed = list(FILE, b"bytes", 5);
    let altered = archive(&[("bundle.json", listed.as_bytes()), (FILE, b"BYTES")]);
    refuse(&altered, &format!("{FILE} has the sha256"));
    let large = archive(&[("bundle.json", list(FILE, b"bytes", u64::MAX).as_bytes()), (FILE, b"bytes")]);
    refuse(&large, "its list tells of");
    refuse(&archive(&[("bundle.json", listed.as_bytes())]), &format!("ends before {FILE}"));
    let more = archive(&[("bundle.json", listed.as_bytes()), (FILE, b"bytes"), ("b", b"bytes")]);
    refuse(&more, "has more files than its list");
    // A link out of the folder that lies there already is not written through.
    let whole = one(FILE, b"bytes", FILE);
    fs::write(place.path().join("made.tar"), &whole).unwrap();
    #[cfg(unix)]
    {
        fs::remove_file(into.join(FILE)).unwrap();
        std::os::unix::fs::symlink(place.path().join("escaped"), into.join(FILE)).unwrap();
        let outcome = run(place.path(), &["open", "made.tar", "deep/into"]);
        assert!(outcome.code == 6 && outcome.stderr.contains("is another file"), "{}", outcome.stderr);
        assert!(!place.path().join("escaped").exists());
        fs::remove_file(into.join(FILE)).unwrap();
    }
    assert_eq!(run(place.path(), &["open", "made.tar", "deep/into"]).code, 0);
    assert_eq!(fs::read(into.join(FILE)).unwrap(), b"bytes");
}

/// Neither verified nor opened, and nothing is written.
fn refuse_odd(bundle: &[u8], odd: &str) {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("made.tar"), bundle).unwrap();
    for arguments in [&["verify", "made.tar"][..], &["open", "made.tar"]] {
        let outcome = run(place.path(), arguments);
        let message = format!("`{}` is nothing that a bundle holds", odd.escape_debug());
        assert!(outcome.code == 6 && outcome.stderr.contains(&message), "no `{message}`: {outcome:?}");
        assert!(outcome.stdout.is_empty() && !outcome.stderr.contains('\u{1b}'), "{outcome:?}");
    }
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1, "{odd}");
}

#[test]
fn only_what_is_bundled_here_is_opened() {
    let study = [None, Some("prompts/a"), None];
    let all = [Some("models/m"), Some("prompts/a"), Some("human_data/p")];
    for path in ["../escaped", "/tmp/escaped", "a/../../escaped", "", ".bashrc", ".ssh/authorized_keys", "a"]
    {
        let listed = list_with(study, path, b"bytes", 5);
        refuse_odd(&archive(&[("bundle.json", listed.as_bytes()), ("a", b"bytes")]), path);
    }
    for path in [
        "prompts/.a/en.toml",
        "prompts/a/.en.toml",
        "prompts/a/en.sh",
        "prompts/a/b/en.toml",
        "prompts/a/../en.toml",
        "prompts/b/en.toml",
        "prompts/en.toml",
        "prompts/a\\en.toml",
        "Prompts/a/en.toml",
        "human_data/p/a.json",
        "human_data/counts.tsv",
        "models/m/setup.py",
        "models/m/.config.json",
        "models/m/a b.json",
        "models/other/config.json",
        "models/a/b/c.toml",
        "models/.m.toml",
        "models/a.tar",
        "bundle.json",
    ] {
        refuse_odd(&bundle_of(all, path), path);
    }
    // Of a model that it does not tell of.
    for path in ["models/m/config.json", "models/m.gguf", "models/m.toml"] {
        refuse_odd(&bundle_of(study, path), path);
    }
    let place = tempfile::tempdir().unwrap();
    let (beside, above) = (manifest_to("m"), manifest_to("../m"));
    for (path, text) in [
        ("models/m/config.json", "bytes"),
        ("models/m.gguf", "bytes"),
        ("models/m.toml", &beside),
        ("models/org/m.toml", &above),
        (FILE, "bytes"),
    ] {
        fs::write(place.path().join("made.tar"), bundle_with(all, path, text.as_bytes())).unwrap();
        // A second time it is there already.
        for _ in 0..2 {
            let outcome = run(place.path(), &["open", "made.tar"]);
            assert_eq!(outcome.code, 0, "{path}: {}", outcome.stderr);
            assert_eq!(fs::read_to_string(place.path().join(path)).unwrap(), text);
        }
    }
}

/// A name would stand for whatever folder of this machine.
#[test]
fn a_manifest_leads_to_no_model_but_the_bundle_s() {
    let all = [Some("models/m"), None, None];
    for (path, model) in [
        ("models/m.toml", "/etc"),
        ("models/m.toml", "../m"),
        ("models/m.toml", "n"),
        ("models/m.toml", "./m/../../.."),
        ("models/org/m.toml", "m"),
        ("models/org/m.toml", "../../m"),
    ] {
        let place = tempfile::tempdir().unwrap();
        let made = bundle_with(all, path, manifest_to(model).as_bytes());
        fs::write(place.path().join("made.tar"), made).unwrap();
        for command in ["verify", "open"] {
            let outcome = run(place.path(), &[command, "made.tar"]);
            let message = format!("{path} does not lead to the bundle's model");
            assert!(outcome.code == 6 && outcome.stderr.contains(&message), "{model}: {outcome:?}");
        }
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1, "{model}");
    }
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("made.tar"), bundle_of(all, "models/m.toml")).unwrap();
    let outcome = run(place.path(), &["verify", "made.tar"]);
    assert!(outcome.stderr.contains("models/m.toml is no manifest of a model"), "{outcome:?}");
}

#[test]
fn what_is_to_be_copied_runs_nothing_else() {
    let names = ["x; touch PWNED; #", "$(touch PWNED)", "x\n\u{1b}[2J", "x'", ".x", "a/b", "..", "../x", ""];
    for name in names {
        for (index, folder) in ["models", "prompts", "human_data"].into_iter().enumerate() {
            let place = format!("{folder}/{name}");
            let mut places = [None, Some("prompts/a"), None];
            places[index] = Some(place.as_str());
            refuse_odd(&bundle_of(places, FILE), &place);
        }
    }
    for place in ["prompts", "/prompts/a", "./prompts/a", "models/a", "prompts\\a"] {
        refuse_odd(&bundle_of([None, Some(place), None], FILE), place);
    }
    // The folder is named by who opens it.
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("made.tar"), bundle_of([None, Some("prompts/a"), None], FILE)).unwrap();
    let opened = run(place.path(), &["open", "made.tar", "in to; touch PWNED; #"]);
    assert_eq!(opened.code, 0, "{}", opened.stderr);
    let command = opened.stdout.lines().find_map(|line| line.strip_prefix("next: ")).unwrap();
    assert_eq!(command, "cd 'in to; touch PWNED; #' && respondent run ./prompts/a");
}

#[test]
#[cfg(unix)]
fn a_link_in_the_place_of_a_folder_is_not_written_through() {
    let all = [Some("models/m"), Some("prompts/a"), Some("human_data/p")];
    for (link, path) in [
        ("prompts", FILE),
        ("prompts/a", FILE),
        ("models", "models/m.gguf"),
        ("models/m", "models/m/config.json"),
        ("human_data", "human_data/p/counts.tsv"),
    ] {
        let place = tempfile::tempdir().unwrap();
        let (outside, link) = (place.path().join("outside"), place.path().join("into").join(link));
        fs::create_dir_all(&outside).unwrap();
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(&outside, &link).unwrap();
        fs::write(place.path().join("made.tar"), bundle_of(all, path)).unwrap();
        let outcome = run(place.path(), &["open", "made.tar", "into"]);
        assert!(outcome.code == 6 && outcome.stderr.contains("is a link"), "{path}: {outcome:?}");
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0, "{path}");
        // The folder that was named may be one.
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(&outside, place.path().join("named")).unwrap();
        assert_eq!(run(place.path(), &["open", "made.tar", "named"]).code, 0);
        assert_eq!(fs::read(outside.join(path)).unwrap(), b"bytes");
    }
}

/// What has to go well.
fn done(place: &Path, arguments: &[&str]) {
    let outcome = respondent(place, arguments);
    assert_eq!(outcome.code, 0, "{arguments:?}: {}", outcome.stderr);
}

#[test]
fn a_model_with_a_manifest_is_found_by_its_name_on_the_other_side() {
    let place = place();
    let import = ["models", "import", "./tiny", "--source", "a friend", "--quiet", "--name"];
    done(place.path(), &[&import[..], &["mine"]].concat());
    done(place.path(), &[&import[..], &["deep", "--into", "models/org"]].concat());
    let golden = repository("tests/goldens/gguf_models/gemma2_caps.gguf");
    fs::copy(golden, place.path().join("ca ps.gguf")).unwrap();
    done(place.path(), &["models", "import", "ca ps.gguf", "--name", "caps", "--quiet"]);
    for (bundle, name) in [("one.tar", "mine"), ("two.tar", "org/deep"), ("three.tar", "caps")] {
        done(place.path(), &["bundle", "create", bundle, "--model", name]);
    }
    // From a path no manifest follows.
    done(place.path(), &["bundle", "create", "four.tar", "--model", "./tiny"]);
    // What is opened does not lean on what was bundled.
    fs::remove_dir_all(place.path().join("tiny")).unwrap();
    fs::remove_file(place.path().join("ca ps.gguf")).unwrap();

    let open = |bundle: &str, into: &str| {
        done(place.path(), &["bundle", "open", bundle, into]);
        place.path().join(into)
    };
    for (bundle, name, path) in [("one.tar", "mine", "tiny"), ("two.tar", "org/deep", "../tiny")] {
        let there = open(bundle, &format!("{bundle}.opened"));
        let manifest = ModelManifest::read(&there.join(format!("models/{name}.toml"))).unwrap();
        assert_eq!(manifest.path, Path::new(path));
        assert_eq!((manifest.files.len(), manifest.source.as_deref()), (5, Some("a friend")));
        done(&there, &["models", "verify", name]);
        let prompt = "{\"id\": \"a\", \"prompt\": \"A\", \"options\": [\"1\"]}";
        let scored = respondent_with_input(&there, &["score", "--model", name, "--quiet"], prompt);
        assert_eq!(scored.code, 0, "{name}: {}", scored.stderr);
    }
    let there = open("three.tar", "three");
    assert!(there.join("models/ca_ps.gguf").is_file());
    done(&there, &["models", "verify", "caps"]);
    done(&there, &["models", "inspect", "caps"]);
    assert_eq!(fs::read_dir(open("four.tar", "four").join("models")).unwrap().count(), 1);
}

#[test]
fn one_process_at_a_time_writes_a_bundle() {
    let place = place();
    create(place.path(), "whole.tar");
    let whole = fs::read(place.path().join("whole.tar")).unwrap();
    let partial = place.path().join("shared.tar.partial");
    fs::write(&partial, &whole[..whole.len() / 2]).unwrap();
    let held = File::options().read(true).write(true).open(&partial).unwrap();
    held.try_lock().unwrap();
    let second = run(place.path(), &["create", "shared.tar", "--model", "./tiny", "--study", "isear"]);
    assert!(second.code == 6 && second.stderr.contains("another process is at work"), "{second:?}");
    assert_eq!(fs::metadata(&partial).unwrap().len(), whole.len() as u64 / 2, "left alone");
    assert!(!place.path().join("shared.tar").exists());
    // Let go, as a process that is no more lets go.
    held.unlock().unwrap();
    create(place.path(), "shared.tar");
    assert!(fs::read(place.path().join("shared.tar")).unwrap() == whole);
    assert!(!partial.exists());
}
