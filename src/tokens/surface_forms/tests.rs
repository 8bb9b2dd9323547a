//! Option events against an enumeration of every continuation, under random next-token tables.

use proptest::prelude::*;

use super::*;
use crate::error::ErrorKind;

const VOCAB: u32 = 3;
const OPTIONS: usize = 3;
/// One longer than any claimed sequence, so that an enumerated string always shows which is its longest.
const DEPTH: usize = 4;

fn form(option_index: usize, ids: &[u32]) -> Claim {
    Claim { option_index: Some(option_index), surface_form: format!("{ids:?}"), ids: ids.to_vec() }
}

fn names() -> Vec<String> {
    (0..OPTIONS).map(|index| format!("option {index}")).collect()
}

fn events_of(forms: &[Claim]) -> OptionEvents {
    option_events(forms, &names()).unwrap()
}

/// The sequences that an event adds and subtracts.
fn signed(events: &OptionEvents, option_index: usize) -> (Vec<&[u32]>, Vec<&[u32]>) {
    let read = |indices: &[usize]| indices.iter().map(|&index| events.sequences[index].as_slice()).collect();
    let event = &events.events[option_index];
    (read(&event.add), read(&event.subtract))
}

#[test]
fn a_longer_sequence_of_another_option_is_subtracted() {
    let events = events_of(&[form(0, &[1]), form(1, &[1, 0]), form(2, &[2])]);
    assert_eq!(signed(&events, 0), (vec![&[1][..]], vec![&[1, 0][..]]));
    assert_eq!(signed(&events, 1), (vec![&[1, 0][..]], vec![]));
    assert_eq!(signed(&events, 2), (vec![&[2][..]], vec![]));
}

#[test]
fn what_a_shorter_form_of_the_same_option_collects_is_not_counted_again() {
    let events = events_of(&[form(0, &[1, 0]), form(0, &[1]), form(0, &[1]), form(1, &[0]), form(2, &[2])]);
    assert_eq!(signed(&events, 0), (vec![&[1][..]], vec![]));
    let forms: Vec<&str> = events.forms.iter().map(|form| form.surface_form.as_str()).collect();
    assert_eq!(forms, ["[1]", "[0]", "[2]"]);
}

#[test]
fn what_was_subtracted_comes_back_where_it_is_claimed_again() {
    let events = events_of(&[form(0, &[1]), form(1, &[1, 0]), form(0, &[1, 0, 2]), form(2, &[2])]);
    assert_eq!(signed(&events, 0), (vec![&[1][..], &[1, 0, 2][..]], vec![&[1, 0][..]]));
    assert_eq!(signed(&events, 1), (vec![&[1, 0][..]], vec![&[1, 0, 2][..]]));
}

#[test]
fn one_sequence_for_two_options_is_refused_with_both_names() {
    let error = option_events(&[form(0, &[1]), form(2, &[1])], &names()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Study);
    let message = error.to_string();
    assert!(message.contains("\"option 0\"") && message.contains("\"option 2\"") && message.contains("[1]"));
}

#[test]
fn an_option_without_forms_is_refused() {
    let error = option_events(&[form(0, &[1]), form(1, &[2])], &names()).unwrap_err();
    assert_eq!(error.to_string(), "option \"option 2\" has no surface form");
}

/// P(next token | context) for every context up to `DEPTH`, as cumulated products along strings.
struct NextTokenTables {
    /// Positive weights, one row of `VOCAB` for each context, contexts numbered as digits in base `VOCAB` + 1.
    weights: Vec<f64>,
}

impl NextTokenTables {
    fn probability(&self, sequence: &[u32]) -> f64 {
        let mut context = 0;
        let mut probability = 1.0;
        for &token in sequence {
            let row = &self.weights[context * VOCAB as usize..][..VOCAB as usize];
            probability *= row[token as usize] / row.iter().sum::<f64>();
            context = context * VOCAB as usize + token as usize + 1;
        }
        probability
    }
}

