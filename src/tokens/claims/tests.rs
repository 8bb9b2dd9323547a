//! Option events of whole prompts against an enumeration of every continuation, with random tokenizers, forms and
//! next-token probabilities. What a continuation chooses is worked out anew here, from its text.

use proptest::prelude::*;
use serde_json::json;

use super::super::text_tokenizer::encode_ids;
use super::super::{TextKind, option_events};
use super::*;
use crate::prompts::PromptOption;

const LETTERS: [&str; 3] = ["a", "b", "}"];
/// Longer continuations are not enumerated.
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

/// A text that is known, and the tokens of its whole encoding behind the prompt.
struct Known {
    option_index: Option<usize>,
    text: String,
    is_opening: bool,
    ids: Vec<u32>,
}

/// The option that a continuation chooses, by the rule in `prompts/README.md`: that of the longest form it writes.
fn chosen(ids: &[u32], texts: &[String], known: &[Known]) -> Option<usize> {
    let text_behind =
        |from: usize| ids[from..].iter().map(|&id| texts[id as usize].as_str()).collect::<String>();
    let writes = |form: &&Known| {
        let from_beginning = |beginning: &Known| {
            let rest = form.text.strip_prefix(&beginning.text).filter(|rest| !rest.is_empty());
            let may = beginning.is_opening || beginning.option_index != form.option_index;
            may && ids.starts_with(&beginning.ids)
                && rest.is_some_and(|rest| text_behind(beginning.ids.len()).starts_with(rest))
        };
        !form.is_opening && (ids.starts_with(&form.ids) || known.iter().any(from_beginning))
    };
    known.iter().filter(writes).max_by_key(|form| form.text.len()).and_then(|form| form.option_index)
}

/// Every continuation of [`DEPTH`] tokens.
fn continuations(vocab_size: u32) -> impl Iterator<Item = Vec<u32>> {
    let count = vocab_size.pow(DEPTH as u32);
    (0..count)
        .map(move |number| (0..DEPTH as u32).map(|at| number / vocab_size.pow(at) % vocab_size).collect())
}

fn options(keys: &[Vec<String>], closings: &[&str]) -> Vec<PromptOption> {
    let closed = |key: &String| closings.iter().map(|closing| format!("{key}{closing}")).collect::<Vec<_>>();
    let option = |keys: &Vec<String>| PromptOption {
        code: String::new(),
        label: String::new(),
        surface_forms: if closings.is_empty() {
            keys.clone()
        } else {
            keys.iter().flat_map(closed).collect()
        },
        openings: if closings.is_empty() { Vec::new() } else { keys.clone() },
    };
    keys.iter().map(option).collect()
}

/// Probabilities of the options by their events, and by enumeration with that of something else at the end. `None` where
/// there is no token of the prompt to read from, or a claim is longer than what is enumerated.
fn both_ways(
    tokenizer: &TextTokenizer,
    text: &str,
    options: &[PromptOption],
    excluded: &[String],
    seed: u64,
) -> Option<(Vec<f64>, Vec<f64>)> {
    let prompt = tokenizer.encode_prompt_excluding(text, TextKind::Chat, options, excluded).ok()?;
    let claims = tokenizer.claims(&prompt).unwrap();
    if claims.iter().any(|claim| claim.ids.len() > DEPTH) {
        return None;
    }
    let names: Vec<String> = (0..options.len()).map(|index| format!("option {index}")).collect();
    let events = option_events(&claims, &names).unwrap();
    let vocab_size = tokenizer.tokenizer.get_vocab_size(true) as u32;
    let tables = Tables { seed, vocab_size };
    let sequences: Vec<f64> = events.sequences.iter().map(|ids| tables.probability(ids)).collect();
    let found = events.events.iter().map(|event| event.probability(&sequences)).collect();

    let known = |(option_index, text_behind, is_opening): (Option<usize>, &String, bool)| {
        let whole = encode_ids(&tokenizer.tokenizer, &format!("{text}{text_behind}")).unwrap();
        let ids = whole.strip_prefix(prompt.ids.as_slice()).unwrap().to_vec();
        Known { option_index, text: text_behind.clone(), is_opening, ids }
    };
    let of_options = options.iter().enumerate().flat_map(|(index, option)| {
        let forms = option.surface_forms.iter().map(move |form| (Some(index), form, false));
        forms.chain(option.openings.iter().map(move |opening| (Some(index), opening, true)))
    });
    let known: Vec<Known> =
        of_options.chain(excluded.iter().map(|text| (None, text, false))).map(known).collect();
    let texts: Vec<String> = (0..vocab_size).map(|id| tokenizer.tokenizer.id_to_token(id).unwrap()).collect();
    let mut enumerated = vec![0.0; options.len() + 1];
    for ids in continuations(vocab_size) {
        enumerated[chosen(&ids, &texts, &known).unwrap_or(options.len())] += tables.probability(&ids);
    }
    Some((found, enumerated))
}

