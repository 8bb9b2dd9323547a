//! What the readers need of the tests' own harness: the repository, and the program, which `RESPONDENT` names.

use std::path::{Path, PathBuf};
use std::process::Command;

pub struct Outcome {
    pub code: i32,
    pub stderr: String,
}

pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

pub fn respondent(place: &Path, arguments: &[&str]) -> Outcome {
    let program = std::env::var_os("RESPONDENT").expect("RESPONDENT names the program");
    let output = Command::new(program).args(arguments).current_dir(place).output().expect("the program starts");
    Outcome {
        code: output.status.code().unwrap_or(-1),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
