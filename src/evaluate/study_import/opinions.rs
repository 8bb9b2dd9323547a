//! A table of opinion questions with the distribution of each group's responses, as GlobalOpinionQA has them (Durmus et al. 2023, arXiv
//! 2306.16388): columns `question`, `options`, `selections`. It says shares, and not of how many people.

use super::draft::{Draft, DraftPersona, Question, slug};
use super::literal::read_literal;
use super::{LeftOut, StudyImport, file_name};
use crate::error::{Error, Result};
use crate::human_data::{HumanKind, NewHumanData, NewRow, NewSource, Target};
use csv::StringRecord;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Shares that are rounded to two digits, of as many options as there can be, add up to 1 within this.
const SUM_SLACK: f64 = 0.02;
const FILE_BYTES_MAX: u64 = 256 << 20;
/// More groups are not told in a message.
const TOLD_GROUP_COUNT: usize = 12;

#[derive(Debug, Clone, PartialEq)]
pub struct OpinionsSettings {
    pub file: PathBuf,
    /// Whose responses are taken; questions that one of them was not asked are left out.
    pub groups: Vec<String>,
    /// How many people a group's shares are taken to be of.
    pub people_count: u32,
    /// Options that are no response, such as "Don't know".
    pub missing: Vec<String>,
    /// Where data sets lie.
    pub humans_folder: PathBuf,
    pub citation: String,
}

/// One row, as far as it can be asked.
struct Row {
    question: Question,
    /// For each group of the settings: shares of the question's options, and the share of no response.
    shares: Vec<Shares>,
}

/// Of the options that are responses, and of no response.
type Shares = (Vec<f64>, f64);

/// Or why the row is no question.
type RowResult<T> = std::result::Result<T, String>;

/// Reads the file; the data set of people is `id`.
///
/// # Errors
/// Kind `HumanData` when the file cannot be read, lacks a column, or has nothing of the groups; kind `Output` when the data set is there
/// already.
pub fn read_opinions(settings: &OpinionsSettings, id: &str) -> Result<StudyImport> {
    let at_file = |error: Error| error.at(&settings.file);
    let target = Target::new(&settings.humans_folder, id, false)
        .map_err(|error| error.hint("choose another --id, or take that data set away"))?;
    let bytes = super::read_file(&settings.file, FILE_BYTES_MAX)?;
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes.as_slice());
    let broken = |source: csv::Error| at_file(Error::human_data("cannot be read as CSV").because(source));
    let header = reader.headers().map_err(broken)?.clone();
    let columns = Columns::new(&header).map_err(at_file)?;
    let (mut rows, mut left_out): (Vec<Row>, Vec<LeftOut>) = (Vec::new(), Vec::new());
    let mut first_line: BTreeMap<String, u64> = BTreeMap::new();
    let mut question_counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut record = StringRecord::new();
    let mut row_count = 0;
    while reader.read_record(&mut record).map_err(broken)? {
        row_count += 1;
        let line = record.position().map_or(0, csv::Position::line);
        let read = columns.read(&record, settings, row_count, &mut question_counts).and_then(
            |(question, shares)| match first_line.insert(question.text.clone(), line) {
                Some(first) => Err(format!("the question of line {first} again")),
                None => Ok(Row { question, shares }),
            },
        );
        match read {
            Ok(row) => rows.push(row),
            Err(reason) => left_out.push(LeftOut { line, reason }),
        }
    }
    if rows.is_empty() || settings.groups.is_empty() {
        return Err(at_file(nothing_asked(settings, question_counts)));
    }
    let description = format!("table of shares {}", file_name(&settings.file));
    let data = human_data(settings, id, &rows, NewSource::new(description, &bytes, row_count));
    Ok(StudyImport { draft: draft(settings, id, rows), left_out, people: Some((data, target)) })
}

struct Columns {
    question: usize,
    options: usize,
    selections: usize,
    count: usize,
}

impl Columns {
    fn new(header: &StringRecord) -> Result<Self> {
        let place = |name: &str| {
            let found = header.iter().position(|column| column.trim().trim_start_matches('\u{feff}') == name);
            found.ok_or_else(|| {
                Error::human_data(format!("there is no column `{name}`"))
                    .line(1)
                    .hint("a table of opinions has the columns question, options, selections")
            })
        };
        Ok(Columns {
            question: place("question")?,
            options: place("options")?,
            selections: place("selections")?,
            count: header.len(),
        })
    }

    /// The question of a row and each group's shares; counts for each group of the row that it was asked.
    fn read(
        &self,
        record: &StringRecord,
        settings: &OpinionsSettings,
        number: u64,
        question_counts: &mut BTreeMap<String, usize>,
    ) -> RowResult<(Question, Vec<Shares>)> {
        if record.len() != self.count {
            return Err(format!("there are {} cells below {} columns", record.len(), self.count));
        }
        let all = options(&record[self.options])?;
        let selections =
            read_literal(&record[self.selections]).map_err(|reason| format!("selections: {reason}"))?;
        let Value::Object(selections) = selections else {
            return Err("selections are no dictionary of groups".to_owned());
        };
        for group in selections.keys() {
            *question_counts.entry(group.clone()).or_default() += 1;
        }
        let is_missing: Vec<bool> = all.iter().map(|option| settings.missing.contains(option)).collect();
        let kept = all.iter().zip(&is_missing).filter(|(_, is_missing)| !**is_missing);
        let question = Question {
            id: format!("q{number}"),
            text: record[self.question].trim().to_owned(),
            options: kept.map(|(option, _)| option.clone()).collect(),
        };
        if let Some(problem) = question.problem() {
            return Err(problem);
        }
        let of_group = |group: &String| {
            let stated = selections.get(group).ok_or_else(|| format!("{group} was not asked"))?;
            shares(stated, &is_missing).map_err(|reason| format!("{group}: {reason}"))
        };
        let shares = settings.groups.iter().map(of_group).collect::<RowResult<Vec<_>>>()?;
        Ok((question, shares))
    }
}

