//! What was read of a file to a data set, with its provenance and the rows that were left out.

use super::codebook::{Codebook, Holds};
use super::rows::ReadRows;
use super::{ImportSettings, file_name};
use crate::error::{Error, Result};
use crate::human_data::new::{NewHumanData, NewRow, NewSource, Target};
use crate::human_data::provenance::HumanKind;
use std::fmt::Write as _;

const BAD_ROWS_FILE: &str = "bad_rows.tsv";

/// Writes everything; says what people are.
///
/// # Errors
/// Kind `Output`.
pub fn write(
    target: &Target,
    codebook: &Codebook,
    settings: &ImportSettings,
    found: &ReadRows,
) -> Result<HumanKind> {
    let is_weighted = codebook.participants.as_ref().is_some_and(|people| people.weight.is_some());
    let kind = match codebook.moments {
        Some(_) => HumanKind::Reconstructed,
        None if is_weighted => HumanKind::Weighted,
        None => HumanKind::Counted,
    };
    let mut bad = "line\treason\n".to_owned();
    for row in &found.bad {
        let _ = writeln!(bad, "{}\t{}", row.line, row.reason.replace(['\t', '\n', '\r'], " "));
    }
    let bytes = std::fs::read(&settings.file)
        .map_err(|source| Error::human_data("cannot be read").at(&settings.file).because(source))?;
    let holds = codebook.counts.as_ref().map(|table| table.holds);
    let what = match kind {
        HumanKind::Reconstructed => "table of means and standard deviations",
        _ if holds.is_some() => "table of counts",
        _ => "participant-level file",
    };
    let data = NewHumanData {
        id: codebook.id.as_ref().clone(),
        title: codebook.title.clone(),
        citation: codebook.citation.clone(),
        licence: codebook.licence.clone(),
        caveats: codebook.caveats.clone(),
        counted: format!(
            "{} {} rows read, {} left out, {} bad; codebook {}.",
            how_counted(kind, holds),
            found.row_count,
            found.left_out_count,
            found.bad.len(),
            file_name(&settings.codebook)
        ),
        kind,
        source: NewSource::new(format!("{what} {}", file_name(&settings.file)), &bytes, found.row_count),
        rows: rows(found),
        // In the order in which rows were read by them.
        participants: found.people.by_group(codebook.items.keys().map(|id| id.as_ref().as_str())),
    };
    data.write(target, &[(BAD_ROWS_FILE, &bad)])?;
    Ok(kind)
}

fn how_counted(kind: HumanKind, holds: Option<Holds>) -> &'static str {
    match (kind, holds) {
        (_, Some(Holds::Percentages)) => {
            "People by response: the only whole numbers that round to the percentages of the table."
        }
        (HumanKind::Reconstructed, _) => {
            "Shares of the distribution of greatest entropy that has the mean and SD, times n."
        }
        (HumanKind::Weighted, _) => "Shares of weighted people times their effective number (Kish).",
        _ => "People by response.",
    }
}

/// A group in which nobody responded to an item has no distribution there.
fn rows(found: &ReadRows) -> Vec<NewRow> {
    let responded = found.tally.cells.iter().filter(|(_, cell)| cell.valid_count > 0);
    let row = |((group, item), cell): (&(String, String), &super::tally::Cell)| NewRow {
        population_group: group.clone(),
        item: item.clone(),
        valid_count: cell.valid_count,
        missing_count: cell.missing_count,
        counts: cell.counts(),
    };
    responded.map(row).collect()
}
