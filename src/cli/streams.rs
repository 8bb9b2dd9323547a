//! Standard output and standard error, on which nobody may be listening.

use crate::error::{Error, Result};
use std::io::{ErrorKind, Write};

/// Writes lines, their control characters escaped: some of the text is from elsewhere, and would steer the terminal. A reader that has seen enough is
/// no failure.
///
/// # Errors
/// Kind `Output` when it cannot be written for another reason.
pub fn print_out(text: &str) -> Result<()> {
    write_out(&escaped(text, |character| !matches!(character, '\n' | '\t')))
}

fn write_out(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(source) if source.kind() != ErrorKind::BrokenPipe => {
            Err(Error::output("standard output cannot be written").because(source))
        }
        _ => Ok(()),
    }
}

/// Writes data as indented JSON.
///
/// # Errors
/// As [`print_out`].
pub fn print_json(value: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|source| Error::output("the outcome cannot be written as JSON").because(source))?;
    write_out(&(text + "\n"))
}

/// Text from elsewhere with its control characters escaped.
pub fn printable(text: &str) -> String {
    escaped(text, |_| true)
}

fn escaped(text: &str, is_meant: impl Fn(char) -> bool) -> String {
    let escaped = |character: char| match character.is_control() && is_meant(character) {
        true => character.escape_default().to_string(),
        false => character.to_string(),
    };
    text.chars().map(escaped).collect()
}

/// Writes a line of talk. Where it cannot be heard, the work goes on.
pub fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
