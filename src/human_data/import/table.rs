//! A file as a table of text: its header, where columns stand, and what is wrong with a row before anybody asks what it means.

use super::codebook::Codebook;
use crate::error::{Error, Result};
use csv::StringRecord;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// A cell of a table is not longer; what is quoted without an end would be.
const CELL_BYTES_MAX: usize = 64 << 10;

pub fn reader<R: Read>(path: &Path, input: R, codebook: &Codebook) -> csv::Reader<R> {
    csv::ReaderBuilder::new().delimiter(delimiter(path, codebook)).flexible(true).from_reader(input)
}

fn delimiter(path: &Path, codebook: &Codebook) -> u8 {
    let stated = codebook.file.delimiter.as_ref().map(|text| text.as_ref().as_bytes()[0]);
    let is_tsv = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("tsv"));
    stated.unwrap_or(if is_tsv { b'\t' } else { b',' })
}

/// A file that is not text in rows, as an error with its line.
pub fn broken(path: &Path, source: csv::Error) -> Error {
    let line = source.position().map(csv::Position::line);
    let error = Error::human_data("cannot be read as a table of text").at(path).because(source);
    match line {
        Some(line) => error.line(line as usize),
        None => error,
    }
}

/// # Errors
/// When a name heads two columns.
pub fn check_header(path: &Path, header: &StringRecord) -> Result<()> {
    let first = |name: &str| header.iter().position(|column| column == name);
    match header.iter().enumerate().find(|(index, name)| first(name) != Some(*index)) {
        Some((_, name)) => {
            let message = format!("the column `{}` is there twice", name.escape_debug());
            Err(Error::human_data(message).at(path).line(1))
        }
        None => Ok(()),
    }
}

/// Where the column of that name stands.
///
/// # Errors
/// When there is none.
pub fn place(path: &Path, header: &StringRecord, name: &str) -> Result<usize> {
    header.iter().position(|column| column == name).ok_or_else(|| {
        let known: Vec<&str> = header.iter().take(40).collect();
        Error::human_data(format!("there is no column `{}`", name.escape_debug()))
            .at(path)
            .line(1)
            .hint(format!("the codebook names it; there are {}", known.join(", ")))
    })
}

/// The population group that a value of a table's group column stands for; empty where the codebook leaves it out.
pub fn population_group(
    groups: Option<&BTreeMap<String, String>>,
    value: &str,
) -> std::result::Result<String, String> {
    let group = match groups {
        Some(groups) => groups.get(value).map_or("", String::as_str),
        None if value.is_empty() => return Err("no group is named".to_owned()),
        None => value,
    };
    check_group(group).map(|()| group.to_owned())
}

/// Whether a text can stand in the column of groups: on one line, and in a spreadsheet too.
pub fn check_group(group: &str) -> std::result::Result<(), String> {
    match group.contains(['\t', '\n', '\r']) || super::starts_formula(group) {
        true => Err(format!("`{}` cannot name a group", group.escape_debug())),
        false => Ok(()),
    }
}

/// A count of people.
pub fn whole_number(text: &str) -> std::result::Result<u64, String> {
    let text = text.trim();
    let count = text.parse::<u32>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    count.map(u64::from).ok_or_else(|| format!("`{}` is not a whole number of people", text.escape_debug()))
}

/// Whether a row has the header's shape.
pub fn check_row(header: &StringRecord, record: &StringRecord) -> std::result::Result<(), String> {
    if record.len() != header.len() {
        return Err(format!("there are {} cells below {} columns", record.len(), header.len()));
    }
    match record.iter().find(|cell| cell.len() > CELL_BYTES_MAX) {
        Some(cell) => Err(format!("a cell has {} bytes", cell.len())),
        None => Ok(()),
    }
}
