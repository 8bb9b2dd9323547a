//! The rows of a file of participants, read as the codebook says. A row that cannot be read so is left out whole, with its line and
//! the reason; nothing in it is guessed.

use super::codebook::{Codebook, ItemColumn, Participants};
use super::kept::KeptPeople;
use super::table;
use super::tally::Tally;
use crate::error::{Error, Result};
use csv::StringRecord;
use minijinja::{Environment, Expression, Value};
use std::collections::{BTreeMap, HashSet};
use std::io::Read;
use std::path::Path;

/// What an expression may cost: each looks at a few columns.
const EXPRESSION_FUEL: u64 = 10_000;

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
    /// Distinct participants among the rows that were read; a table of counts does not tell them apart.
    pub participant_count: Option<u64>,
    /// Who is kept one by one.
    pub people: KeptPeople,
}

/// Reads all rows.
///
/// # Errors
/// Kind `HumanData` when the file cannot be read, or lacks a column that the codebook names.
pub fn read_rows(
    path: &Path,
    input: impl Read,
    codebook: &Codebook,
    people: &Participants,
) -> Result<ReadRows> {
    let mut reader = table::reader(path, input, codebook);
    let broken = |source: csv::Error| table::broken(path, source);
    let header = reader.headers().map_err(broken)?.clone();
    let mut environment = Environment::new();
    environment.set_fuel(Some(EXPRESSION_FUEL));
    let columns = Columns::new(path, &header, codebook, people, &environment)?;
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
                if people.keep
                    && let Err(reason) = found.people.check(&row.participant, &row.group, row.weight)
                {
                    found.bad.push(BadRow { line, reason });
                    continue;
                }
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
                if people.keep {
                    let (name, item_count) = (&row.participant, columns.items.len());
                    found.people.add(name, &row.group, row.weight, item_count, &row.responses);
                }
                participants.insert(row.participant);
            }
        }
    }
    found.participant_count = Some(participants.len() as u64);
    Ok(found)
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
pub struct Item<'a> {
    pub id: String,
    pub column: &'a ItemColumn,
    /// In a wide file.
    place: usize,
    pub codes: &'a [String],
}

impl<'a> Item<'a> {
    pub fn new(codebook: &'a Codebook, id: &str, column: &'a ItemColumn, place: usize) -> Self {
        let codes = codebook.scales[column.scale.as_ref()].codes.as_ref();
        Item { id: id.to_owned(), column, place, codes }
    }

    /// Index of the option that a text in the file stands for; `None` for no response.
    pub fn response(&self, codebook: &Codebook, text: &str) -> std::result::Result<Option<usize>, String> {
        let text = text.trim();
        if codebook.file.missing.iter().chain(&self.column.missing).any(|missing| missing == text) {
            return Ok(None);
        }
        let code = match &self.column.values {
            Some(values) => values.get(text).map(|code| code.as_ref().as_str()),
            None => Some(text),
        };
        let place = code.and_then(|code| self.codes.iter().position(|known| known == code));
        let place =
            place.ok_or_else(|| format!("`{}` is no response to {}", text.escape_debug(), self.id))?;
        Ok(Some(self.turned(place)))
    }

    /// The index that the option at `place` of the scale counts at.
    pub fn turned(&self, place: usize) -> usize {
        if self.column.reverse { self.codes.len() - 1 - place } else { place }
    }
}

/// Where everything stands in a row.
struct Columns<'a> {
    codebook: &'a Codebook,
    people: &'a Participants,
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
        people: &'a Participants,
        environment: &'a Environment<'a>,
    ) -> Result<Self> {
        table::check_header(path, header)?;
        let place = |name: &str| table::place(path, header, name);
        let expression = |text: &str| {
            environment.compile_expression_owned(text.to_owned()).map_err(|source| {
                Error::human_data(format!("`{}` is not an expression", text.escape_debug())).because(source)
            })
        };
        let mut items = Vec::new();
        for (id, column) in &codebook.items {
            let at = if codebook.long.is_some() { 0 } else { place(column.column.as_ref())? };
            items.push(Item::new(codebook, id.as_ref(), column, at));
        }
        let text = |text: &'a Option<crate::spanned::Spanned<String>>| {
            text.as_ref().map(|text| text.as_ref().as_str())
        };
        Ok(Columns {
            codebook,
            people,
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
        table::check_row(self.header, record)?;
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
                .map(|(index, item)| Ok((index, item.response(self.codebook, &record[item.place])?)))
                .collect::<std::result::Result<Vec<_>, String>>()?,
            Some((item, response)) => {
                let named = record[item].trim();
                let found = self.items.iter().position(|known| known.column.column.as_ref() == named);
                // Files hold more items than one study asks about.
                let Some(index) = found else { return Ok(None) };
                vec![(index, self.items[index].response(self.codebook, &record[response])?)]
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
        let group = match (&self.group_expression, self.group) {
            (Some(expression), _) => {
                let value = self.evaluate(expression, record)?;
                if value.is_none() || value.is_undefined() { String::new() } else { value.to_string() }
            }
            (None, Some(place)) => {
                let value = record[place].trim();
                match &self.people.groups {
                    Some(groups) => groups.get(value).cloned().unwrap_or_default(),
                    None => value.to_owned(),
                }
            }
            (None, None) => String::new(),
        };
        table::check_group(&group)?;
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
}
