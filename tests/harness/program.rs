//! Running the built program, and copies of the control model to be damaged.

use super::repository;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// Variables that would have a test look at the models of whoever runs it, or at the network.
const ELSEWHERE: &[&str] = &[
    "RESPONDENT_MODELS",
    "HF_HOME",
    "HF_HUB_CACHE",
    "HUGGINGFACE_HUB_CACHE",
    "XDG_CACHE_HOME",
    "HF_ENDPOINT",
    "HF_TOKEN",
    "HF_HUB_OFFLINE",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
];

/// What a run of the program left behind.
#[derive(Debug)]
pub struct Outcome {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Runs the program in `directory`.
pub fn respondent(directory: &Path, arguments: &[&str]) -> Outcome {
    respondent_with_input(directory, arguments, "")
}

/// The same, with standard input.
pub fn respondent_with_input(directory: &Path, arguments: &[&str], input: &str) -> Outcome {
    respondent_with(directory, arguments, &[], input)
}

/// The same, with variables of the environment; those that name other places for models are taken away.
pub fn respondent_with(
    directory: &Path,
    arguments: &[&str],
    environment: &[(&str, &str)],
    input: &str,
) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_respondent"));
    for name in ELSEWHERE {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    let mut child = command
        .args(arguments)
        .current_dir(directory)
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program is built before its tests");
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // A thread of its own, so that neither side waits for the other.
    let feeder = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    Outcome {
        code: output.status.code().expect("the program is not killed"),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs the program and kills it once a file in `directory` has that many bytes.
pub fn respondent_killed_at(directory: &Path, arguments: &[&str], file: &str, byte_count: u64) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_respondent"))
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program is built before its tests");
    let file = directory.join(file);
    while std::fs::metadata(&file).map_or(0, |found| found.len()) < byte_count {
        assert!(child.try_wait().unwrap().is_none(), "it ended before {} was so long", file.display());
        std::thread::sleep(Duration::from_micros(200));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// A copy of the control model on disk.
pub struct ModelCopy {
    pub directory: TempDir,
}

impl ModelCopy {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for name in [
            "config.json",
            "tokenizer.json",
            "tokenizer_config.json",
            "chat_template.jinja",
            "model.safetensors",
        ] {
            std::fs::copy(repository("models/control").join(name), directory.path().join(name)).unwrap();
        }
        ModelCopy { directory }
    }

    pub fn path(&self) -> &str {
        self.directory.path().to_str().unwrap()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn edit(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = std::fs::read(self.file(name)).unwrap();
        change(&mut bytes);
        std::fs::write(self.file(name), bytes).unwrap();
    }

    pub fn edit_config(&self, key: &str, value: serde_json::Value) {
        self.edit("config.json", |bytes| {
            let mut config: serde_json::Value = serde_json::from_slice(bytes).unwrap();
            config[key] = value;
            *bytes = serde_json::to_vec(&config).unwrap();
        });
    }
}
