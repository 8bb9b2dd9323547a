//! What a run has done so far, kept through whatever ends it: an append-only file of records, each with its length and checksum. The first
//! one says what run it is. A record that was cut off, and whatever stands behind it, is as if it had never been written.
//! Knows records as bytes, not what they mean.

use crate::error::{Error, Result};
use crate::partial_file::{lock_against_others, sync_directory_of};
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const MAGIC: &[u8] = b"respondent journal 3\n";
/// What journals of all versions begin with.
const MAGIC_OF_ALL: &[u8] = b"respondent journal ";
const CHECKSUM_LEN: usize = 8;
/// No record is longer; a length beyond is a broken one.
const RECORD_LEN_MAX: u32 = 1 << 30;
/// What a power cut can cost. A killed process costs nothing: what was written is the system's.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// A journal that is being written, by this process alone.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    synced_at: Instant,
}

/// The right to begin a journal, which one process at a time has: a folder whose run says nothing yet is its, and no other's.
#[derive(Debug)]
pub struct UnbegunJournal {
    file: File,
    partial: PathBuf,
    path: PathBuf,
}

impl UnbegunJournal {
    /// Takes the right, over from a process that is no more if need be.
    ///
    /// # Errors
    /// Kind `Output` when another process has it, there is a journal already, or the folder cannot be written to.
    pub fn claim(path: &Path) -> Result<Self> {
        let partial = path.with_extension("partial");
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&partial);
        let file = file.map_err(|source| cannot_write(path, source))?;
        // Where there are no locks nobody is refused; who goes on with a run is told so.
        lock(&file, path)?;
        let claimed = UnbegunJournal { file, partial, path: path.to_owned() };
        // It may have been begun since this process looked.
        match path.exists() {
            false => Ok(claimed),
            true => {
                claimed.give_up();
                Err(Error::output("there is a journal already").at(path))
            }
        }
    }

    /// Leaves the folder as it was.
    pub fn give_up(self) {
        // What cannot be removed stays behind under a name that says what it is.
        let _ = std::fs::remove_file(&self.partial);
    }

    /// Begins the journal. It has its name only once it says what run it is.
    ///
    /// # Errors
    /// Kind `Output` when it cannot be written.
    pub fn begin(self, header: &[u8]) -> Result<Journal> {
        let UnbegunJournal { file, partial, path } = self;
        let mut journal = Journal { file, path: path.clone(), synced_at: Instant::now() };
        let failed = |source| cannot_write(&path, source);
        journal.file.set_len(0).and_then(|()| journal.file.write_all(MAGIC)).map_err(failed)?;
        journal.append(header)?;
        journal.sync()?;
        std::fs::rename(&partial, &path).map_err(failed)?;
        // The name of the journal, and that of the folder that it is in.
        sync_directory_of(&path).map_err(failed)?;
        path.parent().map_or(Ok(()), sync_directory_of).map_err(failed)?;
        Ok(journal)
    }
}

impl Journal {
    /// Adds a record. It survives the process from here on, and a power cut a second later.
    ///
    /// # Errors
    /// Kind `Output` when the disk refuses it; what was written before stays good.
    pub fn append(&mut self, record: &[u8]) -> Result<()> {
        let len = u32::try_from(record.len()).ok().filter(|len| *len <= RECORD_LEN_MAX);
        let len = len.ok_or_else(|| Error::output("a record is too long for the journal").at(&self.path))?;
        let bytes = [&len.to_le_bytes()[..], record, &checksum(len, record)].concat();
        self.file.write_all(&bytes).map_err(|source| cannot_write(&self.path, source))?;
        match self.synced_at.elapsed() >= SYNC_INTERVAL {
            true => self.sync(),
            false => Ok(()),
        }
    }

    /// Puts everything on disk.
    ///
    /// # Errors
    /// Kind `Output` when the disk refuses it.
    pub fn sync(&mut self) -> Result<()> {
        self.file.sync_data().map_err(|source| cannot_write(&self.path, source))?;
        self.synced_at = Instant::now();
        Ok(())
    }

    /// Takes the journal away: everything that it kept stands elsewhere.
    ///
    /// # Errors
    /// Kind `Output`.
    pub fn remove(self) -> Result<()> {
        remove(&self.path)
    }
}

