//! How much of the probability went to the options at all, and what took the rest where much of it did not.

use super::{Drawing, Table, TableCell};
use crate::output::records::{FormatCard, PromptRow};
use crate::prompts::{AnswerKey, ElicitationFormat};
use crate::report::arithmetic::{median, range};
use crate::report::charts::{Figure, HistogramChart, histogram};
use crate::report::number::{grouped, percent, plain};
use crate::report::run::{Readout, Run};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

const WORST_COUNT: usize = 8;
const TOKEN_COUNT: usize = 5;
/// Characters at the end of a prompt that a token may repeat.
const TAIL_LEN: usize = 16;

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
        let of_format = run.reported().filter(|readout| readout.cell.elicitation_format == *format);
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
        let readouts: Vec<&Readout> = run.reported().filter(of_pair).collect();
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
    let formats = &run.tables.manifest.study.elicitation_formats;
    let prompts: HashMap<&str, &PromptRow> =
        run.tables.prompts.iter().map(|prompt| (prompt.cell_id.as_str(), prompt)).collect();
    let mut readouts: Vec<&Readout> = run.reported().collect();
    readouts.sort_by(|a, b| {
        let by_mass = a.cell.answer_mass.total_cmp(&b.cell.answer_mass);
        by_mass.then_with(|| a.cell.cell_id.cmp(&b.cell.cell_id))
    });
    let worst = |readout: &&Readout| WorstCell {
        cell_id: readout.cell.cell_id.clone(),
        answer_mass: percent(readout.cell.answer_mass, 1),
        status: readout.cell.status.replace('_', " "),
        tokens: prompts
            .get(readout.cell.cell_id.as_str())
            .map(|prompt| off_option_tokens(readout, prompt, formats))
            .unwrap_or_default(),
    };
    readouts.iter().take(WORST_COUNT).map(worst).collect()
}

/// The most probable next tokens that cannot begin an option, by their text. Probabilities are those at temperature 1.
fn off_option_tokens(readout: &Readout, prompt: &PromptRow, formats: &FormatCards) -> Vec<OffOptionToken> {
    let format = asked_format(&readout.cell.elicitation_format, formats);
    // a tail that was stepped back over is read as the beginning of every form
    let tails: Vec<&str> = match prompt.stepped_back {
        0 => vec![""],
        _ => prompt
            .rendered_text
            .char_indices()
            .rev()
            .take(TAIL_LEN)
            .map(|(at, _)| at)
            .map(|at| &prompt.rendered_text[at..])
            .collect(),
    };
    let tokens = prompt.top_tokens.iter().zip(&prompt.top_log_probs);
    let off_option =
        tokens.filter(|(token, _)| !tails.iter().any(|tail| begins_option(readout, &format, tail, token)));
    let shown = |(token, log_prob): (&String, &f64)| OffOptionToken {
        text: visible(token),
        share: percent(log_prob.exp(), 1),
    };
    off_option.take(TOKEN_COUNT).map(shown).collect()
}

/// Whether a token's text begins something that counts as an option in the readout's elicitation format. `tail` is the
/// end of the prompt that the token repeats.
fn begins_option(readout: &Readout, format: &ElicitationFormat, tail: &str, token: &str) -> bool {
    let token = token.replace(['▁', 'Ġ'], " ");
    // which letter is whose depends on the order shown; which letters there are does not
    let mut forms =
        readout.options.iter().enumerate().flat_map(|(index, option)| {
            format.surface_forms(&option.option_code, &option.option_label, index)
        });
    !token.is_empty() && forms.any(|form| format!("{tail}{form}").starts_with(&token))
}

type FormatCards = BTreeMap<String, FormatCard>;

/// The format of an id, as the manifest has it.
fn asked_format(id: &str, formats: &FormatCards) -> ElicitationFormat {
    let card = formats.get(id);
    let name = card.map_or(id, |card| card.key.as_str());
    let key = AnswerKey::ALL.into_iter().find(|key| key.to_string() == name).unwrap_or(AnswerKey::Label);
    let closings = card.map(|card| card.closings.clone()).unwrap_or_default();
    ElicitationFormat { closings, ..ElicitationFormat::plain(key) }
}

/// A token's text with its white space and control characters as signs.
fn visible(token: &str) -> String {
    let sign = |c: char| match c {
        ' ' => '␣',
        '\n' => '⏎',
        '\t' => '⇥',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    if token.is_empty() { "(empty)".to_owned() } else { token.chars().map(sign).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::records::CellRow;
    use std::collections::BTreeMap;

    fn option(format: &str, code: &str, label: &str) -> CellRow {
        CellRow {
            cell_id: "a".to_owned(),
            study: String::new(),
            persona: String::new(),
            population_group: String::new(),
            item: String::new(),
            facets: BTreeMap::new(),
            language: "en".to_owned(),
            elicitation_format: format.to_owned(),
            option_order: String::new(),
            temperature: 1.0,
            option_code: code.to_owned(),
            option_label: label.to_owned(),
            option_value: 1.0,
            log_prob: None,
            answer_mass: 0.1,
            probability: None,
            status: "unusable".to_owned(),
            premise_log_prob: None,
            premise_normalised_probability: None,
            expected_count: None,
        }
    }

    #[test]
    fn only_what_counts_in_the_format_begins_an_option() {
        for (format, on, off) in [
            ("number", ["1", "▁2", " "], ["▁Very", "Not", "A"]),
            ("letter", ["A", " B", "ĠA"], ["C", "1", "Very"]),
            ("label", [" Ver", "Not at", "▁Very"], ["the", "1", "A"]),
        ] {
            let options = [option(format, "1", "Very much"), option(format, "2", "Not at all")];
            let readout =
                Readout { cell: &options[0], options: options.iter().collect(), probabilities: None };
            for token in on {
                assert!(
                    begins_option(&readout, &asked_format(format, &BTreeMap::new()), "", token),
                    "{format} {token}"
                );
            }
            for token in off {
                assert!(
                    !begins_option(&readout, &asked_format(format, &BTreeMap::new()), "", token),
                    "{format} {token}"
                );
            }
        }
    }

    #[test]
    fn a_number_prompt_answered_in_words_shows_where_its_mass_went() {
        let options = [option("number", "1", "Very much"), option("number", "2", "Not at all")];
        let readout = Readout { cell: &options[0], options: options.iter().collect(), probabilities: None };
        let prompt = |tokens: [&str; 3], stepped_back| PromptRow {
            cell_id: "a".to_owned(),
            asked_option: None,
            rendered_text: "Number: (".to_owned(),
            token_ids: vec![1],
            readout_index: 0,
            stepped_back,
            vocabulary_entropy: 1.0,
            top_ids: vec![1, 2, 3],
            top_tokens: tokens.map(str::to_owned).to_vec(),
            top_log_probs: vec![-0.5, -1.5, -3.0],
        };
        let texts = |prompt: &PromptRow| -> Vec<String> {
            off_option_tokens(&readout, prompt, &BTreeMap::new())
                .into_iter()
                .map(|token| token.text)
                .collect()
        };
        assert_eq!(texts(&prompt(["Very", " 1", "Not"], 0)), ["Very", "Not"]);
        assert_eq!(texts(&prompt(["(1", " (2", "(Very"], 0)), ["(1", "␣(2", "(Very"]);
        assert_eq!(texts(&prompt(["(1", " (2", "(Very"], 1)), ["(Very"]);
    }

    #[test]
    fn white_space_is_made_visible() {
        assert_eq!(visible(" a\n"), "␣a⏎");
        assert_eq!(visible(""), "(empty)");
    }
}
