//! What is said when the program itself is at fault.

use std::sync::Once;

/// Puts behind the message of the first panic what it is, what is left of the work, and how to report it. Panics of libraries that are
/// caught as errors say nothing.
pub fn explain_panics() {
    static TOLD: Once = Once::new();
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        previous(info);
        TOLD.call_once(|| eprintln!("{}", explanation()));
    }));
}

fn explanation() -> String {
    let command: Vec<String> = std::env::args_os().map(|part| part.to_string_lossy().into_owned()).collect();
    format!(
        "\nThis is a bug in respondent {version}, not in what you gave it. Please report it with the lines above and this command:\n  \
         {}\nSECURITY.md says where, if a file that somebody else made brought it about.\n\
         What a run had read is in its folder's journal: `respondent run --resume DIR` goes on from there.",
        super::streams::printable(&command.join(" ")),
        version = env!("CARGO_PKG_VERSION"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    const CHILD: &str = "RESPONDENT_PANIC_CHILD";

    /// Does nothing unless the test below asks for it, in a process of its own.
    #[test]
    fn a_child_that_panics() {
        if std::env::var_os(CHILD).is_some() {
            explain_panics();
            let _ = std::thread::spawn(|| panic!("made up")).join();
            panic!("a second time");
        }
    }

    #[test]
    fn a_panic_says_how_to_report_it_once() {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "cli::panics::tests::a_child_that_panics", "--nocapture"])
            .env(CHILD, "1")
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && told.contains("made up"), "{told}");
        assert_eq!(told.matches("This is a bug in respondent").count(), 1, "{told}");
        assert!(told.contains("--exact cli::panics") && told.contains("run --resume DIR"), "{told}");
    }
}
