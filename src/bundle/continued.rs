//! A file that is written again from its beginning, and goes on where an earlier attempt ended: what is there is compared, not trusted.

use std::fs::File;
use std::io::{Read, Result, Seek, SeekFrom, Write};

pub struct ContinuedFile {
    file: File,
    /// Bytes of the earlier attempt that are still to be compared.
    left: u64,
    scratch: Vec<u8>,
}

impl ContinuedFile {
    /// `file` is open for reading and writing.
    pub fn new(mut file: File) -> Result<Self> {
        let left = file.seek(SeekFrom::End(0))?;
        file.seek(SeekFrom::Start(0))?;
        Ok(ContinuedFile { file, left, scratch: Vec::new() })
    }

    /// The file, cut off behind what was written.
    pub fn into_file(mut self) -> Result<File> {
        let end = self.file.stream_position()?;
        self.file.set_len(end)?;
        Ok(self.file)
    }
}

impl Write for ContinuedFile {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        if self.left == 0 || bytes.is_empty() {
            return self.file.write(bytes);
        }
        let count = (bytes.len() as u64).min(self.left) as usize;
        self.scratch.resize(count, 0);
        self.file.read_exact(&mut self.scratch)?;
        if self.scratch == bytes[..count] {
            self.left -= count as u64;
            return Ok(count);
        }
        // From here on it was another file.
        self.file.seek(SeekFrom::Current(-(count as i64)))?;
        self.left = 0;
        self.file.write(bytes)
    }

    fn flush(&mut self) -> Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;

    #[test]
    fn what_is_there_is_kept_as_far_as_it_is_the_same() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("file");
        for before in ["", "one two", "one two three four", "one tvo three", "one two three four and more"] {
            std::fs::write(&path, before).unwrap();
            let file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
            let mut continued = ContinuedFile::new(file).unwrap();
            for word in ["one ", "two ", "three ", "four"] {
                continued.write_all(word.as_bytes()).unwrap();
            }
            continued.into_file().unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), "one two three four", "{before}");
        }
    }
}
