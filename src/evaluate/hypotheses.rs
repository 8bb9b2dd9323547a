//! A study's hypotheses held against a run: which cells stand on which side, what the contrast is in each stratum, and the sentence
//! that says what became of it.

use super::RunPlan;
use super::over_orders::over_orders;
use crate::compare::contrasts::{
    ContrastCell, ContrastEstimate, ContrastPlan, PeopleSample, Verdict, contrast, overall_verdict,
    stratum_verdict,
};
use crate::error::Result;
use crate::human_data::HumanData;
use crate::output::records::{ContrastCard, HypothesisCard};
use crate::prompts::Cell;
use crate::survey::{Factor, Hypothesis, Prediction, Reach, Selector};
use std::collections::BTreeMap;

#[cfg(test)]
mod tests;

/// Mass of the interval of a single contrast.
const LEVEL: f64 = 0.95;

/// One cell at one temperature, as a run read it.
#[derive(Debug, Clone)]
pub struct CellResponse {
    pub cell: Cell,
    pub temperature: f64,
    /// In scale order; `None` where it was unusable.
    pub distribution: Option<Vec<f64>>,
}

/// Whether any hypothesis speaks of temperatures other than 1.
pub fn needs_all_temperatures(hypotheses: &[Hypothesis]) -> bool {
    hypotheses.iter().any(speaks_of_temperature)
}

fn speaks_of_temperature(hypothesis: &Hypothesis) -> bool {
    hypothesis.properties().any(|property| property == "temperature")
}

/// A card for each hypothesis of the plan's study. Responses are averaged over option orders first, but for a hypothesis that speaks of these:
/// a model that picks what is shown first is not concentrated.
///
/// # Errors
/// As [`contrast`].
pub fn hypothesis_cards(
    plan: &RunPlan,
    people: Option<&HumanData>,
    responses: Vec<CellResponse>,
) -> Result<Vec<HypothesisCard>> {
    // Cells finish in the order of the trie, which is the tokenizer's; draws go by the study's.
    let mut ordered = responses;
    ordered.sort_by(|a, b| {
        let key = |one: &CellResponse| {
            let Cell { persona_index, item_index, language_index, format_index, order, wording_index } =
                one.cell;
            (persona_index, item_index, language_index, format_index, order, wording_index)
        };
        key(a).cmp(&key(b)).then_with(|| a.temperature.total_cmp(&b.temperature))
    });
    let averaged = over_orders(&ordered);
    let speaks_of_orders =
        |hypothesis: &Hypothesis| hypothesis.properties().any(|property| property == "option_order");
    let of_hypothesis = |hypothesis: &Hypothesis| match speaks_of_orders(hypothesis) {
        true => card(plan, people, &ordered, hypothesis),
        false => card(plan, people, &averaged, hypothesis),
    };
    plan.study.hypotheses.iter().map(of_hypothesis).collect()
}

fn card(
    plan: &RunPlan,
    people: Option<&HumanData>,
    responses: &[CellResponse],
    hypothesis: &Hypothesis,
) -> Result<HypothesisCard> {
    let mut card = HypothesisCard {
        id: hypothesis.id.clone(),
        claim: hypothesis.claim.clone(),
        quantity: hypothesis.quantity.to_string(),
        margin: hypothesis.margin,
        verdict: Verdict::NotTested.to_string(),
        sentence: String::new(),
        contrasts: Vec::new(),
    };
    let chosen = match people {
        None if hypothesis.quantity.needs_people() => {
            card.sentence = "The study has no human data.".to_owned();
            return Ok(card);
        }
        _ => Chosen::new(plan, people, responses, hypothesis),
    };
    if chosen.labels.is_empty() {
        card.sentence = match hypothesis.quantity.needs_people() {
            true => "The run has no cells with people on both sides.".to_owned(),
            false => "The run has no cells on both sides.".to_owned(),
        };
        return Ok(card);
    }
    let stratum_count = chosen.labels.len();
    let contrast_plan = ContrastPlan {
        id: hypothesis.id.clone(),
        quantity: hypothesis.quantity,
        signs: signs(hypothesis),
        stratum_count,
        fixed: hypothesis.fixed.clone(),
        replicate_count: plan.settings.bootstrap_replicate_count,
        seed: plan.settings.bootstrap_seed,
        level: LEVEL,
    };
    let estimates = contrast(&contrast_plan, &chosen.cells, &chosen.people)?;
    let verdicts: Vec<Verdict> = estimates
        .iter()
        .map(|estimate| stratum_verdict(estimate, hypothesis.predicts, hypothesis.margin, hypothesis.reach))
        .collect();
    let verdict = overall_verdict(&verdicts, hypothesis.reach);
    card.verdict = verdict.to_string();
    card.sentence = sentence(hypothesis, verdict, &chosen.labels, &estimates, &verdicts);
    card.contrasts = (chosen.labels.into_iter().zip(estimates).zip(verdicts))
        .map(|((label, estimate), verdict)| contrast_card(label, estimate, verdict, &contrast_plan))
        .collect();
    Ok(card)
}

