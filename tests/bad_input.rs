//! Every kind of broken input ends with its exit code and a message that names the file and the way out, and leaves nothing
//! half written.

use super::harness::{ModelCopy, Outcome, respondent};
use tempfile::tempdir;

/// Runs the smallest part of the built-in study on a model.
fn run_on(model: &str) -> Outcome {
    let place = tempdir().unwrap();
    let outcome = respondent(
        place.path(),
        &[
            "run",
            "--model",
            model,
            "--personas",
            "USA",
            "--languages",
            "en",
            "--formats",
            "number",
            "--out",
            "out",
        ],
    );
    if outcome.code != 0 {
        assert!(!place.path().join("out/manifest.json").exists(), "a failed run has no manifest");
        assert!(!place.path().join("out/cells.parquet").exists(), "a failed run has no half table");
    }
    outcome
}

fn assert_refused(outcome: &Outcome, code: i32, parts: &[&str]) {
    assert_eq!(outcome.code, code, "{outcome:?}");
    assert!(outcome.stdout.is_empty(), "errors go to stderr: {outcome:?}");
    for part in parts {
        assert!(outcome.stderr.contains(part), "no `{part}` in {}", outcome.stderr);
    }
    assert!(!outcome.stderr.contains("panicked"), "{}", outcome.stderr);
}

#[test]
fn an_unharmed_copy_runs() {
    let model = ModelCopy::new();
    let outcome = run_on(model.path());
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
}

#[test]
fn no_such_model() {
    assert_refused(
        &run_on("no/such/model"),
        3,
        &[
            "no such model: `no/such/model`",
            "models/no/such/model.toml (no such manifest)",
            "respondent models list",
        ],
    );
}

#[test]
fn a_directory_without_weights_names_what_it_needs() {
    let model = ModelCopy::new();
    std::fs::remove_file(model.file("model.safetensors")).unwrap();
    assert_refused(&run_on(model.path()), 3, &["model.safetensors", "no weights", "index.json"]);
    std::fs::write(model.file("pytorch_model.bin"), b"").unwrap();
    assert_refused(&run_on(model.path()), 3, &["pytorch_model.bin is a pickle", "convert"]);
}

#[test]
fn truncated_weights() {
    let model = ModelCopy::new();
    model.edit("model.safetensors", |bytes| bytes.truncate(bytes.len() - 100));
    assert_refused(
        &run_on(model.path()),
        3,
        &["model.safetensors", "bytes of data", "hint: the file is damaged"],
    );
    model.edit("model.safetensors", |bytes| bytes.truncate(5));
    assert_refused(&run_on(model.path()), 3, &["model.safetensors", "5 bytes hold no header"]);
}

#[test]
fn a_header_that_lies_about_its_length() {
    let model = ModelCopy::new();
    model.edit("model.safetensors", |bytes| bytes[..8].copy_from_slice(&u64::MAX.to_le_bytes()));
    assert_refused(&run_on(model.path()), 3, &["does not fit a file of"]);
}

#[test]
fn bytes_that_belong_to_no_tensor() {
    let model = ModelCopy::new();
    model.edit("model.safetensors", |bytes| bytes.extend([0; 12]));
    assert_refused(&run_on(model.path()), 3, &["12 bytes behind the last tensor"]);
}

#[test]
fn an_index_without_tensors() {
    let model = ModelCopy::new();
    std::fs::remove_file(model.file("model.safetensors")).unwrap();
    std::fs::write(model.file("model.safetensors.index.json"), "{\"weight_map\": {}}").unwrap();
    assert_refused(&run_on(model.path()), 3, &["index.json: weight_map is empty"]);
}

#[test]
fn an_index_that_leads_out_of_its_folder() {
    let model = ModelCopy::new();
    std::fs::remove_file(model.file("model.safetensors")).unwrap();
    for outside in ["../model.safetensors", "/etc/passwd"] {
        let index = serde_json::json!({"weight_map": {"model.norm.weight": outside}});
        std::fs::write(model.file("model.safetensors.index.json"), index.to_string()).unwrap();
        assert_refused(&run_on(model.path()), 3, &["a model's files lie in its own directory"]);
    }
}

