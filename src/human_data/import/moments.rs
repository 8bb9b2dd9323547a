//! Tables of means and standard deviations, as papers print them: each becomes the distribution of greatest entropy that has them, and is
//! marked as reconstructed wherever it goes.

use super::codebook::{Codebook, MomentsTable, SdDivisor};
use super::rows::{BadRow, ReadRows};
use super::table;
use super::tally::Cell;
use crate::elementary::pow;
use crate::error::Result;
use crate::human_data::max_entropy::max_entropy;
use csv::StringRecord;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

type RowResult<T> = std::result::Result<T, String>;

/// Reads all rows.
///
/// # Errors
/// Kind `HumanData` when the file cannot be read, or lacks a column that the codebook names.
pub fn read_moments(
    path: &Path,
    input: impl Read,
    codebook: &Codebook,
    moments: &MomentsTable,
) -> Result<ReadRows> {
    let mut reader = table::reader(path, input, codebook);
    let header = reader.headers().map_err(|source| table::broken(path, source))?.clone();
    table::check_header(path, &header)?;
    let place = |name: &String| table::place(path, &header, name);
    let layout = Layout {
        codebook,
        moments,
        group: place(moments.group.as_ref())?,
        item: place(&moments.item)?,
        mean: place(&moments.mean)?,
        sd: place(&moments.sd)?,
        n: place(&moments.n)?,
    };
    let mut found = ReadRows::default();
    let mut lines: BTreeMap<(String, String), u64> = BTreeMap::new();
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(|source| table::broken(path, source))? {
        found.row_count += 1;
        let line = record.position().map_or(0, csv::Position::line);
        match layout.read(&header, &record) {
            Err(reason) => found.bad.push(BadRow { line, reason }),
            Ok(None) => found.left_out_count += 1,
            Ok(Some((key, cell))) => match lines.get(&key) {
                // Which of them is meant nobody can know.
                Some(first) => {
                    found.tally.cells.remove(&key);
                    let twice = |other| format!("the group and item of line {other} are there twice");
                    if !found.bad.iter().any(|bad| bad.line == *first) {
                        found.bad.push(BadRow { line: *first, reason: twice(line) });
                    }
                    found.bad.push(BadRow { line, reason: twice(*first) });
                }
                None => {
                    lines.insert(key.clone(), line);
                    found.tally.cells.insert(key, cell);
                }
            },
        }
    }
    found.bad.sort_by_key(|bad| bad.line);
    Ok(found)
}

/// Where everything stands in a row.
struct Layout<'a> {
    codebook: &'a Codebook,
    moments: &'a MomentsTable,
    group: usize,
    item: usize,
    mean: usize,
    sd: usize,
    n: usize,
}

