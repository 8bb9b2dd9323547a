//! Tables of counts that somebody made already: a row for each group, item and option, or for each group and item. What is known of
//! a group's item is taken whole or not at all: of a distribution with a bad row, or a row that is there twice, nothing counts.

use super::codebook::{Codebook, CountsTable, Holds};
use super::rows::{BadRow, Item, ReadRows};
use super::table;
use super::tally::Cell;
use crate::error::Result;
use csv::StringRecord;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// Or what is wrong with the row.
type RowResult<T> = std::result::Result<T, String>;

/// Percentages are not told more finely.
const DECIMALS_MAX: usize = 9;

/// Reads all rows.
///
/// # Errors
/// Kind `HumanData` when the file cannot be read, or lacks a column that the codebook names.
pub fn read_counts(
    path: &Path,
    input: impl Read,
    codebook: &Codebook,
    counts: &CountsTable,
) -> Result<ReadRows> {
    let mut reader = table::reader(path, input, codebook);
    let header = reader.headers().map_err(|source| table::broken(path, source))?.clone();
    let layout = Layout::new(path, &header, codebook, counts)?;
    let mut found = ReadRows::default();
    let mut gathered: BTreeMap<(String, usize), Gathered> = BTreeMap::new();
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(|source| table::broken(path, source))? {
        found.row_count += 1;
        let line = record.position().map_or(0, csv::Position::line);
        match layout.key(&record) {
            Err(reason) => found.bad.push(BadRow { line, reason }),
            Ok(None) => found.left_out_count += 1,
            Ok(Some(key)) => {
                let item = &layout.items[key.1];
                let cell = gathered.entry(key).or_insert_with(|| Gathered::new(item.codes.len()));
                cell.lines.push(line);
                if let Err(reason) = layout.add(cell, item, &record) {
                    cell.faults.push(BadRow { line, reason });
                }
            }
        }
    }
    for ((group, index), cell) in gathered {
        let item = &layout.items[index];
        match cell.whole(item, counts.holds) {
            Ok(whole) => {
                found.tally.cells.insert((group, item.id.clone()), whole);
            }
            Err(bad) => found.bad.extend(bad),
        }
    }
    found.bad.sort_by_key(|bad| bad.line);
    Ok(found)
}

/// Where everything stands in a row.
struct Layout<'a> {
    codebook: &'a Codebook,
    counts: &'a CountsTable,
    header: &'a StringRecord,
    group: usize,
    item: usize,
    n: Option<usize>,
    /// Of a long table, option and count.
    long: Option<(usize, usize)>,
    /// Of a wide table, the column of each code.
    wide: BTreeMap<&'a str, usize>,
    items: Vec<Item<'a>>,
}

impl<'a> Layout<'a> {
    fn new(
        path: &Path,
        header: &'a StringRecord,
        codebook: &'a Codebook,
        counts: &'a CountsTable,
    ) -> Result<Self> {
        table::check_header(path, header)?;
        let place = |name: &String| table::place(path, header, name);
        let mut wide = BTreeMap::new();
        for (code, column) in counts.options.iter().flatten() {
            wide.insert(code.as_str(), place(column)?);
        }
        let long = match (&counts.option, &counts.count) {
            (Some(option), Some(count)) => Some((place(option)?, place(count)?)),
            _ => None,
        };
        Ok(Layout {
            group: place(counts.group.as_ref())?,
            item: place(&counts.item)?,
            n: counts.n.as_ref().map(place).transpose()?,
            items: codebook
                .items
                .iter()
                .map(|(id, column)| Item::new(codebook, id.as_ref(), column, 0))
                .collect(),
            codebook,
            counts,
            header,
            long,
            wide,
        })
    }

    /// Group and item of a row; `None` when the codebook does not ask for them.
    fn key(&self, record: &StringRecord) -> RowResult<Option<(String, usize)>> {
        table::check_row(self.header, record)?;
        let (value, named) = (record[self.group].trim(), record[self.item].trim());
        let group = table::population_group(self.counts.groups.as_ref(), value)?;
        let item = self.items.iter().position(|item| item.column.column.as_ref() == named);
        Ok(item.filter(|_| !group.is_empty()).map(|item| (group, item)))
    }

