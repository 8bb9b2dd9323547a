//! Every elicitation format and option order through the whole program: what is shown, and what a response's probability is.

use super::harness::{repository, respondent, respondent_with_input};
use respondent::output::{read_cells, read_prompts};
use respondent::prompts::{Cell, Study, find_study, render};
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn study() -> Study {
    find_study(repository("tests/studies/formats").to_str().unwrap()).unwrap()
}

fn cells(study: &Study) -> Vec<(String, Cell)> {
    let mut cells = Vec::new();
    for (item_index, item) in study.items.iter().enumerate() {
        for (format_index, format) in study.formats.iter().enumerate() {
            for &order in &study.option_orders {
                let cell = Cell { persona_index: 0, item_index, language_index: 0, format_index, order };
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
    assert_eq!((found.len(), cells.len()), (2 * 7 * 4, 2 * 7 * 4));
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
        for (of_run, by_hand) in of_run.iter().zip(&by_hand) {
            // Other temperatures are summed beside it.
            let same = of_run == by_hand || (of_run - by_hand).abs() < 1e-12 * by_hand.abs();
            // What closes a form may come in any tokens, which `score` is not told.
            let more = id.contains("/json") && of_run >= by_hand;
            assert!(same || more, "{id}: {of_run} {by_hand}");
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
