//! What the built-in study promises: the words that mark a country, an emotion and a variable stand in its prompts
//! and in no others, so that a model can be planted on them; labels are told apart by their first word.

use crate::human_data::find_human_data;
use crate::prompts::{Cell, Study, find_study, render};
use std::collections::BTreeSet;

const LANGUAGES: [&str; 3] = ["en", "es", "pt"];

/// A word for each country: in English, Spanish, Portuguese.
const COUNTRY_WORDS: [(&str, [&str; 3]); 16] = [
    ("SWE", ["sweden", "suecia", "suécia"]),
    ("NOR", ["norway", "noruega", "noruega"]),
    ("FIN", ["finland", "finlandia", "finlândia"]),
    ("AUT", ["austria", "austria", "áustria"]),
    ("AUS", ["australia", "australia", "austrália"]),
    ("BRA", ["brazil", "brasil", "brasil"]),
    ("BGR", ["bulgaria", "bulgaria", "bulgária"]),
    ("NZL", ["zealand", "zelanda", "zelândia"]),
    ("NLD", ["netherlands", "bajos", "baixos"]),
    ("ESP", ["spain", "españa", "espanha"]),
    ("ZMB", ["zambia", "zambia", "zâmbia"]),
    ("USA", ["states", "estados", "estados"]),
    ("IND", ["india", "india", "índia"]),
    ("MWI", ["malawi", "malaui", "malaui"]),
    ("CHN", ["china", "china", "china"]),
    ("HND", ["honduras", "honduras", "honduras"]),
];

const EMOTION_WORDS: [(&str, [&str; 3]); 7] = [
    ("joy", ["joy", "alegría", "alegria"]),
    ("fear", ["fear", "miedo", "medo"]),
    ("anger", ["anger", "ira", "raiva"]),
    ("sadness", ["sadness", "tristeza", "tristeza"]),
    ("disgust", ["disgust", "asco", "nojo"]),
    ("shame", ["shame", "vergüenza", "vergonha"]),
    ("guilt", ["guilt", "culpa", "culpa"]),
];

const VARIABLE_WORDS: [(&str, [&str; 3]); 5] = [
    ("INTS", ["intense", "intensidad", "intensidade"]),
    ("LONG", ["long", "tiempo", "tempo"]),
    ("CON", ["hide", "ocultar", "esconder"]),
    ("RELA", ["relationship", "relación", "relação"]),
    ("SELF", ["esteem", "autoestima", "autoestima"]),
];

fn words(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

/// Which of a table's words a text holds, by the table's ids.
fn marked<'a>(table: &[(&'a str, [&str; 3])], language: &str, words: &BTreeSet<String>) -> Vec<&'a str> {
    let column = LANGUAGES.iter().position(|known| *known == language).expect("one of the three languages");
    table.iter().filter(|(_, entry)| words.contains(entry[column])).map(|(id, _)| *id).collect()
}

/// In the first option order alone.
fn cells(study: &Study) -> Vec<Cell> {
    study.every_cell().into_iter().filter(|cell| cell.order == study.option_orders[0]).collect()
}

#[test]
fn a_prompt_names_one_country_one_emotion_and_one_variable() {
    let study = find_study("isear").unwrap();
    for cell in cells(&study) {
        let prompt = render(&study, &cell).unwrap();
        let text: String = prompt.messages.iter().map(|message| message.content.clone() + "\n").collect();
        let words = words(&(text + &prompt.answer_prefix));
        let language = &study.languages[cell.language_index].0;
        let facets = &study.items[cell.item_index].facets;
        assert_eq!(marked(&COUNTRY_WORDS, language, &words), [&study.personas[cell.persona_index].id]);
        assert_eq!(marked(&EMOTION_WORDS, language, &words), [&facets["emotion"]]);
        assert_eq!(marked(&VARIABLE_WORDS, language, &words), [&facets["variable"]]);
    }
}

#[test]
fn labels_of_a_scale_start_apart() {
    let study = find_study("isear").unwrap();
    for scale in &study.scales {
        for labels in scale.labels.values() {
            let firsts: BTreeSet<&str> = labels.iter().filter_map(|label| label.split(' ').next()).collect();
            assert_eq!(firsts.len(), labels.len(), "{labels:?}");
            for label in labels {
                let longer = labels.iter().filter(|other| other.starts_with(label.as_str())).count();
                assert_eq!(longer, 1, "{label} begins another of {labels:?}");
            }
        }
    }
}

#[test]
fn it_is_the_study_that_was_designed() {
    let study = find_study("isear").unwrap();
    assert_eq!((study.personas.len(), study.items.len(), study.temperatures.len()), (16, 35, 7));
    assert_eq!(study.facets, ["emotion", "orientation", "variable"]);
    let subset: Vec<&str> =
        study.default_subset.persona_indices.iter().map(|index| study.personas[*index].id.as_str()).collect();
    assert_eq!(subset, ["USA", "BRA", "HND"]);
    assert_eq!(study.default_subset.language_indices, [0, 1, 2]);
    for item in &study.items {
        let orientation = match item.facets["emotion"].as_str() {
            "anger" => "disengaging",
            "shame" | "guilt" => "engaging",
            _ => "none",
        };
        assert_eq!(item.facets["orientation"], orientation);
        assert_eq!(item.id, format!("{}.{}", item.facets["variable"], item.facets["emotion"]));
    }
}

#[test]
fn its_human_data_fits_it() {
    let study = find_study("isear").unwrap();
    let data = find_human_data(study.human_data.as_deref().unwrap()).unwrap();
    data.check_against(&study.personas, &study.items, &study.scales).unwrap();
}

#[test]
fn the_binary_holds_what_the_folder_holds() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/prompts/isear");
    let (embedded, read) = (find_study("isear").unwrap(), find_study(folder).unwrap());
    assert_eq!(embedded.sha256, read.sha256);
    assert_eq!(embedded.items, read.items);
}
