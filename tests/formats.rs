//! Every elicitation format and option order through the whole program: what is shown, and what a response's probability is.

use super::harness::{repository, respondent, respondent_with_input};
use respondent::output::{read_cells, read_prompts};
use respondent::prompts::{AnswerKey, Cell, Study, find_study, render};
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn study() -> Study {
    find_study(repository("tests/studies/formats").to_str().unwrap()).unwrap()
}

fn cells(study: &Study) -> Vec<(String, Cell)> {
    let mut cells = Vec::new();
    for (item_index, item) in study.items.iter().enumerate() {
        let formats = study.formats.iter().enumerate();
        for (format_index, format) in
            formats.filter(|(_, format)| format.key != AnswerKey::Count && format.battery.is_none())
        {
            for &order in &study.option_orders {
                let cell = Cell {
                    persona_index: 0,
                    item_index,
                    language_index: 0,
                    format_index,
                    order,
                    wording_index: 0,
                };
                cells.push((format!("formats/USA/{}/en/{format}/{order}", item.id), cell));
            }
        }
    }
    cells
}

/// A line of `score` that asks the same by hand: conversation, answer prefix, and what counts as each option.
fn line(study: &Study, id: &str, cell: &Cell) -> Value {
    let prompt = render(study, cell).unwrap();
    let options: Vec<_> = prompt.options.iter().map(|option| &option.surface_forms).collect();
    json!({"id": id, "messages": prompt.messages, "answer_prefix": prompt.answer_prefix, "options": options})
}

#[test]
fn a_run_reads_what_score_reads_of_the_same_conversations() {
    let (place, study) = (tempfile::tempdir().unwrap(), study());
    let folder = repository("tests/studies/formats");
    let arguments = [
        "run",
        folder.to_str().unwrap(),
        "--quiet",
        "--unusable-mass",
        "0",
        "--low-mass",
        "0",
        "--out",
        "out",
    ];
    let outcome = respondent(place.path(), &arguments);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let mut found: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for row in read_cells(&place.path().join("out/cells.parquet")).unwrap() {
        if row.temperature == 1.0 {
            found.entry(row.cell_id).or_default().push(row.log_prob.unwrap_or(f64::NEG_INFINITY));
        }
    }
    let cells = cells(&study);
    found.retain(|id, _| cells.iter().any(|(known, _)| known == id));
    assert_eq!((found.len(), cells.len()), (2 * 8 * 4, 2 * 8 * 4));
    let input: String = cells.iter().map(|(id, cell)| format!("{}\n", line(&study, id, cell))).collect();
    let scored = respondent_with_input(place.path(), &["score", "--quiet", "--model", "control"], &input);
    assert_eq!(scored.code, 0, "{}", scored.stderr);
    for scored in scored.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        let id = scored["id"].as_str().unwrap();
        let of_run = &found[id];
        let by_hand: Vec<f64> = scored["log_probs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one.as_f64().unwrap_or(f64::NEG_INFINITY))
            .collect();
        // A run also counts closings in other tokens than the tokenizer writes them in.
        let is_closed = scored["id"].as_str().unwrap().contains("/json");
        for (of_run, by_hand) in of_run.iter().zip(&by_hand) {
            // Other temperatures are summed beside it.
            let difference = of_run - by_hand;
            let is_alike = of_run == by_hand || difference.abs() < 1e-12 * by_hand.abs();
            assert!(is_alike || is_closed && difference > 0.0, "{}: {of_run} {by_hand}", scored["id"]);
        }
    }
}

#[test]
fn prompts_show_what_their_format_says() {
    let study = study();
    let shown = |id: &str| {
        let cells = cells(&study);
        let (_, cell) = cells.iter().find(|(known, _)| known == id).unwrap();
        render(&study, cell).unwrap()
    };
    let json = shown("formats/USA/felt/en/json/rotated_1");
    assert_eq!(json.answer_prefix, "{\"response\": ");
    let user = &json.messages[1].content;
    assert!(user.contains("\n\n2. intense, very\n10. very intense\n1. intense\n\n"), "{user}");
    assert!(user.ends_with("Reply as JSON: {\"response\": 1}, or with another number up to 10."), "{user}");
    assert_eq!(json.options[2].surface_forms, ["10}", "10\n}", " 10}", " 10\n}"]);
    let unlisted = shown("formats/USA/felt/en/unlisted/forward");
    assert_eq!(
        unlisted.messages[1].content,
        "How intense was what you felt?\n\nReply only with a number from 1 (intense) to 10 (very intense)."
    );
    assert_eq!(shown("formats/USA/felt/en/sentence/forward").answer_prefix, "It was");
    assert_eq!(shown("formats/USA/shown/en/sentence/forward").answer_prefix, "What others saw was");
}

#[test]
fn options_that_begin_each_other_are_told_apart() {
    // "intense" is the beginning of "intense, very": what goes on with ", very" is not "intense".
    let place = tempfile::tempdir().unwrap();
    let folder = repository("tests/studies/formats");
    let arguments = [
        "run",
        folder.to_str().unwrap(),
        "--quiet",
        "--formats",
        "label,json_label",
        "--unusable-mass",
        "0",
        "--out",
        "out",
    ];
    assert_eq!(respondent(place.path(), &arguments).code, 0);
    let rows = read_cells(&place.path().join("out/cells.parquet")).unwrap();
    for rows in rows.chunk_by(|a, b| a.cell_id == b.cell_id && a.temperature == b.temperature) {
        let mass: f64 = rows.iter().filter_map(|row| row.log_prob).map(f64::exp).sum();
        assert!((mass - rows[0].answer_mass).abs() < 1e-12 && mass <= 1.0, "{}", rows[0].cell_id);
    }
    assert_eq!(read_prompts(&place.path().join("out/prompts.parquet")).unwrap().len(), 2 * 2 * 4);
}

