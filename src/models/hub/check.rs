//! A file against the hash by which a hub names it: sha256 for large files, git's own for the rest.

use super::super::hashing::{hash_file, open_file};
use crate::error::{Error, Result};
use sha1::{Digest, Sha1};
use std::fmt;
use std::path::Path;

/// What an etag says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublishedHash {
    Sha256(String),
    /// sha1 over `blob`, a space, the length, a zero byte and the content.
    GitBlob(String),
}

impl fmt::Display for PublishedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PublishedHash::Sha256(hash) => write!(f, "sha256 {}", &hash[..12]),
            PublishedHash::GitBlob(hash) => write!(f, "git {}", &hash[..12]),
        }
    }
}

impl PublishedHash {
    /// `None` for an etag that is no hash. One that is can be a file's name.
    pub fn from_etag(etag: &str) -> Option<Self> {
        if !etag.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        match etag.len() {
            64 => Some(PublishedHash::Sha256(etag.to_owned())),
            40 => Some(PublishedHash::GitBlob(etag.to_owned())),
            _ => None,
        }
    }

    /// # Errors
    /// Kind `Model` when the file cannot be read or is another one.
    pub fn check(&self, path: &Path) -> Result<()> {
        let (published, found) = match self {
            PublishedHash::Sha256(published) => (published, hash_file(path, &|_| ())?.sha256),
            PublishedHash::GitBlob(published) => (published, git_blob(path)?),
        };
        if *published == found {
            return Ok(());
        }
        Err(Error::model(format!("its bytes hash to {found}, and the hub says {published}"))
            .at(path)
            .hint("it was removed; fetch again, and if that does not help, ask whoever runs the hub"))
    }
}

fn git_blob(path: &Path) -> Result<String> {
    let (file, mut hash) = (open_file(path)?, Sha1::new());
    hash.update(format!("blob {}\0", file.len()));
    file.each_block(|block| hash.update(block))?;
    Ok(super::super::hex(&hash.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_etag_is_a_hash_or_nothing() {
        for etag in ["", "abc123", "../../x", &"A".repeat(40), "W/0123"] {
            assert_eq!(PublishedHash::from_etag(etag), None, "{etag}");
        }
        assert!(matches!(PublishedHash::from_etag(&"a".repeat(64)), Some(PublishedHash::Sha256(_))));
    }

    #[test]
    fn both_kinds_are_computed_as_their_makers_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, "hello\n").unwrap();
        // `git hash-object` and `sha256sum` of the same bytes
        for etag in [
            "ce013625030ba8dba906f756967f9e9ca394464a",
            "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
        ] {
            PublishedHash::from_etag(etag).unwrap().check(&path).unwrap();
            let other = PublishedHash::from_etag(&etag.replace('0', "1")).unwrap();
            assert!(other.check(&path).unwrap_err().to_string().contains("the hub says"));
        }
    }
}
