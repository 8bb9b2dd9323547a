//! The built-in control: remade byte for byte, and read through the whole pipeline, where it must say what was planted.

#[path = "../models/control/make/recipe/mod.rs"]
mod recipe;
mod rules;

use super::harness::{decoder, repository};
use recipe::planted::{Planted, answer_mass};
use respondent::engine::{Decoder, Prefill, ReadoutLogits, ReadoutRequest, ReadoutScope, ReadoutSettings};
use respondent::human_data::find_human_data;
use respondent::models::{ModelFiles, ModelFolder};
use respondent::packing::{PrefixTrie, TokenSequence};
use respondent::prompts::{Cell, ChatTemplate, Message, Study, TemplateSettings};
use respondent::prompts::{find_study, render};
use respondent::survey::ResponseDistribution;
use respondent::tokens::{EncodedPrompt, OptionEvents, TextKind, TextTokenizer, option_events};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// Of the cells outside the default run one in this many is read.
const OTHERS_STEP: usize = 41;

struct Control {
    study: Study,
    planted: Planted,
    tokenizer: TextTokenizer,
    template: ChatTemplate,
    decoder: Decoder,
}

static CONTROL: LazyLock<Control> = LazyLock::new(|| {
    let study = find_study("isear").unwrap();
    let directory = repository("models/control");
    let files = ModelFiles::read(&ModelFolder::Directory(directory.clone())).unwrap();
    let path = directory.join("tokenizer.json");
    let decoder = decoder(&directory);
    let tokenizer =
        TextTokenizer::from_bytes(&std::fs::read(&path).unwrap(), decoder.config().vocab_size, &path)
            .unwrap()
            .with_tokenizer_config(&files.tokenizer_config)
            .unwrap();
    let settings = TemplateSettings::from_tokenizer_config(&files.tokenizer_config, "2026-01-01");
    let template = ChatTemplate::new(&files.template_file.unwrap(), &settings).unwrap();
    Control { planted: Planted::new(&study).unwrap(), study, tokenizer, template, decoder }
});

/// What the model said in one cell.
struct Reading {
    cell: Cell,
    probabilities: Vec<f64>,
    answer_mass: f64,
    /// The least log-prob of any word of a form behind its first, and of the end behind the last.
    continuation: f64,
}

impl Control {
    fn encode(&self, cell: &Cell) -> (EncodedPrompt, OptionEvents) {
        let prompt = render(&self.study, cell).unwrap();
        let text = self.template.render(&prompt.messages, &prompt.answer_prefix).unwrap();
        let encoded = self.tokenizer.encode_prompt(&text, TextKind::Chat, &prompt.options).unwrap();
        let names: Vec<String> = prompt.options.iter().map(|option| option.label.clone()).collect();
        let events = option_events(&self.tokenizer.claims(&encoded).unwrap(), &names).unwrap();
        (encoded, events)
    }

    /// Reads cells in one trie: behind each prompt and behind each word of each surface form; behind the last one only
    /// where asked for, since that doubles the work.
    fn read(&self, cells: &[Cell], with_end: bool) -> Vec<Reading> {
        let encoded: Vec<_> = cells.iter().map(|cell| self.encode(cell)).collect();
        let end = self.tokenizer.token_id("<|end|>").unwrap();
        // For each prompt and each beginning of a form, the ids that are wanted behind it.
        let mut wanted: BTreeMap<(usize, &[u32]), BTreeSet<u32>> = BTreeMap::new();
        for (index, (_, events)) in encoded.iter().enumerate() {
            for ids in &events.sequences {
                for len in 0..ids.len() + usize::from(with_end) {
                    let next = ids.get(len).copied().unwrap_or(end);
                    wanted.entry((index, &ids[..len])).or_default().insert(next);
                }
            }
        }
        let places: Vec<_> = wanted.keys().copied().collect();
        let ids: Vec<Vec<u32>> = wanted.values().map(|ids| ids.iter().copied().collect()).collect();
        let sequences: Vec<_> =
            places.iter().map(|&(index, tail)| TokenSequence::new(&encoded[index].0.ids, tail)).collect();
        let found = self.read_trie(&PrefixTrie::new(&sequences), &ids);
        let log_prob = |index: usize, behind: &[u32], next: u32| {
            let place = places.binary_search(&(index, behind)).unwrap();
            found[place].log_prob(ids[place].binary_search(&next).unwrap(), 0, 1.0)
        };
        let reading = |(index, cell): (usize, &Cell)| {
            let events = &encoded[index].1;
            let mut continuation = 0.0f64;
            let mut sequence_probabilities = Vec::new();
            for ids in &events.sequences {
                let steps: Vec<f64> =
                    (0..ids.len()).map(|len| log_prob(index, &ids[..len], ids[len])).collect();
                let the_end = with_end.then(|| log_prob(index, ids, end));
                continuation = steps[1..]
                    .iter()
                    .copied()
                    .chain(the_end)
                    .fold(continuation, |least, step| least.min(step));
                sequence_probabilities.push(steps.iter().sum::<f64>().exp());
            }
            let weights: Vec<f64> =
                events.events.iter().map(|event| event.probability(&sequence_probabilities)).collect();
            let probabilities = ResponseDistribution::from_weights(&weights).unwrap();
            Reading {
                cell: *cell,
                probabilities: probabilities.probabilities().to_vec(),
                answer_mass: weights.iter().sum(),
                continuation,
            }
        };
        cells.iter().enumerate().map(reading).collect()
    }

