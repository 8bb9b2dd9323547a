//! Arguments to an outcome, an outcome to an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    respondent::cli::main()
}
