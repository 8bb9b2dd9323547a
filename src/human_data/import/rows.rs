//! The rows of a file of participants, read as the codebook says. A row that cannot be read so is left out whole, with its line and
//! the reason; nothing in it is guessed.

use super::codebook::{Codebook, ItemColumn};
use super::tally::Tally;
use crate::error::{Error, Result};
use csv::StringRecord;
use minijinja::{Environment, Expression, Value};
use std::collections::{BTreeMap, HashSet};
use std::io::Read;
use std::path::Path;

/// What an expression may cost: each looks at a few columns.
const EXPRESSION_FUEL: u64 = 10_000;
/// A cell of a table of responses is not longer; what is quoted without an end would be.
const CELL_BYTES_MAX: usize = 64 << 10;

/// A row that was left out, and why.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct BadRow {
    /// On which the row begins, 1-based.
    pub line: u64,
    pub reason: String,
}

/// What became of all rows.
#[derive(Debug, Default)]
pub struct ReadRows {
    pub tally: Tally,
    pub row_count: u64,
    /// Rows of no group, or that the filter leaves out.
    pub left_out_count: u64,
    pub bad: Vec<BadRow>,
    /// Distinct participants among the rows that were read.
    pub participant_count: u64,
}

/// Reads all rows.
///
/// # Errors
/// Kind `HumanData` when the file cannot be read, or lacks a column that the codebook names.
pub fn read_rows(path: &Path, input: impl Read, codebook: &Codebook) -> Result<ReadRows> {
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter(path, codebook)).flexible(true).from_reader(input);
    let broken = |source: csv::Error| {
        let line = source.position().map(csv::Position::line);
        let error = Error::human_data("cannot be read as a table of text").at(path).because(source);
        match line {
            Some(line) => error.line(line as usize),
            None => error,
        }
    };
    let header = reader.headers().map_err(broken)?.clone();
    let mut environment = Environment::new();
    environment.set_fuel(Some(EXPRESSION_FUEL));
    let columns = Columns::new(path, &header, codebook, &environment)?;
    let mut found = ReadRows::default();
    let mut seen: HashSet<(String, usize)> = HashSet::new();
    let mut participants: HashSet<String> = HashSet::new();
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(broken)? {
        found.row_count += 1;
        let line = record.position().map_or(0, csv::Position::line);
        match columns.read(&record) {
            Err(reason) => found.bad.push(BadRow { line, reason }),
            Ok(None) => found.left_out_count += 1,
            Ok(Some(row)) => {
                // A wide row has all of a participant's items, a long one has one of them.
                let key =
                    (row.participant.clone(), if codebook.long.is_some() { row.responses[0].0 } else { 0 });
                if !seen.insert(key) {
                    let reason =
                        format!("the participant `{}` is there twice", row.participant.escape_debug());
                    found.bad.push(BadRow { line, reason });
                    continue;
                }
                for (item, response) in &row.responses {
                    let (id, scale) = (&columns.items[*item].id, columns.items[*item].codes.len());
                    found.tally.add(&row.group, id, scale, *response, row.weight);
                }
                participants.insert(row.participant);
            }
        }
    }
    found.participant_count = participants.len() as u64;
    Ok(found)
}

fn delimiter(path: &Path, codebook: &Codebook) -> u8 {
    let stated = codebook.file.delimiter.as_ref().map(|text| text.as_ref().as_bytes()[0]);
    let is_tsv = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("tsv"));
    stated.unwrap_or(if is_tsv { b'\t' } else { b',' })
}

/// A row as it counts.
struct Row {
    participant: String,
    group: String,
    weight: f64,
    /// Index of the item, and of the option; `None` for no response.
    responses: Vec<(usize, Option<usize>)>,
}

/// An item with where its responses stand.
struct Item<'a> {
    id: String,
    column: &'a ItemColumn,
    /// In a wide file.
    place: usize,
    codes: &'a [String],
}

/// Where everything stands in a row.
struct Columns<'a> {
    codebook: &'a Codebook,
    header: &'a StringRecord,
    participant: usize,
    weight: Option<usize>,
    group: Option<usize>,
    group_expression: Option<Expression<'a, 'a>>,
    filter: Option<Expression<'a, 'a>>,
    items: Vec<Item<'a>>,
    long: Option<(usize, usize)>,
}

