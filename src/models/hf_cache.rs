//! Hugging Face's cache: `models--ORG--NAME/{refs,snapshots,blobs}`, names to snapshots and back. A snapshot's files may be
//! links into `blobs`. Knows nothing of what a snapshot holds, and of no network.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// The branch that a name without a revision means.
pub const DEFAULT_REVISION: &str = "main";

/// Digits of a commit's sha1.
const COMMIT_LEN: usize = 40;

/// Digits that are enough to name a commit, and that names are shortened to.
const SHORT_COMMIT_LEN: usize = 7;

/// A ref holds one commit; nothing longer is read.
const REF_BYTES_MAX: u64 = 1024;

/// `org/name[@revision]`. Both parts are safe to make paths of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryName {
    /// `org/name`, or `name` alone.
    pub repository: String,
    /// A branch, tag, ref or commit.
    pub revision: Option<String>,
}

impl RepositoryName {
    /// `None` where the text cannot be such a name. As `validate_repo_id` of huggingface_hub.
    pub fn parse(text: &str) -> Option<Self> {
        let (repository, revision) = match text.split_once('@') {
            Some((repository, revision)) => (repository, Some(revision)),
            None => (text, None),
        };
        let is_part = |part: &str| {
            let plain = part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
            let edges = [part.bytes().next(), part.bytes().last()];
            plain && edges.iter().all(|edge| edge.is_some_and(|byte| byte != b'.' && byte != b'-'))
        };
        let is_name = repository.len() <= 96
            && repository.split('/').count() <= 2
            && repository.split('/').all(is_part)
            && !repository.contains("--")
            && !repository.contains("..");
        let is_safe = revision.is_none_or(|revision| {
            let path = Path::new(revision);
            let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
            let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/+".contains(&byte);
            plain && !revision.is_empty() && revision.bytes().all(known) && !revision.ends_with('/')
        });
        (is_name && is_safe).then(|| RepositoryName {
            repository: repository.to_owned(),
            revision: revision.map(str::to_owned),
        })
    }

    pub fn revision_or_default(&self) -> &str {
        self.revision.as_deref().unwrap_or(DEFAULT_REVISION)
    }

    /// Its folder in a cache.
    pub fn folder(&self, cache: &Path) -> PathBuf {
        cache.join(format!("models--{}", self.repository.replace('/', "--")))
    }
}

/// One commit of a repository, as far as it is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    pub repository: String,
    pub commit: String,
    /// Branches and tags that stand on it.
    pub refs: Vec<String>,
    pub path: PathBuf,
}

impl Snapshot {
    /// What `--model` takes for it.
    pub fn name(&self) -> String {
        let plain_refs = || self.refs.iter().filter(|name| !is_commit(name));
        if plain_refs().any(|name| name == DEFAULT_REVISION) {
            return self.repository.clone();
        }
        let short = &self.commit[..SHORT_COMMIT_LEN.min(self.commit.len())];
        format!("{}@{}", self.repository, plain_refs().next().map_or(short, String::as_str))
    }
}

