//! The one way from a file's name to where its bytes lie. Every file of a model that is opened, hashed, copied or listed goes
//! through here, and one that a link leads out of the model is refused. Opens nothing.

use super::find::is_gguf;
use super::hf_cache::blobs_of;
use super::manifest::is_plain_name;
use crate::error::{Error, Result};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Where a file of a model's folder lies once every link is followed; `None` where there is none. The folder itself may be a
/// link, or lie behind one.
///
/// # Errors
/// Kind `Model` for a name that is not plain, and for a file that lies neither in the folder nor, for a snapshot of Hugging
/// Face's cache, among its blobs.
pub fn of_folder(folder: &Path, name: &str) -> Result<Option<PathBuf>> {
    bounded(folder, name, None)
}

/// The same for a GGUF file and its other parts. The file that was named may be a link to wherever; the others lie beside it, or
/// beside where it leads.
///
/// # Errors
/// As [`of_folder`].
pub fn of_gguf(named: &Path, name: &str) -> Result<Option<PathBuf>> {
    let folder = named.parent().unwrap_or(Path::new(""));
    if named.file_name().is_some_and(|own| own == name) {
        return follow(folder, name);
    }
    // What other models have in files of their own is in its metadata.
    if !is_gguf(Path::new(name)) {
        return Ok(None);
    }
    let target = named.canonicalize().ok();
    bounded(folder, name, target.as_deref().and_then(Path::parent))
}

/// A folder without links; the path of a file in the working directory has an empty one.
pub fn real_folder(folder: &Path) -> io::Result<PathBuf> {
    match folder.as_os_str().is_empty() {
        true => Path::new(".").canonicalize(),
        false => folder.canonicalize(),
    }
}

/// `also`: a further folder that the file may lie in.
fn bounded(folder: &Path, name: &str, also: Option<&Path>) -> Result<Option<PathBuf>> {
    let Some(real) = follow(folder, name)? else { return Ok(None) };
    let home =
        real_folder(folder).map_err(|source| Error::model("cannot be read").at(folder).because(source))?;
    // As a part of the path without links: `blobs` that is itself a link would lead anywhere.
    let blobs = blobs_of(&home);
    let places = [Some(home.as_path()), blobs.as_deref(), also];
    if places.into_iter().flatten().any(|place| real.starts_with(place)) {
        return Ok(Some(real));
    }
    Err(Error::model(format!("leads out of the model's folder, to {}", real.display()))
        .at(folder.join(name))
        .hint(
            "put the file itself there, not a link, or `respondent models import` the folder that it lies in",
        ))
}