/// Takes away a journal that nobody needs, whatever is in it.
///
/// # Errors
/// Kind `Output` when another process holds it, or it cannot be removed.
pub fn remove_journal(path: &Path) -> Result<()> {
    let file = OpenOptions::new().write(true).open(path);
    lock(&file.map_err(|source| cannot_write(path, source))?, path)?;
    remove(path)
}

fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        // Where there are no locks another process may have come first.
        Err(source) if source.kind() != ErrorKind::NotFound => {
            Err(Error::output("cannot be removed").at(path).because(source))
        }
        _ => Ok(()),
    }
}

/// A journal of an earlier process, held by this one.
#[derive(Debug)]
pub struct FoundJournal {
    reader: BufReader<File>,
    path: PathBuf,
    header: Vec<u8>,
    /// Bytes up to the end of the last whole record.
    good_len: u64,
    is_locked: bool,
}

impl FoundJournal {
    /// Opens a journal and reads its first record.
    ///
    /// # Errors
    /// Kind `Output` when there is none, another process holds it, or its first record is not whole: then nothing is lost, for nothing
    /// was done.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_with(path, OpenOptions::new().read(true).write(true))
    }

    /// The same for a journal that nobody goes on with: its folder need not be writable.
    ///
    /// # Errors
    /// As [`FoundJournal::open`].
    pub fn open_to_read(path: &Path) -> Result<Self> {
        Self::open_with(path, OpenOptions::new().read(true))
    }

    fn open_with(path: &Path, options: &OpenOptions) -> Result<Self> {
        let file = options.open(path).map_err(|source| match source.kind() {
            ErrorKind::NotFound => {
                Error::output("there is no journal here, so there is nothing to go on with").at(path)
            }
            _ => Error::output("cannot be opened").at(path).because(source),
        })?;
        let is_locked = lock(&file, path)?;
        let mut found = FoundJournal {
            reader: BufReader::new(file),
            path: path.to_owned(),
            header: Vec::new(),
            good_len: 0,
            is_locked,
        };
        let mut magic = vec![0; MAGIC.len()];
        let is_ours = found.reader.read_exact(&mut magic).is_ok() && magic == MAGIC;
        if !is_ours && magic.starts_with(MAGIC_OF_ALL) {
            return Err(Error::output("another version of respondent began this run")
                .at(path)
                .hint("go on with that version, or start the run again"));
        }
        found.good_len = MAGIC.len() as u64;
        let header = if is_ours { found.next_record()? } else { None };
        found.header = header.ok_or_else(|| {
            Error::output("this is not the journal of a run, or not even its beginning was written")
                .at(path)
                .hint("remove the folder and start the run again")
        })?;
        Ok(found)
    }

    /// Whether another process that opens it is refused.
    pub fn is_locked(&self) -> bool {
        self.is_locked
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn header(&self) -> &[u8] {
        &self.header
    }

    /// The next whole record; `None` at the end, or where one was cut off.
    ///
    /// # Errors
    /// Kind `Output` when the file cannot be read.
    pub fn next_record(&mut self) -> Result<Option<Vec<u8>>> {
        let record = read_record(&mut self.reader)
            .map_err(|source| Error::output("cannot be read").at(&self.path).because(source))?;
        if let Some(record) = &record {
            self.good_len += (size_of::<u32>() + record.len() + CHECKSUM_LEN) as u64;
        }
        Ok(record)
    }

    /// Goes on writing behind the last whole record that was read.
    ///
    /// # Errors
    /// Kind `Output`.
    pub fn go_on(self) -> Result<Journal> {
        let FoundJournal { reader, path, good_len, .. } = self;
        let mut file = reader.into_inner();
        file.set_len(good_len)
            .and_then(|()| file.seek(SeekFrom::Start(good_len)))
            .map_err(|source| cannot_write(&path, source))?;
        Ok(Journal { file, path, synced_at: Instant::now() })
    }
}

/// `None` for whatever is no whole record.
fn read_record(reader: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut len = [0; size_of::<u32>()];
    if !read_whole(reader, &mut len)? {
        return Ok(None);
    }
    let len = u32::from_le_bytes(len);
    if len > RECORD_LEN_MAX {
        return Ok(None);
    }
    // As much as there is, and not what the length says.
    let mut record = Vec::new();
    let wanted = len as usize + CHECKSUM_LEN;
    reader.take(wanted as u64).read_to_end(&mut record)?;
    if record.len() < wanted {
        return Ok(None);
    }
    let stated = record.split_off(len as usize);
    Ok((stated == checksum(len, &record)).then_some(record))
}