    /// Adds what a row says to what is known of its group and item.
    fn add(&self, cell: &mut Gathered, item: &Item<'_>, record: &StringRecord) -> RowResult<()> {
        if let Some(place) = self.n {
            let n = table::whole_number(&record[place])?;
            if cell.n.is_some_and(|known| known != n) {
                return Err(format!("n is {n} here and another in an earlier row of the same distribution"));
            }
            cell.n = Some(n);
        }
        if let Some((option, count)) = self.long {
            let number = self.number(&record[count])?;
            let Some(option) = item.response(self.codebook, &record[option])? else {
                return cell.set_missing(number);
            };
            return cell.set(option, number, &item.codes[item.turned(option)]);
        }
        for (code, place) in &self.wide {
            let text = record[*place].trim();
            match item.codes.iter().position(|known| known == code) {
                Some(option) => cell.set(item.turned(option), self.number(text)?, code)?,
                None if text.is_empty() || self.number(text)?.digits == 0 => {}
                None => return Err(format!("{} has no option `{code}`, and a count of it", item.id)),
            }
        }
        Ok(())
    }

    fn number(&self, text: &str) -> RowResult<Decimal> {
        let text = text.trim();
        if self.counts.holds == Holds::Counts {
            return table::whole_number(text).map(|count| Decimal { digits: count, decimals: 0 });
        }
        let comma = self.codebook.file.decimal.as_ref().is_some_and(|decimal| decimal.as_ref() == ",");
        read_percentage(text, if comma { ',' } else { '.' })
    }
}

/// A number as it is written: digits, and how many of them stand behind the point.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Decimal {
    digits: u64,
    decimals: u32,
}

fn read_percentage(text: &str, point: char) -> RowResult<Decimal> {
    let (whole, fraction) = text.split_once(point).unwrap_or((text, ""));
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let digits = format!("{whole}{fraction}").parse::<u64>().ok();
    let decimals = fraction.len();
    let fits = !whole.is_empty() && is_plain(whole) && is_plain(fraction) && decimals <= DECIMALS_MAX;
    let digits = digits.filter(|digits| fits && *digits <= 100 * 10_u64.pow(decimals as u32));
    digits
        .map(|digits| Decimal { digits, decimals: decimals as u32 })
        .ok_or_else(|| format!("`{}` is not a percentage", text.escape_debug()))
}

/// What the rows of one group and item say.
#[derive(Debug)]
struct Gathered {
    lines: Vec<u64>,
    numbers: Vec<Option<Decimal>>,
    missing: Option<u64>,
    n: Option<u64>,
    faults: Vec<BadRow>,
}

impl Gathered {
    fn new(option_count: usize) -> Self {
        Gathered {
            lines: Vec::new(),
            numbers: vec![None; option_count],
            missing: None,
            n: None,
            faults: Vec::new(),
        }
    }

    fn set(&mut self, option: usize, number: Decimal, code: &str) -> RowResult<()> {
        match self.numbers[option].replace(number) {
            Some(_) => Err(format!("the option `{code}` of the same group and item is there twice")),
            None => Ok(()),
        }
    }

    /// Percentages are of valid responses: one of no response says nothing about them.
    fn set_missing(&mut self, number: Decimal) -> RowResult<()> {
        match self.missing.replace(number.digits) {
            Some(_) => Err("no response of the same group and item is there twice".to_owned()),
            None => Ok(()),
        }
    }

    /// The counts, or every row with what is wrong.
    fn whole(mut self, item: &Item<'_>, holds: Holds) -> std::result::Result<Cell, Vec<BadRow>> {
        let counted = match self.faults.first() {
            Some(first) => Err(format!("line {} of the same group and item is bad", first.line)),
            None => self.people(item, holds),
        };
        let reason = match counted {
            Ok(people) => {
                let total: u64 = people.iter().sum();
                return Ok(Cell {
                    weights: people.iter().map(|count| *count as f64).collect(),
                    squares: total as f64,
                    valid_count: total,
                    missing_count: if holds == Holds::Counts { self.missing.unwrap_or(0) } else { 0 },
                });
            }
            Err(reason) => reason,
        };
        for line in std::mem::take(&mut self.lines) {
            if !self.faults.iter().any(|fault| fault.line == line) {
                self.faults.push(BadRow { line, reason: reason.clone() });
            }
        }
        Err(self.faults)
    }

    fn people(&self, item: &Item<'_>, holds: Holds) -> RowResult<Vec<u64>> {
        let known = |(option, number): (usize, &Option<Decimal>)| {
            number.ok_or_else(|| {
                format!("there is no row for the option `{}`", item.codes[item.turned(option)])
            })
        };
        let numbers: Vec<Decimal> = self.numbers.iter().enumerate().map(known).collect::<RowResult<_>>()?;
        let people = match (holds, self.n) {
            (Holds::Counts, _) => numbers.iter().map(|number| number.digits).collect(),
            (Holds::Percentages, Some(n)) => people_of(&numbers, n)?,
            (Holds::Percentages, None) => return Err("there is no n to the percentages".to_owned()),
        };
        let total: u64 = people.iter().sum();
        match self.n {
            Some(n) if n != total => Err(format!("the counts add up to {total}, not to the n of {n}")),
            _ if total == 0 => Err("nobody gave a valid response".to_owned()),
            _ if total > u64::from(u32::MAX) => Err(format!("{total} are too many people")),
            _ => Ok(people),
        }
    }
}

