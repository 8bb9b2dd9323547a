//! Items asked one after another in one conversation: what is shown, and that the run reads what all its conversations come to by hand.

use super::harness::{repository, respondent, respondent_with_input};
use respondent::output::{read_cells, read_manifest, read_prompts, read_tokens};
use respondent::prompts::{Cell, Prompt, Study, find_study, render_all};
use serde_json::{Value, json};
use std::path::Path;

const TEMPERATURES: [f64; 2] = [1.0, 0.5];

fn study() -> Study {
    find_study(repository("tests/studies/formats").to_str().unwrap()).unwrap()
}

/// All prompts of one cell, the item and format by id.
fn prompts_of(study: &Study, item: &str, format: &str, order: usize) -> Vec<Prompt> {
    let cell = Cell {
        persona_index: 0,
        item_index: study.items.iter().position(|known| known.id == item).unwrap(),
        language_index: 0,
        format_index: study.formats.iter().position(|known| known.id == format).unwrap(),
        order: study.option_orders[order],
        wording_index: 0,
    };
    render_all(study, &cell).unwrap()
}

fn run(place: &Path) {
    let folder = repository("tests/studies/formats");
    let formats = "number,interview,interview_fixed";
    let arguments = [
        &["run", folder.to_str().unwrap(), "-q", "--formats", formats, "--out", "out"][..],
        &["--unusable-mass", "0", "--low-mass", "0"],
    ];
    let outcome = respondent(place, &arguments.concat());
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
}

/// Log-probs of the options behind each prompt at each temperature, as `score` reads them; \[prompt\]\[temperature\]\[option\].
fn scored(place: &Path, prompts: &[Prompt]) -> Vec<Vec<Vec<f64>>> {
    let line = |prompt: &Prompt| {
        let options: Vec<_> = prompt.options.iter().map(|option| &option.surface_forms).collect();
        let Prompt { messages, answer_prefix, .. } = prompt;
        json!({"messages": messages, "answer_prefix": answer_prefix, "options": options}).to_string() + "\n"
    };
    let input: String = prompts.iter().map(line).collect();
    let arguments = ["score", "-q", "--model", "control", "--temperature", "1,0.5"];
    let outcome = respondent_with_input(place, &arguments, &input);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let numbers = |at: &Value| -> Vec<f64> {
        let log_probs = at["log_probs"].as_array().unwrap().iter();
        log_probs.map(|one| one.as_f64().unwrap_or(f64::NEG_INFINITY)).collect()
    };
    let of_line = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["temperatures"].as_array().unwrap().iter().map(numbers).collect()
    };
    outcome.stdout.lines().map(of_line).collect()
}

/// As the run wrote them.
fn of_run(place: &Path, cell_id: &str, temperature: f64) -> Vec<f64> {
    let rows = read_cells(&place.join("out/cells.parquet")).unwrap();
    let own = rows.into_iter().filter(|row| row.cell_id == cell_id && row.temperature == temperature);
    own.map(|row| row.log_prob.unwrap_or(f64::NEG_INFINITY)).collect()
}

fn assert_alike(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(expected) {
        assert!(a == b || (a - b).abs() < 1e-9 * b.abs(), "{found:?} {expected:?}");
    }
}

