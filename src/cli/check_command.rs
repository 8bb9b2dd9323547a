//! `respondent models check`: two packagings of one model, held against each other.

use super::models_args::CheckCommand;
use super::progress::StageProgress;
use super::streams::{print_json, print_out, printable};
use crate::error::{Error, Result};
use crate::evaluate::{
    CheckReport, CheckSettings, NumberAgreement, PromptAgreement, Side, Speaker, Spread, Stop, check,
    check_plan,
};
use crate::models::ModelFolder;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use indicatif::HumanCount;
use std::fmt::Write as _;

pub fn execute(command: &CheckCommand) -> Result<()> {
    let plan = check_plan(&command.study, command.full, command.prompting.settings())?;
    let device = command.engine.open_device()?;
    let folders = [ModelFolder::find(&command.model)?, ModelFolder::find(&command.against)?];
    super::set_threads(command.engine.threads)?;
    let open = |folder| Speaker::open(folder, &plan.settings.prompting);
    let speakers = [open(&folders[0])?, open(&folders[1])?];
    let sides = [0, 1].map(|index| Side { folder: &folders[index], speaker: &speakers[index] });
    let settings = CheckSettings {
        sample_count: command.sample,
        seed: command.seed,
        token_budget: command.engine.token_budget,
    };
    let progress = StageProgress::new(command.quiet);
    let report = check(&plan, sides, &device, &settings, &|event| progress.on_event(event), &Stop::new())?;
    match command.json {
        true => print_json(&report)?,
        false => print_out(&check_card(&report))?,
    }
    match report.prompts.is_complete() {
        true => Ok(()),
        false => Err(Error::model(format!("{} and {} are not asked the same", report.model, report.other))
            .hint("another tokenizer or chat template: use one of the two for all runs that are compared")),
    }
}

/// Plain text without colour, ending in a newline.
fn check_card(report: &CheckReport) -> String {
    let (model, other) = (printable(&report.model), printable(&report.other));
    let mut text = format!("{model}  against  {other}\n\n");
    let count = HumanCount(report.prompts.prompt_count as u64);
    let _ =
        writeln!(text, "{count} prompts of the study {}\n{}", report.study, prompts_table(&report.prompts));
    for first in &report.prompts.first {
        let _ = writeln!(
            text,
            "\nThe first whose {} differ{}: {}, at {}\n  {model}: {}\n  {other}: {}",
            first.what,
            if first.what == "text" { "s" } else { "" },
            first.cell_id,
            first.index,
            printable(&first.model),
            printable(&first.other)
        );
    }
    if let Some(numbers) = &report.numbers {
        let _ = writeln!(
            text,
            "\n{} of them by seed {}, {} on {}; nats\n{}",
            numbers.cells.len(),
            numbers.seed,
            numbers.dtype,
            numbers.kernel,
            numbers_table(numbers)
        );
    }
    if let Some(reason) = &report.not_compared {
        let _ = writeln!(text, "\nNo numbers: {}", printable(reason));
    }
    text
}

fn prompts_table(prompts: &PromptAgreement) -> String {
    let mut table = table(&["", "same", "differ"]);
    for (name, differs_count) in [
        ("text", prompts.text_differs_count),
        ("token ids", prompts.ids_differ_count),
        ("tokens of the options", prompts.options_differ_count),
    ] {
        let shown = |count: usize| HumanCount(count as u64).to_string();
        table.add_row([name.to_owned(), shown(prompts.prompt_count - differs_count), shown(differs_count)]);
    }
    aligned(table)
}

fn numbers_table(numbers: &NumberAgreement) -> String {
    let mut table = table(&["", "median", "largest"]);
    let mut row = |name: &str, spread: Option<Spread>| {
        let figure = |value: fn(Spread) -> f64| {
            spread.map_or("-".to_owned(), |spread| format!("{:.1e}", value(spread)))
        };
        table.add_row([name.to_owned(), figure(|s| s.median), figure(|s| s.largest)]);
    };
    row("on the same ids: KL divergence of the next token", Some(numbers.kl_divergence_nats));
    row("total variation of the next token", Some(numbers.next_total_variation));
    row("difference of an option's log-prob", Some(numbers.option_log_prob_difference_nats));
    row("total variation of the response", numbers.response_total_variation);
    row("each as it is asked: total variation of the response", numbers.as_asked_total_variation);
    let (same, all) = (numbers.same_most_probable_token_count, numbers.cells.len());
    format!("{}\nthe same most probable token in {same} of {all}", aligned(table))
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.to_vec());
    table
}

fn aligned(mut table: Table) -> String {
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt()
}