fn follow(folder: &Path, name: &str) -> Result<Option<PathBuf>> {
    let path = folder.join(name);
    // A name may come from a file's own index: it must stay a plain name.
    if !is_plain_name(name) {
        return Err(Error::model("a model's files lie in its own directory").at(path));
    }
    match path.canonicalize() {
        Ok(real) => Ok(Some(real)),
        Err(source) if source.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::model("cannot be read").at(path).because(source)),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    /// A folder `model` beside a folder `other`, each with files `a` and `b`.
    fn folders() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let root = tempfile::tempdir().unwrap();
        let [model, other] = ["model", "other"].map(|name| root.path().join(name));
        for folder in [&model, &other] {
            fs::create_dir(folder).unwrap();
            for name in ["a", "b"] {
                fs::write(folder.join(name), name).unwrap();
            }
        }
        (root, model, other)
    }

    fn refused(found: Result<Option<PathBuf>>, parts: &[&str]) {
        let error = found.expect_err("it should be refused");
        assert_eq!(error.kind(), crate::error::ErrorKind::Model);
        for part in parts {
            assert!(error.to_string().contains(part), "no `{part}` in {error}");
        }
    }

    #[test]
    fn a_link_within_the_folder_is_followed_and_one_out_of_it_is_not() {
        let (root, model, other) = folders();
        symlink("a", model.join("inside")).unwrap();
        symlink(other.join("a"), model.join("outside")).unwrap();
        symlink("outside", model.join("twice")).unwrap();
        symlink("nowhere", model.join("gone")).unwrap();
        symlink("loop", model.join("loop")).unwrap();
        let real = model.canonicalize().unwrap();
        for folder in [&model, &model.join("../model/.")] {
            assert_eq!(of_folder(folder, "a").unwrap(), Some(real.join("a")));
            assert_eq!(of_folder(folder, "inside").unwrap(), Some(real.join("a")));
            assert_eq!(of_folder(folder, "gone").unwrap(), None);
            refused(
                of_folder(folder, "outside"),
                &["outside: leads out of the model's folder, to ", "other/a"],
            );
            refused(of_folder(folder, "twice"), &["twice: leads out", "other/a"]);
            refused(of_folder(folder, "loop"), &["loop: cannot be read"]);
            for name in ["../other/a", "/etc/passwd", "..", ".", ""] {
                refused(of_folder(folder, name), &["a model's files lie in its own directory"]);
            }
        }
        symlink(&model, root.path().join("link")).unwrap();
        assert_eq!(of_folder(&root.path().join("link"), "a").unwrap(), Some(real.join("a")));
    }

    #[test]
    fn a_snapshot_may_lead_into_the_blobs_of_its_own_repository() {
        let root = tempfile::tempdir().unwrap();
        let repository = |name: &str| root.path().join("disk").join(format!("models--org--{name}"));
        let inside = format!("snapshots/{}/part", "a".repeat(40));
        for name in ["tiny", "other"] {
            fs::create_dir_all(repository(name).join(&inside)).unwrap();
            fs::create_dir(repository(name).join("blobs")).unwrap();
            fs::write(repository(name).join("blobs/0"), "").unwrap();
        }
        // As caches are moved to larger disks.
        symlink("disk", root.path().join("cache")).unwrap();
        let part = root.path().join("cache/models--org--tiny").join(&inside);
        let snapshot = part.parent().unwrap();
        symlink("../../blobs/0", snapshot.join("a")).unwrap();
        symlink("../../../blobs/0", part.join("a")).unwrap();
        symlink("../../../models--org--other/blobs/0", snapshot.join("b")).unwrap();
        let blob = repository("tiny").join("blobs/0").canonicalize().unwrap();
        assert_eq!(of_folder(snapshot, "a").unwrap(), Some(blob.clone()));
        assert_eq!(of_folder(&part, "a").unwrap(), Some(blob));
        refused(of_folder(snapshot, "b"), &["b: leads out of the model's folder"]);
        // Blobs that lie elsewhere are not the cache's own.
        fs::remove_dir_all(repository("tiny").join("blobs")).unwrap();
        symlink(repository("other").join("blobs"), repository("tiny").join("blobs")).unwrap();
        refused(of_folder(snapshot, "a"), &["a: leads out of the model's folder"]);
    }

    #[test]
    fn a_gguf_file_that_is_named_may_be_a_link_and_its_parts_lie_beside_it() {
        let (_root, model, other) = folders();
        let name = |part: usize| format!("x-0000{part}-of-00003.gguf");
        for part in [1, 2] {
            fs::write(other.join(name(part)), "").unwrap();
            symlink(other.join(name(part)), model.join(name(part))).unwrap();
        }
        let real = other.canonicalize().unwrap();
        let named = model.join(name(1));
        assert_eq!(of_gguf(&named, &name(1)).unwrap(), Some(real.join(name(1))));
        assert_eq!(of_gguf(&named, &name(2)).unwrap(), Some(real.join(name(2))));
        assert_eq!(of_gguf(&named, &name(3)).unwrap(), None);
        assert_eq!(of_gguf(&named, "a").unwrap(), None, "no part of it");
        // One part lies in the folder, and another leads out of it.
        fs::write(model.join(name(3)), "").unwrap();
        let named = model.join(name(3));
        assert_eq!(of_gguf(&named, &name(3)).unwrap(), Some(named.canonicalize().unwrap()));
        refused(of_gguf(&named, &name(2)), &["x-00002-of-00003.gguf: leads out of the model's folder"]);
    }
}
