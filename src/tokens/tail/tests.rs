//! The shortcut against encoding everything, over tokenizers that treat spaces, digits and added tokens differently.

use proptest::prelude::*;

use super::super::fixtures::{Added, Parts, byte_level, metaspace, prepending, special, tokenizer};
use super::super::{TextKind, TextTokenizer};

/// Fragments from which added tokens, parts of them and ordinary text come about.
const FRAGMENTS: [&str; 18] =
    ["<s>", "<s>b", "</s>", "<", "s", ">", "b", " ", "\n", "1", "10", "a", ":", "é", "  ", "<a>", "|", "1b"];

fn plain_specials() -> Vec<Added> {
    vec![special("<s>"), special("</s>"), special("<a>")]
}

/// Some begin like others, one swallows spaces before it, one begins with a space, one is matched after normalising.
fn entangled_specials() -> Vec<Added> {
    vec![
        special("<s>"),
        special("<s>b"),
        Added { lstrip: true, ..special("<a>") },
        special(" 1b"),
        Added { normalized: true, ..special("</s>") },
    ]
}

fn dependent_specials() -> Vec<Added> {
    vec![
        special("<s>"),
        Added { rstrip: true, ..special("</s>") },
        Added { single_word: true, ..special("b") },
    ]
}

fn all_tokenizers() -> Vec<TextTokenizer> {
    let parts: [fn() -> Parts; 6] = [
        byte_level,
        || metaspace("first", false),
        || metaspace("first", true),
        || metaspace("always", true),
        prepending,
        Parts::default,
    ];
    let specials = [plain_specials, entangled_specials, dependent_specials, Vec::new];
    parts.iter().flat_map(|parts| specials.iter().map(|added| tokenizer(parts(), &added()))).collect()
}

fn text_of(max_len: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(&FRAGMENTS[..]), 1..max_len).prop_map(|parts| parts.concat())
}

/// The cut found in a text, as the part before it and the tail.
fn cut<'a>(tokenizer: &TextTokenizer, text: &'a str) -> Option<(&'a str, &'a str)> {
    let encoding = tokenizer.tokenizer.encode(text, false).unwrap();
    let cut = tokenizer.tail.find_cut(text, encoding.get_ids(), encoding.get_offsets())?;
    Some(text.split_at(cut.byte))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn the_shortcut_gives_what_encoding_everything_gives(
        text in text_of(12),
        forms in prop::collection::vec(text_of(4), 1..4),
    ) {
        let forms: Vec<(usize, &str)> = forms.iter().map(|form| (0, form.as_str())).collect();
        for (index, tokenizer) in all_tokenizers_once().iter().enumerate() {
            let naive = tokenizer.encode_prompt_naive(&text, TextKind::Chat, &forms);
            // Twice: the second time from the cache.
            for _ in 0..2 {
                let quick = tokenizer.encode_prompt_forms(&text, TextKind::Chat, &forms);
                prop_assert_eq!(format!("{quick:?}"), format!("{naive:?}"), "tokenizer {}", index);
            }
        }
    }
}

fn all_tokenizers_once() -> &'static [TextTokenizer] {
    static TOKENIZERS: std::sync::OnceLock<Vec<TextTokenizer>> = std::sync::OnceLock::new();
    TOKENIZERS.get_or_init(all_tokenizers)
}

#[test]
fn the_tail_begins_at_the_last_added_token() {
    let tokenizer = tokenizer(byte_level(), &plain_specials());
    assert_eq!(cut(&tokenizer, "<s>a b</s>\n<s>a:"), Some(("<s>a b</s>\n", "<s>a:")));
    assert_eq!(cut(&tokenizer, "ab</s>"), Some(("ab", "</s>")));
    assert_eq!(cut(&tokenizer, "a < s"), None);
}

#[test]
fn spaces_swallowed_before_the_token_stay_out_of_the_tail() {
    let added = [Added { lstrip: true, ..special("<a>") }];
    let tokenizer = tokenizer(byte_level(), &added);
    assert_eq!(cut(&tokenizer, "b  <a>b"), Some(("b  ", "<a>b")));
}

#[test]
fn no_tail_where_a_longer_token_could_still_be_completed() {
    let tokenizer = tokenizer(byte_level(), &[special("<s>"), special("<s>bb")]);
    assert_eq!(cut(&tokenizer, "a<s>b"), None);
    assert_eq!(cut(&tokenizer, "a<s>"), None);
    assert_eq!(cut(&tokenizer, "a<s>a"), Some(("a", "<s>a")));
}

#[test]
fn no_tail_where_pieces_depend_on_their_neighbours() {
    for added in [Added { rstrip: true, ..special("<a>") }, Added { single_word: true, ..special("<a>") }] {
        let tokenizer = tokenizer(byte_level(), &[special("<s>"), added]);
        assert_eq!(cut(&tokenizer, "ab<s>ab"), None);
    }
}

#[test]
fn one_tail_is_encoded_once_for_all_prompts_that_end_so() {
    let tokenizer = tokenizer(byte_level(), &plain_specials());
    for text in ["a<s>b:", "b b<s>b:", "<s>b:"] {
        tokenizer.encode_prompt_forms(text, TextKind::Chat, &[(0, "1"), (1, "10")]).unwrap();
    }
    assert_eq!(tokenizer.tail.cache.read().unwrap().len(), 2);
}