#[test]
#[cfg(unix)]
fn a_link_that_leads_out_of_the_model() {
    let elsewhere = tempdir().unwrap();
    for name in ["chat_template.jinja", "tokenizer.json", "tokenizer_config.json", "model.safetensors"] {
        let model = ModelCopy::new();
        // The very file that the model needs, so that nothing else is wrong with it.
        std::fs::copy(model.file(name), elsewhere.path().join(name)).unwrap();
        for target in [elsewhere.path().join(name), "/etc/passwd".into()] {
            std::fs::remove_file(model.file(name)).unwrap();
            std::os::unix::fs::symlink(target, model.file(name)).unwrap();
            let told = format!("{name}: leads out of the model's folder, to /");
            assert_refused(&run_on(model.path()), 3, &[told.as_str(), "hint: put the file itself there"]);
        }
    }
}

#[test]
#[cfg(unix)]
fn a_link_that_stays_in_the_model() {
    use std::os::unix::fs::symlink;
    let model = ModelCopy::new();
    std::fs::create_dir(model.file("texts")).unwrap();
    std::fs::rename(model.file("chat_template.jinja"), model.file("texts/template")).unwrap();
    std::fs::rename(model.file("model.safetensors"), model.file("weights")).unwrap();
    symlink("texts/template", model.file("chat_template.jinja")).unwrap();
    symlink(model.file("weights"), model.file("model.safetensors")).unwrap();
    let outcome = run_on(model.path());
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let elsewhere = tempdir().unwrap();
    let link = elsewhere.path().join("link");
    symlink(model.path(), &link).unwrap();
    let outcome = run_on(link.to_str().unwrap());
    assert_eq!(outcome.code, 0, "a model behind a link: {}", outcome.stderr);
}

#[test]
#[cfg(target_os = "linux")]
fn weights_larger_than_the_memory() {
    let model = ModelCopy::new();
    // 2^40 values in a file that is all hole.
    let len = 1u64 << 42;
    let info = serde_json::json!({"x": {"dtype": "F32", "shape": [1u64 << 40], "data_offsets": [0, len]}})
        .to_string();
    let header = [&(info.len() as u64).to_le_bytes()[..], info.as_bytes()].concat();
    std::fs::write(model.file("model.safetensors"), &header).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(model.file("model.safetensors")).unwrap();
    if file.set_len(header.len() as u64 + len).is_err() {
        eprintln!("skipped: the file system does not hold files of 4 TiB");
        return;
    }
    assert_refused(&run_on(model.path()), 3, &["the weights take 4096.0 GiB in f32", "memory are free"]);
}

#[test]
#[cfg(unix)]
fn a_pipe_in_place_of_a_file() {
    let model = ModelCopy::new();
    std::fs::remove_file(model.file("config.json")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(model.file("config.json")).status().unwrap().success());
    assert_refused(&run_on(model.path()), 3, &["config.json: is not a file"]);
}

#[test]
fn names_that_would_steer_the_terminal() {
    let model = ModelCopy::new();
    model.edit_config("model_type", "\u{1b}[2Jllama".into());
    assert_refused(&run_on(model.path()), 3, &["`\\u{1b}[2Jllama`"]);
}

#[test]
fn weights_that_do_not_fit_the_config() {
    let model = ModelCopy::new();
    model.edit_config("intermediate_size", 17.into());
    assert_refused(
        &run_on(model.path()),
        3,
        &["model.safetensors", "tensor `model.layers.0.mlp.", "the config asks for"],
    );
    let model = ModelCopy::new();
    model.edit_config("num_hidden_layers", 99.into());
    assert_refused(&run_on(model.path()), 3, &["is missing from the weights", "belong to different models"]);
    let model = ModelCopy::new();
    model.edit_config("num_hidden_layers", 1.into());
    assert_refused(&run_on(model.path()), 3, &["the config does not explain the tensors model.layers.1."]);
}

#[test]
fn a_tie_that_the_weights_deny() {
    let model = ModelCopy::new();
    model.edit_config("tie_word_embeddings", true.into());
    assert_refused(&run_on(model.path()), 3, &["tie_word_embeddings is true", "`lm_head.weight` differs"]);
}

#[test]
fn nan_in_the_weights() {
    let model = ModelCopy::new();
    // The last bytes belong to some tensor's last value; all ones is NaN in every float format.
    model.edit("model.safetensors", |bytes| {
        let len = bytes.len();
        bytes[len - 4..].fill(0xff);
    });
    assert_refused(&run_on(model.path()), 3, &["model.safetensors", "values that are NaN or infinite"]);
}

#[test]
fn a_tokenizer_with_ids_beyond_the_vocabulary() {
    let model = ModelCopy::new();
    model.edit_config("vocab_size", 300.into());
    assert_refused(&run_on(model.path()), 3, &["tokenizer.json", "300"]);
}