/// Every string of `DEPTH` tokens.
fn strings() -> impl Iterator<Item = Vec<u32>> {
    (0..VOCAB.pow(DEPTH as u32))
        .map(|number| (0..DEPTH as u32).map(|place| number / VOCAB.pow(place) % VOCAB).collect())
}

/// The option that claims the longest prefix of a string, if any does.
fn owner(string: &[u32], forms: &[Claim]) -> Option<usize> {
    let claiming = forms.iter().filter(|form| string.starts_with(&form.ids));
    claiming.max_by_key(|form| form.ids.len()).and_then(|form| form.option_index)
}

/// The form in which a string writes its option: of those claimed on the way, the shortest with no other option's behind it.
fn held_by<'a>(string: &[u32], forms: &'a [Claim]) -> Option<&'a str> {
    let mut claiming: Vec<&Claim> = forms.iter().filter(|form| string.starts_with(&form.ids)).collect();
    claiming.sort_by_key(|form| std::cmp::Reverse(form.ids.len()));
    let option = claiming.first()?.option_index;
    let run = claiming.into_iter().take_while(|form| form.option_index == option);
    run.last().map(|form| form.surface_form.as_str())
}

fn two_options_claim_the_same(forms: &[Claim]) -> bool {
    forms.iter().any(|a| forms.iter().any(|b| a.ids == b.ids && a.option_index != b.option_index))
}

fn arbitrary_forms() -> impl Strategy<Value = Vec<Claim>> {
    let ids = prop::collection::vec(0..VOCAB, 1..DEPTH);
    // The first three give every option a form.
    prop::collection::vec((0..OPTIONS, ids), OPTIONS..9).prop_map(|claims| {
        let options = |place: usize, drawn: usize| if place < OPTIONS { place } else { drawn };
        claims.iter().enumerate().map(|(place, (drawn, ids))| form(options(place, *drawn), ids)).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn events_are_what_enumeration_finds(
        forms in arbitrary_forms(),
        weights in prop::collection::vec(0.01..1.0_f64, 121 * VOCAB as usize),
    ) {
        if two_options_claim_the_same(&forms) {
            prop_assert!(option_events(&forms, &names()).is_err());
            return Ok(());
        }
        let tables = NextTokenTables { weights };
        let mut enumerated = [0.0; OPTIONS];
        for string in strings() {
            if let Some(option) = owner(&string, &forms) {
                enumerated[option] += tables.probability(&string);
            }
        }
        let events = events_of(&forms);
        let probabilities: Vec<f64> = events.sequences.iter().map(|ids| tables.probability(ids)).collect();
        let found: Vec<f64> = events.events.iter().map(|event| event.probability(&probabilities)).collect();
        for (option, enumerated) in enumerated.iter().enumerate() {
            prop_assert!((found[option] - enumerated).abs() < 1e-12, "{option}: {} {enumerated}", found[option]);
        }
        prop_assert!(found.iter().sum::<f64>() <= 1.0 + 1e-12);
        // What is written in one way is what enumeration finds written so.
        for form in &events.forms {
            let written = |string: &Vec<u32>| held_by(string, &forms) == Some(form.surface_form.as_str());
            let enumerated: f64 = strings().filter(written).map(|string| tables.probability(&string)).sum();
            prop_assert!((form.event.probability(&probabilities) - enumerated).abs() < 1e-12, "{}", form.surface_form);
        }
    }

    #[test]
    fn sequences_are_distinct_and_come_from_their_forms(forms in arbitrary_forms()) {
        let Ok(events) = option_events(&forms, &names()) else { return Ok(()) };
        for (index, ids) in events.sequences.iter().enumerate() {
            prop_assert!(forms.iter().any(|form| form.ids == *ids));
            prop_assert!(!events.sequences[..index].contains(ids));
        }
    }
}
