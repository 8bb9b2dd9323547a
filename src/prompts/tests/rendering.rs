//! What a model is shown, in full for one cell of each language, and how much of it prompts share.

use crate::prompts::{Cell, OptionOrder, Prompt, Study, find_study, render};

fn cell(study: &Study, persona: &str, item: &str, language: &str, format: &str) -> Cell {
    Cell {
        persona_index: study.personas.iter().position(|known| known.id == persona).unwrap(),
        item_index: study.items.iter().position(|known| known.id == item).unwrap(),
        language_index: study.languages.iter().position(|known| known.0 == language).unwrap(),
        format_index: format_index(study, format),
        order: OptionOrder::Forward,
        wording_index: 0,
    }
}

fn format_index(study: &Study, id: &str) -> usize {
    study.formats.iter().position(|known| known.id == id).unwrap()
}

/// Everything in order, with the surface forms below.
fn shown(prompt: &Prompt) -> String {
    let mut text = String::new();
    for message in &prompt.messages {
        text += &format!("[{}]\n{}\n", message.role, message.content);
    }
    text += &format!("[answer prefix]\n{}\n", prompt.answer_prefix);
    for option in &prompt.options {
        text += &format!("{} = {}: {:?}\n", option.code, option.label, option.surface_forms);
    }
    text
}

fn concatenated(prompt: &Prompt) -> String {
    prompt.messages.iter().map(|message| message.content.as_str()).collect::<Vec<_>>().join("\n")
}

fn shared<'a>(left: &'a str, right: &str) -> &'a str {
    let same = left.chars().zip(right.chars()).take_while(|(l, r)| l == r);
    &left[..same.map(|(l, _)| l.len_utf8()).sum()]
}

#[test]
fn by_number_in_english() {
    let study = find_study("isear").unwrap();
    let cell = cell(&study, "USA", "INTS.anger", "en", "number");
    insta::assert_snapshot!(shown(&render(&study, &cell).unwrap()));
}

#[test]
fn by_letter_in_spanish_reversed() {
    let study = find_study("isear").unwrap();
    let cell = cell(&study, "HND", "CON.shame", "es", "letter");
    let cell = Cell { order: OptionOrder::Reversed, ..cell };
    insta::assert_snapshot!(shown(&render(&study, &cell).unwrap()));
}

#[test]
fn by_label_in_portuguese() {
    let study = find_study("isear").unwrap();
    let cell = cell(&study, "BRA", "LONG.guilt", "pt", "label");
    insta::assert_snapshot!(shown(&render(&study, &cell).unwrap()));
}

#[test]
fn a_code_stays_with_its_option_and_a_letter_with_its_line() {
    let study = find_study("isear").unwrap();
    for (format, line, first_form) in
        [("number", "\n3. very much\n", "1"), ("letter", "\nA. very much\n", "C")]
    {
        let cell = cell(&study, "ZMB", "CON.joy", "en", format);
        let prompt = render(&study, &Cell { order: OptionOrder::Reversed, ..cell }).unwrap();
        assert!(prompt.messages[1].content.contains(line));
        assert_eq!(prompt.options[0].label, "not at all", "options are in scale order whatever is shown");
        assert_eq!(prompt.options[0].surface_forms[0], first_form);
    }
}

#[test]
fn prompts_share_all_that_comes_before_their_difference() {
    let study = find_study("isear").unwrap();
    let text = |cell: &Cell| concatenated(&render(&study, cell).unwrap());
    let one = cell(&study, "SWE", "INTS.shame", "en", "number");
    let stem =
        "Recall one occasion in your own life when you felt shame.\n\nHow intense was what you felt?\n\n";

    let other_format = Cell { format_index: format_index(&study, "letter"), ..one };
    assert!(shared(&text(&one), &text(&other_format)).ends_with(stem));
    let other_variable = cell(&study, "SWE", "RELA.shame", "en", "number");
    assert!(shared(&text(&one), &text(&other_variable)).ends_with("when you felt shame.\n\n"));
    let other_emotion = cell(&study, "SWE", "INTS.anger", "en", "number");
    assert!(shared(&text(&one), &text(&other_emotion)).ends_with("when you felt "));
    let other_persona = cell(&study, "CHN", "INTS.shame", "en", "number");
    assert!(shared(&text(&one), &text(&other_persona)).ends_with("raised in "));
}

#[test]
fn a_cell_beyond_the_study_is_refused() {
    let study = find_study("isear").unwrap();
    let cell = cell(&study, "SWE", "INTS.shame", "en", "number");
    let error = render(&study, &Cell { persona_index: 16, ..cell }).unwrap_err();
    assert_eq!(error.to_string(), "there is no persona 16: the study has 16");
}
