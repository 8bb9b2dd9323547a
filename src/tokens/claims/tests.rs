//! Option events of whole prompts against an enumeration of every continuation, with random tokenizers, forms and
//! next-token probabilities. What a continuation chooses is worked out anew here, from its text.

use proptest::prelude::*;
use serde_json::json;

use super::super::text_tokenizer::encode_ids;
use super::super::{EncodedPrompt, OptionEvents, TextKind, option_events};
use super::*;
use crate::prompts::{PromptOption, SurfaceForm};

const LETTERS: [&str; 4] = ["a", "b", "}", "\""];
/// Longer continuations are not enumerated; no claim may be longer.
const DEPTH: usize = 6;

/// A BPE tokenizer over [`LETTERS`], with some pairs of tokens merged.
fn tokenizer(merges: &[(usize, usize)]) -> TextTokenizer {
    let mut tokens: Vec<String> = LETTERS.map(str::to_owned).to_vec();
    let mut pairs: Vec<[String; 2]> = Vec::new();
    for &(left, right) in merges {
        let (left, right) = (tokens[left % tokens.len()].clone(), tokens[right % tokens.len()].clone());
        if !tokens.contains(&format!("{left}{right}")) {
            tokens.push(format!("{left}{right}"));
            pairs.push([left, right]);
        }
    }
    let vocab: serde_json::Map<String, serde_json::Value> =
        tokens.iter().enumerate().map(|(id, token)| (token.clone(), json!(id))).collect();
    let file = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": null, "post_processor": null, "decoder": {"type": "Fuse"},
        "model": {"type": "BPE", "vocab": vocab, "merges": pairs},
    });
    TextTokenizer::from_bytes(file.to_string().as_bytes(), tokens.len(), "tokenizer.json".as_ref()).unwrap()
}

/// P(next token | context), arbitrary and positive.
struct Tables {
    seed: u64,
    vocab_size: u32,
}

impl Tables {
    fn weight(&self, context: &[u32], token: u32) -> f64 {
        let mut hash = self.seed;
        for &id in context.iter().chain([&token]) {
            hash = (hash ^ u64::from(id + 1)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        }
        0.02 + (hash >> 40) as f64 / (1 << 24) as f64
    }

    fn probability(&self, ids: &[u32]) -> f64 {
        let step = |at: usize| {
            let total: f64 = (0..self.vocab_size).map(|token| self.weight(&ids[..at], token)).sum();
            self.weight(&ids[..at], ids[at]) / total
        };
        (0..ids.len()).map(step).product()
    }
}

/// A continuation, token by token.
struct Written<'a> {
    ids: &'a [u32],
    texts: &'a [String],
}

impl Written<'_> {
    /// Whether what comes behind the first `from` tokens is `rest`, and then closes it. A token may reach over the end of
    /// `rest`.
    fn goes_on(&self, from: usize, rest: &str, closing: Closing) -> bool {
        let mut text = String::new();
        for (at, &id) in self.ids.iter().enumerate().skip(from) {
            if text == rest && at > from {
                return closing.permits(&self.texts[id as usize]);
            }
            text += &self.texts[id as usize];
            if let Some(beyond) = text.strip_prefix(rest).filter(|beyond| !beyond.is_empty()) {
                return closing.permits(beyond);
            }
        }
        text == rest && closing == Closing::Anything
    }

    fn is_closed(&self, from: usize, closing: Closing) -> bool {
        let next = self.ids.get(from).map(|&id| self.texts[id as usize].as_str());
        closing == Closing::Anything || next.is_some_and(|text| closing.permits(text))
    }
}

/// A form, and the tokens of whole encodings: its own, and of it with each sample of what closes it.
struct Known {
    option_index: usize,
    form: SurfaceForm,
    ids: Vec<u32>,
    with_samples: Vec<Vec<u32>>,
}

