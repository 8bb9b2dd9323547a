//! Arguments to an outcome, an outcome to an exit code.

fn main() {}
