//! How much of the probability went to the options at all, and what took the rest where much of it did not.

use super::{Drawing, Table, TableCell};
use crate::elementary::exp;
use crate::output::records::CellRow;
use crate::report::arithmetic::{median, range};
use crate::report::charts::{Figure, HistogramChart, histogram};
use crate::report::number::{grouped, percent, plain};
use crate::report::run::{Readout, Run};
use crate::report::tables::least_answered;
use serde::Serialize;

const TOKEN_COUNT: usize = 5;

#[derive(Debug, Clone, Serialize)]
pub struct MassView {
    pub histograms: Vec<Drawing>,
    pub table: Table,
    /// The cells with the least answer mass, least first.
    pub worst: Vec<WorstCell>,
}

#[derive(Debug, Clone, Serialize)]
pub struct WorstCell {
    pub cell_id: String,
    pub answer_mass: String,
    pub status: String,
    pub tokens: Vec<OffOptionToken>,
}

#[derive(Debug, Clone, Serialize)]
pub struct OffOptionToken {
    /// With white space made visible.
    pub text: String,
    pub share: String,
}

pub fn mass(run: &Run) -> MassView {
    let histogram_of = |(index, format): (usize, &String)| {
        let of_format = run.readouts.iter().filter(|readout| readout.cell.elicitation_format == *format);
        let values: Vec<f64> = of_format.map(|readout| readout.cell.answer_mass).collect();
        let figure = Figure {
            id: format!("mass-{index}"),
            title: format!("Answer mass: {format}"),
            description: format!(
                "Histogram of the answer mass of {} cells; median {}.",
                values.len(),
                percent(median(values.clone()).unwrap_or_default(), 1)
            ),
        };
        let note = format!("{} cells", grouped(values.len() as u64));
        Drawing { heading: format.clone(), note, svg: histogram(&HistogramChart { figure, values }) }
    };
    MassView {
        histograms: run.formats.iter().enumerate().map(histogram_of).collect(),
        table: mass_table(run),
        worst: worst_cells(run),
    }
}

fn mass_table(run: &Run) -> Table {
    let head = ["format", "language", "cells", "median", "lowest", "ok", "low mass", "unusable"];
    let pairs =
        run.formats.iter().flat_map(|format| run.languages.iter().map(move |language| (format, language)));
    let rows = pairs.filter_map(|(format, language)| {
        let of_pair = |readout: &&Readout| {
            readout.cell.elicitation_format == *format && readout.cell.language == *language
        };
        let readouts: Vec<&Readout> = run.readouts.iter().filter(of_pair).collect();
        let masses: Vec<f64> = readouts.iter().map(|readout| readout.cell.answer_mass).collect();
        let (lowest, _) = range(masses.iter().copied())?;
        let middle = median(masses)?;
        let with_status = |status: &str| {
            let count = readouts.iter().filter(|readout| readout.cell.status == status).count();
            TableCell::text(grouped(count as u64))
        };
        Some(vec![
            TableCell::text(format.clone()),
            TableCell::text(language.clone()),
            TableCell::text(grouped(readouts.len() as u64)),
            TableCell::with_bar(percent(middle, 1), middle, 1.0),
            TableCell::text(percent(lowest, 1)),
            with_status("ok"),
            with_status("low_mass"),
            with_status("unusable"),
        ])
    });
    let caption = format!(
        "Answer mass and what became of the cells at temperature {}, by elicitation format and language",
        plain(run.temperature)
    );
    Table { caption, head: head.map(str::to_owned).to_vec(), rows: rows.collect() }
}

fn worst_cells(run: &Run) -> Vec<WorstCell> {
    let shown = |(token, log_prob): &(String, f64)| OffOptionToken {
        text: visible(token),
        share: percent(exp(*log_prob), 1),
    };
    let worst = |cell: &CellRow| WorstCell {
        cell_id: cell.cell_id.clone(),
        answer_mass: percent(cell.answer_mass, 1),
        status: cell.status.replace('_', " "),
        // of a verbalised distribution the prompt about the first option
        tokens: run.tables.tokens.off_tokens_of(&cell.cell_id).iter().take(TOKEN_COUNT).map(shown).collect(),
    };
    least_answered(&run.tables.cells).into_iter().map(worst).collect()
}

/// A token's text with its white space and control characters as signs.
pub(super) fn visible(token: &str) -> String {
    let sign = |c: char| match c {
        ' ' => '␣',
        '\n' => '⏎',
        '\t' => '⇥',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    if token.is_empty() { "(empty)".to_owned() } else { token.chars().map(sign).collect() }
}
