//! The `tojson` filter as transformers defines it: Python's `json.dumps`, nothing escaped for HTML.
//! Spacing and escapes matter, since every character of it becomes part of a prompt.

use std::fmt::Write as _;

use minijinja::value::{Kwargs, Rest, Value, ValueKind};
use minijinja::{Error, ErrorKind};

use super::python_text::{DEPTH_MAX, LEN_MAX, number, too_large};

/// `tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False)`.
pub(super) fn tojson(value: &Value, positional: Rest<Value>, kwargs: Kwargs) -> Result<String, Error> {
    let named = |place: usize, name: &str| -> Result<Option<Value>, Error> {
        let value = match positional.get(place) {
            Some(value) => Some(value.clone()),
            None => kwargs.get::<Option<Value>>(name)?,
        };
        Ok(value.filter(|value| !value.is_none() && !value.is_undefined()))
    };
    let ensure_ascii = named(0, "ensure_ascii")?.is_some_and(|value| value.is_true());
    let indent = named(1, "indent")?.map(indent_text).transpose()?;
    let (item_separator, key_separator) = match named(2, "separators")? {
        Some(pair) => (pair.get_item_by_index(0)?.to_string(), pair.get_item_by_index(1)?.to_string()),
        None if indent.is_some() => (",".to_owned(), ": ".to_owned()),
        None => (", ".to_owned(), ": ".to_owned()),
    };
    let sort_keys = named(3, "sort_keys")?.is_some_and(|value| value.is_true());
    kwargs.assert_all_used()?;
    let text = String::new();
    let mut writer = Writer { text, ensure_ascii, sort_keys, indent, item_separator, key_separator };
    writer.value(value, 0)?;
    Ok(writer.text)
}

/// Python takes a number of spaces or the indentation itself.
fn indent_text(indent: Value) -> Result<String, Error> {
    match indent.as_str() {
        Some(text) => Ok(text.to_owned()),
        None => Ok(" ".repeat(usize::try_from(i64::try_from(indent)?.clamp(0, 100)).unwrap_or(0))),
    }
}

struct Writer {
    text: String,
    ensure_ascii: bool,
    sort_keys: bool,
    /// One level. `None` puts everything on one line.
    indent: Option<String>,
    item_separator: String,
    key_separator: String,
}

impl Writer {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        if depth > DEPTH_MAX || self.text.len() > LEN_MAX {
            return Err(too_large());
        }
        match value.kind() {
            ValueKind::None => self.text.push_str("null"),
            ValueKind::Bool => self.text.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => self.text.push_str(&json_number(value)?),
            ValueKind::String => self.string(value.as_str().unwrap_or_default()),
            ValueKind::Seq | ValueKind::Iterable => {
                let items: Vec<Value> = value.try_iter()?.collect();
                self.container(['[', ']'], items.len(), depth, |writer, index| {
                    writer.value(&items[index], depth + 1)
                })?;
            }
            ValueKind::Map => self.map(value, depth)?,
            kind => return Err(refuse(&format!("{kind} is not JSON serializable"))),
        }
        Ok(())
    }

    fn map(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        let mut entries = value
            .try_iter()?
            .map(|key| Ok((key_text(&key)?, value.get_item(&key)?)))
            .collect::<Result<Vec<(String, Value)>, Error>>()?;
        if self.sort_keys {
            entries.sort_by(|(left, _), (right, _)| left.cmp(right));
        }
        self.container(['{', '}'], entries.len(), depth, |writer, index| {
            let (key, value) = &entries[index];
            writer.string(key);
            writer.text.push_str(&writer.key_separator.clone());
            writer.value(value, depth + 1)
        })
    }

    fn container(
        &mut self,
        [open, close]: [char; 2],
        len: usize,
        depth: usize,
        mut item: impl FnMut(&mut Self, usize) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.text.push(open);
        for index in 0..len {
            if index > 0 {
                self.text.push_str(&self.item_separator.clone());
            }
            self.line_break(depth + 1);
            item(self, index)?;
        }
        if len > 0 {
            self.line_break(depth);
        }
        self.text.push(close);
        Ok(())
    }

    fn line_break(&mut self, depth: usize) {
        if let Some(indent) = &self.indent {
            self.text.push('\n');
            self.text.push_str(&indent.repeat(depth));
        }
    }

    fn string(&mut self, text: &str) {
        self.text.push('"');
        for character in text.chars() {
            match character {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                '\t' => self.text.push_str("\\t"),
                '\u{8}' => self.text.push_str("\\b"),
                '\u{c}' => self.text.push_str("\\f"),
                _ if character < ' ' || (self.ensure_ascii && !(' '..='~').contains(&character)) => {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        write!(self.text, "\\u{unit:04x}").expect("a String takes any text");
                    }
                }
                _ => self.text.push(character),
            }
        }
        self.text.push('"');
    }
}

/// Python turns these keys into strings, and refuses others.
fn key_text(key: &Value) -> Result<String, Error> {
    match key.kind() {
        ValueKind::String => Ok(key.to_string()),
        ValueKind::None => Ok("null".to_owned()),
        ValueKind::Bool => Ok(key.is_true().to_string()),
        ValueKind::Number => json_number(key),
        kind => Err(refuse(&format!("{kind} is no key in JSON"))),
    }
}

/// JSON knows no such numbers; Python writes these words all the same.
fn json_number(value: &Value) -> Result<String, Error> {
    let text = number(value)?;
    Ok(match text.as_str() {
        "nan" => "NaN".to_owned(),
        "inf" => "Infinity".to_owned(),
        "-inf" => "-Infinity".to_owned(),
        _ => text,
    })
}

fn refuse(message: &str) -> Error {
    Error::new(ErrorKind::BadSerialization, message.to_owned())
}
