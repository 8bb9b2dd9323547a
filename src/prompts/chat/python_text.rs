//! Values as Python's `str` and `repr` write them, which is what a Jinja template prints. Bounded in length and depth:
//! a list that contains itself many times over takes little memory and unfolds without end.

use minijinja::value::{Value, ValueKind};
use minijinja::{Error, ErrorKind};

/// Deeper than any tool description; shallow enough for a worker thread's stack.
pub(super) const DEPTH_MAX: usize = 100;
/// A conversation of a survey is some kilobytes; what is longer was made by a template gone wild.
pub(super) const LEN_MAX: usize = 4 << 20;

/// `str(value)`; nothing for an undefined one.
pub(super) fn to_text(value: &Value) -> Result<String, Error> {
    match value.as_str() {
        Some(text) => Ok(text.to_owned()),
        None => {
            let mut text = String::new();
            write_repr(&mut text, value, 0)?;
            Ok(text)
        }
    }
}

fn write_repr(text: &mut String, value: &Value, depth: usize) -> Result<(), Error> {
    if depth > DEPTH_MAX || text.len() > LEN_MAX {
        return Err(too_large());
    }
    match value.kind() {
        ValueKind::Number => text.push_str(&number(value)?),
        ValueKind::String => write_quoted(text, value.as_str().unwrap_or_default()),
        ValueKind::Seq | ValueKind::Iterable => {
            text.push(if value.is_tuple() { '(' } else { '[' });
            for (index, item) in value.try_iter()?.enumerate() {
                text.push_str(if index > 0 { ", " } else { "" });
                write_repr(text, &item, depth + 1)?;
            }
            text.push_str(match value.is_tuple() {
                true if value.len() == Some(1) => ",)",
                true => ")",
                false => "]",
            });
        }
        ValueKind::Map => {
            text.push('{');
            for (index, key) in value.try_iter()?.enumerate() {
                text.push_str(if index > 0 { ", " } else { "" });
                write_repr(text, &key, depth + 1)?;
                text.push_str(": ");
                write_repr(text, &value.get_item(&key)?, depth + 1)?;
            }
            text.push('}');
        }
        ValueKind::Undefined if depth > 0 => text.push_str("Undefined"),
        // True, False, None, nothing for undefined; functions and the like.
        _ => text.push_str(&value.to_string()),
    }
    Ok(())
}

/// Single quotes, unless only those occur in the text.
fn write_quoted(text: &mut String, content: &str) {
    let quote = if content.contains('\'') && !content.contains('"') { '"' } else { '\'' };
    text.push(quote);
    for character in content.chars() {
        match character {
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\\' => text.push_str("\\\\"),
            _ if character == quote => text.extend(['\\', quote]),
            _ if !is_printable(character) => {
                text.push_str(&match u32::from(character) {
                    code @ ..0x100 => format!("\\x{code:02x}"),
                    code @ ..0x1_0000 => format!("\\u{code:04x}"),
                    code => format!("\\U{code:08x}"),
                });
            }
            _ => text.push(character),
        }
    }
    text.push(quote);
}

/// `str.isprintable`. Rust's `Debug` goes by the same categories of characters, but for marks that combine with what
/// stands before them: it writes those out only where they begin a text.
fn is_printable(character: char) -> bool {
    !character.is_control() && !format!("{:?}", format!("a{character}")).contains("\\u")
}

/// `repr` of a number: integers in full; floats shortest, with an exponent below 1e-4 and from 1e16 on.
pub(super) fn number(value: &Value) -> Result<String, Error> {
    if value.is_integer() {
        return Ok(value.to_string());
    }
    let float = f64::try_from(value.clone())?;
    if !float.is_finite() {
        return Ok(if float.is_nan() {
            "nan"
        } else if float > 0.0 {
            "inf"
        } else {
            "-inf"
        }
        .to_owned());
    }
    // Rust's Debug changes to an exponent at the same magnitudes, and writes it without sign and padding.
    let text = format!("{float:?}");
    Ok(match text.split_once('e') {
        None => text,
        Some((digits, exponent)) => {
            let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
            format!("{digits}e{sign}{exponent:0>2}")
        }
    })
}

pub(super) fn too_large() -> Error {
    Error::new(ErrorKind::InvalidOperation, "a value is too large or too deeply nested to be written out")
}
