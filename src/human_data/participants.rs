//! `responses.tsv`: the people of a data set one by one, without their names, where the data set keeps them. Read, written, and held
//! against the counts.

use super::provenance::HumanKind;
use crate::data_folder::TextFile;
use crate::error::Result;
use crate::survey::{Marginal, Participants};
use std::collections::BTreeMap;
use std::fmt::Write as _;

pub(super) const RESPONSES_FILE: &str = "responses.tsv";

/// No file of responses is larger.
pub(super) const BYTES_MAX: u64 = 256 << 20;

/// How far responses may be from the counts, in people: counts are written with nine decimals.
const TOLERANCE: f64 = 1e-6;

const GROUP: &str = "population_group";
const WEIGHT: &str = "weight";

/// A row for each person: group, weight, and for each item the place of the option on its scale from 1, or nothing. Rows are in the
/// order of what they say, so that they do not tell who stood where in the file.
pub(super) fn text_of(people: &[Participants]) -> String {
    let items: std::collections::BTreeSet<&String> =
        people.iter().flat_map(|group| group.responses.keys()).collect();
    let names = items.iter().map(|item| item.as_str());
    let mut text = [GROUP, WEIGHT].into_iter().chain(names).collect::<Vec<_>>().join("\t");
    text.push('\n');
    for group in people {
        let mut rows: Vec<String> = (0..group.count())
            .map(|person| {
                let mut row = format!("{}\t{}", group.population_group, group.weights[person]);
                for item in &items {
                    let response = group.responses.get(*item).and_then(|responses| responses[person]);
                    let place = response.map_or(String::new(), |option| (u16::from(option) + 1).to_string());
                    let _ = write!(row, "\t{place}");
                }
                row
            })
            .collect();
        rows.sort_unstable();
        rows.iter().for_each(|row| {
            let _ = writeln!(text, "{row}");
        });
    }
    text
}

/// By group, in the order of their names.
///
/// # Errors
/// With file and line, when a row does not hold together, or the people do not add up to the counts.
pub(super) fn read(file: &TextFile, marginals: &[Marginal], kind: HumanKind) -> Result<Vec<Participants>> {
    if !kind.knows_responses() {
        let message = format!("people are {} here: nobody's own responses are known", kind.name());
        return Err(file.refuse_line(1, message));
    }
    let mut lines = file.text.lines().enumerate();
    let header: Vec<&str> = lines.next().map_or(Vec::new(), |(_, line)| line.split('\t').collect());
    let [GROUP, WEIGHT, items @ ..] = &header[..] else {
        return Err(file.refuse_line(1, "the columns are population_group, weight, and one for each item"));
    };
    if let Some(index) = (0..items.len()).find(|index| items[..*index].contains(&items[*index])) {
        return Err(
            file.refuse_line(1, format!("the column `{}` is there twice", items[index].escape_debug()))
        );
    }
    let option_counts = items.iter().map(|item| {
        let of_item = marginals.iter().find(|marginal| marginal.item == *item);
        let missing = || file.refuse_line(1, format!("`{}` is no item of the counts", item.escape_debug()));
        of_item.map(|marginal| marginal.counts.len()).ok_or_else(missing)
    });
    let option_counts: Vec<usize> = option_counts.collect::<Result<_>>()?;
    let mut groups: BTreeMap<&str, Participants> = BTreeMap::new();
    for (index, line) in lines {
        let refuse = |message: String| file.refuse_line(index + 1, message);
        let cells: Vec<&str> = line.split('\t').collect();
        let [name, weight, places @ ..] = &cells[..] else {
            return Err(refuse("there is one cell alone".to_owned()));
        };
        if places.len() != items.len() {
            return Err(refuse(format!("there are {} cells below {} columns", cells.len(), header.len())));
        }
        let weight = read_weight(weight).map_err(refuse)?;
        let group = groups.entry(name).or_insert_with(|| Participants {
            population_group: (*name).to_owned(),
            weights: Vec::new(),
            responses: items.iter().map(|item| ((*item).to_owned(), Vec::new())).collect(),
        });
        group.weights.push(weight);
        for ((item, place), option_count) in items.iter().zip(places).zip(&option_counts) {
            let response = read_place(place, *option_count).map_err(refuse)?;
            if let Some(responses) = group.responses.get_mut(*item) {
                responses.push(response);
            }
        }
    }
    let people: Vec<Participants> = groups.into_values().collect();
    check_counts(file, &people, marginals)?;
    Ok(people)
}

fn read_weight(text: &str) -> std::result::Result<f64, String> {
    let weight = text.parse::<f64>().ok().filter(|weight| weight.is_finite() && *weight > 0.0);
    weight.ok_or_else(|| format!("the weight `{}` is not a positive number", text.escape_debug()))
}

fn read_place(text: &str, option_count: usize) -> std::result::Result<Option<u8>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let place = text.parse::<usize>().ok().filter(|place| (1..=option_count).contains(place));
    let place = place.and_then(|place| u8::try_from(place - 1).ok());
    place.map(Some).ok_or_else(|| format!("`{}` is none of {option_count} options", text.escape_debug()))
}

/// Whether the people are those that were counted.
fn check_counts(file: &TextFile, people: &[Participants], marginals: &[Marginal]) -> Result<()> {
    for marginal in marginals {
        let Marginal { population_group, item, counts, .. } = marginal;
        let group = people.iter().find(|group| group.population_group == *population_group);
        let expected = group.and_then(|group| {
            let n = group.effective_n(item);
            let shares = group.shares(item, counts.len(), &vec![1.0; group.count()])?;
            Some(shares.iter().map(|share| share * n).collect::<Vec<f64>>())
        });
        let is_same = expected.is_some_and(|expected| {
            expected.iter().zip(counts).all(|(one, other)| (one - other).abs() <= TOLERANCE * (1.0 + other))
        });
        if !is_same {
            let message =
                format!("the responses of `{population_group}` to `{item}` do not add up to its counts");
            return Err(file.refuse_line(1, message));
        }
    }
    Ok(())
}
