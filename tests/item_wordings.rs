//! Several ways to word an item: what is asked, what the rows say, and what part of the diversity it has.

use super::harness::{repository, respondent};
use respondent::output::records::CellRow;
use respondent::output::{ResultFolder, read_cells, read_manifest, read_prompts};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

const FORMATS: &str = "number,label,interview";

/// The study of all formats, worded in two ways.
fn study(place: &Path) -> String {
    let folder = place.join("worded");
    fs::create_dir(&folder).unwrap();
    let text = |name: &str| fs::read_to_string(repository("tests/studies/formats").join(name)).unwrap();
    let structure =
        text("study.toml").replace("facets = []", "facets = []\nitem_wordings = [\"plain\", \"long\"]");
    let table = "[item_wordings.long]\nfelt = \"Thinking back, how intense would you say was what you felt?\"\n\
                 shown = \"Thinking back, how intense would you say was what others saw?\"\n\n[labels]";
    fs::write(folder.join("study.toml"), structure).unwrap();
    fs::write(folder.join("en.toml"), text("en.toml").replace("[labels]", table)).unwrap();
    folder.to_str().unwrap().to_owned()
}

fn run(place: &Path, study: &str, out: &str, more: &[&str]) -> Vec<CellRow> {
    let mass = ["--unusable-mass", "0", "--low-mass", "0"];
    let arguments = [&["run", study, "-q", "--out", out][..], &mass, more].concat();
    let outcome = respondent(place, &arguments);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    read_cells(&place.join(out).join("cells.parquet")).unwrap()
}

#[test]
fn each_wording_is_asked_and_told() {
    let place = tempfile::tempdir().unwrap();
    let (place, study) = (place.path(), study(place.path()));
    let rows = run(place, &study, "both", &["--formats", FORMATS]);
    let ids: BTreeSet<&str> = rows.iter().map(|row| row.cell_id.as_str()).collect();
    assert_eq!(ids.len(), 2 * 3 * 4 * 2);
    assert!(ids.contains("formats/USA/shown/en/interview/forward/long"));
    assert!(rows.iter().all(|row| row.cell_id.ends_with(&format!("/{}", row.item_wording))));
    let texts: BTreeMap<String, String> = read_prompts(&place.join("both/prompts.parquet"))
        .unwrap()
        .into_iter()
        .map(|row| {
            (format!("{} {}", row.cell_id, row.earlier_responses.unwrap_or_default()), row.rendered_text)
        })
        .collect();
    let plain = &texts["formats/USA/felt/en/number/forward/plain "];
    let long = &texts["formats/USA/felt/en/number/forward/long "];
    assert!(plain.contains("How intense was what you felt?") && !plain.contains("Thinking back"));
    assert_eq!(long.replace("Thinking back, how intense would you say was", "How intense was"), *plain);
    // A conversation is worded in one way throughout.
    let talk = &texts["formats/USA/shown/en/interview/forward/long 2"];
    assert_eq!(talk.matches("Thinking back").count(), 2);

    // What is worded plainly is what a study with this wording alone asks.
    let folder = repository("tests/studies/formats");
    let alone = run(place, folder.to_str().unwrap(), "alone", &["--formats", FORMATS]);
    assert!(alone.iter().all(|row| row.item_wording == "base"));
    let shares = |rows: &[CellRow], suffix: &str| -> BTreeMap<String, u64> {
        let own = rows.iter().filter(|row| row.item_wording != "long");
        own.map(|row| {
            let id = row.cell_id.strip_suffix(suffix).unwrap();
            (format!("{id} {} {}", row.temperature, row.option_code), row.probability.unwrap().to_bits())
        })
        .collect()
    };
    assert_eq!(shares(&rows, "/plain"), shares(&alone, ""));
    let chosen = run(place, &study, "chosen", &["--formats", FORMATS, "--item-wordings", "long"]);
    let long: Vec<CellRow> = rows.iter().filter(|row| row.item_wording == "long").cloned().collect();
    let sorted = |mut rows: Vec<CellRow>| {
        rows.sort_by(|a, b| {
            (&a.cell_id, &a.option_code, a.temperature.to_bits()).cmp(&(
                &b.cell_id,
                &b.option_code,
                b.temperature.to_bits(),
            ))
        });
        rows
    };
    assert_eq!(sorted(chosen), sorted(long));
}