#[test]
fn a_template_that_raises() {
    let model = ModelCopy::new();
    let raises = |when: &str| {
        let source = format!(
            "{{{{ messages[0].content ~ messages[-1].content }}}}\
             {{% if {when} %}}{{{{ raise_exception('roles must alternate') }}}}{{% endif %}}"
        );
        std::fs::write(model.file("chat_template.jinja"), source).unwrap();
    };
    raises("'\\n' in messages[-1].content");
    assert_refused(&run_on(model.path()), 7, &["cell isear/USA/", "roles must alternate"]);
    raises("true");
    assert_refused(&run_on(model.path()), 7, &["refuses the conversation: roles must alternate"]);
}

#[test]
fn broken_json_is_named_with_its_line() {
    let model = ModelCopy::new();
    std::fs::write(model.file("config.json"), "{\n\"model_type\": \"llama\",\n}").unwrap();
    assert_refused(&run_on(model.path()), 3, &["config.json:3:"]);
}

#[test]
fn a_result_folder_that_exists() {
    let place = tempdir().unwrap();
    std::fs::create_dir(place.path().join("mine")).unwrap();
    let outcome = respondent(place.path(), &["run", "--out", "mine"]);
    assert_refused(&outcome, 6, &["mine", "exists already", "hint: choose another --out"]);
}

#[test]
fn an_unwritable_output() {
    let place = tempdir().unwrap();
    std::fs::write(place.path().join("file"), b"").unwrap();
    let outcome = respondent(place.path(), &["run", "--out", "file/inside"]);
    assert_refused(&outcome, 6, &["file"]);
}

#[test]
fn impossible_requests() {
    let place = tempdir().unwrap();
    for (arguments, part) in [
        (&["run", "--personas", "XXX"][..], "the study has no persona `XXX`"),
        (&["run", "--temperatures", "0"], "a temperature must be a number from 0.001 to 1000, not 0"),
        (&["run", "--temperatures", "1e-308"], "a temperature must be"),
        (&["run", "--replicates", "18446744073709551615"], "bootstrap replicates are more than 100000"),
        (&["run", "--threads", "18446744073709551615"], "--threads must be from 1 to 1024"),
        (&["run", "--unusable-mass", "0.9"], "answer-mass thresholds"),
        (&["run", "--template-date", "2025-13-45"], "`2025-13-45` is not a date"),
        (&["run", "--device", "tpu"], "unknown device `tpu`"),
        (&["run", "--replicates", "3"], "3 bootstrap replicates"),
        (&["run", "--token-budget", "0"], "the token budget is 0"),
        (&["run", "--threads", "0"], "--threads must be from 1 to 1024, not 0"),
    ] {
        assert_refused(&respondent(place.path(), arguments), 2, &[part]);
    }
    assert_refused(&respondent(place.path(), &["run", "no_such_study"]), 4, &["no_such_study"]);
    assert!(std::fs::read_dir(place.path()).unwrap().next().is_none(), "nothing is left behind");
}

#[test]
fn a_title_that_would_steer_the_terminal() {
    let place = tempfile::tempdir().unwrap();
    assert_eq!(respondent(place.path(), &["study", "new", "own"]).code, 0);
    let path = place.path().join("own/study.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let title = text.lines().find(|line| line.starts_with("title = ")).unwrap().to_owned();
    std::fs::write(&path, text.replace(&title, r#"title = "\u001b]0;taken over\u0007""#)).unwrap();
    let run = ["run", "own", "--out", "out", "--certify", "0", "--replicates", "50", "--quiet"];
    let outcome = respondent(place.path(), &run);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.stdout.contains(r"\u{1b}]0;taken over\u{7}"), "{}", outcome.stdout);
    assert!(!outcome.stdout.contains(['\u{1b}', '\u{7}']), "{}", outcome.stdout);
}

#[test]
#[cfg(target_os = "linux")]
fn a_folder_whose_name_is_no_text() {
    use std::os::unix::ffi::OsStrExt;
    let place = tempfile::tempdir().unwrap();
    let run =
        ["run", "isear", "--personas", "USA", "--languages", "en", "--certify", "0", "--replicates", "50"];
    let outcome = std::process::Command::new(env!("CARGO_BIN_EXE_respondent"))
        .args(run)
        .args(["--json", "--quiet", "--out"])
        .arg(std::ffi::OsStr::from_bytes(b"k\xff"))
        .current_dir(place.path())
        .output()
        .unwrap();
    assert!(outcome.status.success(), "{}", String::from_utf8_lossy(&outcome.stderr));
    let told: serde_json::Value = serde_json::from_slice(&outcome.stdout).unwrap();
    assert_eq!(told["folder"], "k\u{fffd}");
}
