//! As much of the GGUF format as the tests need: `tokenizer.ggml.*` of a well-formed little-endian file. It trusts
//! what it reads. <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>

use std::collections::HashMap;

use super::super::VocabularyMetadata;

#[derive(Debug)]
enum Value {
    Number(f64),
    Text(String),
    List(Vec<Value>),
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const LEN: usize>(&mut self) -> [u8; LEN] {
        let (head, rest) = self.0.split_first_chunk().unwrap();
        self.0 = rest;
        *head
    }

    fn length(&mut self) -> usize {
        u64::from_le_bytes(self.take()) as usize
    }

    fn text(&mut self) -> String {
        let len = self.length();
        let (head, rest) = self.0.split_at(len);
        self.0 = rest;
        String::from_utf8(head.to_vec()).unwrap()
    }

    fn value(&mut self, kind: u32) -> Value {
        match kind {
            0 | 1 | 7 => Value::Number(f64::from(self.take::<1>()[0])),
            2 | 3 => Value::Number(f64::from(u16::from_le_bytes(self.take()))),
            4 => Value::Number(f64::from(u32::from_le_bytes(self.take()))),
            5 => Value::Number(f64::from(i32::from_le_bytes(self.take()))),
            6 => Value::Number(f64::from(f32::from_le_bytes(self.take()))),
            8 => Value::Text(self.text()),
            9 => {
                let kind = u32::from_le_bytes(self.take());
                Value::List((0..self.length()).map(|_| self.value(kind)).collect())
            }
            _ => Value::Number(u64::from_le_bytes(self.take()) as f64),
        }
    }
}

fn number(value: &Value) -> f64 {
    let Value::Number(number) = value else { panic!("{value:?} is no number") };
    *number
}

fn text(value: &Value) -> String {
    let Value::Text(text) = value else { panic!("{value:?} is no text") };
    text.clone()
}

fn list<T>(value: &Value, read: impl Fn(&Value) -> T) -> Vec<T> {
    let Value::List(values) = value else { panic!("{value:?} is no list") };
    values.iter().map(read).collect()
}

pub(super) fn vocabulary(bytes: &[u8]) -> VocabularyMetadata {
    let mut reader = Reader(bytes);
    assert_eq!(&reader.take::<8>(), b"GGUF\x03\0\0\0");
    reader.length();
    let count = reader.length();
    let mut values = HashMap::new();
    for _ in 0..count {
        let key = reader.text();
        let kind = u32::from_le_bytes(reader.take());
        values.insert(key, reader.value(kind));
    }
    let get = |key: &str| values.get(&format!("tokenizer.ggml.{key}"));
    let id = |key: &str| get(key).map(|value| number(value) as u32);
    let flag = |key: &str| get(key).map(|value| number(value) != 0.0);
    VocabularyMetadata {
        model: get("model").map(text).unwrap(),
        pre: get("pre").map(text),
        tokens: get("tokens").map(|value| list(value, text)).unwrap(),
        scores: get("scores").map(|value| list(value, |score| number(score) as f32)),
        token_types: get("token_type").map(|value| list(value, |code| number(code) as i32)),
        merges: get("merges").map(|value| list(value, text)),
        bos_id: id("bos_token_id"),
        eos_id: id("eos_token_id"),
        unk_id: id("unknown_token_id"),
        add_bos: flag("add_bos_token"),
        add_eos: flag("add_eos_token"),
        add_space_prefix: flag("add_space_prefix"),
        remove_extra_whitespaces: flag("remove_extra_whitespaces"),
        precompiled_charsmap: get("precompiled_charsmap").map(|v| list(v, |byte| number(byte) as u8)),
        model_name: values.get("general.name").map(text),
    }
}