impl Layout<'_> {
    /// Group, item, and the people reconstructed; `None` when the codebook does not ask for them.
    fn read(
        &self,
        header: &StringRecord,
        record: &StringRecord,
    ) -> RowResult<Option<((String, String), Cell)>> {
        table::check_row(header, record)?;
        let (value, named) = (record[self.group].trim(), record[self.item].trim());
        let group = table::population_group(self.moments.groups.as_ref(), value)?;
        let item = self.codebook.items.iter().find(|(_, item)| item.column.as_ref() == named);
        let Some((id, item)) = item.filter(|_| !group.is_empty()) else { return Ok(None) };
        let values = self.codebook.scales[item.scale.as_ref()].values();
        let (low, high) = (values[0], values[values.len() - 1]);
        let (mean, sd) = (self.number(&record[self.mean])?, self.number(&record[self.sd])?);
        let n = table::whole_number(&record[self.n])?;
        let divisor = match self.moments.sd_divisor {
            SdDivisor::N => n as f64,
            SdDivisor::NLessOne if n < 2 => return Err(format!("an SD over n − 1 of {n} people is none")),
            SdDivisor::NLessOne => n as f64 - 1.0,
        };
        let mean = Written { value: if item.reverse { low + high - mean.value } else { mean.value }, ..mean };
        let shares =
            reconstructed(&values, mean, sd, divisor / n as f64).filter(|_| n > 0).ok_or_else(|| {
                let (mean, sd) = (mean.value, sd.value);
                format!("no {n} people on a scale from {low} to {high} have the mean {mean} and the SD {sd}")
            })?;
        let weights: Vec<f64> = shares.iter().map(|share| share * n as f64).collect();
        let cell = Cell { weights, squares: n as f64, valid_count: n, missing_count: 0 };
        Ok(Some(((group, id.as_ref().clone()), cell)))
    }

    fn number(&self, text: &str) -> RowResult<Written> {
        let text = text.trim();
        let comma = self.codebook.file.decimal.as_ref().is_some_and(|decimal| decimal.as_ref() == ",");
        let point = if comma { ',' } else { '.' };
        let plain = |c: char| c.is_ascii_digit() || c == point;
        let decimals = text.split_once(point).map_or(0, |(_, fraction)| fraction.len());
        let digits = text.strip_prefix('-').unwrap_or(text);
        let fits = !digits.is_empty() && digits.chars().all(plain) && digits.matches(point).count() <= 1;
        let value = text.replace(point, ".").parse::<f64>().ok().filter(|value| fits && value.is_finite());
        value
            .map(|value| Written { value, half_unit: 0.5 * pow(10.0, -(decimals.min(30) as f64)) })
            .ok_or_else(|| format!("`{}` is not a number", text.escape_debug()))
    }
}

/// A number, and half a unit of its last digit.
#[derive(Clone, Copy)]
struct Written {
    value: f64,
    half_unit: f64,
}

/// The distribution of greatest entropy with the moments as they are written, or where nothing has these, with the nearest of those that
/// round to them: what is written of people who all gave one of two neighbouring responses may be a hair too narrow.
fn reconstructed(values: &[f64], mean: Written, sd: Written, correction: f64) -> Option<Vec<f64>> {
    const ROUNDED: [(f64, f64); 9] = [
        (0.0, 0.0),
        (0.0, 1.0),
        (0.0, -1.0),
        (1.0, 0.0),
        (-1.0, 0.0),
        (1.0, 1.0),
        (-1.0, 1.0),
        (1.0, -1.0),
        (-1.0, -1.0),
    ];
    let (low, high) = (values[0], values[values.len() - 1]);
    ROUNDED.iter().find_map(|(mean_sign, sd_sign)| {
        let mean = mean.value + mean_sign * mean.half_unit;
        let sd_at = |sign: f64| (sd.value + sign * sd.half_unit).max(0.0);
        if values.len() > 2 {
            return max_entropy(values, mean, sd_at(*sd_sign).powi(2) * correction);
        }
        // Of two options the mean says everything, and the SD has to agree as finely as it is written.
        let share = (mean - low) / (high - low);
        let implied = (share * (1.0 - share)).max(0.0).sqrt() * (high - low);
        let [least, most] = [-1.0, 1.0].map(|sign| sd_at(sign) * correction.sqrt());
        let fits = (0.0..=1.0).contains(&share) && (least - 1e-9..=most + 1e-9).contains(&implied);
        fits.then(|| vec![1.0 - share, share])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: f64) -> Written {
        Written { value, half_unit: 0.005 }
    }

    #[test]
    fn what_rounding_made_too_narrow_is_taken_and_what_is_wrong_is_not() {
        let five = [1.0, 2.0, 3.0, 4.0, 5.0];
        // 4956 of 10,000 answered 2, the others 1.
        let found = reconstructed(&five, written(1.5), written(0.5), 0.9999).unwrap();
        assert!((found[0] - 0.5).abs() < 0.02 && (found[1] - 0.5).abs() < 0.02, "{found:?}");
        assert_eq!(reconstructed(&five, written(1.5), written(0.45), 0.9999), None);
        let two = reconstructed(&[0.0, 1.0], written(0.3), written(0.46), 1.0).unwrap();
        assert!((two[1] - 0.3).abs() < 1e-12);
        assert_eq!(reconstructed(&[0.0, 1.0], written(0.3), written(0.4), 1.0), None);
    }
}
