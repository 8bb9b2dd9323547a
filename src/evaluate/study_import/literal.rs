//! Values as Python writes them (`ast.literal_eval`): what data sets have in cells where JSON would do.

use serde_json::{Map, Number, Value};

const DEPTH_MAX: usize = 16;

/// A list, dictionary, text, number, `None`, `True` or `False`; JSON too, and a `defaultdict(<...>, {...})` as the dictionary in it.
/// Tells what is wrong where it is none.
pub fn read_literal(text: &str) -> Result<Value, String> {
    let text = text.trim();
    if let Ok(value) = serde_json::from_str(text) {
        return Ok(value);
    }
    let inner = match text.strip_prefix("defaultdict(").and_then(|rest| rest.strip_suffix(')')) {
        Some(rest) => &rest[rest.find('{').ok_or("a defaultdict without its values")?..],
        None => text,
    };
    let mut reader = Reader { rest: inner };
    let value = reader.value(0)?;
    reader.skip_space();
    match reader.rest {
        "" => Ok(value),
        rest => Err(format!("`{}` stands behind the value", shown(rest))),
    }
}

fn shown(text: &str) -> String {
    text.chars().take(12).collect::<String>().escape_debug().to_string()
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn eat(&mut self, sign: char) -> bool {
        self.skip_space();
        let rest = self.rest.strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        if depth > DEPTH_MAX {
            return Err("lists in lists in lists".to_owned());
        }
        self.skip_space();
        match self.rest.chars().next() {
            Some('[') => self.list(']', depth).map(Value::Array),
            Some('(') => self.list(')', depth).map(Value::Array),
            Some('{') => self.dictionary(depth),
            Some(quote @ ('\'' | '"')) => self.text(quote).map(Value::String),
            _ => self.word(),
        }
    }

    fn list(&mut self, end: char, depth: usize) -> Result<Vec<Value>, String> {
        self.rest = &self.rest[1..];
        let mut values = Vec::new();
        while !self.eat(end) {
            values.push(self.value(depth + 1)?);
            if !self.eat(',') && !self.rest.starts_with(end) {
                return Err(format!("a list goes on with `{}`", shown(self.rest)));
            }
        }
        Ok(values)
    }

    fn dictionary(&mut self, depth: usize) -> Result<Value, String> {
        self.rest = &self.rest[1..];
        let mut entries = Map::new();
        while !self.eat('}') {
            let Value::String(key) = self.value(depth + 1)? else {
                return Err("a dictionary has a key that is no text".to_owned());
            };
            if !self.eat(':') {
                return Err(format!("no value of `{}`", shown(&key)));
            }
            let value = self.value(depth + 1)?;
            if entries.insert(key.clone(), value).is_some() {
                return Err(format!("`{}` is there twice", shown(&key)));
            }
            if !self.eat(',') && !self.rest.starts_with('}') {
                return Err(format!("a dictionary goes on with `{}`", shown(self.rest)));
            }
        }
        Ok(Value::Object(entries))
    }

    fn text(&mut self, quote: char) -> Result<String, String> {
        let mut text = String::new();
        let mut characters = self.rest.char_indices().skip(1);
        let unended = || "a text without its end".to_owned();
        loop {
            let (at, character) = characters.next().ok_or_else(unended)?;
            match character {
                '\\' => {
                    let (_, escaped) = characters.next().ok_or_else(unended)?;
                    let mut hex = |count: usize| {
                        let digits: String =
                            characters.by_ref().take(count).map(|(_, digit)| digit).collect();
                        u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32)
                    };
                    text.push(match escaped {
                        'n' => '\n',
                        't' => '\t',
                        'r' => '\r',
                        'x' => hex(2).ok_or("an escape that is none")?,
                        'u' => hex(4).ok_or("an escape that is none")?,
                        'U' => hex(8).ok_or("an escape that is none")?,
                        '\\' | '\'' | '"' => escaped,
                        other => {
                            return Err(format!("the escape `\\{}` is unknown here", other.escape_debug()));
                        }
                    });
                }
                end if end == quote => {
                    self.rest = &self.rest[at + end.len_utf8()..];
                    return Ok(text);
                }
                other => text.push(other),
            }
        }
    }

    fn word(&mut self) -> Result<Value, String> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || "+-._".contains(c);
        let len = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(len);
        self.rest = rest;
        match word {
            "None" => Ok(Value::Null),
            "True" => Ok(Value::Bool(true)),
            "False" => Ok(Value::Bool(false)),
            _ => {
                let number =
                    word.parse::<f64>().ok().filter(|_| word.starts_with(|c: char| !c.is_alphabetic()));
                let number = number.and_then(Number::from_f64).map(Value::Number);
                number.ok_or_else(|| {
                    format!("`{}` is no value", shown(if word.is_empty() { rest } else { word }))
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn what_python_writes_is_read() {
        for (text, value) in [
            ("['Yes', \"Don't\", 'it\\'s']", json!(["Yes", "Don't", "it's"])),
            (
                "defaultdict(<class 'list'>, {'A': [0.25, 0.75], 'B (x)': [1.0, 0]})",
                json!({"A": [0.25, 0.75], "B (x)": [1.0, 0.0]}),
            ),
            ("('a', None, True,)", json!(["a", null, true])),
            ("{\"a\": [1, 2]}", json!({"a": [1, 2]})),
            ("'\\u00e9\\x41\\n'", json!("éA\n")),
            ("[]", json!([])),
        ] {
            assert_eq!(read_literal(text), Ok(value), "{text}");
        }
    }

    #[test]
    fn what_is_none_is_told() {
        for text in [
            "",
            "['a'",
            "'a",
            "[1 2]",
            "{1: 2}",
            "{'a' 1}",
            "['a'] x",
            "open('f')",
            "nan",
            "{'a': 1, 'a': 2}",
            "'\\q'",
        ] {
            assert!(read_literal(text).is_err(), "{text}");
        }
        assert!(read_literal(&"[".repeat(100_000)).is_err());
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[\\[\\]{}'\",:a-c0-9. \\\\uxé-]{0,40}") {
            let _ = read_literal(&text);
        }
    }
}
