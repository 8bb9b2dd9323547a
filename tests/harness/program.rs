//! Running the built program, and copies of the control model to be damaged.

use super::repository;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

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
    let mut child = Command::new(env!("CARGO_BIN_EXE_respondent"))
        .args(arguments)
        .current_dir(directory)
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
