//! Every command of the README runs. The two without arguments are what `.ci/run` does.

use super::harness::{ModelCopy, repository, respondent};

/// Lines of the README's `sh` blocks.
fn commands() -> Vec<String> {
    let readme = std::fs::read_to_string(repository("README.md")).unwrap();
    let blocks = readme.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap());
    blocks.flat_map(str::lines).map(str::to_owned).collect()
}

/// The README's example lines for `score`.
fn example_lines() -> String {
    let readme = std::fs::read_to_string(repository("README.md")).unwrap();
    readme.split("```json\n").nth(1).unwrap().split("```").next().unwrap().to_owned()
}

#[test]
fn every_command_runs() {
    let place = tempfile::tempdir().unwrap();
    let model = ModelCopy::new();
    std::fs::write(place.path().join("prompts.jsonl"), example_lines()).unwrap();
    let first = respondent(place.path(), &["--quiet"]);
    assert_eq!(first.code, 0, "{}", first.stderr);
    let mut run_count = 0;
    for command in commands() {
        let Some(arguments) = command.strip_prefix("cargo run --release -- ") else {
            assert!(["cargo run --release", "cargo test --release"].contains(&command.as_str()), "{command}");
            continue;
        };
        let arguments = arguments.replace("path/to/model", model.path());
        let outcome = respondent(place.path(), &arguments.split(' ').collect::<Vec<_>>());
        assert_eq!(outcome.code, 0, "{command}: {}", outcome.stderr);
        assert!(!outcome.stdout.is_empty(), "{command}");
        run_count += 1;
    }
    assert_eq!(run_count, 13);
}

#[test]
fn the_table_is_the_one_that_the_program_prints() {
    let snapshot = repository("tests/snapshots/tests__main_job__the_terminal_shows_a_table.snap");
    let printed = std::fs::read_to_string(snapshot).unwrap();
    let readme = std::fs::read_to_string(repository("README.md")).unwrap();
    let table = readme.split("```text\n").nth(1).unwrap().split("```").next().unwrap();
    for line in table.lines() {
        assert!(printed.contains(line), "the program does not print `{line}`");
    }
}
