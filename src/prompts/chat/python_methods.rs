//! Python's methods on strings and maps for templates, paid for with the fuel that filters pay. Knows no templates.
//!
//! The engine charges its own filters for what they make, but not the methods that are added to it: a single
//! `"{:>10000000000}".format("x")` would ask for more memory than there is, and end the process.

use minijinja::value::{Tuple, Value, ValueKind};
use minijinja::{Error, State};
use minijinja_contrib::pycompat::unknown_method_callback;

use super::python_filters::{pairs, walk};
use super::python_text::{to_text, too_large};

/// As the engine counts: this many bytes for one unit of fuel.
const BYTES_PER_FUEL: usize = 64;
/// What one element of a list takes.
const ELEMENT_LEN: usize = 32;
/// A float or an integer written in full.
const NUMBER_LEN_MAX: usize = 512;
const FORMAT_WIDTH_MAX: usize = 9999;

/// Calls `method` on `value`, after an upper bound of what it makes is paid for.
pub(super) fn call(state: &mut State, value: &Value, method: &str, args: &[Value]) -> Result<Value, Error> {
    args.iter().try_for_each(|arg| walk(state, arg))?;
    if ["count", "index"].contains(&method) {
        walk(state, value)?;
    }
    if let Some(text) = value.as_str() {
        if method == "join" && args.len() == 1 {
            return join(state, text, &args[0]);
        }
        pay(state, made_len_max(text, method, args)?)?;
        if let Some(made) = of_text(text, method, args) {
            return Ok(made);
        }
    }
    if method == "items" && args.is_empty() && value.kind() == ValueKind::Map {
        return pairs(value);
    }
    unknown_method_callback(state, value, method, args)
}

/// Methods that the engine's own lack, or where they draw the bounds of lines and spaces elsewhere.
fn of_text(text: &str, method: &str, args: &[Value]) -> Option<Value> {
    let argument = args.first().and_then(Value::as_str);
    let stripped = args.is_empty() || args[0].is_none();
    Some(match (method, argument, args.len()) {
        ("strip", _, 0 | 1) if stripped => Value::from(text.trim_matches(is_space)),
        ("lstrip", _, 0 | 1) if stripped => Value::from(text.trim_start_matches(is_space)),
        ("rstrip", _, 0 | 1) if stripped => Value::from(text.trim_end_matches(is_space)),
        ("split", _, 0) => text.split(is_space).filter(|part| !part.is_empty()).map(Value::from).collect(),
        ("splitlines", _, 0 | 1) => {
            let keeps_ends = args.first().is_some_and(Value::is_true);
            lines(text, keeps_ends).into_iter().map(Value::from).collect()
        }
        ("rsplit", Some(separator), 1) if !separator.is_empty() => {
            text.split(separator).map(Value::from).collect()
        }
        ("rsplit", Some(separator), 2) if !separator.is_empty() => {
            let count = usize::try_from(args[1].clone()).ok()?;
            let mut parts: Vec<Value> =
                text.rsplitn(count.saturating_add(1), separator).map(Value::from).collect();
            parts.reverse();
            Value::from(parts)
        }
        ("partition", Some(separator), 1) if !separator.is_empty() => {
            let (before, found, after) = match text.split_once(separator) {
                Some((before, after)) => (before, separator, after),
                None => (text, "", ""),
            };
            Value::from(Tuple::from([before.into(), found.into(), after.into()]))
        }
        ("removeprefix", Some(prefix), 1) => Value::from(text.strip_prefix(prefix).unwrap_or(text)),
        ("removesuffix", Some(suffix), 1) => Value::from(text.strip_suffix(suffix).unwrap_or(text)),
        _ => return None,
    })
}

/// What Python's `str.isspace` holds for one.
fn is_space(character: char) -> bool {
    character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character)
}

/// `str.splitlines`.
pub(super) fn lines(text: &str, keeps_ends: bool) -> Vec<&str> {
    let is_break = |c: char| {
        matches!(
            c,
            '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}'
        )
    };
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(is_break) {
        let end = match rest[at..].starts_with("\r\n") {
            true => at + 2,
            false => at + rest[at..].chars().next().map_or(1, char::len_utf8),
        };
        lines.push(&rest[..if keeps_ends { end } else { at }]);
        rest = &rest[end..];
    }
    if !rest.is_empty() {
        lines.push(rest);
    }
    lines
}

pub(super) fn pay(state: &State, byte_count: usize) -> Result<(), Error> {
    state.consume_fuel((byte_count / BYTES_PER_FUEL) as u64)
}

fn made_len_max(text: &str, method: &str, args: &[Value]) -> Result<usize, Error> {
    let argument = |place: usize| args.get(place).and_then(Value::as_str);
    let made_len = match method {
        "replace" => match (argument(0), argument(1)) {
            (Some(old), Some(new)) => text.matches(old).count().saturating_mul(new.len()),
            _ => 0,
        },
        "split" | "rsplit" => {
            let separator_count = match argument(0) {
                Some(separator) => text.matches(separator).count(),
                None => text.split_whitespace().count(),
            };
            separator_count.saturating_mul(ELEMENT_LEN)
        }
        "splitlines" => lines(text, false).len().saturating_mul(ELEMENT_LEN),
        "format" => formatted_len_max(text, args)?,
        _ => 0,
    };
    Ok(made_len.saturating_add(text.len()))
}

/// Every field may hold the longest argument, and is as wide as the numbers in it ask for.
fn formatted_len_max(format: &str, args: &[Value]) -> Result<usize, Error> {
    let mut argument_len = NUMBER_LEN_MAX;
    for arg in args {
        argument_len = argument_len.max(to_text(arg)?.len());
    }
    let mut len: usize = 0;
    for field in format.split('{').skip(1) {
        let field = field.split('}').next().unwrap_or_default();
        len = len.saturating_add(argument_len);
        for digits in field.split(|character: char| !character.is_ascii_digit()) {
            let number = if digits.is_empty() { 0 } else { digits.parse().unwrap_or(usize::MAX) };
            if number > FORMAT_WIDTH_MAX {
                return Err(too_large());
            }
            // A fill character has up to four bytes.
            len = len.saturating_add(4 * number);
        }
    }
    Ok(len)
}

/// Paid for item by item, since a list may be longer than memory: `[1] * 100000000` is not made until it is read.
pub(super) fn join(state: &State, separator: &str, items: &Value) -> Result<Value, Error> {
    let mut joined = String::new();
    for (index, item) in items.try_iter()?.enumerate() {
        let item = to_text(&item)?;
        pay(state, BYTES_PER_FUEL + item.len() + separator.len())?;
        if index > 0 {
            joined.push_str(separator);
        }
        joined.push_str(&item);
    }
    Ok(Value::from(joined))
}