#[test]
fn a_conversation_goes_on_from_every_response() {
    let study = study();
    let prompts = prompts_of(&study, "shown", "interview", 0);
    let paths: Vec<&[usize]> = prompts.iter().map(|prompt| prompt.earlier.as_slice()).collect();
    assert_eq!(paths, [&[][..], &[0], &[1], &[2]]);
    assert_eq!(
        prompts.iter().map(|prompt| prompt.asks_own_item).collect::<Vec<_>>(),
        [false, true, true, true]
    );
    let turns: Vec<(&str, &str)> =
        prompts[3].messages.iter().map(|turn| (turn.role.as_str(), turn.content.as_str())).collect();
    assert_eq!(turns.iter().map(|turn| turn.0).collect::<Vec<_>>(), ["system", "user", "assistant", "user"]);
    assert!(turns[1].1.starts_with("How intense was what you felt?") && turns[3].1.contains("others saw?"));
    assert_eq!(turns[2].1, "Answer: 10");
    assert_eq!(
        prompts[0].messages[..2],
        prompts[3].messages[..2],
        "what comes before is what was asked before"
    );
    // A base model reads on: the response stands under what it responds to.
    let plain = respondent::prompts::ChatTemplate::plain().render(&prompts[3].messages, "Answer:").unwrap();
    assert!(plain.contains("fits best.\nAnswer: 10\n\nHow intense was what others saw?"), "{plain}");
    assert_eq!(prompts_of(&study, "felt", "interview", 0).len(), 1);
    assert_eq!(prompts_of(&study, "shown", "interview_fixed", 0).len(), 1);
}

#[test]
fn a_run_reads_all_conversations_with_their_probabilities() {
    let (place, study) = (tempfile::tempdir().unwrap(), study());
    let place = place.path();
    run(place);
    for (order_index, order) in study.option_orders.iter().enumerate() {
        let nodes = prompts_of(&study, "shown", "interview", order_index);
        let by_hand = scored(place, &nodes);
        for (at, &temperature) in TEMPERATURES.iter().enumerate() {
            let id = |item: &str, format: &str| format!("formats/USA/{item}/en/{format}/{order}");
            let read = |item: &str, format: &str| of_run(place, &id(item, format), temperature);
            let first = &by_hand[0][at];
            let expected: Vec<f64> = (0..3)
                .map(|option| {
                    (0..3).map(|earlier| (first[earlier] + by_hand[1 + earlier][at][option]).exp()).sum()
                })
                .map(f64::ln)
                .collect();
            assert_alike(&read("shown", "interview"), &expected);
            assert_alike(&read("shown", "interview_fixed"), &by_hand[3][at]);
            // The first of a conversation is asked as by itself.
            assert_alike(&read("felt", "interview"), first);
            assert_alike(&read("felt", "number"), first);
        }
    }
}

#[test]
fn files_tell_what_was_responded_before() {
    let place = tempfile::tempdir().unwrap();
    run(place.path());
    let out = place.path().join("out");
    let told = |cell_id: &str| -> Vec<Option<String>> {
        let rows = read_prompts(&out.join("prompts.parquet")).unwrap();
        let mut told: Vec<_> =
            rows.into_iter().filter(|row| row.cell_id == cell_id).map(|row| row.earlier_responses).collect();
        told.sort();
        told
    };
    let codes = |codes: &[&str]| codes.iter().map(|code| Some((*code).to_owned())).collect::<Vec<_>>();
    assert_eq!(told("formats/USA/shown/en/interview/forward"), codes(&["1", "10", "2"]));
    assert_eq!(told("formats/USA/shown/en/interview_fixed/forward"), codes(&["10"]));
    assert_eq!(told("formats/USA/felt/en/interview/forward"), [None]);
    let tokens = read_tokens(&out.join("tokens.parquet")).unwrap();
    let of_cell = tokens.iter().filter(|row| row.cell_id == "formats/USA/shown/en/interview/forward");
    assert_eq!(of_cell.filter(|row| row.earlier_responses.as_deref() == Some("2")).count(), 2);
    let manifest = read_manifest(&respondent::output::ResultFolder::open(&out).unwrap()).unwrap();
    let formats = &manifest.study.elicitation_formats;
    assert_eq!(formats["interview"].battery.as_ref().unwrap().variables, [["felt", "shown"]]);
    assert_eq!(formats["interview_fixed"].battery.as_ref().unwrap().fixed.as_ref().unwrap()["felt"], "10");
    let verified = respondent(place.path(), &["verify", "out", "--model", "control", "--cells", "24"]);
    assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
}