    fn read_trie(&self, trie: &PrefixTrie, wanted: &[Vec<u32>]) -> Vec<ReadoutLogits> {
        let requests: Vec<_> = wanted.iter().map(|wanted| ReadoutRequest::new(wanted).naming(3)).collect();
        let settings = ReadoutSettings { scope: ReadoutScope::Vocabulary, temperatures: vec![1.0] };
        let mut found: Vec<Option<ReadoutLogits>> = vec![None; wanted.len()];
        for batch in Prefill::new(&self.decoder, trie, &requests, &settings, 4096) {
            for (sequence, readout) in batch.unwrap().readouts {
                found[sequence] = Some(readout);
            }
        }
        found.into_iter().map(|readout| readout.expect("each sequence is read")).collect()
    }

    fn is_default(&self, cell: &Cell) -> bool {
        let subset = &self.study.default_subset;
        subset.persona_indices.contains(&cell.persona_index)
            && subset.language_indices.contains(&cell.language_index)
    }

    fn check(&self, reading: &Reading) {
        let (cell, study) = (&reading.cell, &self.study);
        let name = format!(
            "{} {} {} {} {}",
            study.personas[cell.persona_index].id,
            study.items[cell.item_index].id,
            study.languages[cell.language_index],
            study.formats[cell.format_index],
            cell.order
        );
        let (planted, _) = self.planted.cell(cell);
        let distance = total_variation(&reading.probabilities, &planted);
        assert!(distance <= 1e-4, "{name}: {:?}, planted {planted:?}", reading.probabilities);
        let mass = answer_mass(study.formats[cell.format_index].key, &study.languages[cell.language_index].0)
            .unwrap();
        assert!((reading.answer_mass - mass).abs() <= 1e-4, "{name}: answer mass {}", reading.answer_mass);
        assert!(reading.continuation > -1e-6, "{name}: a form goes on with {}", reading.continuation);
    }
}

fn total_variation(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f64>() / 2.0
}

#[test]
fn the_recipe_makes_the_committed_files() {
    for (name, bytes) in recipe::build(&CONTROL.study, &CONTROL.planted).unwrap() {
        let committed = std::fs::read(repository("models/control").join(name)).unwrap();
        assert!(committed == bytes, "{name} differs: run `cargo run --release --example make_control`");
    }
}

#[test]
fn every_cell_of_the_default_run_is_as_planted() {
    let cells: Vec<Cell> =
        CONTROL.study.every_cell().into_iter().filter(|cell| CONTROL.is_default(cell)).collect();
    assert_eq!(cells.len(), 1890);
    CONTROL.read(&cells, false).iter().for_each(|reading| CONTROL.check(reading));
}

#[test]
fn other_cells_are_as_planted_and_responses_end() {
    let others = CONTROL.study.every_cell().into_iter().filter(|cell| !CONTROL.is_default(cell));
    let cells: Vec<Cell> = others.step_by(OTHERS_STEP).collect();
    let seen = |part: fn(&Cell) -> usize| cells.iter().map(part).collect::<BTreeSet<usize>>().len();
    assert_eq!((seen(|cell| cell.persona_index), seen(|cell| cell.item_index)), (13, 35));
    CONTROL.read(&cells, true).iter().for_each(|reading| CONTROL.check(reading));
}