impl<'a> Columns<'a> {
    fn new(
        path: &Path,
        header: &'a StringRecord,
        codebook: &'a Codebook,
        environment: &'a Environment<'a>,
    ) -> Result<Self> {
        let named = |name: &str| header.iter().position(|column| column == name);
        if let Some(twice) = header.iter().enumerate().find(|(index, name)| named(name) != Some(*index)) {
            let message = format!("the column `{}` is there twice", twice.1.escape_debug());
            return Err(Error::human_data(message).at(path).line(1));
        }
        let place = |name: &str| {
            named(name).ok_or_else(|| {
                let known: Vec<&str> = header.iter().take(40).collect();
                Error::human_data(format!("there is no column `{}`", name.escape_debug()))
                    .at(path)
                    .line(1)
                    .hint(format!("the codebook names it; there are {}", known.join(", ")))
            })
        };
        let expression = |text: &str| {
            environment.compile_expression_owned(text.to_owned()).map_err(|source| {
                Error::human_data(format!("`{}` is not an expression", text.escape_debug())).because(source)
            })
        };
        let people = &codebook.participants;
        let mut items = Vec::new();
        for (id, column) in &codebook.items {
            let at = if codebook.long.is_some() { 0 } else { place(column.column.as_ref())? };
            let codes = codebook.scales[column.scale.as_ref()].codes.as_ref();
            items.push(Item { id: id.as_ref().clone(), column, place: at, codes });
        }
        let text = |text: &'a Option<toml::Spanned<String>>| text.as_ref().map(|text| text.as_ref().as_str());
        Ok(Columns {
            codebook,
            header,
            participant: place(&people.id)?,
            weight: people.weight.as_deref().map(place).transpose()?,
            group: text(&people.group).map(place).transpose()?,
            group_expression: text(&people.group_expression).map(expression).transpose()?,
            filter: text(&people.filter).map(expression).transpose()?,
            items,
            long: codebook
                .long
                .as_ref()
                .map(|long| Ok::<_, Error>((place(&long.item)?, place(&long.response)?)))
                .transpose()?,
        })
    }

    /// `None`: a row that is not about anybody who counts.
    fn read(&self, record: &StringRecord) -> std::result::Result<Option<Row>, String> {
        if record.len() != self.header.len() {
            return Err(format!("there are {} cells below {} columns", record.len(), self.header.len()));
        }
        if let Some(cell) = record.iter().find(|cell| cell.len() > CELL_BYTES_MAX) {
            return Err(format!("a cell has {} bytes", cell.len()));
        }
        let participant = record[self.participant].trim();
        if participant.is_empty() {
            return Err("no participant is named".to_owned());
        }
        let Some(group) = self.group(record)? else { return Ok(None) };
        let weight = self.weight(record)?;
        let responses = match self.long {
            None => self
                .items
                .iter()
                .enumerate()
                .map(|(index, item)| Ok((index, self.response(item, &record[item.place])?)))
                .collect::<std::result::Result<Vec<_>, String>>()?,
            Some((item, response)) => {
                let named = record[item].trim();
                let found = self.items.iter().position(|known| known.column.column.as_ref() == named);
                // Files hold more items than one study asks about.
                let Some(index) = found else { return Ok(None) };
                vec![(index, self.response(&self.items[index], &record[response])?)]
            }
        };
        Ok(Some(Row { participant: participant.to_owned(), group, weight, responses }))
    }

    fn group(&self, record: &StringRecord) -> std::result::Result<Option<String>, String> {
        if let Some(filter) = &self.filter
            && !self.evaluate(filter, record)?.is_true()
        {
            return Ok(None);
        }
        let people = &self.codebook.participants;
        let group = match (&self.group_expression, self.group) {
            (Some(expression), _) => {
                let value = self.evaluate(expression, record)?;
                if value.is_none() || value.is_undefined() { String::new() } else { value.to_string() }
            }
            (None, Some(place)) => {
                let value = record[place].trim();
                match &people.groups {
                    Some(groups) => groups.get(value).cloned().unwrap_or_default(),
                    None => value.to_owned(),
                }
            }
            (None, None) => String::new(),
        };
        if group.contains(['\t', '\n', '\r']) {
            return Err(format!("`{}` cannot name a group", group.escape_debug()));
        }
        Ok((!group.is_empty()).then_some(group))
    }

    /// With every column as text under its name.
    fn evaluate(
        &self,
        expression: &Expression<'_, '_>,
        record: &StringRecord,
    ) -> std::result::Result<Value, String> {
        let cells: BTreeMap<&str, &str> = self.header.iter().zip(record.iter().map(str::trim)).collect();
        expression
            .eval(Value::from(minijinja::value::Serde(&cells)))
            .map_err(|error| format!("an expression fails: {error}"))
    }

    fn weight(&self, record: &StringRecord) -> std::result::Result<f64, String> {
        let Some(place) = self.weight else { return Ok(1.0) };
        let text = record[place].trim();
        let comma = self.codebook.file.decimal.as_ref().is_some_and(|decimal| decimal.as_ref() == ",");
        let plain = if comma { text.replace(',', ".") } else { text.to_owned() };
        let weight = plain.parse::<f64>().ok().filter(|weight| weight.is_finite() && *weight > 0.0);
        weight.ok_or_else(|| format!("the weight `{}` is not a positive number", text.escape_debug()))
    }

    fn response(&self, item: &Item<'_>, text: &str) -> std::result::Result<Option<usize>, String> {
        let text = text.trim();
        if self.codebook.file.missing.iter().chain(&item.column.missing).any(|missing| missing == text) {
            return Ok(None);
        }
        let code = match &item.column.values {
            Some(values) => values.get(text).map(|code| code.as_ref().as_str()),
            None => Some(text),
        };
        let place = code.and_then(|code| item.codes.iter().position(|known| known == code));
        let place =
            place.ok_or_else(|| format!("`{}` is no response to {}", text.escape_debug(), item.id))?;
        Ok(Some(if item.column.reverse { item.codes.len() - 1 - place } else { place }))
    }
}
