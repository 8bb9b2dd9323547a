//! Tokenizers against the ids transformers gives (`goldens/tokenizers/expected.json`), and whole prompts encoded with
//! tokenizers of three kinds.

use std::fs;
use std::path::{Path, PathBuf};

use respondent::prompts::{ChatTemplate, Message, PromptOption, TemplateSettings};
use respondent::tokens::{EncodedPrompt, TextKind, TextTokenizer, option_events};
use serde::Deserialize;

#[derive(Deserialize)]
struct Expected {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    tokenizer: String,
    text: String,
    ids: Vec<u32>,
    ids_with_special_tokens: Vec<u32>,
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/tokenizers").join(name)
}

fn config(name: &str) -> serde_json::Value {
    let text = fs::read_to_string(folder(name).join("tokenizer_config.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn tokenizer(name: &str) -> TextTokenizer {
    let path = folder(name).join("tokenizer.json");
    TextTokenizer::from_bytes(&fs::read(&path).unwrap(), 1024, &path)
        .unwrap()
        .with_tokenizer_config(&config(name))
        .unwrap()
}

fn user(content: &str) -> Message {
    Message { role: "user".to_owned(), content: content.to_owned() }
}

/// Codes 1 to 10, each as itself and behind a space.
fn ten_options() -> Vec<PromptOption> {
    let option = |code: usize| PromptOption {
        code: code.to_string(),
        label: format!("point {code}"),
        surface_forms: vec![code.to_string(), format!(" {code}")],
        openings: Vec::new(),
    };
    (1..=10).map(option).collect()
}

fn codes() -> Vec<String> {
    ten_options().into_iter().map(|option| option.code).collect()
}

/// The token sequences added to and subtracted from one option.
fn signed_sequences(
    tokenizer: &TextTokenizer,
    prompt: &EncodedPrompt,
    option_index: usize,
) -> (Vec<Vec<u32>>, Vec<Vec<u32>>) {
    let table = option_events(&tokenizer.claims(prompt).unwrap(), &codes()).unwrap();
    let read = |indices: &[usize]| indices.iter().map(|&index| table.sequences[index].clone()).collect();
    let event = &table.events[option_index];
    (read(&event.add), read(&event.subtract))
}

#[test]
fn ids_are_those_of_transformers() {
    let path = folder("expected.json");
    let expected: Expected = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    assert!(expected.cases.len() > 30, "the goldens are gone");
    for case in &expected.cases {
        let tokenizer = tokenizer(&case.tokenizer);
        let encode = |kind| tokenizer.encode_text(&case.text, kind).unwrap_or_default();
        assert_eq!(encode(TextKind::Chat), case.ids, "{} {:?}", case.tokenizer, case.text);
        // A text that writes the token itself would begin with two; that is refused, see below.
        let doubled = case.ids_with_special_tokens.len() > 1
            && tokenizer.bos_id() == Some(case.ids_with_special_tokens[0])
            && case.ids_with_special_tokens[0] == case.ids_with_special_tokens[1];
        let plain = if doubled { Vec::new() } else { case.ids_with_special_tokens.clone() };
        assert_eq!(encode(TextKind::Plain), plain, "{} {:?}", case.tokenizer, case.text);
    }
}

#[test]
fn a_template_that_writes_the_bos_gives_one() {
    let tokenizer = tokenizer("merged_digits");
    let settings = TemplateSettings::from_tokenizer_config(&config("merged_digits"), "2025-01-15");
    let source = fs::read_to_string(folder("merged_digits").join("chat_template.jinja")).unwrap();
    let text = ChatTemplate::new(&source, &settings).unwrap().render(&[user("How long?")], " ").unwrap();
    let bos = tokenizer.bos_id().unwrap();

    let chat = tokenizer.encode_text(&text, TextKind::Chat).unwrap();
    assert_eq!(chat.iter().filter(|&&id| id == bos).count(), 1);
    assert_eq!(chat[0], bos);

    let doubled = tokenizer.encode_text(&text, TextKind::Plain).unwrap_err();
    assert_eq!(doubled.to_string(), "the prompt begins with two beginning-of-sequence tokens");
}

#[test]
fn plain_text_gets_the_bos_of_the_post_processor() {
    let tokenizer = tokenizer("sentencepiece");
    let text = ChatTemplate::plain().render(&[user("How long?")], "Reply:").unwrap();
    let prompt = tokenizer.encode_prompt(&text, TextKind::Plain, &ten_options()).unwrap();
    assert_eq!(prompt.ids[0], tokenizer.bos_id().unwrap());
    assert_ne!(prompt.ids[1], tokenizer.bos_id().unwrap());
    assert_eq!(prompt.readout_index, prompt.ids.len() - 1);
}

#[test]
fn digit_by_digit_ten_is_taken_out_of_one() {
    let tokenizer = tokenizer("byte_level");
    let prompt = tokenizer.encode_prompt("<|turn|>assistant\n", TextKind::Chat, &ten_options()).unwrap();
    let ids = |text: &str| tokenizer.encode_text(text, TextKind::Chat).unwrap();
    let (add, subtract) = signed_sequences(&tokenizer, &prompt, 0);
    assert_eq!(add, vec![ids("1"), ids(" 1")]);
    assert_eq!(subtract, vec![ids("10"), ids(" 10")]);
    let (add, subtract) = signed_sequences(&tokenizer, &prompt, 9);
    assert_eq!(add, vec![ids("10"), ids(" 10")]);
    assert!(subtract.is_empty());
}

#[test]
fn ten_in_one_token_is_still_taken_out_of_one_where_it_comes_in_two() {
    let tokenizer = tokenizer("merged_digits");
    let prompt = tokenizer.encode_prompt("<|begin|>ASSISTANT:", TextKind::Chat, &ten_options()).unwrap();
    assert_eq!(prompt.stepped_back, 0);
    let (add, subtract) = signed_sequences(&tokenizer, &prompt, 0);
    assert_eq!(add.len(), 2);
    assert!(!subtract.is_empty());
    for sequence in &subtract {
        assert!(sequence.len() == 2 && add.contains(&vec![sequence[0]]), "{sequence:?}");
        assert!(tokenizer.token_text(sequence[1]).starts_with('0'), "{sequence:?}");
    }
    assert!(prompt.forms.iter().filter(|form| form.option_index == Some(9)).all(|form| form.ids.len() == 1));
}

#[test]
fn a_space_that_merges_with_the_response_is_given_up() {
    let tokenizer = tokenizer("merged_digits");
    let text = "<|begin|>The answer is ";
    let options = vec![PromptOption {
        code: "10".into(),
        label: "ten".into(),
        surface_forms: vec!["10".into()],
        openings: Vec::new(),
    }];
    let prompt = tokenizer.encode_prompt(text, TextKind::Chat, &options).unwrap();
    assert_eq!(prompt.stepped_back, 1);
    assert_eq!(prompt.ids, tokenizer.encode_text("<|begin|>The answer is", TextKind::Chat).unwrap());
    assert_eq!(prompt.forms[0].ids, tokenizer.encode_text(" 10", TextKind::Chat).unwrap());
    assert_eq!(tokenizer.token_text(prompt.forms[0].ids[0]), " 10");
}
