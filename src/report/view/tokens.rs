//! The next token itself: how spread out it is, where the best of the options stands, how options are written, and what is written
//! instead.

use super::mass::visible;
use super::{Table, TableCell};
use crate::output::records::TokenRow;
use crate::report::arithmetic::{mean, median, range};
use crate::report::number::{fixed, grouped, percent, plain};
use crate::report::run::Run;
use serde::Serialize;
use std::collections::BTreeMap;

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
    let rows = &run.tables.tokens;
    let reported: Vec<&TokenRow> = rows.iter().filter(|row| row.temperature == run.temperature).collect();
    TokensView {
        by_format: by_format(run, &reported),
        by_temperature: by_temperature(run, rows),
        forms: forms(run, &reported),
        off_option: off_option(run, rows),
    }
}

fn bits(nats: f64) -> f64 {
    nats / std::f64::consts::LN_2
}

fn strings<const N: usize>(names: [&str; N]) -> Vec<String> {
    names.map(str::to_owned).to_vec()
}

/// Entropy, nucleus, and the best token's probability: what both tables have.
fn spread_cells(rows: &[&TokenRow]) -> Option<Vec<TableCell>> {
    let nuclei: Vec<f64> = rows.iter().map(|row| row.nucleus_size as f64).collect();
    let (_, largest) = range(nuclei.iter().copied())?;
    let best = mean(rows.iter().map(|row| row.best_token_log_prob.exp()))?;
    Some(vec![
        TableCell::text(fixed(bits(mean(rows.iter().map(|row| row.vocabulary_entropy))?), 2)),
        TableCell::text(plain(median(nuclei)?)),
        TableCell::text(grouped(largest as u64)),
        TableCell::with_bar(percent(best, 1), best, 1.0),
    ])
}

fn by_format(run: &Run, reported: &[&TokenRow]) -> Table {
    let row = |format: &String| {
        let of_format: Vec<&TokenRow> =
            reported.iter().filter(|row| row.elicitation_format == *format).copied().collect();
        let ranks: Vec<f64> = of_format.iter().map(|row| row.best_token_rank as f64).collect();
        let first = ranks.iter().filter(|rank| **rank == 1.0).count() as f64 / ranks.len() as f64;
        let mut cells = vec![TableCell::text(format.clone())];
        cells.extend(spread_cells(&of_format)?);
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

fn by_temperature(run: &Run, rows: &[TokenRow]) -> Table {
    let row = |&temperature: &f64| {
        let at: Vec<&TokenRow> = rows.iter().filter(|row| row.temperature == temperature).collect();
        let mut cells = vec![TableCell::text(plain(temperature))];
        cells.extend(spread_cells(&at)?);
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

/// Mean probability of each text, most first. What a row does not list counts as nothing.
fn mean_by_text<'a>(
    rows: &[&'a TokenRow],
    listed: impl Fn(&'a TokenRow) -> Vec<(&'a str, f64)>,
) -> Vec<(String, f64)> {
    let mut sums: BTreeMap<&str, f64> = BTreeMap::new();
    for row in rows {
        for (text, probability) in listed(row) {
            *sums.entry(text).or_default() += probability;
        }
    }
    let count = rows.len() as f64;
    let mut means: Vec<(String, f64)> =
        sums.into_iter().map(|(text, sum)| (text.to_owned(), sum / count)).collect();
    means.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    means
}

fn forms(run: &Run, reported: &[&TokenRow]) -> Option<Table> {
    let mut rows = Vec::new();
    for format in &run.formats {
        let of_format: Vec<&TokenRow> =
            reported.iter().filter(|row| row.elicitation_format == *format).copied().collect();
        let means = mean_by_text(&of_format, |row| {
            row.forms.iter().map(String::as_str).zip(row.form_probabilities.iter().copied()).collect()
        });
        rows.extend(means.into_iter().take(FORM_COUNT).map(|(form, probability)| {
            vec![
                TableCell::text(format.clone()),
                TableCell::text(visible(&form)),
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

fn off_option(run: &Run, rows: &[TokenRow]) -> Option<Table> {
    let by_temperature: Vec<Vec<(String, f64)>> = run
        .temperatures
        .iter()
        .map(|&temperature| {
            let at: Vec<&TokenRow> = rows.iter().filter(|row| row.temperature == temperature).collect();
            mean_by_text(&at, |row| {
                let shares = row.off_log_probs.iter().map(|log_prob| log_prob.exp());
                row.off_tokens.iter().map(String::as_str).zip(shares).collect()
            })
        })
        .collect();
    let reported = run.temperatures.iter().position(|t| *t == run.temperature)?;
    let row = |(token, _): &(String, f64)| {
        let share = |means: &Vec<(String, f64)>| {
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