/// The option that a continuation chooses, by the rule in `prompts/README.md`.
fn chosen(written: &Written, forms: &[Known]) -> Option<usize> {
    let writes = |known: &&Known| {
        let Known { option_index, form, ids, with_samples } = known;
        let begins_shorter = |other: &Known| {
            let rest = form.text.strip_prefix(&other.form.text).filter(|rest| !rest.is_empty());
            other.option_index != *option_index
                && written.ids.starts_with(&other.ids)
                && rest.is_some_and(|rest| written.goes_on(other.ids.len(), rest, form.closing))
        };
        (written.ids.starts_with(ids) && written.is_closed(ids.len(), form.closing))
            || with_samples.iter().any(|sample| written.ids.starts_with(sample))
            || forms.iter().any(begins_shorter)
    };
    forms.iter().filter(writes).max_by_key(|known| known.form.text.len()).map(|known| known.option_index)
}

fn known_forms(
    tokenizer: &TextTokenizer,
    text: &str,
    prompt: &EncodedPrompt,
    options: &[PromptOption],
) -> Vec<Known> {
    let behind = |more: &str| {
        let whole = encode_ids(&tokenizer.tokenizer, &format!("{text}{more}")).unwrap();
        whole.strip_prefix(prompt.ids.as_slice()).unwrap().to_vec()
    };
    let known = |(option_index, form): (usize, &SurfaceForm)| Known {
        option_index,
        ids: behind(&form.text),
        with_samples: form
            .closing
            .samples()
            .iter()
            .filter(|sample| LETTERS.contains(sample))
            .map(|sample| behind(&format!("{}{sample}", form.text)))
            .collect(),
        form: form.clone(),
    };
    let forms = options.iter().enumerate();
    forms
        .flat_map(|(index, option)| option.surface_forms.iter().map(move |form| (index, form)))
        .map(known)
        .collect()
}

/// Every continuation of [`DEPTH`] tokens.
fn continuations(vocab_size: u32) -> impl Iterator<Item = Vec<u32>> {
    let count = vocab_size.pow(DEPTH as u32);
    (0..count)
        .map(move |number| (0..DEPTH as u32).map(|at| number / vocab_size.pow(at) % vocab_size).collect())
}

/// P of each option, then of something else, by enumeration.
fn enumerated(tables: &Tables, texts: &[String], forms: &[Known], option_count: usize) -> Vec<f64> {
    let mut probabilities = vec![0.0; option_count + 1];
    for ids in continuations(tables.vocab_size) {
        let choice = chosen(&Written { ids: &ids, texts }, forms).unwrap_or(option_count);
        probabilities[choice] += tables.probability(&ids);
    }
    probabilities
}

fn options(texts: &[Vec<String>], closing: Closing) -> Vec<PromptOption> {
    let option = |texts: &Vec<String>| PromptOption {
        code: String::new(),
        label: String::new(),
        surface_forms: texts.iter().map(|text| SurfaceForm { text: text.clone(), closing }).collect(),
    };
    texts.iter().map(option).collect()
}

fn names(options: &[PromptOption]) -> Vec<String> {
    (0..options.len()).map(|index| format!("option {index}")).collect()
}

fn texts_of(tokenizer: &TextTokenizer, vocab_size: u32) -> Vec<String> {
    (0..vocab_size).map(|id| tokenizer.tokenizer.id_to_token(id).unwrap()).collect()
}

