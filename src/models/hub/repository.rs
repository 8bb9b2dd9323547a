//! One commit of a repository on a hub, by way of hf-hub: its list of files, and a file at a time into the cache. Believes neither
//! names nor hashes that it is told until it has looked at them.

use super::super::hf_cache::{RepositoryName, is_commit};
use super::super::manifest::is_plain_name;
use super::check::PublishedHash;
use super::{FetchEvent, HubSettings};
use crate::error::{Error, Result};
use hf_hub::api::Progress;
use hf_hub::api::sync::{Api, ApiBuilder, ApiRepo};
use hf_hub::{Cache, CacheRepo, Repo, RepoType};
use std::path::{Path, PathBuf};

/// A commit, and where its files go.
pub struct HubRepository<'a> {
    /// `org/name`.
    pub name: String,
    commit: String,
    /// Those that lie directly in it.
    pub file_names: Vec<String>,
    api: Api,
    remote: ApiRepo,
    cached: CacheRepo,
    cache: Cache,
    listener: &'a dyn Fn(FetchEvent<'_>),
}

/// A hub's description of a revision.
#[derive(serde::Deserialize)]
struct Listing {
    sha: String,
    siblings: Vec<Sibling>,
}

#[derive(serde::Deserialize)]
struct Sibling {
    rfilename: String,
}

impl<'a> HubRepository<'a> {
    /// Asks for the commit that a revision is, and for its files.
    pub fn open(
        name: &RepositoryName,
        cache: &Path,
        settings: &HubSettings,
        listener: &'a dyn Fn(FetchEvent<'_>),
    ) -> Result<Self> {
        // hf-hub makes links between absolute paths only.
        let cache = std::path::absolute(cache)
            .map_err(|source| Error::usage("cannot hold a cache").at(cache).because(source))?;
        let cache = Cache::new(cache);
        let api = ApiBuilder::from_cache(cache.clone())
            .with_endpoint(settings.endpoint.clone())
            // Over the token that hf-hub reads from a file beside the cache.
            .with_token(settings.token.clone())
            .with_user_agent("respondent", env!("CARGO_PKG_VERSION"))
            .build()
            .map_err(|source| Error::usage("the hub cannot be spoken to").because(source))?;
        let at = |revision: &str| {
            Repo::with_revision(name.repository.clone(), RepoType::Model, revision.to_owned())
        };
        let listing = listing(&api.repo(at(name.revision_or_default())), name, settings)?;
        if !is_commit(&listing.sha) {
            return Err(Error::model(format!("the hub names no commit, but `{}`", listing.sha)));
        }
        listener(FetchEvent::Resolved { commit: &listing.sha, endpoint: &settings.endpoint });
        let names = listing.siblings.into_iter().map(|sibling| sibling.rfilename);
        let safe = |name: &String| {
            is_plain_name(name)
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        };
        Ok(HubRepository {
            name: name.repository.clone(),
            file_names: names.filter(safe).collect(),
            remote: api.repo(at(&listing.sha)),
            cached: cache.repo(at(&listing.sha)),
            commit: listing.sha,
            api,
            cache,
            listener,
        })
    }

    /// The folder of this commit's files.
    pub fn snapshot(&self) -> PathBuf {
        self.cached.pointer_path(&self.commit)
    }

    /// Brings a file of `file_names` here, unless it is, and checks it either way. One that is wrong does not stay.
    pub fn fetch(&self, file: &str) -> Result<()> {
        let failed = |source| self.failed(file).because(source);
        let metadata = self.api.metadata(&self.remote.url(file)).map_err(failed)?;
        if metadata.commit_hash() != self.commit {
            return Err(self.failed(file).because(format!("it is of commit `{}`", metadata.commit_hash())));
        }
        let published = PublishedHash::from_etag(metadata.etag())
            .ok_or_else(|| self.failed(file).because(format!("its etag `{}` is no hash", metadata.etag())))?;
        let (blob, link) = (self.cached.blob_path(metadata.etag()), self.snapshot().join(file));
        let size_bytes = metadata.size() as u64;
        let finished = |how: &str| {
            let check = format!("{published} {how}");
            (self.listener)(FetchEvent::Finished { file, size_bytes, check: &check });
        };
        if blob.is_file() && published.check(&blob).is_ok() {
            make_link(&blob, &link).map_err(|source| self.failed(file).because(source))?;
            finished("matches, and it was here already");
            return Ok(());
        }
        remove(&[&blob, &link]);
        self.download(file, size_bytes, &blob)?;
        let whole = published.check(&blob).and_then(|()| self.check_link(&blob, &link));
        if whole.is_err() {
            remove(&[&blob, &link]);
        } else {
            finished("matches");
        }
        whole
    }

    /// Goes on as long as each attempt brings something.
    fn download(&self, file: &str, size_bytes: u64, blob: &Path) -> Result<()> {
        // hf-hub's own name for what it has so far.
        let part = blob.with_extension("part");
        let part_len = || part.metadata().map_or(0, |metadata| metadata.len());
        if part_len() >= size_bytes {
            remove(&[&part]);
        }
        loop {
            let before = part_len();
            let watcher = Watcher { file, listener: self.listener };
            match self.remote.download_with_progress(file, watcher) {
                Ok(_) => return Ok(()),
                Err(_) if part_len() > before && part_len() < size_bytes => {}
                Err(source) => {
                    let hint = match part_len() {
                        0 => "look at the connection and HF_ENDPOINT, and fetch again".to_owned(),
                        there => format!("fetch again to go on: {there} of {size_bytes} bytes are here"),
                    };
                    return Err(self.failed(file).because(source).hint(hint));
                }
            }
        }
    }

    /// hf-hub asks for the etag once more, and a hub that changed its mind would have it write elsewhere.
    fn check_link(&self, blob: &Path, link: &Path) -> Result<()> {
        let lead = |path: &Path| {
            path.canonicalize().map_err(|source| Error::model("is not there").at(path).because(source))
        };
        match lead(link)? == lead(blob)? {
            true => Ok(()),
            false => Err(Error::model("does not lead to what was fetched").at(link)),
        }
    }

    /// Notes what commit the revision is, as other programs do.
    pub fn note_ref(&self, name: &RepositoryName) -> Result<()> {
        let revision = name.revision_or_default().to_owned();
        let repo = Repo::with_revision(name.repository.clone(), RepoType::Model, revision);
        self.cache.repo(repo).create_ref(&self.commit).map_err(|source| {
            Error::output("the revision cannot be noted").at(self.cache.path()).because(source)
        })
    }

    fn failed(&self, file: &str) -> Error {
        Error::model(format!("`{file}` of {} cannot be fetched", self.name))
    }
}

