//! The study `social_emotions`: complete in both languages, every cell a prompt of its own, and nothing that gives a persona away.

use crate::prompts::{AnswerKey, Cell, find_study, render, render_all};
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn every_cell_is_a_prompt_of_its_own() {
    let study = find_study("social_emotions").unwrap();
    let mut texts = BTreeSet::new();
    let mut count = 0;
    for cell in study.every_cell() {
        let prompts = render_all(&study, &cell).unwrap();
        let asked = match study.formats[cell.format_index].key {
            AnswerKey::Count => (6, 101),
            // Behind another emotion: that one, and behind each of six responses to it.
            _ if !study.earlier_items(&study.formats[cell.format_index], cell.item_index).is_empty() => {
                (7, 6)
            }
            _ => (1, 6),
        };
        assert_eq!((prompts.len(), prompts[0].options.len()), asked);
        // A scale that is not shown looks the same in both orders.
        texts.extend(prompts.iter().map(|prompt| format!("{:?} {}", prompt.messages, prompt.answer_prefix)));
        count += 1;
    }
    assert_eq!(count, 3 * 144 * 2 * 8 * 2);
    // An emotion that is asked first is asked as by itself.
    assert_eq!(texts.len(), 3 * 144 * 2 * (5 * 2 + 1 + 6 * 2) + 3 * 72 * 2 * (6 * 2));
}

#[test]
fn emotions_fill_four_quadrants_and_situations_four_kinds_alike() {
    let study = find_study("social_emotions").unwrap();
    let mut quadrants: BTreeMap<[&str; 4], usize> = BTreeMap::new();
    for item in &study.items {
        let key = ["orientation", "valence", "outcome", "target"].map(|facet| item.facets[facet].as_str());
        *quadrants.entry(key).or_default() += 1;
    }
    assert_eq!(quadrants.len(), 16);
    assert!(quadrants.values().all(|count| *count == 9), "three emotions, three situations: {quadrants:?}");
    assert_eq!(
        study.hypotheses.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(),
        ["H1", "H2", "H3", "H4", "H5", "H6"]
    );
}

#[test]
fn a_sentence_names_its_emotion_and_json_its_field() {
    let study = find_study("social_emotions").unwrap();
    let find = |format: &str, language: &str, item: &str| {
        let cell = Cell {
            persona_index: 0,
            item_index: study.items.iter().position(|known| known.id == item).unwrap(),
            language_index: study.languages.iter().position(|known| known.0 == language).unwrap(),
            format_index: study.formats.iter().position(|known| known.id == format).unwrap(),
            order: study.option_orders[0],
            wording_index: 0,
        };
        render(&study, &cell).unwrap()
    };
    insta::assert_snapshot!(find("sentence", "en", "guilt.mistake").messages[1].content);
    insta::assert_snapshot!(find("unlisted", "es", "anger.insult").messages[1].content);
    assert_eq!(find("sentence", "en", "guilt.mistake").answer_prefix, "I would feel guilty");
    assert_eq!(find("sentence", "es", "guilt.mistake").answer_prefix, "La fuerza con la que sentiría culpa:");
    assert_eq!(find("json", "es", "pride.award").answer_prefix, "{\"response\": ");
}

/// Nothing but the persona's own text says where anybody comes from.
#[test]
fn cultures_are_named_by_personas_alone() {
    for file in ["en.toml", "es.toml"] {
        let path =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts/social_emotions").join(file);
        let text = std::fs::read_to_string(path).unwrap();
        let (before, personas) = text.split_once("[personas]").unwrap();
        for word in ["merican", "Latin", "latino", "Europe", "europe", "Estados Unidos", "United States"] {
            assert!(!before.contains(word), "{file}: {word}");
        }
        assert_eq!(personas.lines().filter(|line| line.contains(" = ")).count(), 3);
    }
}