/// Checks one tokenizer, prompt and set of options. False where two options are the same tokens and are refused.
fn check(
    tokenizer: &TextTokenizer,
    text: &str,
    options: &[PromptOption],
    seed: u64,
) -> std::result::Result<bool, TestCaseError> {
    let Ok(prompt) = tokenizer.encode_prompt(text, TextKind::Chat, options) else { return Ok(false) };
    let claims = tokenizer.claims(&prompt.forms).unwrap();
    let Ok(events) = option_events(&claims, &names(options)) else { return Ok(false) };
    let vocab_size = tokenizer.tokenizer.get_vocab_size(true) as u32;
    prop_assert!(claims.iter().all(|claim| claim.ids.len() <= DEPTH));
    let tables = Tables { seed, vocab_size };
    let forms = known_forms(tokenizer, text, &prompt, options);
    let expected = enumerated(&tables, &texts_of(tokenizer, vocab_size), &forms, options.len());
    let found = read(&events, &tables);
    for (option, (found, expected)) in found.iter().zip(&expected).enumerate() {
        prop_assert!((found - expected).abs() < 1e-12, "option {option}: {found}, enumerated {expected}");
    }
    let something_else = expected[options.len()];
    prop_assert!((found.iter().sum::<f64>() + something_else - 1.0).abs() < 1e-12);
    Ok(true)
}

fn read(events: &OptionEvents, tables: &Tables) -> Vec<f64> {
    let sequences: Vec<f64> = events.sequences.iter().map(|ids| tables.probability(ids)).collect();
    events.events.iter().map(|event| event.probability(&sequences)).collect()
}

fn arbitrary_closing() -> impl Strategy<Value = Closing> {
    prop::sample::select(vec![Closing::Anything, Closing::Quote, Closing::JsonEnd])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn options_and_something_else_are_what_enumeration_finds(
        merges in prop::collection::vec((0..6_usize, 0..6_usize), 0..3),
        text in "[ab}]{1,3}",
        forms in prop::collection::vec(prop::collection::vec("[ab]{1,3}", 1..3), 2..4),
        closing in arbitrary_closing(),
        seed in any::<u64>(),
    ) {
        check(&tokenizer(&merges), &text, &options(&forms, closing), seed)?;
    }
}

/// The case that the paper's readers meet: "1" (here a) against "10" (here ab), whole and in pieces.
#[test]
fn a_form_gives_up_what_the_longer_one_is_spelled_with() {
    // a, b, }, ", ab, bb
    let tokenizer = tokenizer(&[(0, 1), (1, 1)]);
    let forms = [vec!["a".to_owned()], vec!["ab".to_owned()]];
    let options = options(&forms, Closing::Anything);
    let prompt = tokenizer.encode_prompt("}", TextKind::Chat, &options).unwrap();
    let claims = tokenizer.claims(&prompt.forms).unwrap();
    let events = option_events(&claims, &names(&options)).unwrap();
    let sequences = |indices: &[usize]| -> Vec<Vec<u32>> {
        indices.iter().map(|&index| events.sequences[index].clone()).collect()
    };
    assert_eq!(sequences(&events.events[0].add), [[0]]);
    assert_eq!(sequences(&events.events[0].subtract), [[0, 1], [0, 5]]);
    assert_eq!(sequences(&events.events[1].add), [vec![4], vec![0, 1], vec![0, 5]]);
    assert!(check(&tokenizer, "}", &options, 7).unwrap());
}

#[test]
fn a_boundary_that_merges_is_stepped_back_over() {
    // "}a" is one token, so a prompt that ends in } is read from before it.
    let tokenizer = tokenizer(&[(2, 0), (0, 1)]);
    let forms = [vec!["a".to_owned()], vec!["ab".to_owned()], vec!["b".to_owned()]];
    let options = options(&forms, Closing::Anything);
    let prompt = tokenizer.encode_prompt("b}", TextKind::Chat, &options).unwrap();
    assert_eq!(prompt.stepped_back, 1);
    assert!(check(&tokenizer, "b}", &options, 3).unwrap());
}

#[test]
fn a_closed_form_is_not_taken_for_a_longer_one() {
    let tokenizer = tokenizer(&[(0, 1), (2, 2), (1, 2)]);
    let forms = [vec!["a".to_owned()], vec!["ab".to_owned()]];
    for closing in [Closing::JsonEnd, Closing::Quote] {
        assert!(check(&tokenizer, "}", &options(&forms, closing), 11).unwrap());
    }
}
