//! `cargo run --release --example make_control -- OUT_DIR [RULE]`: makes the built-in control model again, or one that follows another rule.
//! Knows only where to write; the recipe is in `recipe/`.

mod recipe;

use recipe::respondents::Rule;
use respondent::human_data::find_human_data;
use respondent::prompts::find_study;
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let rule = |name: Option<std::ffi::OsString>| match name {
        None => Some(Rule::BuiltIn),
        Some(name) => name.to_str().and_then(Rule::named),
    };
    let (Some(out), Some(rule), None) = (args.next(), rule(args.next()), args.next()) else {
        let names = Rule::ALL.map(|(name, _)| name).join(" | ");
        eprintln!("usage: make_control OUT_DIR [{names}]");
        return ExitCode::from(2);
    };
    match make(&PathBuf::from(out), rule) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn make(out: &std::path::Path, rule: Rule) -> Result<(), Box<dyn std::error::Error>> {
    let study = find_study("isear")?;
    let files = recipe::build(&study, &rule.plant(&study, &find_human_data("isear")?)?)?;
    std::fs::create_dir_all(out)?;
    for (name, bytes) in files {
        std::fs::write(out.join(name), &bytes)?;
        println!("{:>9}  {}", bytes.len(), out.join(name).display());
    }
    Ok(())
}
