//! `respondent models`, and `--model` by every kind of name.

use super::harness::{ModelCopy, Outcome, repository, respondent_with};
use respondent::models::ModelManifest;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

const CONTROL_FILES: &[&str] =
    &["chat_template.jinja", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"];

/// A working directory with `models/`, a further folder and a cache, in which nothing lies yet.
struct Place {
    root: TempDir,
}

impl Place {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for folder in ["models", "more", "hf/hub"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        Place { root }
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.root.path().join(inside)
    }

    /// The control model in a folder.
    fn add_control(&self, inside: &str) -> PathBuf {
        let folder = self.path(inside);
        fs::create_dir_all(&folder).unwrap();
        for name in CONTROL_FILES {
            fs::copy(repository("models/control").join(name), folder.join(name)).unwrap();
        }
        folder
    }

    /// The control model as a hub's client leaves it in the cache: blobs under other names, and links to them.
    #[cfg(unix)]
    fn add_cached(&self, repository_folder: &str, refs: &[&str]) -> PathBuf {
        let folder = self.path("hf/hub").join(repository_folder);
        let snapshot = folder.join("snapshots").join(COMMIT);
        for inside in ["blobs", "refs"] {
            fs::create_dir_all(folder.join(inside)).unwrap();
        }
        fs::create_dir_all(&snapshot).unwrap();
        for (index, name) in CONTROL_FILES.iter().enumerate() {
            let blob = format!("{index:064}");
            fs::copy(repository("models/control").join(name), folder.join("blobs").join(&blob)).unwrap();
            std::os::unix::fs::symlink(Path::new("../../blobs").join(blob), snapshot.join(name)).unwrap();
        }
        for name in refs {
            fs::write(folder.join("refs").join(name), COMMIT).unwrap();
        }
        snapshot
    }

    fn run(&self, arguments: &[&str]) -> Outcome {
        self.run_with(arguments, "")
    }

    fn run_with(&self, arguments: &[&str], input: &str) -> Outcome {
        let (hf_home, more) = (self.path("hf"), self.path("more"));
        let environment =
            [("HF_HOME", hf_home.to_str().unwrap()), ("RESPONDENT_MODELS", more.to_str().unwrap())];
        respondent_with(self.root.path(), arguments, &environment, input)
    }

    /// What must succeed.
    fn stdout(&self, arguments: &[&str]) -> String {
        let outcome = self.run(arguments);
        assert_eq!(outcome.code, 0, "{arguments:?}: {}", outcome.stderr);
        outcome.stdout
    }

    fn list(&self) -> Vec<Value> {
        let listed: Value = serde_json::from_str(&self.stdout(&["models", "list", "--json"])).unwrap();
        listed["models"].as_array().unwrap().clone()
    }

    /// Scores one prompt, which takes every file of a model.
    fn score(&self, model: &str) -> Outcome {
        self.run_with(
            &["score", "--model", model, "--quiet"],
            "{\"id\": \"a\", \"prompt\": \"A\", \"options\": [\"1\"]}",
        )
    }
}

fn assert_refused(outcome: &Outcome, code: i32, parts: &[&str]) {
    assert_eq!(outcome.code, code, "{outcome:?}");
    for part in parts {
        assert!(outcome.stderr.contains(part), "no `{part}` in {}", outcome.stderr);
    }
}

#[test]
fn an_empty_place_lists_the_control_and_says_where_it_looked() {
    let place = Place::new();
    let text = place.stdout(&["models", "list"]);
    assert!(text.contains(" control ") && text.contains("No model of your own was found"), "{text}");
    assert!(text.contains("more") && text.contains("hf/hub"), "{text}");
    assert_eq!(place.list().len(), 1);
}

#[test]
#[cfg(unix)]
fn every_name_that_is_listed_is_one_that_runs() {
    let place = Place::new();
    place.add_control("models/mine");
    place.add_control("more/org/deep");
    place.add_cached("models--org--main", &["main"]);
    place.add_cached("models--org--tagged", &["v1"]);
    place.add_cached("models--alone", &[]);
    place.stdout(&["models", "import", "models/mine", "--name", "named"]);
    let expected = place.score("control").stdout;
    let mut names: Vec<String> =
        place.list().iter().map(|entry| entry["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    assert_eq!(names, ["alone@0123456", "control", "named", "org/deep", "org/main", "org/tagged@v1"]);
    let also = ["models/mine", "mine", "./models/mine", &format!("org/main@{COMMIT}"), "org/tagged@01234567"];
    for name in names.iter().map(String::as_str).chain(also) {
        let outcome = place.score(name);
        assert_eq!((outcome.code, &outcome.stdout), (0, &expected), "{name}: {}", outcome.stderr);
    }
    let bench =
        place.run(&["bench", "--model", "org/main", "--workload", "flat", "--repeat", "1", "-q", "--json"]);
    assert_eq!(bench.code, 0, "{}", bench.stderr);
    let run =
        ["run", "--model", "org/main", "--personas", "USA", "--languages", "en", "--formats", "number", "-q"];
    assert!(place.stdout(&run).contains("on org/main"), "results carry the repository's name");
    assert!(place.path("results/isear-org-main-001/manifest.json").is_file());
}

#[test]
#[cfg(unix)]
fn a_name_that_is_nowhere_is_told_with_all_that_was_looked_at() {
    let place = Place::new();
    place.add_cached("models--org--tagged", &["v1"]);
    assert_refused(
        &place.score("org/tagged"),
        3,
        &[
            "models/org/tagged.toml",
            "no revision `main`; what is there: org/tagged@v1",
            "respondent models list",
        ],
    );
    assert_refused(&place.score("org/none"), 3, &["models--org--none (not there)", "hub"]);
    assert_refused(&place.score("../none"), 3, &["no such model: `../none`", "../none (no such path)"]);
    fs::write(place.path("file"), "").unwrap();
    assert_refused(&place.score("file"), 3, &["file: is not a model"]);
}

#[test]
#[cfg(unix)]
fn a_snapshot_of_which_a_blob_is_gone_is_listed_with_the_reason() {
    let place = Place::new();
    let snapshot = place.add_cached("models--org--part", &["main"]);
    fs::remove_file(snapshot.join("model.safetensors").canonicalize().unwrap()).unwrap();
    let text = place.stdout(&["models", "list"]);
    assert!(text.contains("Cannot be used:\n org/part"), "{text}");
    assert!(text.contains("model.safetensors: no weights"), "{text}");
}

#[test]
fn what_cannot_be_used_is_listed_with_the_reason() {
    let place = Place::new();
    let other = place.add_control("models/other");
    let config = fs::read_to_string(other.join("config.json")).unwrap();
    fs::write(other.join("config.json"), config.replace("\"llama\"", "\"mam\\u001b[2Jba\"")).unwrap();
    let mute = place.add_control("models/mute");
    fs::remove_file(mute.join("tokenizer.json")).unwrap();
    fs::write(place.path("more/a.gguf"), "GGUF").unwrap();
    fs::write(place.path("models/broken.toml"), "format_version = 1").unwrap();
    fs::create_dir(place.path("models/no_model")).unwrap();
    let text = place.stdout(&["models", "list"]);
    let (_, unusable) = text.split_once("Cannot be used:\n").unwrap();
    for part in
        ["model_type `mam", "is not supported", "has no tokenizer", "a.gguf", "broken.toml:1: not a model's"]
    {
        assert!(unusable.contains(part), "no `{part}` in {unusable}");
    }
    assert!(!text.contains('\u{1b}') && !text.contains("no_model"), "{text}");
}

#[test]
fn a_gguf_file_is_a_model_by_all_its_names() {
    let place = Place::new();
    let golden = repository("tests/goldens/gguf_models/gemma2_caps.gguf");
    fs::copy(&golden, place.path("more/caps.gguf")).unwrap();
    place.stdout(&["models", "import", "more/caps.gguf", "--name", "caps"]);
    let manifest = ModelManifest::read(&place.path("models/caps.toml")).unwrap();
    assert_eq!((manifest.family.as_deref(), manifest.files.len()), (Some("gemma2"), 1));
    place.stdout(&["models", "verify", "caps"]);
    let card: Value = serde_json::from_str(&place.stdout(&["models", "inspect", "caps", "--json"])).unwrap();
    assert_eq!(
        (&card["family"], &card["size_bytes"]),
        (&"gemma2".into(), &golden.metadata().unwrap().len().into())
    );
    assert!(card["dtypes"]["bf16"].as_u64() > card["dtypes"]["f32"].as_u64(), "{card}");
    let text = place.stdout(&["models", "list"]);
    assert!(text.contains("caps") && !text.contains("Cannot be used"), "{text}");
    // What is no model of a known kind gets no manifest.
    fs::write(place.path("more/cut.gguf"), &fs::read(&golden).unwrap()[..9000]).unwrap();
    assert_refused(&place.run(&["models", "import", "more/cut.gguf"]), 3, &["cut.gguf: "]);
    assert!(!place.path("models/cut.toml").exists());
}

#[test]
fn inspect_reads_headers_only() {
    let place = Place::new();
    let folder = place.path("models/sharded");
    fs::create_dir(&folder).unwrap();
    for entry in fs::read_dir(repository("tests/goldens/models/llama_sharded")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
    }
    // A value that is not a number is not met without reading weights.
    let weights = folder.join("model-00002-of-00002.safetensors");
    let mut bytes = fs::read(&weights).unwrap();
    let len = bytes.len();
    bytes[len - 4..].fill(0xff);
    fs::write(&weights, bytes).unwrap();
    let told: Value =
        serde_json::from_str(&place.stdout(&["models", "inspect", "sharded", "--json"])).unwrap();
    let config: Value = serde_json::from_slice(&fs::read(folder.join("config.json")).unwrap()).unwrap();
    for (ours, theirs) in [
        ("layer_count", "num_hidden_layers"),
        ("head_count", "num_attention_heads"),
        ("kv_head_count", "num_key_value_heads"),
        ("context_length", "max_position_embeddings"),
        ("vocab_size", "vocab_size"),
        ("hidden_size", "hidden_size"),
    ] {
        assert_eq!(told[ours], config[theirs], "{ours}");
    }
    assert_eq!((&told["family"], &told["tokenizer"]), (&"llama".into(), &Value::Null));
    assert_eq!(told["weight_files"].as_array().unwrap().len(), 2);
    let stored: u64 = told["dtypes"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(told["parameter_count"], stored);
    let memory = |dtype: &str| told["weights_memory_bytes"][dtype].as_u64().unwrap();
    assert!(memory("f32") == 2 * memory("bf16") && memory("f32") >= 4 * stored);
    let text = place.stdout(&["models", "inspect", "control"]);
    for part in ["in the program", "chat_template.jinja", "BPE", "theta", "f32", "none (`models import`"] {
        assert!(text.contains(part), "no `{part}` in {text}");
    }
}

#[test]
fn a_manifest_moves_with_its_model_and_is_not_overwritten() {
    let place = Place::new();
    place.add_control("models/mine");
    let arguments = ["models", "import", "models/mine", "--source", "a friend", "--license", "MIT"];
    assert_eq!(place.stdout(&arguments), "models/mine.toml\n");
    let manifest = ModelManifest::read(&place.path("models/mine.toml")).unwrap();
    assert_eq!(manifest.path, Path::new("mine"));
    assert_eq!(manifest.family.as_deref(), Some("llama"));
    assert_eq!((manifest.source.as_deref(), manifest.license.as_deref()), (Some("a friend"), Some("MIT")));
    let names: Vec<&str> = manifest.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, CONTROL_FILES);
    assert_refused(&place.run(&arguments), 6, &["models/mine.toml: this manifest exists already", "--force"]);
    place.stdout(&[&arguments[..], &["--force"]].concat());
    let inspected = place.stdout(&["models", "inspect", "mine"]);
    assert!(inspected.contains(&manifest.files[2].sha256), "{inspected}");
    fs::rename(place.path("models"), place.path("moved")).unwrap();
    fs::create_dir(place.path("models")).unwrap();
    assert!(place.stdout(&["models", "verify", "moved/mine.toml"]).contains("ok"));
    for (name, part) in [("../out", "cannot be a manifest's name"), ("control", "means something else")] {
        let arguments = ["models", "import", "moved/mine", "--name", name];
        assert_refused(&place.run(&arguments), 2, &[part, "--name"]);
    }
    assert_refused(&place.run(&["models", "import", "moved"]), 3, &["config.json: no such file"]);
    place.stdout(&["models", "import", "moved/mine", "--into", "more"]);
    assert_eq!(place.score("mine").code, 0, "manifests beside the models of RESPONDENT_MODELS count too");
}

#[test]
#[cfg(unix)]
fn a_cached_model_is_imported_with_its_commit() {
    let place = Place::new();
    place.add_cached("models--org--tiny", &["main"]);
    place.stdout(&["models", "import", "org/tiny"]);
    let manifest = ModelManifest::read(&place.path("models/tiny.toml")).unwrap();
    assert_eq!(manifest.repository.as_deref(), Some("org/tiny"));
    assert_eq!(manifest.revision.as_deref(), Some(COMMIT));
    assert!(place.stdout(&["models", "verify"]).contains("tiny"));
}

#[test]
#[cfg(unix)]
fn a_cached_model_runs_from_behind_a_link_and_leads_to_its_own_blobs_only() {
    let place = Place::new();
    place.add_cached("models--org--tiny", &["main"]);
    fs::rename(place.path("hf"), place.path("disk")).unwrap();
    std::os::unix::fs::symlink("disk", place.path("hf")).unwrap();
    place.stdout(&["models", "import", "org/tiny"]);
    for name in ["org/tiny", "tiny"] {
        let outcome = place.score(name);
        assert_eq!(outcome.code, 0, "{name}: {}", outcome.stderr);
    }
    let template = place.path("hf/hub/models--org--tiny/snapshots").join(COMMIT).join("chat_template.jinja");
    fs::remove_file(&template).unwrap();
    std::os::unix::fs::symlink("../../refs/main", &template).unwrap();
    assert_refused(
        &place.score("org/tiny"),
        3,
        &["chat_template.jinja: leads out of the model's folder, to ", "refs/main"],
    );
    let outcome = place.run(&["models", "verify"]);
    assert_eq!(outcome.code, 3, "{outcome:?}");
    assert!(outcome.stdout.contains("UNREADABLE"), "{}", outcome.stdout);
}

#[test]
#[cfg(unix)]
fn a_link_out_of_a_model_is_neither_imported_nor_bundled() {
    let place = Place::new();
    fs::write(place.path("secret"), "root:x:0:0").unwrap();
    let names = ["chat_template.jinja", "tokenizer.json", "model.safetensors", "generation_config.json"];
    for (index, name) in names.into_iter().enumerate() {
        let inside = format!("models/own{index}");
        let file = place.add_control(&inside).join(name);
        if file.exists() {
            fs::remove_file(&file).unwrap();
        }
        std::os::unix::fs::symlink(place.path("secret"), &file).unwrap();
        let told = format!("{inside}/{name}: leads out of the model's folder, to ");
        for command in [&["models", "import"][..], &["bundle", "create", "out.tar", "--model"]] {
            let outcome = place.run(&[command, &[inside.as_str()]].concat());
            assert_refused(&outcome, 3, &[told.as_str(), "secret", "hint: put the file itself there"]);
        }
        assert!(!place.path(&format!("{inside}.toml")).exists() && !place.path("out.tar").exists());
    }
    // A GGUF file is what was named itself.
    fs::copy(repository("tests/goldens/gguf_models/gemma2_caps.gguf"), place.path("caps.gguf")).unwrap();
    std::os::unix::fs::symlink("../caps.gguf", place.path("more/linked.gguf")).unwrap();
    place.stdout(&["models", "import", "more/linked.gguf", "--name", "linked"]);
    for arguments in [
        &["models", "inspect", "linked"][..],
        &["models", "verify", "linked"],
        &["bundle", "create", "out.tar", "--model", "linked"],
    ] {
        place.stdout(arguments);
    }
}

#[test]
fn verify_names_what_is_changed_missing_or_extra() {
    let place = Place::new();
    let folder = place.add_control("models/mine");
    assert_refused(&place.run(&["models", "verify"]), 3, &["there are no manifests in models", "import"]);
    assert_refused(&place.run(&["models", "verify", "mine"]), 3, &["no manifest `mine`", "models/mine.toml"]);
    place.stdout(&["models", "import", "models/mine", "--quiet"]);
    let text = place.stdout(&["models", "verify"]);
    assert_eq!(text.matches(" ok").count(), CONTROL_FILES.len(), "{text}");

    let mut weights = fs::read(folder.join("model.safetensors")).unwrap();
    *weights.last_mut().unwrap() ^= 1;
    fs::write(folder.join("model.safetensors"), &weights).unwrap();
    fs::write(folder.join("config.json"), "{}").unwrap();
    fs::remove_file(folder.join("tokenizer_config.json")).unwrap();
    fs::write(folder.join("added_tokens.json"), "{}").unwrap();
    fs::write(folder.join("extra.safetensors"), "").unwrap();
    fs::write(folder.join("notes.txt"), "").unwrap();
    let outcome = place.run(&["models", "verify", "mine"]);
    assert_refused(
        &outcome,
        3,
        &["5 of 7 files are not as their manifest says", "model.safetensors of mine", "and 1 more"],
    );
    for (file, state) in [
        ("model.safetensors", "CHANGED: another sha256"),
        ("config.json", "CHANGED: 2 bytes are there"),
        ("tokenizer_config.json", "MISSING"),
        ("added_tokens.json", "EXTRA"),
        ("extra.safetensors", "EXTRA"),
        ("tokenizer.json", "ok"),
    ] {
        let line = outcome.stdout.lines().find(|line| line.contains(&format!(" {file} "))).unwrap();
        assert!(line.contains(state), "{line}");
    }
    assert!(!outcome.stdout.contains("notes.txt"));
    fs::remove_dir_all(&folder).unwrap();
    let outcome = place.run(&["models", "verify"]);
    assert_eq!(outcome.stdout.matches("MISSING").count(), CONTROL_FILES.len(), "{}", outcome.stdout);
    assert_refused(&place.score("mine"), 3, &["the model is gone", "import it again"]);
}

#[test]
fn a_manifest_cannot_lead_out_of_its_model() {
    let place = Place::new();
    place.add_control("models/mine");
    place.stdout(&["models", "import", "models/mine"]);
    let path = place.path("models/mine.toml");
    let text = fs::read_to_string(&path).unwrap();
    for outside in ["../../secret", "/etc/passwd"] {
        fs::write(&path, text.replace("config.json", outside)).unwrap();
        assert_refused(
            &place.run(&["models", "verify"]),
            3,
            &[outside, "does not lie in the model's own folder"],
        );
    }
}

#[test]
#[cfg(not(feature = "hub"))]
fn a_build_without_network_code_says_so() {
    let place = Place::new();
    let outcome = place.run(&["models", "fetch", "org/tiny"]);
    assert_refused(
        &outcome,
        2,
        &["this build has no network code", "--features hub", "respondent models import"],
    );
    assert!(place.stdout(&["models", "--help"]).contains("(not in this build, which has no network code)"));
}

#[test]
fn help_teaches_more_than_names() {
    let place = Place::new();
    for (arguments, part) in [
        (&["score", "--help"][..], "{\"id\": \"a\", \"input_ids\": [1, 2, 3], \"wanted\": [17, 18]}"),
        (&["bench", "--help"], "What cannot be measured"),
        (&["models", "--help"], "HUGGINGFACE_HUB_CACHE"),
        (&["models", "list", "--help"], "no weights"),
        (&["models", "inspect", "--help"], "--token-budget"),
        (&["models", "import", "--help"], "models/NAME.toml"),
        (&["models", "verify", "--help"], "exit code is 3"),
        (&["models", "fetch", "--help"], "hub"),
    ] {
        // Lines are broken where the terminal ends.
        let text = place.stdout(arguments).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(part), "no `{part}` in {text}");
    }
}

#[test]
fn a_header_that_lies_is_a_reason_and_not_a_crash() {
    let place = Place::new();
    let model = ModelCopy::new();
    model.edit("model.safetensors", |bytes| bytes[..8].copy_from_slice(&u64::MAX.to_le_bytes()));
    let outcome = place.run(&["models", "inspect", model.path()]);
    assert_refused(&outcome, 3, &["model.safetensors", "does not fit a file of"]);
    let outcome = place.run(&["models", "import", model.path(), "--name", "lying"]);
    assert_refused(&outcome, 3, &["does not fit a file of"]);
    assert!(!place.path("models/lying.toml").exists());
}

#[test]
fn a_model_checked_against_a_copy_of_itself_is_the_same_and_against_another_is_not() {
    let place = Place::new();
    let copy = place.add_control("models/copy");
    let report: Value =
        serde_json::from_str(&place.stdout(&["models", "check", "control", "--against", "copy", "--json"]))
            .unwrap();
    assert_eq!(report["prompts"]["ids_differ_count"], 0);
    let numbers = &report["numbers"];
    for figure in ["kl_divergence_nats", "next_total_variation", "as_asked_total_variation"] {
        assert_eq!(numbers[figure]["largest"], 0.0, "{figure}");
    }
    let card = place.stdout(&["models", "check", "control", "--against", "copy", "--sample", "3"]);
    assert!(card.contains("the same most probable token in 3 of 3"), "{card}");

    let config = fs::read_to_string(copy.join("chat_template.jinja")).unwrap();
    fs::write(copy.join("chat_template.jinja"), format!("{config}!")).unwrap();
    let outcome = place.run(&["models", "check", "control", "--against", "copy", "--sample", "3"]);
    assert_eq!(outcome.code, 3, "{}", outcome.stderr);
    assert!(outcome.stdout.contains("The first whose text differs"), "{}", outcome.stdout);
    let outcome = place.run(&["models", "check", "control", "--against", "copy", "--sample", "100000"]);
    assert_eq!(outcome.code, 2, "{}", outcome.stderr);
}
