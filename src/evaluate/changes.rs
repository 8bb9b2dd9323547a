//! What two records that should be the same do not share, leaf by leaf. Knows records as JSON, not what they mean.

use crate::error::{Error, Result};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;

/// A record as it is written.
///
/// # Errors
/// Kind `Output`; never for what runs are made of.
pub fn as_json(record: &impl Serialize) -> Result<Value> {
    serde_json::to_value(record)
        .map_err(|source| Error::output("a record of the run cannot be written as JSON").because(source))
}

/// Every leaf that is not the same, by its path, with what it was and is.
///
/// # Errors
/// As [`as_json`].
pub fn changes(begun: &impl Serialize, now: &impl Serialize) -> Result<Vec<String>> {
    let mut found = Vec::new();
    walk("", &as_json(begun)?, &as_json(now)?, &mut found);
    Ok(found)
}

/// # Errors
/// Kind `Usage`, `trouble` and what has changed, where anything has.
pub fn refuse_changes(begun: &impl Serialize, now: &impl Serialize, trouble: &str) -> Result<()> {
    let changed = changes(begun, now)?;
    match changed.is_empty() {
        true => Ok(()),
        false => Err(Error::usage(format!("{trouble}: {}", changed.join("; ")))),
    }
}

fn walk(path: &str, begun: &Value, now: &Value, found: &mut Vec<String>) {
    let (Value::Object(a), Value::Object(b)) = (begun, now) else {
        if begun != now {
            found.push(format!("{path} was {begun} and is {now}"));
        }
        return;
    };
    let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    for key in keys {
        let inner = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        walk(&inner, a.get(key).unwrap_or(&Value::Null), b.get(key).unwrap_or(&Value::Null), found);
    }
}
