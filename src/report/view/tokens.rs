//! The next token itself: how spread out it is, where the best of the options stands, how options are written, and what is written
//! instead.

use super::mass::visible;
use super::{Table, TableCell};
use crate::report::arithmetic::{median, range};
use crate::report::number::{fixed, grouped, percent, plain};
use crate::report::run::Run;
use crate::report::token_tally::{AtTemperature, Spread};
use serde::Serialize;

const FORM_COUNT: usize = 6;
const OFF_TOKEN_COUNT: usize = 8;

#[derive(Debug, Clone, Serialize)]
pub struct TokensView {
    pub by_format: Table,
    pub by_temperature: Table,
    /// Surface forms, the most probable of each format.
    pub forms: Option<Table>,
    /// Tokens that begin no option, over temperature.
    pub off_option: Option<Table>,
}

pub fn tokens(run: &Run) -> TokensView {
    TokensView {
        by_format: by_format(run),
        by_temperature: by_temperature(run),
        forms: forms(run),
        off_option: off_option(run),
    }
}

fn bits(nats: f64) -> f64 {
    nats / std::f64::consts::LN_2
}

fn strings<const N: usize>(names: [&str; N]) -> Vec<String> {
    names.map(str::to_owned).to_vec()
}

/// Entropy, nucleus, and the best token's probability: what both tables have.
fn spread_cells(spread: &Spread) -> Option<Vec<TableCell>> {
    let nuclei: Vec<f64> = spread.nucleus_sizes.iter().map(|size| f64::from(*size)).collect();
    let (_, largest) = range(nuclei.iter().copied())?;
    let mean = |sum: f64| sum / spread.count as f64;
    Some(vec![
        TableCell::text(fixed(bits(mean(spread.entropy_sum)), 2)),
        TableCell::text(plain(median(nuclei)?)),
        TableCell::text(grouped(largest as u64)),
        TableCell::with_bar(percent(mean(spread.best_sum), 1), mean(spread.best_sum), 1.0),
    ])
}

fn by_format(run: &Run) -> Table {
    let row = |format: &String| {
        let found = run.tables.tokens.of_format(format)?;
        let ranks: Vec<f64> = found.best_ranks.iter().map(|rank| f64::from(*rank)).collect();
        let first = ranks.iter().filter(|rank| **rank == 1.0).count() as f64 / ranks.len() as f64;
        let mut cells = vec![TableCell::text(format.clone())];
        cells.extend(spread_cells(&found.spread)?);
        cells.push(TableCell::text(plain(median(ranks)?)));
        cells.push(TableCell::with_bar(percent(first, 0), first, 1.0));
        Some(cells)
    };
    Table {
        caption: format!("The token behind a prompt at temperature {}", plain(run.temperature)),
        head: strings([
            "format",
            "entropy, bits",
            "tokens that hold 90 %, median",
            "most",
            "best option token",
            "its rank, median",
            "first of all",
        ]),
        rows: run.formats.iter().filter_map(row).collect(),
    }
}

fn by_temperature(run: &Run) -> Table {
    let row = |&temperature: &f64| {
        let mut cells = vec![TableCell::text(plain(temperature))];
        cells.extend(spread_cells(&run.tables.tokens.at(temperature)?.spread)?);
        Some(cells)
    };
    Table {
        caption: "The same over temperature, all formats together".to_owned(),
        head: strings([
            "temperature",
            "entropy, bits",
            "tokens that hold 90 %, median",
            "most",
            "best option token",
        ]),
        rows: run.temperatures.iter().filter_map(row).collect(),
    }
}

fn forms(run: &Run) -> Option<Table> {
    let mut rows = Vec::new();
    for format in &run.formats {
        let Some(found) = run.tables.tokens.of_format(format) else { continue };
        let means = found.form_means();
        rows.extend(means.into_iter().take(FORM_COUNT).map(|(form, probability)| {
            vec![
                TableCell::text(format.clone()),
                TableCell::text(visible(form)),
                TableCell::with_bar(percent(probability, 1), probability, 1.0),
            ]
        }));
    }
    (!rows.is_empty()).then(|| Table {
        caption: format!(
            "The {FORM_COUNT} most probable surface forms of each format, means over its prompts at temperature {}",
            plain(run.temperature)
        ),
        head: strings(["format", "form", "probability"]),
        rows,
    })
}

fn off_option(run: &Run) -> Option<Table> {
    let by_temperature: Vec<Vec<(&str, f64)>> = run
        .temperatures
        .iter()
        .map(|&temperature| {
            run.tables.tokens.at(temperature).map(AtTemperature::off_token_means).unwrap_or_default()
        })
        .collect();
    let reported = run.temperatures.iter().position(|t| *t == run.temperature)?;
    let row = |(token, _): &(&str, f64)| {
        let share = |means: &Vec<(&str, f64)>| {
            let found = means.iter().find(|(text, _)| text == token);
            TableCell::text(found.map_or("–".to_owned(), |(_, share)| percent(*share, 1)))
        };
        let mut cells = vec![TableCell::text(visible(token))];
        cells.extend(by_temperature.iter().map(share));
        cells
    };
    let shown: Vec<Vec<TableCell>> = by_temperature[reported].iter().take(OFF_TOKEN_COUNT).map(row).collect();
    let mut head = vec!["token".to_owned()];
    head.extend(run.temperatures.iter().map(|t| plain(*t)));
    (!shown.is_empty()).then(|| Table {
        caption: "Tokens that begin no option, by temperature: mean probability over prompts, where the token is among those noted \
                  for a prompt (so at least)"
            .to_owned(),
        head,
        rows: shown,
    })
}
