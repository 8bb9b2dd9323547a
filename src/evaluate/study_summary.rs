//! What a study is, before anything is run: what it asks, of whom, how often, whom it is held against, and what in it is legal but hardly
//! meant. Knows no model.

use super::cells::Cells;
use super::{RunPlan, Selection, check_plan};
use crate::error::Result;
use crate::prompts::{Message, PromptSettings, render};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeSet;

/// A study that can be run, in numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StudySummary {
    pub id: String,
    pub title: String,
    pub path: String,
    pub sha256: String,
    pub variable_count: usize,
    pub item_count: usize,
    pub scales: Vec<ScaleSummary>,
    pub personas: Vec<String>,
    pub languages: Vec<String>,
    pub elicitation_formats: Vec<String>,
    pub option_orders: Vec<String>,
    pub item_wordings: Vec<String>,
    pub temperatures: Vec<f64>,
    /// Of a run that asks for nothing else.
    pub default_cell_count: usize,
    /// Of one with `--full`; null where it is more than a run takes.
    pub full_cell_count: Option<usize>,
    pub hypotheses: Vec<String>,
    /// Null where the study names no people.
    pub people: Option<PeopleSummary>,
    /// Legal, and hardly meant.
    pub warnings: Vec<String>,
    /// The first cell's prompt, before a chat template.
    pub example: ExamplePrompt,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScaleSummary {
    pub id: String,
    pub values: Vec<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PeopleSummary {
    pub id: String,
    /// Groups that some persona stands for.
    pub group_count: usize,
    /// Fewest and most people behind an item of these groups.
    pub n_least: f64,
    pub n_most: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExamplePrompt {
    pub cell_id: String,
    pub messages: Vec<Message>,
    pub answer_prefix: String,
    pub options: Vec<String>,
}

/// Reads a study whole, as a run would, with its people; makes every prompt of its full run once, or where that is more than a run
/// takes, of its default one.
///
/// # Errors
/// What a run of it would be refused for whatever its model, with file and line.
pub fn study_summary(name_or_path: &str) -> Result<StudySummary> {
    let plan = check_plan(name_or_path, false, PromptSettings::default())?;
    let study = &plan.study;
    let full = Cells::new(study, &Selection { full: true, ..Selection::default() });
    let every = full.as_ref().unwrap_or(&plan.cells);
    let rendered = (0..every.len()).into_par_iter().map(|index| render(study, &every.get(index)));
    rendered.find_first(Result::is_err).transpose()?;
    let too_many = full.as_ref().err().map(|error| format!("with --full, {error}"));
    let ids = |of: &mut dyn Iterator<Item = String>| of.collect::<Vec<String>>();
    let variables: BTreeSet<&str> = study.items.iter().map(|item| item.variable.as_str()).collect();
    let scale =
        |scale: &crate::survey::ResponseScale| ScaleSummary { id: scale.id.clone(), values: scale.values() };
    Ok(StudySummary {
        id: study.id.clone(),
        title: study.title.clone(),
        path: study.path.display().to_string(),
        sha256: study.sha256.clone(),
        variable_count: variables.len(),
        item_count: study.items.len(),
        scales: study.scales.iter().map(scale).collect(),
        personas: ids(&mut study.personas.iter().map(|persona| persona.id.clone())),
        languages: ids(&mut study.languages.iter().map(ToString::to_string)),
        elicitation_formats: ids(&mut study.formats.iter().map(ToString::to_string)),
        option_orders: ids(&mut study.option_orders.iter().map(ToString::to_string)),
        item_wordings: study.item_wordings.clone(),
        temperatures: study.temperatures.clone(),
        default_cell_count: plan.cells.len(),
        full_cell_count: full.ok().map(|cells| cells.len()),
        hypotheses: ids(&mut study.hypotheses.iter().map(|hypothesis| hypothesis.id.clone())),
        people: people(&plan),
        warnings: untested(&plan).into_iter().chain(too_many).collect(),
        example: example(&plan)?,
    })
}

fn people(plan: &RunPlan) -> Option<PeopleSummary> {
    let data = plan.human_data.as_ref()?;
    let groups: BTreeSet<&str> =
        plan.study.personas.iter().map(|persona| persona.population_group.as_str()).collect();
    let items: BTreeSet<&str> = plan.study.items.iter().map(|item| item.id.as_str()).collect();
    let asked = data
        .marginals
        .iter()
        .filter(|of| groups.contains(of.population_group.as_str()) && items.contains(of.item.as_str()));
    let (n_least, n_most) = asked
        .map(|marginal| marginal.n())
        .fold((f64::INFINITY, 0.0), |(least, most), n| (f64::min(least, n), f64::max(most, n)));
    Some(PeopleSummary { id: data.id.clone(), group_count: groups.len(), n_least, n_most })
}

/// Hypotheses that nobody is there to decide.
fn untested(plan: &RunPlan) -> Option<String> {
    let about_people = plan.study.hypotheses.iter().filter(|hypothesis| hypothesis.quantity.needs_people());
    let ids: Vec<&str> = about_people.map(|hypothesis| hypothesis.id.as_str()).collect();
    let is_warned = plan.human_data.is_none() && !ids.is_empty();
    is_warned.then(|| format!("no human data: {} will not be tested", ids.join(", ")))
}

fn example(plan: &RunPlan) -> Result<ExamplePrompt> {
    let cell = plan.cells.get(0);
    let prompt = render(&plan.study, &cell)?;
    Ok(ExamplePrompt {
        cell_id: plan.cell_id(&cell),
        answer_prefix: prompt.answer_prefix,
        options: prompt.options.into_iter().map(|option| option.label).collect(),
        messages: prompt.messages,
    })
}
