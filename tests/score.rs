//! `respondent score`: the numbers are the engine's, lines keep their order, bad lines are told and passed over.

use super::harness::{ModelCopy, Outcome, decoder};
use super::harness::{log_probs, max_difference, read_all, repository, respondent_with_input};
use serde_json::{Value, json};

fn score(arguments: &[&str], lines: &[Value]) -> Outcome {
    let input: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let arguments = [&["score", "--model", "control", "--quiet"], arguments].concat();
    respondent_with_input(&std::env::temp_dir(), &arguments, &input)
}

fn parsed(outcome: &Outcome) -> Vec<Value> {
    outcome.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

#[test]
fn log_probs_of_ids_are_the_engines() {
    let sequences: Vec<Vec<u32>> = vec![vec![3, 40, 50], vec![3], vec![3, 40, 50, 60, 7], vec![9, 9]];
    let lines: Vec<Value> = sequences
        .iter()
        .enumerate()
        .map(|(index, ids)| json!({"id": format!("line {index}"), "input_ids": ids, "wanted": [0, 17, 40]}))
        .collect();
    let outcome = score(&["--token-budget", "3"], &lines);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    let decoder = decoder(&repository("models/control"));
    let expected = read_all(&decoder, &sequences, 4096, &[1.0]);
    for (index, (line, readout)) in parsed(&outcome).iter().zip(&expected).enumerate() {
        assert_eq!(line["id"], format!("line {index}"));
        let all = log_probs(readout, 0);
        assert!(max_difference(&numbers(&line["log_probs"]), &[all[0], all[17], all[40]]) < 1e-4);
        assert!((line["entropy"].as_f64().unwrap() - readout.entropy).abs() < 1e-4);
        assert!((line["log_sum_exp"].as_f64().unwrap() - readout.log_sum_exp[0]).abs() < 1e-4);
        let top = line["top"].as_array().unwrap();
        assert_eq!((top.len(), &top[0]["id"]), (5, &json!(readout.top[0].0)));
        assert!(top[0]["token"].is_string() && top[0]["log_prob"].as_f64().unwrap() <= 0.0);
        assert!(line.get("answer_mass").is_none() && line.get("temperatures").is_none());
    }
}

#[test]
fn wanted_ids_alone_share_out_what_they_have() {
    let line = json!({"input_ids": [3, 40, 50], "wanted": [0, 17, 40]});
    let labels = json!({"id": "many", "prompt": "How many? ", "options": ["1", "one or two of them"]});
    let none = json!({"id": "none", "prompt": "How many? "});
    let whole = parsed(&score(&[], std::slice::from_ref(&line)));
    let outcome = score(&["--readout", "wanted"], &[line, labels, none]);
    assert_eq!(outcome.code, 1);
    assert!(outcome.stderr.contains("line 2: an option takes several tokens"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("line 3: no ids are wanted"), "{}", outcome.stderr);
    let alone = &parsed(&outcome)[0];
    let (whole, found) = (numbers(&whole[0]["log_probs"]), numbers(&alone["log_probs"]));
    let total: f64 = found.iter().map(|log_prob| log_prob.exp()).sum();
    assert!((total - 1.0).abs() < 1e-12);
    // The same differences as among all ids.
    for (whole_pair, pair) in whole.windows(2).zip(found.windows(2)) {
        assert!(((whole_pair[1] - whole_pair[0]) - (pair[1] - pair[0])).abs() < 1e-9);
    }
    assert!(alone.get("answer_mass").is_none() && alone["top"].as_array().unwrap().len() == 3);
}

#[test]
fn a_nucleus_counts_tokens_and_forms_add_up_to_their_option() {
    let lines = [
        json!({"input_ids": [3, 40, 50], "wanted": (0..665).collect::<Vec<u32>>()}),
        json!({"prompt": "How many? ", "options": [["1", "one"], "10"]}),
    ];
    let outcome = score(&["--nucleus", "0.9", "--temperature", "0.5,2", "--top", "1"], &lines);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let lines = parsed(&outcome);
    let all = |reading: &Value| {
        let mut shares: Vec<f64> =
            numbers(&reading["log_probs"]).iter().map(|log_prob| log_prob.exp()).collect();
        shares.sort_by(|a, b| b.total_cmp(a));
        shares
    };
    for reading in lines[0]["temperatures"].as_array().unwrap() {
        let (shares, size) = (all(reading), reading["nucleus_size"].as_u64().unwrap() as usize);
        let held = |count: usize| shares[..count].iter().sum::<f64>();
        assert!(held(size) >= 0.9 && held(size - 1) < 0.9, "{size}: {}", held(size));
    }
    let first = lines[0]["top"][0]["id"].as_u64().unwrap() as usize;
    assert_eq!(lines[0]["ranks"][first], json!(1));
    for reading in lines[1]["temperatures"].as_array().unwrap() {
        let of_first: f64 = reading["forms"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|form| form["option"] == 0)
            .map(|form| form["probability"].as_f64().unwrap())
            .sum();
        assert!((of_first - reading["log_probs"][0].as_f64().unwrap().exp()).abs() < 1e-12);
        assert!(reading["best_token"]["rank"].as_u64().unwrap() >= 1);
    }
    let refused = score(&["--nucleus", "2"], &[]);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert!(refused.stderr.contains("from 0 to 1"), "{}", refused.stderr);
}

#[test]
fn options_are_exclusive_events() {
    let lines = [
        json!({"id": 7, "messages": [{"role": "user", "content": "How many?"}], "options": ["1", "10", ["2", " 2"]]}),
        json!({"prompt": "How many? ", "options": ["1", "10"]}),
    ];
    let outcome = score(&["--temperature", "1,2"], &lines);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let lines = parsed(&outcome);
    assert_eq!(
        (&lines[0]["id"], &lines[1]["id"]),
        (&json!(7), &json!(2)),
        "a line without an id has its number"
    );
    for line in &lines {
        let total: f64 = numbers(&line["log_probs"]).iter().map(|log_prob| log_prob.exp()).sum();
        assert!((total - line["answer_mass"].as_f64().unwrap()).abs() < 1e-12);
        let temperatures = line["temperatures"].as_array().unwrap();
        assert_eq!(temperatures.len(), 2);
        assert_eq!(temperatures[0]["log_probs"], line["log_probs"]);
        assert_eq!(temperatures[1]["temperature"], 2.0);
    }
}

#[test]
fn bad_lines_are_told_by_number_and_the_rest_goes_on() {
    let good = json!({"id": "good", "input_ids": [1, 2], "wanted": [3]});
    let lines = [
        good.clone(),
        json!({"id": "beyond", "input_ids": [99_999_999]}),
        json!({"id": "both", "input_ids": [1], "prompt": "a"}),
        json!({"id": "unknown", "input_ids": [1], "wnated": [1]}),
        json!({"id": "empty", "input_ids": []}),
        json!({"id": "clash", "prompt": "a", "options": ["x", "x"]}),
        json!({"id": "role", "messages": "no list"}),
        good,
    ];
    let outcome = score(&[], &lines);
    assert_eq!(outcome.code, 1);
    assert_eq!(parsed(&outcome).len(), 2);
    for (number, part) in [
        (2, "token id 99999999 is beyond the vocabulary"),
        (3, "exactly one of input_ids, prompt and messages"),
        (4, "unknown field `wnated`"),
        (5, "the prompt has no tokens"),
        (6, "\"x\""),
        (7, "not an object of the expected form"),
    ] {
        let told = outcome.stderr.lines().find(|line| line.starts_with(&format!("line {number}: ")));
        assert!(
            told.is_some_and(|line| line.contains(part)),
            "no `{part}` for line {number} in {}",
            outcome.stderr
        );
    }
    assert!(outcome.stderr.contains("error: 6 lines could not be scored"));

    let strict = score(&["--strict"], &lines);
    assert_eq!((strict.code, parsed(&strict).len()), (1, 1));
    assert!(strict.stderr.contains("error: stopped at line 2"), "{}", strict.stderr);
}

#[test]
fn many_lines_stream_through_in_order() {
    let lines: Vec<Value> = (0..9_000u32)
        .map(|index| json!({"id": index, "input_ids": [1, 2 + index % 50], "wanted": [1]}))
        .collect();
    let outcome = score(&[], &lines);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let ids: Vec<u64> = parsed(&outcome).iter().map(|line| line["id"].as_u64().unwrap()).collect();
    assert!(ids.into_iter().eq(0..9_000));
}

#[test]
fn a_folder_may_have_a_sentencepiece_model_for_a_tokenizer() {
    let model = ModelCopy::new();
    for name in ["tokenizer.json", "chat_template.jinja"] {
        std::fs::remove_file(model.file(name)).unwrap();
    }
    let vocabulary = repository("tests/goldens/vocabularies/unigram_bytes.model");
    std::fs::copy(vocabulary, model.file("tokenizer.model")).unwrap();
    let config = json!({"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>"});
    std::fs::write(model.file("tokenizer_config.json"), config.to_string()).unwrap();
    let line = format!("{}\n", json!({"prompt": "How many?", "options": ["1", "10"]}));
    let arguments = ["score", "--quiet", "--model", model.path()];
    let outcome = respondent_with_input(&std::env::temp_dir(), &arguments, &line);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    assert_eq!(parsed(&outcome).len(), 1);
}