fn listing(remote: &ApiRepo, name: &RepositoryName, settings: &HubSettings) -> Result<Listing> {
    let (repository, endpoint) = (&name.repository, &settings.endpoint);
    let request = remote.info_request().config().http_status_as_error(false).build();
    let mut response = request.call().map_err(|source| {
        Error::model(format!("the hub at {endpoint} cannot be reached"))
            .because(source)
            .hint("look at the connection, the proxy and HF_ENDPOINT; what is on disk needs none of them")
    })?;
    let status = response.status().as_u16();
    let code = response.headers().get("x-error-code").and_then(|code| code.to_str().ok());
    match (status, code) {
        (200, _) => response.body_mut().read_json().map_err(|source| {
            Error::model(format!("the hub at {endpoint} does not describe {repository}")).because(source)
        }),
        (404, Some("RevisionNotFound")) => {
            let revision = name.revision_or_default();
            Err(Error::model(format!("{repository} has no revision `{revision}` at {endpoint}"))
                .hint("a revision is a branch, a tag or a whole commit; `main` if none is given"))
        }
        // Without a token a hub does not say whether a name is unknown or closed.
        (401 | 403 | 404, _) => {
            let message =
                format!("there is no {repository} at {endpoint}, or it is not open to you (status {status})");
            let way_out = match settings.token {
                None => "check the name; for a gated model accept its terms on the hub and set HF_TOKEN",
                Some(_) => "check the name, and that the terms were accepted with the account of HF_TOKEN",
            };
            Err(Error::model(message).hint(way_out))
        }
        _ => Err(Error::model(format!("the hub at {endpoint} answers with status {status}"))),
    }
}

/// A file of the snapshot that is a blob; whatever stood there goes.
fn make_link(blob: &Path, link: &Path) -> std::io::Result<()> {
    if let (Ok(at), Ok(of)) = (link.canonicalize(), blob.canonicalize())
        && at == of
    {
        return Ok(());
    }
    remove(&[link]);
    std::fs::create_dir_all(link.parent().expect("a snapshot's file lies in it"))?;
    #[cfg(unix)]
    return std::os::unix::fs::symlink(
        Path::new("../../blobs").join(blob.file_name().expect("a hash")),
        link,
    );
    #[cfg(not(unix))]
    return std::fs::hard_link(blob, link);
}

/// What is not there need not be removed, and what cannot be removed is refused by who meets it next.
fn remove(paths: &[&Path]) {
    for path in paths {
        let _ = std::fs::remove_file(path);
    }
}

/// Passes hf-hub's reports on.
struct Watcher<'a> {
    file: &'a str,
    listener: &'a dyn Fn(FetchEvent<'_>),
}

impl Progress for Watcher<'_> {
    fn init(&mut self, size: usize, _: &str) {
        (self.listener)(FetchEvent::Started { file: self.file, size_bytes: size as u64 });
    }

    fn update(&mut self, size: usize) {
        (self.listener)(FetchEvent::Advanced { bytes: size as u64 });
    }

    fn finish(&mut self) {}
}
