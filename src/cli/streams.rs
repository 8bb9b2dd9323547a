//! Standard output and standard error, on which nobody may be listening.

use crate::error::{Error, Result};
use std::io::{ErrorKind, Write};

/// Writes data. A reader that has seen enough is no failure.
///
/// # Errors
/// Kind `Output` when it cannot be written for another reason.
pub fn print_out(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(source) if source.kind() != ErrorKind::BrokenPipe => {
            Err(Error::output("standard output cannot be written").because(source))
        }
        _ => Ok(()),
    }
}

/// Writes a line of talk. Where it cannot be heard, the work goes on.
pub fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
