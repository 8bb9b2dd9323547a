//! `respondent models fetch` against a hub on this machine: what it asks for, what it believes, what it leaves behind.

use super::harness::{FakeHub, HubFile, Outcome, repository, respondent_with};
use respondent::models::ModelManifest;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const NEXT_COMMIT: &str = "89abcdef0123456789abcdef0123456789abcdef";

fn control(name: &str) -> Vec<u8> {
    fs::read(repository("models/control").join(name)).unwrap()
}

/// The control model and what else lies in a repository.
fn control_files() -> BTreeMap<String, HubFile> {
    let mut files = BTreeMap::new();
    for name in ["config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"] {
        files.insert(name.to_owned(), HubFile::small(&control(name)));
    }
    files.insert("model.safetensors".to_owned(), HubFile::large(&control("model.safetensors")));
    for name in ["README.md", ".gitattributes", "pytorch_model.bin", "onnx/model.onnx"] {
        files.insert(name.to_owned(), HubFile::large(name.as_bytes()));
    }
    let gguf = fs::read(repository("tests/goldens/gguf_models/gpt2_unscaled.gguf")).unwrap();
    files.insert("tiny-q8_0.gguf".to_owned(), HubFile::large(&gguf));
    files
}

struct Place {
    root: TempDir,
    hub: FakeHub,
}

impl Place {
    fn new() -> Self {
        Place { root: tempfile::tempdir().unwrap(), hub: FakeHub::new(COMMIT, control_files()) }
    }

    fn run(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Outcome {
        let hf_home = self.root.path().join("hf");
        let own = [("HF_HOME", hf_home.to_str().unwrap()), ("HF_ENDPOINT", self.hub.endpoint.as_str())];
        let input = "{\"id\": \"a\", \"prompt\": \"A\", \"options\": [\"1\"]}";
        respondent_with(self.root.path(), arguments, &[&own, environment].concat(), input)
    }

    fn fetch(&self, arguments: &[&str]) -> Outcome {
        self.run(&[&["models", "fetch"], arguments].concat(), &[])
    }

    fn change(&self, change: impl FnOnce(&mut super::harness::HubState)) {
        change(&mut self.hub.state.lock().unwrap());
    }

    fn cached(&self, inside: &str) -> PathBuf {
        self.root.path().join("hf/hub/models--org--tiny").join(inside)
    }

    fn manifest(&self, name: &str) -> PathBuf {
        self.root.path().join("models").join(name)
    }

    fn requested(&self, file: &str) -> bool {
        self.hub.state.lock().unwrap().log.iter().any(|request| request.path.ends_with(file))
    }

    /// Names in the blob folder that are whole files.
    fn blobs(&self) -> Vec<String> {
        let entries = fs::read_dir(self.cached("blobs")).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().into_string().unwrap());
        names.filter(|name| !name.contains('.')).collect()
    }
}

fn assert_refused(outcome: &Outcome, code: i32, parts: &[&str]) {
    assert_eq!(outcome.code, code, "{outcome:?}");
    for part in parts {
        assert!(outcome.stderr.contains(part), "no `{part}` in {}", outcome.stderr);
    }
    assert!(!outcome.stderr.contains("panicked"), "{}", outcome.stderr);
}

