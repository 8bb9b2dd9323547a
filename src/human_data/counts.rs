//! `counts.tsv`: one row per group and item, read into marginals with the line each came from.

use super::provenance::{Columns, HumanKind};
use crate::data_folder::TextFile;
use crate::error::Result;
use crate::survey::Marginal;
use std::collections::HashMap;

/// Where each meaning stands in a row.
struct Layout {
    population_group: usize,
    item: Vec<usize>,
    valid: usize,
    missing: usize,
    counts: Vec<usize>,
    column_count: usize,
}

/// Marginals with their 1-based lines.
///
/// # Errors
/// With file and line, when a row does not hold together.
pub(super) fn read(file: &TextFile, columns: &Columns, kind: HumanKind) -> Result<Vec<(Marginal, usize)>> {
    let layout = read_header(file, columns)?;
    let mut seen: HashMap<(String, String), usize> = HashMap::new();
    let mut marginals = Vec::new();
    for (index, row) in file.text.lines().enumerate().skip(1) {
        let line = index + 1;
        let marginal = read_row(row, &layout, kind).map_err(|message| file.refuse_line(line, message))?;
        let key = (marginal.population_group.clone(), marginal.item.clone());
        if let Some(first) = seen.insert(key, line) {
            let message =
                format!("`{}` for `{}` repeats line {first}", marginal.item, marginal.population_group);
            return Err(file.refuse_line(line, message));
        }
        marginals.push((marginal, line));
    }
    if marginals.is_empty() {
        return Err(file.refuse_line(1, "there are no counts below the header"));
    }
    Ok(marginals)
}

fn read_header(file: &TextFile, columns: &Columns) -> Result<Layout> {
    let header: Vec<&str> = file.text.lines().next().unwrap_or_default().split('\t').collect();
    for (index, name) in header.iter().enumerate() {
        if !columns.names().any(|known| known.as_ref() == name) {
            let message =
                format!("provenance.toml does not say what the column `{}` is", name.escape_debug());
            return Err(file.refuse_line(1, message));
        }
        if header[..index].contains(name) {
            return Err(file.refuse_line(1, format!("the column `{name}` is there twice")));
        }
    }
    let position = |name: &crate::spanned::Spanned<String>| {
        let missing = || file.refuse_line(1, format!("there is no column `{}`", name.as_ref()));
        header.iter().position(|column| *column == name.as_ref()).ok_or_else(missing)
    };
    Ok(Layout {
        population_group: position(&columns.population_group)?,
        item: columns.item.iter().map(position).collect::<Result<_>>()?,
        valid: position(&columns.valid)?,
        missing: position(&columns.missing)?,
        counts: columns.counts.iter().map(position).collect::<Result<_>>()?,
        column_count: header.len(),
    })
}

fn read_row(row: &str, layout: &Layout, kind: HumanKind) -> std::result::Result<Marginal, String> {
    let cells: Vec<&str> = row.split('\t').collect();
    if cells.len() != layout.column_count {
        return Err(format!("there are {} cells below {} columns", cells.len(), layout.column_count));
    }
    let key_columns = layout.item.iter().chain([&layout.population_group]);
    if key_columns.clone().any(|column| cells[*column].trim().is_empty()) {
        return Err("the group or the item is empty".to_owned());
    }
    let item: Vec<&str> = layout.item.iter().map(|column| cells[*column]).collect();
    let counts = read_counts(&cells, layout, kind)?;
    let (valid, total) = (f64::from(read_count(cells[layout.valid])?), counts.iter().sum::<f64>());
    match kind {
        HumanKind::Counted if total != valid => {
            return Err(format!("the counts add up to {total}, not to the {valid} valid responses stated"));
        }
        HumanKind::Reconstructed | HumanKind::AssumedN if (total - valid).abs() > 1e-6 => {
            return Err(format!("the shares add up to {total}, not to the {valid} people stated"));
        }
        HumanKind::Weighted if total > valid + 1e-6 => {
            return Err(format!(
                "the weighted counts add up to {total}, more than the {valid} people stated"
            ));
        }
        _ if total < 1.0 => return Err("nobody gave a valid response".to_owned()),
        _ => {}
    }
    Ok(Marginal {
        population_group: cells[layout.population_group].to_owned(),
        item: item.join("."),
        counts,
        missing_count: f64::from(read_count(cells[layout.missing])?),
    })
}

/// Empty cells at the end are options that the scale does not have.
fn read_counts(cells: &[&str], layout: &Layout, kind: HumanKind) -> std::result::Result<Vec<f64>, String> {
    let texts: Vec<&str> = layout.counts.iter().map(|column| cells[*column]).collect();
    let option_count = texts.iter().rposition(|text| !text.is_empty()).map_or(0, |last| last + 1);
    if option_count < 2 {
        return Err("there are counts for fewer than two options".to_owned());
    }
    let read = |text: &&str| match kind {
        HumanKind::Counted => read_count(text).map(f64::from),
        _ => read_weighted(text),
    };
    texts[..option_count].iter().map(read).collect()
}

fn read_weighted(text: &str) -> std::result::Result<f64, String> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let count = text.parse::<f64>().ok().filter(|count| plain && count.is_finite());
    count.ok_or_else(|| format!("`{}` is not a weighted number of people", text.escape_debug()))
}

fn read_count(text: &str) -> std::result::Result<u32, String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let count = text.parse::<u32>().ok().filter(|_| digits);
    count.ok_or_else(|| format!("`{}` is not a number of people", text.escape_debug()))
}
