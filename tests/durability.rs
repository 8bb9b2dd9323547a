//! A run whose machine loses power. Its own calls to the system, played on a disk that forgets, leave what a cut after each of them could leave;
//! from all of that the run goes on to the same bytes.

use super::harness::{Call, respondent, respondent_traced};
use super::resume::tables;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

/// Branches of 40 prompts, so that there is more than one; some forty writes in all.
pub const RUN: [&str; 20] = [
    "run",
    "isear",
    "--personas",
    "USA",
    "--languages",
    "en",
    "--formats",
    "number",
    "--certify",
    "0",
    "--replicates",
    "50",
    "--token-budget",
    "512",
    "--branch-prompts",
    "40",
    "--quiet",
    "--or-resume",
    "--out",
    "out",
];

/// A file as programs see it, and as it was when it was last synced.
#[derive(Default)]
struct File {
    written: Vec<u8>,
    synced: Vec<u8>,
}

/// How much of what was not synced a cut leaves of a file.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kept {
    Nothing,
    /// Its length, and zeros.
    Length,
    /// The later half of it; zeros before.
    Later,
    All,
}

impl File {
    fn after_a_cut(&self, kept: Kept) -> Vec<u8> {
        let (synced, len) = (self.synced.len().min(self.written.len()), self.written.len());
        let zeros = match kept {
            Kept::Nothing => return self.synced.clone(),
            Kept::All => synced..synced,
            Kept::Later => synced..(synced + len) / 2,
            Kept::Length => synced..len,
        };
        let mut bytes = self.written.clone();
        bytes[zeros].fill(0);
        bytes
    }
}

/// Where a name leads: to a file, or to a folder.
type Names = BTreeMap<String, Option<usize>>;

/// What is opened: the file that is read and written at `offset`, or the folder that may be synced.
enum Opened {
    File { file: usize, offset: usize },
    Folder(String),
}

/// A disk under the folder `out`.
#[derive(Default)]
struct Disk {
    files: Vec<File>,
    names: Names,
    synced_names: Names,
    opened: Vec<Opened>,
    /// Places in `opened`.
    descriptors: HashMap<i64, usize>,
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or(".", |(folder, _)| folder)
}

impl Disk {
    /// Does what the call did. Whether it could have changed what a cut leaves.
    fn play(&mut self, call: &Call) -> bool {
        let Some(returned) = call.returned else { return false };
        let path =
            |position| Some(call.path(position)).filter(|path| path == "out" || path.starts_with("out/"));
        match call.name.as_str() {
            "mkdir" => path(0).map(|path| self.names.insert(path, None)).is_some(),
            "open" | "openat" => self.open(call, returned),
            "close" => {
                self.descriptors.remove(&call.number(0));
                false
            }
            "fcntl" => {
                if let Some(&opened) = self.descriptors.get(&call.number(0)) {
                    self.descriptors.insert(returned, opened);
                }
                false
            }
            "rename" => match (path(0), path(1)) {
                (Some(from), Some(to)) => {
                    let file = self.names.remove(&from).expect("what is renamed was made before");
                    self.names.insert(to, file);
                    true
                }
                _ => false,
            },
            "unlink" => path(0).map(|path| self.names.remove(&path).expect("it was there")).is_some(),
            name => self.on_a_file(name, call, returned as usize),
        }
    }

    fn open(&mut self, call: &Call, descriptor: i64) -> bool {
        let path = call.path(0);
        let made = call.arguments.contains("O_CREAT") && !self.names.contains_key(&path);
        if made {
            self.files.push(File::default());
            self.names.insert(path.clone(), Some(self.files.len() - 1));
        }
        let opened = match self.names.get(&path) {
            Some(&Some(file)) => Opened::File { file, offset: 0 },
            _ if path == "." || path == "out" => Opened::Folder(path),
            _ => return false,
        };
        assert!(
            !call.arguments.contains("O_TRUNC") && !call.arguments.contains("O_APPEND"),
            "{}",
            call.arguments
        );
        self.opened.push(opened);
        self.descriptors.insert(descriptor, self.opened.len() - 1);
        made
    }