/// Expected response of a persona to an item.
fn planted_mean(persona: usize, variable: &str, emotion: &str) -> f64 {
    let id = format!("{variable}.{emotion}");
    let item = CONTROL.study.items.iter().position(|item| item.id == id).unwrap();
    let base = &CONTROL.planted.base[persona][item].probabilities;
    base.iter().zip(1..).map(|(p, value)| p * f64::from(value)).sum()
}

#[test]
fn engaging_emotions_are_planted_above_disengaging_ones_and_most_so_for_the_usa() {
    // Effort to control is reversed: less of it is more expression.
    for (variable, sign) in [("INTS", 1.0), ("LONG", 1.0), ("CON", -1.0)] {
        let gap = |persona: usize| {
            let engaging =
                planted_mean(persona, variable, "shame") + planted_mean(persona, variable, "guilt");
            sign * (engaging / 2.0 - planted_mean(persona, variable, "anger"))
        };
        let usa = CONTROL.study.personas.iter().position(|persona| persona.id == "USA").unwrap();
        for persona in 0..CONTROL.study.personas.len() {
            assert!(gap(persona) > 0.5, "{variable}: {}", gap(persona));
            assert!(persona == usa || gap(usa) > gap(persona) + 0.5, "{variable}: {}", gap(persona));
        }
    }
}

/// Shannon entropy over ln K.
fn normalised_entropy(probabilities: &[f64]) -> f64 {
    let entropy: f64 = probabilities.iter().filter(|p| **p > 0.0).map(|p| -p * p.ln()).sum();
    entropy / (probabilities.len() as f64).ln()
}

#[test]
fn what_is_planted_is_more_concentrated_than_people_and_not_what_they_say() {
    let humans = find_human_data("isear").unwrap();
    let (mut planted_entropy, mut human_entropy, mut distance) = (0.0, 0.0, 0.0);
    let study = &CONTROL.study;
    for (persona, responses) in study.personas.iter().zip(&CONTROL.planted.base) {
        for (item, response) in study.items.iter().zip(responses) {
            let people = humans.marginal(&persona.population_group, &item.id).unwrap();
            let people = ResponseDistribution::from_weights(&people.counts).unwrap();
            let modal = response.probabilities[response.mode];
            assert!((0.85..=0.98).contains(&modal), "{} {}: {modal}", persona.id, item.id);
            planted_entropy += normalised_entropy(&response.probabilities) / 560.0;
            human_entropy += normalised_entropy(people.probabilities()) / 560.0;
            distance += total_variation(&response.probabilities, people.probabilities()) / 560.0;
        }
    }
    assert!(planted_entropy < 0.4 && human_entropy > 0.75 && distance > 0.3);
}

#[test]
fn personas_are_planted_apart() {
    let base = &CONTROL.planted.base;
    for (index, one) in base.iter().enumerate() {
        for other in &base[..index] {
            let moved = one.iter().zip(other).filter(|(a, b)| a.mode != b.mode).count();
            assert!(moved >= 3, "{moved} items have another mode");
        }
    }
}

#[test]
fn any_text_can_be_tokenised_and_no_system_message_is_needed() {
    let (tokenizer, template) = (&CONTROL.tokenizer, &CONTROL.template);
    let user = Message { role: "user".into(), content: "¿Qué? 漢字 🙂 <tag>\t\u{0}naïveté".into() };
    let text = template.render(&[user], "").unwrap();
    assert!(text.starts_with("<|bos|><|user|>¿Qué?") && text.ends_with("naïveté<|end|><|assistant|>"));
    let ids = tokenizer.encode_text(&text, TextKind::Chat).unwrap();
    assert_eq!(ids.iter().filter(|id| Some(**id) == tokenizer.bos_id()).count(), 1);
    assert!(ids.len() > 20);
    let plain = tokenizer.encode_text("joy", TextKind::Plain).unwrap();
    assert_eq!(plain.first().copied(), tokenizer.bos_id());
    let robot = Message { role: "robot".into(), content: String::new() };
    assert!(template.render(&[robot], "").unwrap_err().to_string().contains("not robot"));
}