/// The whole numbers of people that add up to `n` and round to the percentages, if only one list of them does. A count k is one that
/// rounds to p with d decimals when |100 k / n − p| ≤ 10^−d / 2: which way halves were rounded is not known.
fn people_of(percentages: &[Decimal], n: u64) -> RowResult<Vec<u64>> {
    let bounds: Vec<(u64, u64)> =
        percentages.iter().map(|percentage| bounds(*percentage, n)).collect::<RowResult<_>>()?;
    let (least, most) = bounds.iter().fold((0, 0), |sum, bound| (sum.0 + bound.0, sum.1 + bound.1));
    let free: Vec<usize> = (0..bounds.len()).filter(|index| bounds[*index].0 < bounds[*index].1).collect();
    let mut people: Vec<u64> = bounds.iter().map(|bound| bound.0).collect();
    match free[..] {
        _ if n < least || n > most => {
            Err(format!("no whole numbers of people round to these percentages and add up to {n}"))
        }
        _ if n == least => Ok(people),
        _ if n == most => Ok(bounds.iter().map(|bound| bound.1).collect()),
        [one] => {
            people[one] += n - least;
            Ok(people)
        }
        _ => Err(format!(
            "several numbers of people round to these percentages of {n}: give counts, or percentages with more decimals"
        )),
    }
}

/// Least and greatest count that rounds to a percentage.
fn bounds(percentage: Decimal, n: u64) -> RowResult<(u64, u64)> {
    let (n, digits) = (u128::from(n), u128::from(percentage.digits));
    let unit = 200 * 10_u128.pow(percentage.decimals);
    let least = (n * (2 * digits).saturating_sub(1)).div_ceil(unit);
    let most = (n * (2 * digits + 1) / unit).min(n);
    match least <= most {
        // Neither is above n, which is a u64.
        true => Ok((least as u64, most as u64)),
        false => Err(format!("no whole number of {n} people rounds to one of the percentages")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every list of whole numbers that adds up to n, tried.
    fn tried(percentages: &[Decimal], n: u64) -> Vec<Vec<u64>> {
        let fits = |count: u64, percentage: &Decimal| {
            let scale = 10_i128.pow(percentage.decimals);
            let distance = 100 * scale * i128::from(count) - i128::from(percentage.digits) * i128::from(n);
            2 * distance.abs() <= i128::from(n)
        };
        let mut found = Vec::new();
        for first in 0..=n {
            for second in 0..=n - first {
                let people = vec![first, second, n - first - second];
                if people.iter().zip(percentages).all(|(count, percentage)| fits(*count, percentage)) {
                    found.push(people);
                }
            }
        }
        found
    }

    proptest! {
        #[test]
        fn percentages_are_taken_when_one_list_of_people_rounds_to_them(
            people in prop::collection::vec(0_u64..25, 3), decimals in 0_u32..3, off in 0_u64..3,
        ) {
            let n: u64 = people.iter().sum();
            prop_assume!(n > 0);
            let scale = 100 * 10_u64.pow(decimals);
            let mut percentages: Vec<Decimal> = people
                .iter()
                .map(|count| Decimal { digits: (2 * count * scale + n) / (2 * n), decimals })
                .collect();
            if off == 2 {
                percentages[0].digits += 1;
            }
            let tried = tried(&percentages, n);
            match people_of(&percentages, n) {
                Ok(found) => prop_assert_eq!(vec![found], tried),
                Err(reason) => prop_assert!(tried.len() != 1, "{} of {:?}", reason, tried),
            }
        }
    }

    #[test]
    fn numbers_are_read_as_they_stand() {
        assert_eq!(table::whole_number(" 12 "), Ok(12));
        for text in ["", "1.0", "1,234", "-1", "+1", "1e3", "4294967296"] {
            assert!(table::whole_number(text).is_err(), "{text}");
        }
        assert_eq!(read_percentage("12,50", ','), Ok(Decimal { digits: 1250, decimals: 2 }));
        for text in ["", ".5", "12.5", "100,1", "1,2,3", "12,0000000001", "-3", "NaN"] {
            assert!(read_percentage(text, ',').is_err(), "{text}");
        }
    }
}