#[test]
fn a_model_comes_whole_pinned_and_in_the_layout_that_others_read() {
    let place = Place::new();
    let outcome = place.fetch(&["org/tiny"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (0, "models/tiny.toml\n"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains(&format!("commit {COMMIT}")), "{}", outcome.stderr);
    let manifest = ModelManifest::read(&place.manifest("tiny.toml")).unwrap();
    assert_eq!(manifest.revision.as_deref(), Some(COMMIT));
    assert_eq!(manifest.repository.as_deref(), Some("org/tiny"));
    assert_eq!(manifest.source, Some(format!("{}/org/tiny", place.hub.endpoint)));
    assert_eq!(fs::read_to_string(place.cached("refs/main")).unwrap(), COMMIT);
    let snapshot = place.cached("snapshots").join(COMMIT);
    for file in &manifest.files {
        assert_eq!(fs::read(snapshot.join(&file.name)).unwrap(), control(&file.name));
        #[cfg(unix)]
        assert!(fs::read_link(snapshot.join(&file.name)).unwrap().starts_with("../../blobs"));
    }
    assert_eq!(manifest.files.len(), 5);
    for unneeded in ["README.md", ".gitattributes", "pytorch_model.bin", "model.onnx", ".gguf"] {
        assert!(!place.requested(unneeded), "{unneeded} is not needed");
    }
    for model in ["tiny", "org/tiny", &format!("org/tiny@{COMMIT}")] {
        let scored = place.run(&["score", "--model", model], &[]);
        assert_eq!(scored.code, 0, "{}", scored.stderr);
    }
    assert_eq!(place.run(&["models", "verify"], &[]).code, 0);
}

#[test]
fn what_is_here_is_not_fetched_again_not_even_for_another_commit() {
    let place = Place::new();
    assert_eq!(place.fetch(&["org/tiny"]).code, 0);
    assert_refused(&place.fetch(&["org/tiny"]), 6, &["models/tiny.toml: this manifest exists already"]);
    place.change(|state| state.log.clear());
    let again = place.fetch(&["org/tiny", "--force"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(again.stderr.contains("was here already"), "{}", again.stderr);
    place.change(|state| {
        state.commit = NEXT_COMMIT.to_owned();
        state.files.insert("chat_template.jinja".to_owned(), HubFile::small(b"{{ messages }}"));
    });
    let next = place.fetch(&["org/tiny", "--name", "next"]);
    assert_eq!(next.code, 0, "{}", next.stderr);
    assert_eq!(place.hub.ranges("model.safetensors"), Vec::<String>::new());
    assert_eq!(place.hub.ranges("chat_template.jinja"), ["bytes=0-"]);
    assert_eq!(fs::read_to_string(place.cached("refs/main")).unwrap(), NEXT_COMMIT);
    assert_eq!(place.run(&["models", "verify"], &[]).code, 0, "the first commit is as it was");
}

#[test]
fn a_broken_download_goes_on_where_it_ended() {
    let place = Place::new();
    place.change(|state| state.cuts = [1_000_000, 1_000_000].into());
    let outcome = place.fetch(&["org/tiny"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert_eq!(place.hub.ranges("model.safetensors"), ["bytes=0-", "bytes=1000000-", "bytes=2000000-"]);
    assert_eq!(place.run(&["models", "verify"], &[]).code, 0);
}

#[test]
fn a_download_that_was_given_up_goes_on_in_the_next_run() {
    let place = Place::new();
    // The first body ends early, and the second before it begins.
    place.change(|state| state.cuts = [700_000, 0].into());
    let whole = place.hub.state.lock().unwrap().files["model.safetensors"].clone();
    let outcome = place.fetch(&["org/tiny"]);
    assert_refused(
        &outcome,
        3,
        &["`model.safetensors` of org/tiny cannot be fetched", "fetch again to go on: 700000 of"],
    );
    assert!(!place.manifest("tiny.toml").exists(), "no manifest of half a model");
    let part = place.cached("blobs").join(format!("{}.part", whole.etag));
    assert_eq!(fs::read(&part).unwrap(), whole.bytes[..700_000]);
    place.change(|state| state.log.clear());
    let outcome = place.fetch(&["org/tiny"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert_eq!(place.hub.ranges("model.safetensors"), ["bytes=700000-"]);
    assert!(!part.exists());
    assert_eq!(place.run(&["models", "verify"], &[]).code, 0);
}

#[test]
fn bytes_that_are_not_what_the_hub_says_do_not_stay() {
    for name in ["model.safetensors", "tokenizer.json"] {
        let place = Place::new();
        place.change(|state| state.files.get_mut(name).unwrap().bytes[10] ^= 1);
        let outcome = place.fetch(&["org/tiny"]);
        assert_refused(
            &outcome,
            3,
            &["its bytes hash to", "and the hub says", "it was removed; fetch again"],
        );
        assert!(!place.manifest("tiny.toml").exists());
        let etag = place.hub.state.lock().unwrap().files[name].etag.clone();
        assert!(!place.blobs().contains(&etag), "{name} does not stay");
        assert!(fs::symlink_metadata(place.cached("snapshots").join(COMMIT).join(name)).is_err());
        place.change(|state| state.files.get_mut(name).unwrap().bytes[10] ^= 1);
        assert_eq!(place.fetch(&["org/tiny"]).code, 0, "and the next run puts it right");
    }
}

#[test]
fn a_blob_that_was_damaged_on_disk_is_fetched_again() {
    let place = Place::new();
    assert_eq!(place.fetch(&["org/tiny"]).code, 0);
    let etag = place.hub.state.lock().unwrap().files["model.safetensors"].etag.clone();
    fs::write(place.cached("blobs").join(etag), "damaged").unwrap();
    assert_eq!(place.run(&["models", "verify"], &[]).code, 3);
    assert_eq!(place.fetch(&["org/tiny", "--force"]).code, 0);
    assert_eq!(place.run(&["models", "verify"], &[]).code, 0);
}

#[test]
fn a_revision_or_repository_that_is_not_there() {
    let place = Place::new();
    let outcome = place.fetch(&["org/tiny@v9"]);
    assert_refused(
        &outcome,
        3,
        &["org/tiny has no revision `v9`", &place.hub.endpoint, "branch, a tag or a whole commit"],
    );
    assert_refused(&place.fetch(&["org/none"]), 3, &["there is no org/none", "status 401", "set HF_TOKEN"]);
    for name in ["../tiny", "a/b/c", "org/tiny@../x"] {
        assert_refused(&place.fetch(&[name]), 2, &["cannot be a model's name on a hub"]);
    }
    let offline = place.run(&["models", "fetch", "org/tiny"], &[("HF_HUB_OFFLINE", "1")]);
    assert_refused(&offline, 2, &["HF_HUB_OFFLINE is set"]);
    let nobody = place.run(&["models", "fetch", "org/tiny"], &[("HF_ENDPOINT", "http://127.0.0.1:9")]);
    assert_refused(&nobody, 3, &["the hub at http://127.0.0.1:9 cannot be reached"]);
    assert!(place.blobs().is_empty());
}

#[test]
fn a_tag_is_noted_as_what_it_was() {
    let place = Place::new();
    place.change(|state| state.refs.push("v1".to_owned()));
    assert_eq!(place.fetch(&["org/tiny@v1"]).code, 0);
    assert_eq!(fs::read_to_string(place.cached("refs/v1")).unwrap(), COMMIT);
    assert!(!place.cached("refs/main").exists());
    assert_eq!(place.run(&["score", "--model", "org/tiny@v1"], &[]).code, 0);
    assert_refused(
        &place.run(&["score", "--model", "org/tiny"], &[]),
        3,
        &["no revision `main`; what is there: org/tiny@v1"],
    );
}

#[test]
fn the_token_comes_from_the_environment_alone() {
    let place = Place::new();
    fs::create_dir_all(place.root.path().join("hf")).unwrap();
    fs::write(place.root.path().join("hf/token"), "from-a-file").unwrap();
    assert_eq!(place.fetch(&["org/tiny"]).code, 0);
    assert!(place.hub.state.lock().unwrap().log.iter().all(|request| request.authorization.is_none()));
    place.change(|state| state.log.clear());
    let outcome = place.run(&["models", "fetch", "org/tiny", "--force"], &[("HF_TOKEN", "hf_secret")]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let log = place.hub.state.lock().unwrap().log.clone();
    assert!(log.iter().any(|request| request.authorization.as_deref() == Some("Bearer hf_secret")));
    assert!(!outcome.stderr.contains("hf_secret") && !outcome.stdout.contains("hf_secret"));
    let manifest = fs::read_to_string(place.manifest("tiny.toml")).unwrap();
    assert!(!manifest.contains("hf_secret"));
}

#[test]
fn several_weight_files_are_those_of_the_index() {
    let place = Place::new();
    let sharded = repository("tests/goldens/models/llama_sharded");
    let read = |name: &str| fs::read(sharded.join(name)).unwrap();
    place.change(|state| {
        state.files.remove("model.safetensors");
        for name in ["config.json", "model.safetensors.index.json"] {
            state.files.insert(name.to_owned(), HubFile::small(&read(name)));
        }
        for name in ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"] {
            state.files.insert(name.to_owned(), HubFile::large(&read(name)));
        }
        state.files.insert("other.safetensors".to_owned(), HubFile::large(b"other"));
    });
    let outcome = place.fetch(&["org/tiny"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(!place.requested("other.safetensors"));
    assert_eq!(place.run(&["models", "verify"], &[]).code, 0);
    let index = String::from_utf8(read("model.safetensors.index.json")).unwrap();
    for (outside, part) in [
        ("../../../evil", "the index names `../../../evil`"),
        ("gone.safetensors", "`gone.safetensors`, which is not there"),
    ] {
        let index = index.replace("model-00001-of-00002.safetensors", outside);
        place.change(|state| {
            state.files.insert("model.safetensors.index.json".to_owned(), HubFile::small(index.as_bytes()));
        });
        assert_refused(&place.fetch(&["org/tiny", "--force"]), 3, &[part]);
    }
}

#[test]
fn what_cannot_be_used_is_known_before_its_weights_are_asked_for() {
    let place = Place::new();
    place.change(|state| {
        state.files.insert("config.json".to_owned(), HubFile::small(b"{\"model_type\": \"mamba\"}"));
    });
    assert_refused(&place.fetch(&["org/tiny"]), 3, &["model_type `mamba` is not supported"]);
    assert!(!place.requested("model.safetensors"));
    place.change(|state| {
        state.files.remove("model.safetensors");
    });
    assert_refused(&place.fetch(&["org/tiny"]), 3, &["--file: tiny-q8_0.gguf"]);
}

#[test]
fn one_gguf_file_is_fetched_by_its_name() {
    let place = Place::new();
    let outcome = place.fetch(&["org/tiny", "--file", "tiny-q8_0.gguf", "--name", "quantised"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let manifest = ModelManifest::read(&place.manifest("quantised.toml")).unwrap();
    assert!(manifest.path.ends_with(Path::new("snapshots").join(COMMIT).join("tiny-q8_0.gguf")));
    assert_eq!((manifest.files.len(), manifest.revision.as_deref()), (1, Some(COMMIT)));
    assert_eq!(manifest.family.as_deref(), Some("gpt2"));
    assert!(!place.requested("config.json"));
    assert_eq!(place.run(&["models", "verify"], &[]).code, 0);
    let outcome = place.fetch(&["org/tiny", "--file", "tiny-q4.gguf", "--name", "other"]);
    assert_refused(&outcome, 3, &["there is no `tiny-q4.gguf` in org/tiny", "what is there: tiny-q8_0.gguf"]);
    assert_refused(
        &place.fetch(&["org/tiny", "--file", "README.md", "--name", "other"]),
        2,
        &["takes a .gguf file"],
    );
}

#[test]
fn a_hub_that_would_write_elsewhere_is_not_believed() {
    let place = Place::new();
    place.change(|state| state.files.get_mut("config.json").unwrap().etag = "../../../../evil".to_owned());
    assert_refused(
        &place.fetch(&["org/tiny"]),
        3,
        &["`config.json` of org/tiny cannot be fetched", "is no hash"],
    );
    place.change(|state| {
        state.files.insert("../../../evil.safetensors".to_owned(), HubFile::small(b"evil"));
        state.commit = "../../../evil".to_owned();
    });
    assert_refused(&place.fetch(&["org/tiny"]), 3, &["the hub names no commit, but `../../../evil`"]);
    assert!(!place.root.path().join("evil").exists() && place.blobs().is_empty());
}
