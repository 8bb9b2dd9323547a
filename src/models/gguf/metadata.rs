//! The keys and values at the front of a GGUF file, kept as the bytes that they are. Knows no key's meaning.

use super::header::HeaderReader;
use super::value::{self, ARRAY_DEPTH_MAX, FromValue, Value, ValueType};
use crate::error::{Error, Result};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A key's length, its type, and the shortest value.
const ENTRY_BYTES_MIN: u64 = 8 + 4 + 1;

/// Keys and values of one file.
#[derive(Debug)]
pub struct Metadata {
    path: PathBuf,
    bytes: Vec<u8>,
    entries: BTreeMap<String, Entry>,
}

/// Where a value lies.
#[derive(Debug, Clone)]
struct Entry {
    kind: ValueType,
    place: Range<usize>,
}

/// Entries whose bytes are still being read.
pub struct MetadataEntries(BTreeMap<String, Entry>);

impl MetadataEntries {
    /// Walks `count` keys and values, so that all that is said about their lengths is known to be true.
    pub fn read(header: &mut HeaderReader<'_>, count: u64) -> Result<Self> {
        let mut entries = BTreeMap::new();
        for _ in 0..count {
            let key = header.name("a metadata key")?;
            let what = format!("metadata `{key}`");
            let kind = value_type(header, &what)?;
            let start = header.position();
            skip(header, kind, 0, &what)?;
            let entry = Entry { kind, place: start..header.position() };
            if entries.insert(key, entry).is_some() {
                return Err(header.broken(format!("{what} stands there twice")));
            }
        }
        Ok(MetadataEntries(entries))
    }

    /// With the bytes that the entries lie in.
    pub fn with_bytes(self, path: PathBuf, bytes: Vec<u8>) -> Metadata {
        Metadata { path, bytes, entries: self.0 }
    }

    /// How many bytes at least the entries take whose count comes next.
    pub fn count(header: &mut HeaderReader<'_>) -> Result<u64> {
        header.count(ENTRY_BYTES_MIN, "the number of metadata entries")
    }
}

fn value_type(header: &mut HeaderReader<'_>, what: &str) -> Result<ValueType> {
    let id = header.u32(what)?;
    ValueType::from_id(id).ok_or_else(|| header.broken(format!("{what} has the unknown type {id}")))
}

/// Steps over a value.
fn skip(header: &mut HeaderReader<'_>, kind: ValueType, depth: usize, what: &str) -> Result<()> {
    match kind {
        ValueType::String => header.skip_string(what).map(drop),
        ValueType::Bool => match header.byte(what)? {
            0 | 1 => Ok(()),
            other => Err(header.broken(format!("{what} is {other}, which is neither true nor false"))),
        },
        ValueType::Array if depth == ARRAY_DEPTH_MAX => {
            Err(header.broken(format!("{what} has arrays in arrays, more than {ARRAY_DEPTH_MAX} deep")))
        }
        ValueType::Array => {
            let element = value_type(header, what)?;
            let count = header.count(element.bytes_min(), &format!("the number of elements of {what}"))?;
            match element.fixed_bytes() {
                // Each is 1 byte or more, so that this cannot overflow.
                Some(size) if element != ValueType::Bool => header.take(count * size, what).map(drop),
                _ => (0..count).try_for_each(|_| skip(header, element, depth + 1, what)),
            }
        }
        _ => header.take(kind.bytes_min(), what).map(drop),
    }
}

impl Metadata {
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The keys, in the order of the alphabet, and their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Value<'_>)> {
        self.entries.iter().map(|(key, entry)| (key.as_str(), self.value(entry)))
    }

    pub fn contains(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Whether there is such a key and its value is an array.
    pub fn is_array(&self, key: &str) -> bool {
        self.entries.get(key).is_some_and(|entry| entry.kind == ValueType::Array)
    }

    /// The sha256, in lower-case hex, of the entries whose keys are wanted, in the order of the alphabet.
    pub fn sha256(&self, is_wanted: impl Fn(&str) -> bool) -> String {
        let mut hash = Sha256::new();
        for (key, entry) in self.entries.iter().filter(|(key, _)| is_wanted(key)) {
            hash.update(key);
            hash.update([0, entry.kind as u8]);
            hash.update((entry.place.len() as u64).to_le_bytes());
            hash.update(&self.bytes[entry.place.clone()]);
        }
        super::super::hex(&hash.finalize())
    }

    /// A value as the type that is asked for; `None` where there is no such key.
    ///
    /// # Errors
    /// Kind `Model` when it is of another type or does not fit.
    pub fn get<'a, T: FromValue<'a>>(&'a self, key: &str) -> Result<Option<T>> {
        let Some(entry) = self.entries.get(key) else { return Ok(None) };
        T::from_value(self.value(entry)).map(Some).map_err(|misfit| {
            Error::model(format!("metadata `{key}` has {misfit}")).at(&self.path).hint(
                "the file was written by a converter that this program does not understand; convert the model anew",
            )
        })
    }

    /// A value that has to be there.
    ///
    /// # Errors
    /// Kind `Model` when it is absent, or as [`Self::get`].
    pub fn require<'a, T: FromValue<'a>>(&'a self, key: &str) -> Result<T> {
        self.get(key)?.ok_or_else(|| {
            Error::model(format!("metadata `{key}` is missing"))
                .at(&self.path)
                .hint("the file does not hold a whole model, or was made by a converter too old; convert the model anew")
        })
    }

    /// The first key that both have with different values, other than those named.
    pub fn first_difference(&self, other: &Metadata, except: &[&str]) -> Option<&str> {
        let differs = |(key, entry): &(&String, &Entry)| {
            let theirs = other.entries.get(*key);
            !except.contains(&key.as_str())
                && theirs.is_some_and(|theirs| {
                    entry.kind != theirs.kind
                        || self.bytes[entry.place.clone()] != other.bytes[theirs.place.clone()]
                })
        };
        self.entries.iter().find(differs).map(|(key, _)| key.as_str())
    }

    fn value(&self, entry: &Entry) -> Value<'_> {
        value::read(entry.kind, &mut &self.bytes[entry.place.clone()])
    }
}
