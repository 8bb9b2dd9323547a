//! `cargo run --release --example make_control -- OUT_DIR`: makes the built-in control model again.
//! Knows only where to write; the recipe is in `recipe/`.

mod recipe;

use respondent::prompts::find_study;
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let (Some(out), None) = (args.next(), args.next()) else {
        eprintln!("usage: make_control OUT_DIR");
        return ExitCode::from(2);
    };
    match make(&PathBuf::from(out)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn make(out: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
    let files = recipe::build(&find_study("isear")?)?;
    std::fs::create_dir_all(out)?;
    for (name, bytes) in files {
        std::fs::write(out.join(name), &bytes)?;
        println!("{:>9}  {}", bytes.len(), out.join(name).display());
    }
    Ok(())
}
