//! `docs/studies.md`: its files are what it says, and its commands run in their order.

use super::harness::{repository, respondent};
use std::fs;

enum Step {
    File { path: String, text: String },
    Command(String),
}

/// A block behind a line that ends in "`PATH`:" is that file; lines of `sh` blocks are commands.
fn steps(chapter: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut lines = chapter.lines();
    let mut before = "";
    while let Some(line) = lines.next() {
        let Some(language) = line.strip_prefix("```") else {
            before = if line.is_empty() { before } else { line };
            continue;
        };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        if language == "sh" {
            steps.extend(block.iter().map(|command| Step::Command((*command).to_owned())));
            continue;
        }
        let path = before.strip_suffix("`:").and_then(|rest| rest.rsplit('`').next());
        let path = path.unwrap_or_else(|| panic!("`{before}` names no file")).to_owned();
        steps.push(Step::File { path, text: block.join("\n") + "\n" });
    }
    steps
}

#[test]
fn the_chapter_takes_one_from_a_spreadsheet_to_a_report() {
    let place = tempfile::tempdir().unwrap();
    let chapter = fs::read_to_string(repository("docs/studies.md")).unwrap();
    let (mut file_count, mut command_count) = (0, 0);
    for step in steps(&chapter) {
        match step {
            Step::File { path, text } => {
                fs::write(place.path().join(path), text).unwrap();
                file_count += 1;
            }
            Step::Command(command) => {
                let arguments: Vec<&str> = command.strip_prefix("respondent ").unwrap().split(' ').collect();
                let outcome = respondent(place.path(), &arguments);
                assert_eq!(outcome.code, 0, "{command}: {}", outcome.stderr);
                command_count += 1;
            }
        }
    }
    assert_eq!((file_count, command_count), (5, 8));
    let page = fs::read_to_string(place.path().join("moods-on-control/report.html")).unwrap();
    assert!(page.contains("Mood of students and retired people"));
    assert!(page.contains("People are drawn whole"));
    let counts = fs::read_to_string(place.path().join("human_data/mood/counts.tsv")).unwrap();
    assert!(counts.contains("student\ttense\t5\t1\t1\t1\t1\t1\t1\n"), "{counts}");
}
