//! From a file of participants, or a table of counts or of means, to a data set: read by a codebook, counted by group and item, written with where
//! it came from. Names and texts of people stay in their file.

mod codebook;
mod counted;
mod kept;
mod moments;
mod rows;
mod table;
mod tally;
mod write;

use super::new::Target;
use crate::error::{Error, Result};
use codebook::Codebook;
use rows::{ReadRows, read_rows};
use serde::Serialize;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

pub use codebook::codebook_schema;
pub use rows::BadRow;

/// More bad rows than this share are a codebook that does not fit.
const BAD_SHARE_MAX: f64 = 0.05;

/// What is to be imported, and where to.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportSettings {
    pub file: PathBuf,
    pub codebook: PathBuf,
    /// The folder that data sets lie in.
    pub into: PathBuf,
    /// Put it in the place of one of the same id.
    pub force: bool,
    /// Refuse the file for a single bad row.
    pub strict: bool,
}

/// What was imported.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ImportReport {
    pub id: String,
    pub folder: PathBuf,
    pub kind: &'static str,
    pub row_count: u64,
    /// None of a table of counts, which does not tell people apart.
    pub participant_count: Option<u64>,
    /// Participants whose responses are kept one by one.
    pub kept_count: u64,
    /// Rows of no group, that the filter leaves out, or about items that the codebook does not name.
    pub left_out_count: u64,
    pub bad_rows: Vec<BadRow>,
    pub group_count: usize,
    pub item_count: usize,
}

/// Imports a file. `progress` is told bytes read since the last call and bytes in all.
///
/// # Errors
/// Kind `HumanData` for a codebook or file that cannot be read, or too many bad rows; kind `Output` when the folder is there already or
/// cannot be written. Nothing half written is left under the data set's name.
pub fn import_people(settings: &ImportSettings, progress: &dyn Fn(u64, u64)) -> Result<ImportReport> {
    let codebook = Codebook::read(&settings.codebook)?;
    let target = Target::new(&settings.into, codebook.id.as_ref(), settings.force)
        .map_err(|error| error.hint("--force puts the new one in its place"))?;
    let failed =
        |source: std::io::Error| Error::human_data("cannot be read").at(&settings.file).because(source);
    let file = File::open(&settings.file).map_err(failed)?;
    let total = file.metadata().map_err(failed)?.len();
    let counted = Counted { inner: BufReader::new(file), total, progress, is_held: false };
    let found = match (&codebook.participants, &codebook.counts, &codebook.moments) {
        (Some(people), ..) => read_rows(&settings.file, counted, &codebook, people)?,
        (_, Some(table), _) => counted::read_counts(&settings.file, counted, &codebook, table)?,
        (.., Some(table)) => moments::read_moments(&settings.file, counted, &codebook, table)?,
        (None, None, None) => {
            return Err(Error::human_data("the codebook has no people").at(&settings.codebook));
        }
    };
    check(settings, &codebook, &found)?;
    let kind = write::write(&target, &codebook, settings, &found)?;
    let groups: std::collections::BTreeSet<&str> =
        found.tally.cells.keys().map(|key| key.0.as_str()).collect();
    let items: std::collections::BTreeSet<&str> =
        found.tally.cells.keys().map(|key| key.1.as_str()).collect();
    Ok(ImportReport {
        id: codebook.id.as_ref().clone(),
        folder: target.folder,
        kind: kind.name(),
        row_count: found.row_count,
        participant_count: found.participant_count,
        kept_count: found.people.count(),
        left_out_count: found.left_out_count,
        group_count: groups.len(),
        item_count: items.len(),
        bad_rows: found.bad,
    })
}

/// Whether what was read can stand for the file.
fn check(settings: &ImportSettings, codebook: &Codebook, found: &ReadRows) -> Result<()> {
    let bad_count = found.bad.len() as u64;
    let share = bad_count as f64 / found.row_count.max(1) as f64;
    if let Some(first) = found.bad.first().filter(|_| settings.strict || share > BAD_SHARE_MAX) {
        let message = format!(
            "{bad_count} of {} rows are not as the codebook says; the first: {}",
            found.row_count, first.reason
        );
        let error = Error::human_data(message).at(&settings.file).line(first.line as usize);
        return Err(error.hint(match settings.strict {
            true => "without --strict up to 5 % of the rows may be left out",
            false => "more than 5 %: mend the codebook, or the file",
        }));
    }
    let nobody = |id: &str| !found.tally.cells.iter().any(|(key, cell)| key.1 == id && cell.valid_count > 0);
    if let Some((id, _)) = codebook.items.iter().find(|(id, _)| nobody(id.as_ref())) {
        return Err(
            Error::human_data(format!("nobody responded to the item {}", id.as_ref())).at(&settings.file)
        );
    }
    Ok(())
}

/// Tells how far a file has been read, and gives every line end as `\n`: behind others the reader of tables counts lines wrongly.
struct Counted<'a, R> {
    inner: BufReader<R>,
    total: u64,
    progress: &'a dyn Fn(u64, u64),
    /// A `\r` of which it is not known yet what follows it.
    is_held: bool,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let mut written = 0;
        // A held byte may come out beside the one that follows it.
        while written + 1 < buffer.len() {
            let input = self.inner.fill_buf()?;
            let taken = input.len().min(buffer.len() - 1 - written);
            if taken == 0 {
                if std::mem::take(&mut self.is_held) {
                    buffer[written] = b'\r';
                    written += 1;
                }
                break;
            }
            for &byte in &input[..taken] {
                if std::mem::take(&mut self.is_held) && byte != b'\n' {
                    buffer[written] = b'\r';
                    written += 1;
                }
                match byte {
                    b'\r' => self.is_held = true,
                    _ => {
                        buffer[written] = byte;
                        written += 1;
                    }
                }
            }
            self.inner.consume(taken);
            (self.progress)(taken as u64, self.total);
        }
        Ok(written)
    }
}

/// Whether a spreadsheet would take a text for a formula: tables of a data set are opened in them too.
fn starts_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@'])
}

/// A path as provenance tells it: the file's name alone, for folders say where somebody's home is.
fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_are_made_one_whatever_the_buffers() {
        let text = b"a\r\nb\rc\n\r\r\nd\r";
        for (inner, outer) in [(1, 2), (2, 3), (3, 7), (64, 64)] {
            let mut counted = Counted {
                inner: BufReader::with_capacity(inner, &text[..]),
                total: 0,
                progress: &|_, _| (),
                is_held: false,
            };
            let (mut found, mut buffer) = (Vec::new(), vec![0; outer]);
            loop {
                match counted.read(&mut buffer).unwrap() {
                    0 => break,
                    count => found.extend_from_slice(&buffer[..count]),
                }
            }
            assert_eq!(found, b"a\nb\rc\n\r\nd\r", "{inner} {outer}");
        }
    }
}