/// `isear` in English, where the control reads "what you felt" as intensity and "did it last" as duration, whatever the variable: in its second
/// wording each of the two asks for the other.
fn crossed(place: &Path) -> String {
    let folder = place.join("crossed");
    fs::create_dir(&folder).unwrap();
    let text = |name: &str| fs::read_to_string(repository("prompts/isear").join(name)).unwrap();
    let languages = "languages = [\"en\", \"es\", \"pt\"]";
    let worded = "languages = [\"en\"]\nitem_wordings = [\"plain\", \"crossed\"]";
    let structure = text("study.toml");
    // Its hypotheses speak of other languages.
    let (structure, _) = structure.split_once("[[hypotheses]]").unwrap();
    let structure = structure.replacen(languages, worded, 1).replace(languages, "languages = [\"en\"]");
    let table = "[item_wordings.crossed]\nINTS = \"How long did it last? Please.\"\n\
                 LONG = \"How intense was what you felt? Please.\"\n\
                 CON = \"How hard did you try to hide it or keep it under control? Please.\"\n\
                 RELA = \"What effect did it have on your relationship with the people involved? Please.\"\n\
                 SELF = \"What effect did it have on your self-esteem? Please.\"\n\n[labels]";
    fs::write(folder.join("study.toml"), structure).unwrap();
    fs::write(folder.join("en.toml"), text("en.toml").replace("[labels]", table)).unwrap();
    folder.to_str().unwrap().to_owned()
}

#[test]
fn diversity_and_the_page_know_the_wording() {
    let place = tempfile::tempdir().unwrap();
    let (place, study) = (place.path(), crossed(place.path()));
    let rows = run(place, &study, "both", &["--formats", "number", "--personas", "USA"]);
    let manifest = read_manifest(&ResultFolder::open(&place.join("both")).unwrap()).unwrap();
    let card = manifest.concentration.iter().find(|card| card.temperature == 1.0).unwrap();
    // By hand: for each item H(mixture) less the mean of H(mixture of one wording).
    let entropy = |rows: &[&CellRow]| -> f64 {
        let mut shares: BTreeMap<&str, f64> = BTreeMap::new();
        rows.iter().for_each(|row| *shares.entry(&row.option_code).or_default() += row.probability.unwrap());
        let total: f64 = shares.values().sum();
        -shares
            .values()
            .map(|share| share / total)
            .map(|p| if p > 0.0 { p * p.ln() } else { 0.0 })
            .sum::<f64>()
    };
    let of_item = |item: &&str| -> f64 {
        let own: Vec<&CellRow> =
            rows.iter().filter(|row| row.item == *item && row.temperature == 1.0).collect();
        let worded = |wording: &str| {
            entropy(&own.iter().filter(|row| row.item_wording == wording).copied().collect::<Vec<_>>())
        };
        entropy(&own) - 0.5 * (worded("plain") + worded("crossed"))
    };
    let items: BTreeSet<&str> = rows.iter().map(|row| row.item.as_str()).collect();
    let expected = items.iter().map(of_item).sum::<f64>() / items.len() as f64;
    assert_eq!(items.len(), 35);
    assert!(expected > 0.01 && (card.item_wording_nats - expected).abs() < 1e-9, "{card:?} {expected}");
    let parts =
        card.persona_nats + card.item_wording_nats + card.language_nats + card.elicitation_format_nats;
    let whole = card.within_nats + parts + card.option_order_nats + card.interaction_nats;
    assert!((whole - card.mixture_entropy_nats).abs() < 1e-12);
    let page = fs::read_to_string(place.join("both/report.html")).unwrap();
    assert!(page.contains("2 item wordings"), "among what was run");
    assert!(page.contains(r#"<th scope="row">item wording</th>"#), "among the sources of diversity");
    let shown = respondent(place, &["study", "check", &study]);
    assert!(shown.stdout.contains("wordings  plain, crossed"), "{}", shown.stdout);
}

#[test]
fn wordings_that_are_not_whole_are_refused() {
    let place = tempfile::tempdir().unwrap();
    let study = study(place.path());
    let words = place.path().join("worded/en.toml");
    let whole = fs::read_to_string(&words).unwrap();
    let refuse = |old: &str, new: &str, message: &str| {
        assert_eq!(whole.matches(old).count(), 1, "{old}");
        fs::write(&words, whole.replace(old, new)).unwrap();
        let outcome = respondent(place.path(), &["study", "check", &study]);
        assert_eq!(outcome.code, 4, "{}", outcome.stderr);
        assert!(outcome.stderr.contains(message), "no `{message}`: {}", outcome.stderr);
    };
    refuse("[item_wordings.long]", "[item_wordings.short]", "the study has no item wording `short`");
    refuse("shown = \"Thinking back", "seen = \"Thinking back", "the study has no variable `seen`");
    let plain = "Thinking back, how intense would you say was what others saw?";
    refuse(plain, "How intense was what you felt?", "the wording `long` of `shown` reads like `felt`");
    fs::write(&words, &whole).unwrap();
    let unknown = respondent(place.path(), &["run", &study, "--item-wordings", "short"]);
    assert_eq!(unknown.code, 2, "{}", unknown.stderr);
    assert!(unknown.stderr.contains("it has plain, long"), "{}", unknown.stderr);
}