/// Runs some formats of the study and returns the folder.
fn run(place: &std::path::Path, formats: &str) -> std::path::PathBuf {
    let folder = repository("tests/studies/formats");
    let study = folder.to_str().unwrap();
    let arguments =
        ["run", study, "-q", "--formats", formats, "--unusable-mass", "0", "--low-mass", "0", "--out", "out"];
    let outcome = respondent(place, &arguments);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    place.join("out")
}

#[test]
fn a_premise_gives_a_second_distribution() {
    let place = tempfile::tempdir().unwrap();
    let rows = read_cells(&run(place.path(), "sentence,likely").join("cells.parquet")).unwrap();
    assert!(rows.iter().any(|row| row.elicitation_format == "likely"));
    // The premise behind which everything is read, by hand: plain text, and what counts as each option.
    let study = study();
    let format_index = study.formats.iter().position(|format| format.id == "likely").unwrap();
    let order = study.option_orders[0];
    let cell =
        Cell { persona_index: 0, item_index: 0, language_index: 0, format_index, order, wording_index: 0 };
    let prompt = render(&study, &cell).unwrap();
    assert_eq!(prompt.options[0].surface_forms[..2], ["a strong feeling", " a strong feeling"]);
    assert!(!prompt.messages[1].content.contains("a strong feeling"), "the options are not shown");
    let options: Vec<_> = prompt.options.iter().map(|option| &option.surface_forms).collect();
    let line = json!({"prompt": "It was", "options": options}).to_string();
    let scored = respondent_with_input(
        place.path(),
        &["score", "--quiet", "--model", "control", "--temperature", "1,0.5"],
        &line,
    );
    let scored: Value = serde_json::from_str(&scored.stdout).unwrap();
    let ratio = |row: &respondent::output::records::CellRow| {
        Some((row.log_prob.unwrap_or(f64::NEG_INFINITY) - row.premise_log_prob?).exp())
    };
    let mut compared_count = 0;
    for rows in rows.chunk_by(|a, b| a.cell_id == b.cell_id && a.temperature == b.temperature) {
        if rows[0].elicitation_format == "sentence" {
            assert!(rows.iter().all(|row| row.premise_log_prob.is_none()));
            assert!(rows.iter().all(|row| row.premise_normalised_probability.is_none()));
            continue;
        }
        let by_hand = &scored["temperatures"][usize::from(rows[0].temperature != 1.0)]["log_probs"];
        let impossible = f64::NEG_INFINITY;
        for (index, row) in rows.iter().enumerate() {
            let found = row.premise_log_prob.unwrap_or(impossible);
            let by_hand = by_hand[index].as_f64().unwrap_or(impossible);
            assert!(found == by_hand || (found - by_hand).abs() < 1e-9 * by_hand.abs(), "{found} {by_hand}");
        }
        // Behind a premise that leaves an option nothing there is nothing to divide by.
        let ratios = rows.iter().map(ratio).collect::<Option<Vec<f64>>>();
        let Some(ratios) = ratios.filter(|_| rows[0].probability.is_some()) else {
            assert!(rows.iter().all(|row| row.premise_normalised_probability.is_none()));
            continue;
        };
        compared_count += 1;
        for (row, ratio) in rows.iter().zip(&ratios) {
            let share = row.premise_normalised_probability.unwrap();
            assert!((share - ratio / ratios.iter().sum::<f64>()).abs() < 1e-9, "{}", row.cell_id);
        }
    }
    assert!(compared_count > 0, "some cell has a second distribution");
}

#[test]
fn a_verbalised_distribution_is_the_expected_counts() {
    let place = tempfile::tempdir().unwrap();
    let folder = run(place.path(), "hundred");
    let rows = read_cells(&folder.join("cells.parquet")).unwrap();
    assert_eq!(rows.len(), 2 * 4 * 2 * 3);
    for rows in rows.chunk_by(|a, b| a.cell_id == b.cell_id && a.temperature == b.temperature) {
        let total: f64 = rows.iter().map(|row| row.expected_count.unwrap()).sum();
        for row in rows {
            let count = row.expected_count.unwrap();
            assert!(row.log_prob.is_none() && (0.0..=100.0).contains(&count));
            assert!((row.probability.unwrap() - count / total).abs() < 1e-12);
        }
    }
    let prompts = read_prompts(&folder.join("prompts.parquet")).unwrap();
    assert_eq!(prompts.len(), 2 * 4 * 3);
    for prompts in prompts.chunk_by(|a, b| a.cell_id == b.cell_id) {
        let asked: Vec<&str> = prompts.iter().filter_map(|prompt| prompt.asked_option.as_deref()).collect();
        assert_eq!(asked, ["1", "2", "10"]);
        assert!(prompts[1].rendered_text.ends_with("intense, very:"), "{}", prompts[1].rendered_text);
    }
}

#[test]
fn an_unknown_format_is_told_with_those_there_are() {
    let place = tempfile::tempdir().unwrap();
    let outcome = respondent(place.path(), &["run", "isear", "--formats", "essay", "--out", "out"]);
    assert_eq!(outcome.code, 2);
    assert!(outcome.stderr.contains("`essay`") && outcome.stderr.contains("number, letter, label"));
    let outcome = respondent(place.path(), &["run", "isear", "--option-orders", "rotated_0", "--out", "out"]);
    assert_eq!(outcome.code, 2);
    assert!(outcome.stderr.contains("rotated_1"), "{}", outcome.stderr);
}