/// Whether this is a whole commit.
pub fn is_commit(text: &str) -> bool {
    text.len() == COMMIT_LEN && is_lower_hex(text)
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The snapshot of a name, or a fragment that says what was looked at in vain.
pub fn find_snapshot(cache: &Path, name: &RepositoryName) -> Result<Snapshot, String> {
    let folder = name.folder(cache);
    if !folder.is_dir() {
        return Err(format!("{} (not there)", folder.display()));
    }
    let known = snapshots_of(&folder, &name.repository);
    let revision = name.revision_or_default();
    let commit = read_ref(&folder, revision);
    let found = known.iter().find(|snapshot| Some(&snapshot.commit) == commit.as_ref());
    let found = found.or_else(|| known.iter().find(|snapshot| snapshot.commit == revision));
    if let Some(snapshot) = found {
        return Ok(snapshot.clone());
    }
    let starting: Vec<_> = match revision.len() >= SHORT_COMMIT_LEN && is_lower_hex(revision) {
        true => known.iter().filter(|snapshot| snapshot.commit.starts_with(revision)).collect(),
        false => Vec::new(),
    };
    if let [only] = starting[..] {
        return Ok(only.clone());
    }
    let names: Vec<String> = known.iter().map(Snapshot::name).collect();
    let there = match &names[..] {
        [] => "no revision at all".to_owned(),
        names => names.join(", "),
    };
    let problem = match (commit, starting.len()) {
        (Some(commit), _) => format!("`{revision}` is commit {commit}, of which nothing is there"),
        (None, 0) => format!("no revision `{revision}`"),
        (None, _) => format!("`{revision}` begins several commits"),
    };
    Err(format!("{} ({problem}; what is there: {there})", folder.display()))
}

/// Every snapshot in a cache, by name; none where there is no cache.
pub fn snapshots(cache: &Path) -> Vec<Snapshot> {
    let mut all = Vec::new();
    for folder in sorted_entries(cache) {
        let name =
            folder.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix("models--"));
        // A repository's own name never holds two dashes in a row.
        let Some(name) = name.and_then(|name| RepositoryName::parse(&name.replacen("--", "/", 1))) else {
            continue;
        };
        all.extend(snapshots_of(&folder, &name.repository));
    }
    all
}

/// Repository and commit of a path that is a snapshot.
pub fn repository_of(path: &Path) -> Option<(String, String)> {
    let part = |path: &Path| path.file_name()?.to_str().map(str::to_owned);
    let commit = part(path).filter(|commit| is_commit(commit))?;
    let snapshots = path.parent().filter(|folder| folder.ends_with("snapshots"))?;
    let folder = part(snapshots.parent()?)?;
    let name = RepositoryName::parse(&folder.strip_prefix("models--")?.replacen("--", "/", 1))?;
    Some((name.repository, commit))
}

/// The folder that links of a snapshot's files lead into, for a path that is a snapshot or lies in one.
pub fn blobs_of(path: &Path) -> Option<PathBuf> {
    let snapshot = path.ancestors().find(|folder| repository_of(folder).is_some())?;
    Some(snapshot.ancestors().nth(2)?.join("blobs"))
}

fn snapshots_of(folder: &Path, repository: &str) -> Vec<Snapshot> {
    let refs = refs_of(&folder.join("refs"));
    let folders = sorted_entries(&folder.join("snapshots")).into_iter().filter(|path| path.is_dir());
    let named = folders.filter_map(|path| Some((path.file_name()?.to_str()?.to_owned(), path)));
    let whole = named.filter(|(commit, _)| is_commit(commit));
    whole
        .map(|(commit, path)| {
            let on_it = refs.iter().filter(|(_, at)| *at == commit);
            let refs = on_it.map(|(name, _)| name.clone()).collect();
            Snapshot { repository: repository.to_owned(), refs, commit, path }
        })
        .collect()
}

