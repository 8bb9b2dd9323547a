//! A run is prepared and read branch by branch: what it says is what one in one piece says, and what it holds does not grow with its prompts.

use super::harness::{repository, respondent};
use respondent::output::records::{CellRow, PromptRow, TokenRow};
use respondent::output::{read_cells, read_comparisons, read_prompts, read_tokens};
use std::fs;
use std::path::Path;
use std::process::Command;

const FORMATS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/studies/formats");

fn run(place: &Path, study: &[&str], more: &[&str]) -> serde_json::Value {
    let settings = ["--certify", "3", "--replicates", "50", "--quiet", "--json"];
    let outcome = respondent(place, &[&["run"], study, &settings, more].concat());
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    serde_json::from_str(&outcome.stdout).unwrap()
}

/// All rows in an order that does not depend on when they were written.
fn sorted(folder: &Path) -> (Vec<CellRow>, Vec<PromptRow>, Vec<TokenRow>) {
    let mut cells = read_cells(&folder.join("cells.parquet")).unwrap();
    cells.sort_by(|a, b| {
        let by_value = a.option_value.total_cmp(&b.option_value);
        a.cell_id.cmp(&b.cell_id).then(a.temperature.total_cmp(&b.temperature)).then(by_value)
    });
    let mut prompts = read_prompts(&folder.join("prompts.parquet")).unwrap();
    prompts.sort_by_cached_key(|row| {
        (row.cell_id.clone(), row.asked_option.clone(), row.earlier_responses.clone())
    });
    let mut tokens = read_tokens(&folder.join("tokens.parquet")).unwrap();
    tokens.sort_by_cached_key(|row| {
        let of_prompt = (row.cell_id.clone(), row.asked_option.clone(), row.earlier_responses.clone());
        (of_prompt, row.temperature.to_bits())
    });
    (cells, prompts, tokens)
}

#[test]
fn branches_say_what_the_whole_says() {
    let studies: [&[&str]; 3] = [
        &["isear", "--personas", "USA,BRA", "--languages", "en,pt"],
        // Premises, counts, several options of several tokens.
        &[FORMATS, "--full"],
        // Batteries.
        &["social_emotions", "--personas", "neutral", "--languages", "en", "--formats", "interview"],
    ];
    for study in studies {
        let place = tempfile::tempdir().unwrap();
        let whole = run(place.path(), study, &["--out", "whole"]);
        assert_eq!(whole["manifest"]["packing"]["branch_count"], 1);
        let (one, other) = (place.path().join("whole"), place.path().join("parts"));
        for prompts in ["1", "40"] {
            let parts = run(place.path(), study, &["--out", "parts", "--branch-prompts", prompts]);
            let packing =
                |run: &serde_json::Value, key: &str| run["manifest"]["packing"][key].as_u64().unwrap();
            assert!(packing(&parts, "branch_count") > 1, "{}", parts["manifest"]["packing"]);
            assert!(packing(&parts, "trie_token_count") > packing(&whole, "trie_token_count"));
            // A premise that several branches have is read in each.
            assert!(packing(&parts, "flat_token_count") >= packing(&whole, "flat_token_count"));
            assert!(sorted(&one) == sorted(&other), "{study:?} in branches of {prompts}");
            let verdicts = |run: &serde_json::Value| -> Vec<String> {
                let cards = run["manifest"]["hypotheses"].as_array().unwrap();
                cards.iter().map(|card| card["verdict"].to_string()).collect()
            };
            assert_eq!(verdicts(&whole), verdicts(&parts));
            assert_eq!(
                whole["manifest"]["certificate"]["cell_count"],
                parts["manifest"]["certificate"]["cell_count"]
            );
            // Sums in another order: to the last digits.
            let near = |key: &str| {
                let cards = [&whole, &parts].map(|run| run["manifest"]["concentration"].as_array().unwrap());
                cards[0].iter().zip(cards[1]).all(|(a, b)| {
                    let [a, b] = [a, b].map(|card| card[key].as_f64().unwrap());
                    (a - b).abs() < 1e-12
                })
            };
            for key in
                ["persona_nats", "within_nats", "normalised_entropy", "option_order_nats", "interaction_nats"]
            {
                assert!(near(key), "{key}");
            }
            if one.join("comparisons.parquet").exists() {
                let compared = |folder: &Path| read_comparisons(&folder.join("comparisons.parquet")).unwrap();
                let (a, b) = (compared(&one), compared(&other));
                assert_eq!(a.len(), b.len());
                let near = |a: f64, b: f64| (a - b).abs() < 1e-12;
                assert!(a.iter().zip(&b).all(|(a, b)| {
                    (&a.item, &a.persona, &a.metric) == (&b.item, &b.persona, &b.metric)
                        && near(a.value, b.value)
                        && near(a.interval_low, b.interval_low)
                }));
            }
            fs::remove_dir_all(&other).unwrap();
        }
    }
}

#[test]
fn what_is_held_does_not_grow_with_the_prompts() {
    let place = tempfile::tempdir().unwrap();
    // Nothing but readings is asked of a shard: its journal is all that it writes.
    let peak = |personas: &str| {
        let made = Command::new("bash")
            .arg(repository("benches/reliability/synthetic_study.sh"))
            .args([&format!("study-{personas}"), personas, "100"])
            .current_dir(place.path())
            .status()
            .unwrap();
        assert!(made.success());
        let (study, out) = (format!("./study-{personas}"), format!("out-{personas}"));
        let shard = ["--shard", "1/1", "--branch-prompts", "500", "--out", &out];
        let told = run(place.path(), &[&study], &shard);
        let card = &told["shard"];
        assert_eq!(card["readout_count"].as_u64().unwrap(), personas.parse::<u64>().unwrap() * 100);
        card["memory_peak_bytes"].as_u64()
    };
    let (Some(few), Some(many)) = (peak("20"), peak("100")) else {
        eprintln!("skipped: this system does not tell how much memory is held");
        return;
    };
    // Eight thousand prompts more would be 30 MB.
    assert!(many < few + (6 << 20), "{few} bytes with 2,000 prompts, {many} with 10,000");
}
