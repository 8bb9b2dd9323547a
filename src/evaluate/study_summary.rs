//! What a study is, before anything is run: what it asks, of whom, how often, whom it is held against, and what in it is legal but hardly
//! meant. Knows no model.

use super::{RunPlan, check_plan};
use crate::error::Result;
use crate::prompts::{Message, PromptSettings, render};
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
    pub temperatures: Vec<f64>,
    /// Of a run that asks for nothing else, and of one with `--full`.
    pub default_cell_count: usize,
    pub full_cell_count: usize,
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

/// Reads a study whole, as a run would, with its people; renders every prompt of its full run once.
///
/// # Errors
/// What a run of it would be refused for, with file and line.
pub fn study_summary(name_or_path: &str) -> Result<StudySummary> {
    let full = check_plan(name_or_path, true, PromptSettings::default())?;
    let default = check_plan(name_or_path, false, PromptSettings::default())?;
    let study = &full.study;
    for cell in &full.cells {
        render(study, cell)?;
    }
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
        temperatures: study.temperatures.clone(),
        default_cell_count: default.cells.len(),
        full_cell_count: full.cells.len(),
        hypotheses: ids(&mut study.hypotheses.iter().map(|hypothesis| hypothesis.id.clone())),
        people: people(&full),
        warnings: warnings(&full),
        example: example(&default)?,
    })
}

fn people(plan: &RunPlan) -> Option<PeopleSummary> {
    let data = plan.human_data.as_ref()?;
    let groups = groups(plan);
    let of_groups = data.marginals.iter().filter(|of| groups.contains(of.population_group.as_str()));
    let n: Vec<f64> = of_groups.map(|marginal| marginal.n()).collect();
    let known: BTreeSet<&str> = data.marginals.iter().map(|of| of.population_group.as_str()).collect();
    Some(PeopleSummary {
        id: data.id.clone(),
        group_count: groups.intersection(&known).count(),
        n_least: n.iter().copied().fold(f64::INFINITY, f64::min).min(n.iter().sum()),
        n_most: n.iter().copied().fold(0.0, f64::max),
    })
}

/// Groups that the study's personas stand for.
fn groups(plan: &RunPlan) -> BTreeSet<&str> {
    plan.study.personas.iter().map(|persona| persona.population_group.as_str()).collect()
}

fn warnings(plan: &RunPlan) -> Vec<String> {
    let study = &plan.study;
    let mut found = Vec::new();
    let held: Vec<&str> = study
        .hypotheses
        .iter()
        .filter(|hypothesis| hypothesis.quantity.needs_people())
        .map(|hypothesis| hypothesis.id.as_str())
        .collect();
    let Some(data) = &plan.human_data else {
        if !held.is_empty() {
            found.push(format!("no human data: {} will not be tested", held.join(", ")));
        }
        return found;
    };
    let asked =
        |group: &str, item: &str| data.marginal(group, item).is_some_and(|marginal| marginal.n() > 0.0);
    for group in groups(plan) {
        let missing: Vec<&str> =
            study.items.iter().map(|item| item.id.as_str()).filter(|item| !asked(group, item)).collect();
        match missing.len() {
            0 => {}
            all if all == study.items.len() => {
                found.push(format!("{} has no people of the group {group}", data.id));
            }
            some => found.push(format!(
                "{} has no people of the group {group} for {some} of {} items, e.g. {}",
                data.id,
                study.items.len(),
                missing[0]
            )),
        }
    }
    found
}

fn example(plan: &RunPlan) -> Result<ExamplePrompt> {
    let cell = &plan.cells[0];
    let prompt = render(&plan.study, cell)?;
    Ok(ExamplePrompt {
        cell_id: plan.cell_id(cell),
        answer_prefix: prompt.answer_prefix,
        options: prompt.options.into_iter().map(|option| option.label).collect(),
        messages: prompt.messages,
    })
}