fn read_whole(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match reader.read_exact(buffer) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        outcome => outcome.map(|()| true),
    }
}

fn checksum(len: u32, record: &[u8]) -> [u8; CHECKSUM_LEN] {
    let digest = Sha256::new().chain_update(len.to_le_bytes()).chain_update(record).finalize();
    let mut checksum = [0; CHECKSUM_LEN];
    checksum.copy_from_slice(&digest[..CHECKSUM_LEN]);
    checksum
}

fn lock(file: &File, path: &Path) -> Result<bool> {
    lock_against_others(file, path, "folder")
}

fn cannot_write(path: &Path, source: io::Error) -> Error {
    Error::output("cannot write the journal").at(path).because(source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn records(path: &Path) -> Vec<Vec<u8>> {
        let mut found = FoundJournal::open(path).unwrap();
        std::iter::from_fn(|| found.next_record().unwrap()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn whole_records_survive_a_cut_and_a_flipped_bit(
            written in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8), cut in 0.0..1.0f64, flip in any::<Option<u8>>(),
        ) {
            let place = tempfile::tempdir().unwrap();
            let path = place.path().join("journal");
            let mut journal = UnbegunJournal::claim(&path).unwrap().begin(b"what").unwrap();
            let begun = std::fs::metadata(&path).unwrap().len() as usize;
            written.iter().for_each(|record| journal.append(record).unwrap());
            drop(journal);
            let mut bytes = std::fs::read(&path).unwrap();
            let at = begun + (cut * (bytes.len() - begun) as f64) as usize;
            match flip {
                // Behind the cut something else may stand: a block that never came to the disk.
                Some(flip) if at < bytes.len() => bytes[at] ^= flip | 1,
                _ => bytes.truncate(at),
            }
            std::fs::write(&path, &bytes).unwrap();
            let mut ends = vec![begun];
            for record in &written {
                ends.push(ends[ends.len() - 1] + 4 + record.len() + CHECKSUM_LEN);
            }
            let whole = ends.iter().filter(|end| **end <= at).count() - 1;
            prop_assert_eq!(&records(&path), &written[..whole]);
            // What is added behind is read behind them.
            let mut found = FoundJournal::open(&path).unwrap();
            while found.next_record().unwrap().is_some() {}
            let mut journal = found.go_on().unwrap();
            journal.append(b"more").unwrap();
            drop(journal);
            let mut expected = written[..whole].to_vec();
            expected.push(b"more".to_vec());
            prop_assert_eq!(records(&path), expected);
        }
    }

    #[test]
    fn one_process_at_a_time() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("journal");
        let journal = UnbegunJournal::claim(&path).unwrap().begin(b"what").unwrap();
        let error = FoundJournal::open(&path).unwrap_err();
        assert!(error.to_string().contains("another process is at work"), "{error}");
        drop(journal);
        assert_eq!(FoundJournal::open(&path).unwrap().header(), b"what");
        assert!(UnbegunJournal::claim(&path).unwrap_err().to_string().contains("a journal already"));
        assert!(!path.with_extension("partial").exists());
    }

    #[test]
    fn one_process_may_begin_and_the_next_takes_over_from_a_dead_one() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("journal");
        let first = UnbegunJournal::claim(&path).unwrap();
        let error = UnbegunJournal::claim(&path).unwrap_err();
        assert!(error.to_string().contains("another process is at work"), "{error}");
        drop(first);
        let second = UnbegunJournal::claim(&path).unwrap();
        drop(second.begin(b"what").unwrap());
        assert_eq!(FoundJournal::open(&path).unwrap().header(), b"what");
    }

    #[test]
    fn the_journal_of_another_version_is_called_that() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("journal");
        std::fs::write(&path, b"respondent journal 2\nwhatever").unwrap();
        let error = FoundJournal::open(&path).unwrap_err();
        assert!(error.to_string().contains("another version of respondent"), "{error}");
    }

    #[test]
    fn what_is_no_journal_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("journal");
        assert!(FoundJournal::open(&path).unwrap_err().to_string().contains("nothing to go on with"));
        for bytes in [&b""[..], b"something else", MAGIC, &[MAGIC, &[4, 0, 0, 0, 1]].concat()] {
            std::fs::write(&path, bytes).unwrap();
            let error = FoundJournal::open(&path).unwrap_err();
            assert!(error.to_string().contains("not the journal of a run"), "{error}");
        }
    }
}