/// More, less; and the same under the second value of a property, the other way round.
fn signs(hypothesis: &Hypothesis) -> Vec<f64> {
    let own: &[f64] = if hypothesis.less.is_some() { &[1.0, -1.0] } else { &[1.0] };
    let other = own.iter().map(|sign| -sign).take(if hypothesis.between.is_some() { own.len() } else { 0 });
    own.iter().copied().chain(other).collect()
}

/// The cells of one contrast.
struct Chosen<'a> {
    /// Of the strata, by index; empty for a single one.
    labels: Vec<String>,
    cells: Vec<ContrastCell>,
    people: Vec<PeopleSample<'a>>,
}

impl<'a> Chosen<'a> {
    fn new(
        plan: &'a RunPlan,
        people: Option<&'a HumanData>,
        responses: &'a [CellResponse],
        hypothesis: &'a Hypothesis,
    ) -> Self {
        let mut builder = Builder {
            plan,
            hypothesis,
            data: people,
            samples: people_samples(people),
            chosen: BTreeMap::new(),
        };
        let all_temperatures = speaks_of_temperature(hypothesis);
        let asked = || responses.iter().filter(move |one| all_temperatures || one.temperature == 1.0);
        let pairs = pairs(plan, hypothesis, asked());
        for response in asked() {
            builder.add(response, &pairs);
        }
        builder.finish()
    }
}

/// The two values of each contrast between values, or a single nothing.
fn pairs<'a>(
    plan: &RunPlan,
    hypothesis: &Hypothesis,
    responses: impl Iterator<Item = &'a CellResponse>,
) -> Vec<Option<(String, String)>> {
    let Some(between) = &hypothesis.between else { return vec![None] };
    if let Some(values) = &between.values {
        return vec![Some(values.clone())];
    }
    let mut found: Vec<String> = Vec::new();
    for response in responses {
        if let Some(value) =
            property(plan, response, &between.property).filter(|value| !found.contains(value))
        {
            found.push(value);
        }
    }
    // Cells finish in the order of the trie; the study's is that of its plan.
    let place = |value: &String| {
        let order = plan.order();
        let ids = order.get(&between.property);
        ids.and_then(|ids| ids.iter().position(|id| id == value)).unwrap_or(usize::MAX)
    };
    found.sort_by_cached_key(|value| (place(value), value.clone()));
    let Some((first, others)) = found.split_first() else { return Vec::new() };
    others.iter().map(|other| Some((other.clone(), first.clone()))).collect()
}

type People<'a> = BTreeMap<(&'a str, &'a str), &'a [f64]>;

fn people_samples(people: Option<&HumanData>) -> People<'_> {
    let marginals = people.into_iter().flat_map(|data| &data.marginals).filter(|marginal| marginal.n() > 0.0);
    marginals
        .map(|marginal| {
            ((marginal.population_group.as_str(), marginal.item.as_str()), marginal.counts.as_slice())
        })
        .collect()
}

struct Builder<'a> {
    plan: &'a RunPlan,
    hypothesis: &'a Hypothesis,
    data: Option<&'a HumanData>,
    samples: People<'a>,
    /// Stratum to cells.
    chosen: BTreeMap<String, Vec<Placed<'a>>>,
}

struct Placed<'a> {
    side: usize,
    item: usize,
    prompt: Vec<String>,
    response: &'a CellResponse,
    people: Option<(&'a str, &'a str)>,
}

impl<'a> Builder<'a> {
    fn add(&mut self, response: &'a CellResponse, pairs: &[Option<(String, String)>]) {
        let hypothesis = self.hypothesis;
        if !matches(self.plan, response, &hypothesis.within) {
            return;
        }
        let Some(people) = self.people(response) else { return };
        let more = matches(self.plan, response, &hypothesis.more);
        let less = hypothesis.less.as_ref().is_some_and(|less| matches(self.plan, response, less));
        let side_count = if hypothesis.less.is_some() { 2 } else { 1 };
        let strata: Option<Vec<String>> =
            hypothesis.for_each.iter().map(|name| property(self.plan, response, name)).collect();
        let Some(stratum) = strata else { return };
        for pair in pairs {
            let (label, shift) = match (pair, &hypothesis.between) {
                (Some((first, second)), Some(between)) => {
                    let value = property(self.plan, response, &between.property);
                    let shift = match value {
                        Some(value) if value == *first => 0,
                        Some(value) if value == *second => side_count,
                        _ => continue,
                    };
                    (Some(format!("{first} less {second}")), shift)
                }
                _ => (None, 0),
            };
            let label = stratum.iter().cloned().chain(label).collect::<Vec<_>>().join(", ");
            for side in [more.then_some(0), less.then_some(1)].into_iter().flatten() {
                let placed = Placed {
                    side: side + shift,
                    item: response.cell.item_index,
                    prompt: self.prompt_key(response),
                    response,
                    people,
                };
                self.chosen.entry(label.clone()).or_default().push(placed);
            }
        }
    }