fn options(text: &str) -> RowResult<Vec<String>> {
    let Value::Array(options) = read_literal(text).map_err(|reason| format!("options: {reason}"))? else {
        return Err("options are no list".to_owned());
    };
    let text = |option: Value| match option {
        Value::String(text) => Ok(text.trim().to_owned()),
        Value::Number(number) => Ok(number.as_f64().map_or(number.to_string(), |value| value.to_string())),
        other => Err(format!("`{other}` is no option")),
    };
    options.into_iter().map(text).collect()
}

/// Shares of the options that are responses, of those who gave one, and the share of those who did not.
fn shares(stated: &Value, is_missing: &[bool]) -> RowResult<Shares> {
    let numbers: Option<Vec<f64>> =
        stated.as_array().map(|list| list.iter().filter_map(Value::as_f64).collect());
    let numbers =
        numbers.filter(|numbers| numbers.iter().all(|share| (0.0..=1.0 + SUM_SLACK).contains(share)));
    let numbers = numbers.ok_or("what stands there are no shares")?;
    if numbers.len() != is_missing.len() {
        return Err(format!("{} shares of {} options", numbers.len(), is_missing.len()));
    }
    let total: f64 = numbers.iter().sum();
    if (total - 1.0).abs() > SUM_SLACK {
        return Err(format!("the shares add up to {total:.3}"));
    }
    let given: Vec<f64> =
        numbers.iter().zip(is_missing).filter(|(_, missing)| !**missing).map(|(share, _)| *share).collect();
    let valid: f64 = given.iter().sum();
    if valid <= 0.0 {
        return Err("nobody gave a response".to_owned());
    }
    Ok((given.into_iter().map(|share| share / valid).collect(), (1.0 - valid / total).max(0.0)))
}

fn nothing_asked(settings: &OpinionsSettings, question_counts: BTreeMap<String, usize>) -> Error {
    let mut groups: Vec<(String, usize)> = question_counts.into_iter().collect();
    groups.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let told: Vec<String> =
        groups.iter().take(TOLD_GROUP_COUNT).map(|(group, count)| format!("{group} ({count})")).collect();
    let message = match settings.groups.is_empty() {
        true => "no groups were named".to_owned(),
        false => format!("no question can be asked of all of {}", settings.groups.join(", ")),
    };
    let more = if groups.len() > TOLD_GROUP_COUNT { ", ..." } else { "" };
    Error::human_data(message)
        .hint(format!("groups and how many questions they were asked: {}{more}", told.join(", ")))
}

fn draft(settings: &OpinionsSettings, id: &str, rows: Vec<Row>) -> Draft {
    let mut known = BTreeSet::new();
    let persona = |group: &String| {
        let mut id = slug(group);
        while id.is_empty() || !known.insert(id.clone()) {
            id.push('x');
        }
        DraftPersona { id, population_group: group.clone(), text: format!("You live in {group}.") }
    };
    Draft {
        id: id.to_owned(),
        title: format!("Opinions in {}", settings.groups.join(", ")),
        citation: settings.citation.clone(),
        caveats: vec![
            "Options count as 1, 2, ... in the order of the file: where that is no order of opinion, distances along the scale mean nothing."
                .to_owned(),
            "What a persona says of itself is \"You live in ...\" and the group's name.".to_owned(),
        ],
        human_data: Some(id.to_owned()),
        system_text: "You are answering an opinion survey. {persona}".to_owned(),
        questions: rows.into_iter().map(|row| row.question).collect(),
        personas: settings.groups.iter().map(persona).collect(),
        shows_options_itself: false,
    }
}

fn human_data(settings: &OpinionsSettings, id: &str, rows: &[Row], source: NewSource) -> NewHumanData {
    let people = f64::from(settings.people_count);
    let row = |row: &Row| -> Vec<NewRow> {
        let of_group = |(group, (shares, missing)): (&String, &Shares)| {
            let missing_count = ((people * missing).round() as u64).min(u64::from(settings.people_count) - 1);
            let valid_count = u64::from(settings.people_count) - missing_count;
            NewRow {
                population_group: group.clone(),
                item: row.question.id.clone(),
                valid_count,
                missing_count,
                counts: shares.iter().map(|share| share * valid_count as f64).collect(),
            }
        };
        settings.groups.iter().zip(&row.shares).map(of_group).collect()
    };
    NewHumanData {
        id: id.to_owned(),
        title: format!("Opinions in {}", settings.groups.join(", ")),
        citation: settings.citation.clone(),
        licence: "as the source states; not checked".to_owned(),
        caveats: vec![format!(
            "The source says shares, and not of how many people: {} a group and question were assumed.",
            settings.people_count
        )],
        counted: format!("Shares times {} people, an assumed number.", settings.people_count),
        kind: HumanKind::AssumedN,
        source,
        rows: rows.iter().flat_map(row).collect(),
        participants: Vec::new(),
    }
}