    fn on_a_file(&mut self, name: &str, call: &Call, returned: usize) -> bool {
        let Some(&opened) = self.descriptors.get(&call.number(0)) else { return false };
        match (&mut self.opened[opened], name) {
            (Opened::Folder(folder_synced), "fsync" | "fdatasync") => {
                let here = |path: &String| folder(path) == folder_synced;
                self.synced_names.retain(|path, _| !here(path));
                self.synced_names.extend(
                    self.names
                        .iter()
                        .filter(|(path, _)| here(path))
                        .map(|(path, file)| (path.clone(), *file)),
                );
            }
            (Opened::File { file, offset }, name) => {
                let file = &mut self.files[*file];
                match name {
                    "fsync" | "fdatasync" => file.synced.clone_from(&file.written),
                    "ftruncate" => file.written.resize(call.number(1) as usize, 0),
                    "write" => {
                        let bytes = &call.texts()[0][..returned];
                        let end = *offset + bytes.len();
                        file.written.resize(file.written.len().max(end), 0);
                        file.written[*offset..end].copy_from_slice(bytes);
                        *offset = end;
                    }
                    "lseek" => *offset = returned,
                    "read" => *offset += returned,
                    _ => panic!("{name} is not played"),
                }
                return !["lseek", "read"].contains(&name);
            }
            _ => return false,
        }
        true
    }

    /// Everything below `out` that a cut may leave now, a file's bytes by its name; folders have none.
    fn after_a_cut(&self, names_kept: bool, kept: Kept) -> BTreeMap<String, Option<Vec<u8>>> {
        let names = if names_kept { &self.names } else { &self.synced_names };
        // What is in a folder that has itself no name is lost with it.
        names
            .iter()
            .filter(|(path, _)| path.as_str() == "out" || names.contains_key("out"))
            .map(|(path, file)| (path.clone(), file.map(|file| self.files[file].after_a_cut(kept))))
            .collect()
    }
}

fn write_out(place: &Path, left: &BTreeMap<String, Option<Vec<u8>>>) {
    // A folder's name comes before the names in it.
    for (path, bytes) in left {
        match bytes {
            None => std::fs::create_dir(place.join(path)).unwrap(),
            Some(bytes) => std::fs::write(place.join(path), bytes).unwrap(),
        }
    }
}

#[test]
fn whatever_a_power_cut_leaves_the_run_goes_on_to_the_same_bytes() {
    let undisturbed = tempfile::tempdir().unwrap();
    let traced = "trace=open,openat,close,fcntl,read,write,pwrite64,writev,lseek,ftruncate,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,mkdir";
    let Some(traced) = respondent_traced(undisturbed.path(), &["-e", traced], &RUN) else { return };
    assert_eq!(traced.code, Some(0), "{}", traced.stderr);
    let tables_expected = tables(&undisturbed.path().join("out"));

    let mut disk = Disk::default();
    let mut left = BTreeSet::new();
    let mut moments = 0;
    for call in &traced.calls {
        if disk.play(call) {
            moments += 1;
            for kept in [Kept::Nothing, Kept::Length, Kept::Later, Kept::All] {
                left.extend([false, true].map(|names_kept| disk.after_a_cut(names_kept, kept)));
            }
        }
    }
    // What was played is what was done, and all of it is on disk in the end.
    let certain = disk.after_a_cut(false, Kept::Nothing);
    for (path, bytes) in &certain {
        let Some(bytes) = bytes else { continue };
        assert!(*bytes == std::fs::read(undisturbed.path().join(path)).unwrap(), "{path}");
    }
    let files = std::fs::read_dir(undisturbed.path().join("out")).unwrap().count();
    assert_eq!(certain.len(), files + 1, "{:?}", certain.keys());

    println!("{moments} moments, {} disks that a cut could leave", left.len());
    assert!(moments > 60 && left.len() > 100, "{moments} moments, {} disks", left.len());
    left.par_iter().for_each(|left| {
        let place = tempfile::tempdir().unwrap();
        write_out(place.path(), left);
        let told =
            || left.iter().map(|(path, bytes)| (path, bytes.as_ref().map(Vec::len))).collect::<Vec<_>>();
        let out = place.path().join("out");
        if left.contains_key("out/manifest.json") {
            assert!(tables(&out) == tables_expected, "a run with a manifest is finished: {:?}", told());
        }
        let outcome = respondent(place.path(), &RUN);
        assert_eq!(outcome.code, 0, "{:?}: {}", told(), outcome.stderr);
        assert!(tables(&out) == tables_expected, "{:?}", told());
        assert!(!out.join("journal").exists() && out.join("report.html").exists(), "{:?}", told());
    });
}