    /// `None`: a cell that needs people and has none.
    fn people(&self, response: &CellResponse) -> Option<Option<(&'a str, &'a str)>> {
        if !self.hypothesis.quantity.needs_people() {
            return Some(None);
        }
        let study = &self.plan.study;
        let own = &study.personas[response.cell.persona_index].population_group;
        let group = self.hypothesis.people_of.as_ref().unwrap_or(own);
        let key = (group.as_str(), study.items[response.cell.item_index].id.as_str());
        self.samples.contains_key(&key).then_some(Some(key))
    }

    /// What is left of language, format, order and wording where the hypothesis does not speak of them.
    fn prompt_key(&self, response: &CellResponse) -> Vec<String> {
        let stated = |name: &&str| {
            let between = self.hypothesis.between.as_ref().map(|between| between.property.as_str());
            between == Some(*name) || self.hypothesis.for_each.iter().any(|known| known == name)
        };
        let names = ["language", "elicitation_format", "option_order", "item_wording"];
        let left = names.into_iter().filter(|name| !stated(name));
        left.filter_map(|name| property(self.plan, response, name)).collect()
    }

    /// Strata with a cell on every side, numbered.
    fn finish(self) -> Chosen<'a> {
        let side_count = signs(self.hypothesis).len();
        let study = &self.plan.study;
        let mut prompts = BTreeMap::new();
        let (mut variables, mut situations) = (BTreeMap::new(), BTreeMap::new());
        let mut people: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        let mut found = Chosen { labels: Vec::new(), cells: Vec::new(), people: Vec::new() };
        let is_whole =
            |cells: &[Placed]| (0..side_count).all(|side| cells.iter().any(|cell| cell.side == side));
        for (label, cells) in self.chosen.into_iter().filter(|(_, cells)| is_whole(cells)) {
            let stratum = found.labels.len();
            found.labels.push(label);
            for placed in cells {
                let item = &study.items[placed.item];
                let prompt = number(&mut prompts, placed.prompt);
                let variable = number(&mut variables, item.variable.as_str());
                let situation = number(&mut situations, item.situation());
                let sample = placed.people.map(|key| {
                    *people.entry(key).or_insert_with(|| {
                        let participants = self.data.and_then(|data| data.participants_of(key.0));
                        found.people.push(PeopleSample {
                            counts: self.samples[&key].to_vec(),
                            participants: participants.map(|people| (people, key.1)),
                        });
                        found.people.len() - 1
                    })
                });
                let values = study.scales[item.scale_index].values();
                found.cells.push(ContrastCell {
                    stratum,
                    side: placed.side,
                    variable,
                    situation,
                    prompt,
                    positions: positions(&values),
                    distribution: placed.response.distribution.clone(),
                    people: sample,
                });
            }
        }
        found
    }
}

/// The number of a key, a new one if it was not met before.
fn number<K: Ord>(numbers: &mut BTreeMap<K, usize>, key: K) -> usize {
    let next = numbers.len();
    *numbers.entry(key).or_insert(next)
}

/// Values moved and stretched to 0..=1. They rise, as studies are checked to have them.
fn positions(values: &[f64]) -> Vec<f64> {
    let (first, last) = (values[0], values[values.len() - 1]);
    values.iter().map(|value| (value - first) / (last - first)).collect()
}

fn matches(plan: &RunPlan, response: &CellResponse, selector: &Selector) -> bool {
    selector
        .iter()
        .all(|(name, values)| property(plan, response, name).is_some_and(|value| values.contains(&value)))
}

/// A cell's value of a property; facets go before what cells are made of.
fn property(plan: &RunPlan, response: &CellResponse, name: &str) -> Option<String> {
    let (study, cell) = (&plan.study, &response.cell);
    let (item, persona) = (&study.items[cell.item_index], &study.personas[cell.persona_index]);
    if let Some(value) = item.facets.get(name) {
        return Some(value.clone());
    }
    Some(match name {
        "persona" => persona.id.clone(),
        "population_group" => persona.population_group.clone(),
        "language" => study.languages[cell.language_index].0.clone(),
        "elicitation_format" => study.formats[cell.format_index].id.clone(),
        "option_order" => cell.order.to_string(),
        "item_wording" => study.item_wordings[cell.wording_index].clone(),
        "temperature" => response.temperature.to_string(),
        "item" => item.id.clone(),
        "variable" => item.variable.clone(),
        "situation" => item.situation()?.to_owned(),
        _ => return None,
    })
}