#[track_caller]
fn assert_alike((found, enumerated): &(Vec<f64>, Vec<f64>)) {
    for (option, (found, enumerated)) in found.iter().zip(enumerated).enumerate() {
        assert!((found - enumerated).abs() < 1e-12, "option {option}: {found}, enumerated {enumerated}");
    }
    let something_else = enumerated[found.len()];
    assert!((found.iter().sum::<f64>() + something_else - 1.0).abs() < 1e-12);
}

/// Whether two options, or an option and what is excluded, have a form in common: they cannot be told apart.
fn share_a_form(options: &[PromptOption], excluded: &[String]) -> bool {
    let forms = |option: &PromptOption| option.surface_forms.clone();
    let lists: Vec<Vec<String>> = options.iter().map(forms).chain([excluded.to_vec()]).collect();
    lists.iter().enumerate().any(|(at, list)| lists[..at].iter().flatten().any(|form| list.contains(form)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn options_and_something_else_are_what_enumeration_finds(
        merges in prop::collection::vec((0..5_usize, 0..5_usize), 0..4),
        text in "[ab}]{1,3}",
        keys in prop::collection::vec(prop::collection::vec("[ab]{1,3}", 1..3), 2..4),
        closings in prop::sample::select(vec![vec![], vec![], vec!["}"], vec!["}", "b}"]]),
        excluded in prop::collection::vec("[ab]{1,3}", 0..3),
        seed in any::<u64>(),
    ) {
        let options = options(&keys, &closings);
        prop_assume!(!share_a_form(&options, &excluded));
        let read = both_ways(&tokenizer(&merges), &text, &options, &excluded, seed);
        prop_assume!(read.is_some());
        assert_alike(&read.unwrap());
    }
}

fn keys(keys: &[&str]) -> Vec<Vec<String>> {
    keys.iter().map(|key| vec![(*key).to_owned()]).collect()
}

/// As "1", "10" and "100" are.
#[test]
fn a_form_gives_up_what_longer_ones_are_spelled_with() {
    // a, b, }, ab, bb
    let tokenizer = tokenizer(&[(0, 1), (1, 1)]);
    let options = options(&keys(&["a", "ab", "abb"]), &[]);
    let prompt = tokenizer.encode_prompt("}", TextKind::Chat, &options).unwrap();
    let events =
        option_events(&tokenizer.claims(&prompt).unwrap(), &["1", "10", "100"].map(str::to_owned)).unwrap();
    let signed = |option: usize| -> (Vec<Vec<u32>>, Vec<Vec<u32>>) {
        let read = |indices: &[usize]| indices.iter().map(|&index| events.sequences[index].clone()).collect();
        (read(&events.events[option].add), read(&events.events[option].subtract))
    };
    assert_eq!(signed(0), (vec![vec![0]], vec![vec![0, 1], vec![0, 4]]));
    let (add, subtract) = signed(1);
    assert_eq!(add, [vec![3], vec![0, 1]]);
    assert!(subtract.contains(&vec![3, 1]) && subtract.contains(&vec![0, 1, 1]), "{subtract:?}");
    assert!(signed(2).0.contains(&vec![0, 4]));
    assert_alike(&both_ways(&tokenizer, "}", &options, &[], 7).unwrap());
}

#[test]
fn a_boundary_that_merges_is_stepped_back_over() {
    // "}a" is one token, so a prompt that ends in } is read from before it.
    let tokenizer = tokenizer(&[(2, 0), (0, 1)]);
    let options = options(&keys(&["a", "ab", "b"]), &[]);
    let prompt = tokenizer.encode_prompt("b}", TextKind::Chat, &options).unwrap();
    assert_eq!(prompt.stepped_back, 1);
    assert_alike(&both_ways(&tokenizer, "b}", &options, &[], 3).unwrap());
}

#[test]
fn what_closes_a_form_may_come_in_any_tokens() {
    // a, b, }, ab, }}, b}: "a" is closed by "}" and by "}}", "ab" also in "a" and "b}".
    let tokenizer = tokenizer(&[(0, 1), (2, 2), (1, 2)]);
    let options = options(&keys(&["a", "ab"]), &["}"]);
    let prompt = tokenizer.encode_prompt("}", TextKind::Chat, &options).unwrap();
    let claims = tokenizer.claims(&prompt).unwrap();
    let claimed = |option_index: usize| -> Vec<&[u32]> {
        let own = claims.iter().filter(|claim| claim.option_index == Some(option_index));
        own.map(|claim| claim.ids.as_slice()).collect()
    };
    assert!(claimed(0).contains(&&[0, 2][..]) && claimed(0).contains(&&[0, 4][..]));
    assert!(claimed(1).contains(&&[0, 5][..]) && claimed(1).contains(&&[3, 4][..]));
    assert_alike(&both_ways(&tokenizer, "}", &options, &[], 11).unwrap());
}
