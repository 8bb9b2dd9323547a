//! Readout positions, boundaries and beginning-of-sequence tokens.

use serde_json::json;

use super::super::fixtures::{Parts, byte_level, first_added_id, metaspace, special, surround, tokenizer};
use super::*;
use crate::error::ErrorKind;

/// `<s>` in front of plain text, `</s>` behind.
fn with_bos_and_eos() -> TextTokenizer {
    let first = first_added_id();
    let post_processor = surround("<s>", first, "</s>", first + 1);
    let parts = Parts { post_processor, ..metaspace("first", false) };
    tokenizer(parts, &[special("<s>"), special("</s>")])
        .with_tokenizer_config(&json!({"bos_token": "<s>"}))
        .unwrap()
}

fn ids(tokenizer: &TextTokenizer, tokens: &[&str]) -> Vec<u32> {
    tokens.iter().map(|token| tokenizer.token_id(token).unwrap()).collect()
}

#[test]
fn the_readout_is_the_last_token_where_nothing_merges() {
    let tokenizer = tokenizer(byte_level(), &[special("<s>")]);
    let prompt =
        tokenizer.encode_prompt_forms("<s>a:", TextKind::Chat, &[(0, "1"), (1, "10"), (1, " 1")]).unwrap();
    assert_eq!(prompt.ids, ids(&tokenizer, &["<s>", "a", ":"]));
    assert_eq!((prompt.readout_index, prompt.stepped_back), (2, 0));
    let forms: Vec<Vec<u32>> = prompt.forms.iter().map(|form| form.ids.clone()).collect();
    assert_eq!(forms, [ids(&tokenizer, &["1"]), ids(&tokenizer, &["10"]), ids(&tokenizer, &["Ġ1"])]);
}

#[test]
fn a_merge_over_the_boundary_moves_the_readout_back_for_every_form() {
    let tokenizer = tokenizer(byte_level(), &[special("<s>")]);
    let prompt = tokenizer.encode_prompt_forms("<s>a: ", TextKind::Chat, &[(0, "1"), (1, "9")]).unwrap();
    assert_eq!(prompt.ids, ids(&tokenizer, &["<s>", "a", ":"]));
    assert_eq!((prompt.readout_index, prompt.stepped_back), (2, 1));
    assert_eq!(prompt.forms[0].ids, ids(&tokenizer, &["Ġ1"]));
    assert_eq!(prompt.forms[1].ids, ids(&tokenizer, &["Ġ", "9"]));
}

#[test]
fn plain_text_has_one_bos_in_front_and_nothing_behind() {
    let tokenizer = with_bos_and_eos();
    let prompt = tokenizer.encode_prompt_forms("a", TextKind::Plain, &[(0, "9")]).unwrap();
    assert_eq!(prompt.ids, ids(&tokenizer, &["<s>", "▁", "a"]));
    assert_eq!(prompt.forms[0].ids, ids(&tokenizer, &["9"]));
    assert_eq!(tokenizer.encode_text("a", TextKind::Plain).unwrap(), prompt.ids);
}

#[test]
fn a_chat_template_is_taken_at_its_word() {
    let tokenizer = with_bos_and_eos();
    let encode = |text| tokenizer.encode_text(text, TextKind::Chat).unwrap();
    assert_eq!(encode("<s>a"), ids(&tokenizer, &["<s>", "a"]));
    assert_eq!(encode("a"), ids(&tokenizer, &["▁", "a"]));
}

#[test]
fn two_bos_are_refused() {
    let tokenizer = with_bos_and_eos();
    for (text, kind) in [("<s>a", TextKind::Plain), ("<s><s>a", TextKind::Chat)] {
        let error = tokenizer.encode_prompt_forms(text, kind, &[(0, "1")]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Prompt);
        assert_eq!(error.to_string(), "the prompt begins with two beginning-of-sequence tokens");
    }
}

#[test]
fn a_form_that_leaves_no_token_is_refused() {
    let tokenizer = tokenizer(byte_level(), &[special("<s>")]);
    let error = tokenizer.encode_prompt_forms("<s>a", TextKind::Chat, &[(0, "1"), (1, "")]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Prompt);
    assert_eq!(error.to_string(), "surface form \"\" leaves no token behind the prompt");
}

#[test]
fn a_prompt_whose_only_token_merges_is_refused() {
    let tokenizer = tokenizer(byte_level(), &[]);
    let error = tokenizer.encode_prompt_forms("1", TextKind::Chat, &[(0, "0")]).unwrap_err();
    assert_eq!(error.to_string(), "no token of the prompt stands before the response");
    // Plain text of a model with a BOS has that to stand on.
    let prompt = with_bos_and_eos().encode_prompt_forms("1", TextKind::Plain, &[(0, "0")]).unwrap();
    assert_eq!((prompt.ids.len(), prompt.stepped_back), (1, 1));
}

#[test]
fn options_come_in_order_with_all_their_forms() {
    let tokenizer = tokenizer(byte_level(), &[special("<s>")]);
    let option = |code: &str, forms: &[&str]| PromptOption {
        code: code.to_owned(),
        label: code.to_owned(),
        surface_forms: forms.iter().map(|form| (*form).to_owned()).collect(),
        openings: Vec::new(),
    };
    let options = [option("1", &["1", " 1"]), option("9", &["9"])];
    let prompt = tokenizer.encode_prompt("<s>a:", TextKind::Chat, &options).unwrap();
    let forms: Vec<(usize, &str)> =
        prompt.forms.iter().map(|form| (form.option_index.unwrap(), form.surface_form.as_str())).collect();
    assert_eq!(forms, [(0, "1"), (0, " 1"), (1, "9")]);
}

#[test]
fn a_prompt_longer_than_the_model_is_refused_before_any_form_is_encoded() {
    let limited = |position_count| with_bos_and_eos().with_position_count(position_count);
    let encode = |tokenizer: TextTokenizer, kind| tokenizer.encode_prompt_forms("ababab", kind, &[(0, "9")]);
    let len = encode(limited(100), TextKind::Plain).unwrap().ids.len();
    assert!(encode(limited(len), TextKind::Plain).is_ok());
    let error = encode(limited(len - 1), TextKind::Plain).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Prompt);
    assert_eq!(error.to_string(), format!("{len} tokens do not fit the model's {} positions", len - 1));
    // Without the beginning-of-sequence token it is one less.
    assert!(encode(limited(len - 1), TextKind::Chat).is_ok());

    // Each of these forms costs as much as the prompt, which has no tail to cut: hours, if they were encoded.
    let prompt = "ab".repeat(500_000);
    let forms: Vec<(usize, &str)> = (0..100_000).map(|index| (index, "9")).collect();
    let error = limited(100).encode_prompt_forms(&prompt, TextKind::Chat, &forms).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Prompt);
}
