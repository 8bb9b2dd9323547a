//! The program under strace: its calls to the system in their order, faults put into them. Knows nothing of what the calls are for.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

/// One call of the thread that began the process.
pub struct Call {
    pub name: String,
    /// As the trace writes them, quoted texts as `\x` and two digits for each byte.
    pub arguments: String,
    /// None where it failed, or never came back.
    pub returned: Option<i64>,
}

impl Call {
    /// The quoted texts among the arguments.
    pub fn texts(&self) -> Vec<Vec<u8>> {
        let quoted = self.arguments.split('"').skip(1).step_by(2);
        quoted
            .map(|text| text.split("\\x").skip(1).map(|hex| u8::from_str_radix(hex, 16).unwrap()).collect())
            .collect()
    }

    pub fn path(&self, position: usize) -> String {
        String::from_utf8(self.texts()[position].clone()).unwrap()
    }

    /// The argument at `position`, which is a number: a file's descriptor, an offset.
    pub fn number(&self, position: usize) -> i64 {
        let text = self.arguments.split(',').nth(position).unwrap_or_default().trim();
        text.parse().unwrap_or_else(|_| panic!("{}({})", self.name, self.arguments))
    }
}

/// What came of a traced process.
pub struct Traced {
    /// None where a signal ended it.
    pub code: Option<i32>,
    pub stderr: String,
    pub calls: Vec<Call>,
}

/// Runs the program in `directory` with strace's `options`. None, and the reason printed, where there is no tracing.
pub fn respondent_traced(directory: &Path, options: &[&str], arguments: &[&str]) -> Option<Traced> {
    if Command::new("strace").arg("-V").output().is_err() {
        println!("skipped: strace is not installed");
        return None;
    }
    let trace = tempfile::NamedTempFile::new().unwrap();
    let output = Command::new("strace")
        .args(["-f", "-xx", "-s", "4194304", "-o"])
        .arg(trace.path())
        .args(options)
        .arg(env!("CARGO_BIN_EXE_respondent"))
        .args(arguments)
        .current_dir(directory)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let trace = std::fs::read_to_string(trace.path()).unwrap();
    if !trace.contains("+++ exited with") && !trace.contains("+++ killed by") {
        println!("skipped: strace cannot trace here: {stderr}");
        return None;
    }
    Some(Traced { code: output.status.code(), stderr, calls: calls(&trace) })
}

/// Lines are `PROCESS name(arguments) = returned`; a call during which another thread is told of comes in two.
fn calls(trace: &str) -> Vec<Call> {
    let first = trace.split(' ').next().unwrap_or_default();
    let mut open: HashMap<&str, String> = HashMap::new();
    let mut found = Vec::new();
    for line in trace.lines() {
        let Some((process, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start();
        let whole = match rest.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>")) {
            Some((_, end)) => open.remove(process).unwrap_or_default() + end,
            None => rest.to_owned(),
        };
        if let Some(begin) = whole.strip_suffix(" <unfinished ...>") {
            open.insert(process, begin.to_owned());
            continue;
        }
        let Some((name, rest)) = whole.split_once('(') else { continue };
        let Some((arguments, returned)) = rest.rsplit_once(" = ") else { continue };
        if process != first {
            continue;
        }
        let arguments = arguments.trim_end();
        found.push(Call {
            name: name.to_owned(),
            arguments: arguments.strip_suffix(')').unwrap_or(arguments).to_owned(),
            returned: returned
                .split(' ')
                .next()
                .and_then(|number| number.parse().ok())
                .filter(|&number: &i64| number >= 0),
        });
    }
    found
}