fn contrast_card(
    label: String,
    estimate: ContrastEstimate,
    verdict: Verdict,
    plan: &ContrastPlan,
) -> ContrastCard {
    ContrastCard {
        label,
        value: estimate.value,
        interval_low: estimate.interval.map(|interval| interval.low),
        interval_high: estimate.interval.map(|interval| interval.high),
        joint_interval_low: estimate.joint_interval.map(|interval| interval.low),
        joint_interval_high: estimate.joint_interval.map(|interval| interval.high),
        joint_level: plan.joint_level(),
        cell_count: estimate.cell_count as u64,
        left_out_count: estimate.left_out_count as u64,
        item_count: estimate.item_count as u64,
        variable_count: estimate.variable_count as u64,
        situation_count: estimate.situation_count as u64,
        prompt_count: estimate.prompt_count as u64,
        verdict: verdict.to_string(),
    }
}

/// Three decimals; what rounds to nothing has no sign.
fn signed(value: f64) -> String {
    let text = format!("{value:+.3}");
    if text[1..] == *"0.000" { "0.000".to_owned() } else { text }
}

fn told(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// `12 items`, or `these 12 items` where the claim is about them alone.
fn these(is_fixed: bool, count: usize, noun: &str) -> String {
    match is_fixed && count > 1 {
        true => format!("these {}", told(count, noun)),
        false => told(count, noun),
    }
}

/// The contrast that decided, in words and numbers.
fn sentence(
    hypothesis: &Hypothesis,
    verdict: Verdict,
    labels: &[String],
    estimates: &[ContrastEstimate],
    verdicts: &[Verdict],
) -> String {
    // Distance from what was predicted: the least of those that hold decides `every`, the greatest `any`.
    let lift = |index: usize| {
        let value = estimates[index].value.unwrap_or(f64::NAN);
        match hypothesis.predicts {
            Prediction::Higher => value,
            Prediction::Lower => -value,
            Prediction::Different => value.abs(),
        }
    };
    let of_kind = |kind: Verdict| (0..labels.len()).filter(move |index| verdicts[*index] == kind);
    let least = |kind: Verdict| of_kind(kind).min_by(|a, b| lift(*a).total_cmp(&lift(*b)));
    let most = |kind: Verdict| of_kind(kind).max_by(|a, b| lift(*a).total_cmp(&lift(*b)));
    let (decisive, words) = match (verdict, hypothesis.reach) {
        (Verdict::Supported, Reach::Every) => (least(Verdict::Supported), "at the least"),
        (Verdict::Supported, Reach::Any) => (most(Verdict::Supported), "at the most"),
        (Verdict::Contradicted, Reach::Every) => (least(Verdict::Contradicted), "against it"),
        (Verdict::Contradicted, Reach::Any) => (most(Verdict::Contradicted), "at the most"),
        _ => (least(Verdict::Undecided), "not decided"),
    };
    let Some(index) = decisive else { return String::new() };
    let estimate = &estimates[index];
    let count = match labels.len() {
        1 => String::new(),
        all => format!("{} of {all}; ", of_kind(verdict).count()),
    };
    let label = if labels[index].is_empty() { String::new() } else { format!(" ({})", labels[index]) };
    let one_is_enough = (hypothesis.reach == Reach::Any) == (verdict == Verdict::Supported);
    let interval = if one_is_enough { estimate.joint_interval } else { estimate.interval };
    let figures = match (estimate.value, interval) {
        (Some(value), Some(interval)) => {
            format!("{}, {} to {}", signed(value), signed(interval.low), signed(interval.high))
        }
        (Some(value), None) => format!("{}, without an interval", signed(value)),
        _ => return format!("{count}{words}{label}: no usable cell on one side"),
    };
    let left_out = match (estimate.left_out_count, estimate.cell_count) {
        (0, _) => String::new(),
        (left_out, all) => format!("; {left_out} of {all} cells left out"),
    };
    let of = |factor, count, noun| these(hypothesis.fixed.contains(&factor), count, noun);
    let items = match (estimate.variable_count, estimate.situation_count) {
        (variables, 1) => of(Factor::Variable, variables, "item"),
        (1, situations) => of(Factor::Situation, situations, "item"),
        (variables, situations) => {
            let variables = of(Factor::Variable, variables, "variable");
            format!("{variables} × {}", of(Factor::Situation, situations, "situation"))
        }
    };
    let prompts = of(Factor::Prompt, estimate.prompt_count, "prompt");
    format!("{count}{words}{label}: {figures}; {items} × {prompts}{left_out}")
}