/// Names and commits of all refs, however deep (`refs/pr/1` is one).
fn refs_of(root: &Path) -> Vec<(String, String)> {
    /// `refs/pr/1` takes three; a link to a folder above would not end.
    const DEPTH_MAX: usize = 6;
    let mut found = Vec::new();
    let mut folders = vec![(root.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        for path in sorted_entries(&folder) {
            if path.is_dir() && depth < DEPTH_MAX {
                folders.push((path, depth + 1));
            } else if let Some(name) = path.strip_prefix(root).ok().and_then(Path::to_str)
                && let Some(commit) = read_commit(&path)
            {
                found.push((name.replace('\\', "/"), commit));
            }
        }
    }
    found
}

fn read_ref(folder: &Path, revision: &str) -> Option<String> {
    read_commit(&folder.join("refs").join(revision))
}

fn read_commit(path: &Path) -> Option<String> {
    let metadata = fs::metadata(path).ok()?;
    if !metadata.is_file() || metadata.len() > REF_BYTES_MAX {
        return None;
    }
    let text = fs::read_to_string(path).ok()?;
    Some(text.trim()).filter(|commit| is_commit(commit)).map(str::to_owned)
}

/// Paths in a folder, sorted; none where it cannot be read.
fn sorted_entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "0123456789abcdef0123456789abcdef01234567";
    const NEW: &str = "0123456fffffffffffffffffffffffffffffffff";

    fn cache() -> tempfile::TempDir {
        let cache = tempfile::tempdir().unwrap();
        let folder = cache.path().join("models--org--tiny");
        for commit in [OLD, NEW] {
            fs::create_dir_all(folder.join("snapshots").join(commit)).unwrap();
        }
        fs::create_dir_all(folder.join("refs/refs/pr")).unwrap();
        fs::write(folder.join("refs/main"), format!("{NEW}\n")).unwrap();
        fs::write(folder.join("refs/refs/pr/1"), OLD).unwrap();
        fs::write(folder.join("refs/gone"), "f".repeat(40)).unwrap();
        fs::write(folder.join("refs/odd"), "../../../etc").unwrap();
        cache
    }

    fn found(cache: &Path, text: &str) -> Result<String, String> {
        find_snapshot(cache, &RepositoryName::parse(text).unwrap()).map(|snapshot| snapshot.commit)
    }

    #[test]
    fn names_that_lead_elsewhere_are_none() {
        for text in [
            "",
            "/",
            "a/",
            "/a",
            "a/b/c",
            "../a",
            "a/..",
            "a--b/c",
            "a b",
            ".a",
            "a-",
            "a/b@",
            "a/b@../x",
            "a/b@/x",
            "a@b@c",
            "a/b@x/../y",
            "a/b@x/",
            "a\u{1b}/b",
        ] {
            assert_eq!(RepositoryName::parse(text), None, "{text}");
        }
        let name = RepositoryName::parse("Qwen/Qwen2.5-0.5B@refs/pr/1").unwrap();
        assert_eq!(
            (name.repository.as_str(), name.revision.as_deref()),
            ("Qwen/Qwen2.5-0.5B", Some("refs/pr/1"))
        );
        assert_eq!(RepositoryName::parse("gpt2").unwrap().revision_or_default(), "main");
    }

    #[test]
    fn a_ref_a_commit_or_the_beginning_of_one_names_a_snapshot() {
        let cache = cache();
        assert_eq!(found(cache.path(), "org/tiny").unwrap(), NEW);
        assert_eq!(found(cache.path(), "org/tiny@refs/pr/1").unwrap(), OLD);
        assert_eq!(found(cache.path(), &format!("org/tiny@{OLD}")).unwrap(), OLD);
        assert_eq!(found(cache.path(), "org/tiny@0123456f").unwrap(), NEW);
        assert!(found(cache.path(), "org/tiny@0123456").unwrap_err().contains("begins several commits"));
        assert!(found(cache.path(), "org/tiny@012345").unwrap_err().contains("no revision `012345`"));
        assert!(found(cache.path(), "org/tiny@gone").unwrap_err().contains("of which nothing is there"));
        let odd = found(cache.path(), "org/tiny@odd").unwrap_err();
        assert!(odd.contains("no revision `odd`; what is there: org/tiny@refs/pr/1, org/tiny)"), "{odd}");
        assert!(found(cache.path(), "org/other").unwrap_err().contains("models--org--other (not there)"));
    }

    #[test]
    fn all_snapshots_are_told_by_names_that_find_them() {
        let cache = cache();
        fs::create_dir_all(cache.path().join("datasets--org--data/snapshots").join(OLD)).unwrap();
        let all = snapshots(cache.path());
        assert_eq!(all.len(), 2);
        for snapshot in &all {
            assert_eq!(found(cache.path(), &snapshot.name()).unwrap(), snapshot.commit);
            let (repository, commit) = repository_of(&snapshot.path).unwrap();
            assert_eq!((repository, &commit), ("org/tiny".to_owned(), &snapshot.commit));
        }
        assert_eq!(repository_of(Path::new("/models/tiny")), None);
        let blobs = cache.path().join("models--org--tiny/blobs");
        for path in [all[0].path.clone(), all[0].path.join("part")] {
            assert_eq!(blobs_of(&path), Some(blobs.clone()));
        }
        assert_eq!(blobs_of(&cache.path().join("models--org--tiny/snapshots")), None);
    }
}
