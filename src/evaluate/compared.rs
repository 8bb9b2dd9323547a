//! Comparisons to rows: joins the study's names and facets onto what `compare` worked out.

use super::RunPlan;
use crate::compare::{
    Comparison, ComparisonPlan, CultureContrast, MeanAgreement, ModelUnit, People, PersonaSwap, Steerability,
    compare,
};
use crate::error::Result;
use crate::human_data::HumanData;
use crate::output::records::{
    ComparisonRow, CultureContrastCard, HumanDataCard, HumanGroupCard, HumanItemCard, MeanAgreementCard,
    PersonaSwapCard, SteerabilityCard,
};
use std::collections::{BTreeMap, BTreeSet};

/// A run held against people, for the manifest.
#[derive(Default)]
pub struct ComparedRun {
    pub mean_agreements: Vec<MeanAgreementCard>,
    pub culture_contrasts: Vec<CultureContrastCard>,
    pub persona_swaps: Vec<PersonaSwapCard>,
    pub steerability: Vec<SteerabilityCard>,
}

/// Holds a run's distributions against people. The rows of `comparisons.parquet` go to `take` in their order.
///
/// # Errors
/// As [`compare`].
pub fn compared_run(
    plan: &RunPlan,
    data: &HumanData,
    units: &[ModelUnit],
    take: &mut dyn FnMut(ComparisonRow) -> Result<()>,
) -> Result<ComparedRun> {
    let study = &plan.study;
    let values: BTreeMap<String, Vec<f64>> =
        study.items.iter().map(|item| (item.id.clone(), study.scales[item.scale_index].values())).collect();
    let settings = ComparisonPlan { tests_fit: data.kind.knows_responses(), ..plan.settings.comparison() };
    let row = rows(plan, data);
    let mut take = |comparisons: Vec<Comparison>| comparisons.into_iter().map(&row).try_for_each(&mut *take);
    let people = People { marginals: &data.marginals, participants: &data.participants };
    let found = compare(units, people, &values, &run_groups(plan), &settings, &mut take)?;
    Ok(ComparedRun {
        mean_agreements: found.mean_agreements.into_iter().map(agreement_card).collect(),
        culture_contrasts: found.culture_contrasts.into_iter().map(contrast_card).collect(),
        persona_swaps: found.persona_swaps.into_iter().map(swap_card).collect(),
        steerability: found.steerability.into_iter().map(steerability_card).collect(),
    })
}

/// Joins what the study knows onto a comparison.
fn rows<'a>(plan: &'a RunPlan, data: &'a HumanData) -> impl Fn(Comparison) -> ComparisonRow + 'a {
    let study = &plan.study;
    let facets: BTreeMap<&str, &BTreeMap<String, String>> =
        study.items.iter().map(|item| (item.id.as_str(), &item.facets)).collect();
    let no_facets: BTreeMap<String, String> =
        study.facets.iter().map(|facet| (facet.clone(), String::new())).collect();
    move |comparison: Comparison| ComparisonRow {
        study: study.id.clone(),
        level: comparison.level.name().to_owned(),
        population_group: comparison.population_group,
        facets: comparison.item.as_deref().map_or(&no_facets, |item| facets[item]).clone(),
        item: comparison.item,
        predictor: comparison.predictor.name().to_owned(),
        persona: comparison.persona,
        language: comparison.language,
        elicitation_format: comparison.elicitation_format,
        temperature: comparison.temperature,
        metric: comparison.metric.name().to_owned(),
        value: comparison.value,
        interval_low: comparison.interval.low,
        interval_high: comparison.interval.high,
        noise_floor: comparison.noise_floor,
        split_half: comparison.split_half,
        n: comparison.n,
        human_kind: data.kind.name().to_owned(),
        cell_count: comparison.cell_count,
        unusable_count: comparison.unusable_count,
        p_value: comparison.p_value,
        adjusted_p_value: comparison.adjusted_p_value,
        told_apart_share: comparison.told_apart_share,
    }
}

fn agreement_card(found: MeanAgreement) -> MeanAgreementCard {
    MeanAgreementCard {
        population_group: found.population_group,
        persona: found.persona,
        language: found.language,
        elicitation_format: found.elicitation_format,
        item_count: found.item_count as u64,
        correlation: found.correlation,
        interval_low: found.interval.map(|interval| interval.low),
        interval_high: found.interval.map(|interval| interval.high),
        ceiling: found.ceiling,
        split_half: found.split_half,
    }
}

fn contrast_card(found: CultureContrast) -> CultureContrastCard {
    CultureContrastCard {
        persona: found.persona,
        less_persona: found.less_persona,
        language: found.language,
        elicitation_format: found.elicitation_format,
        item_count: found.item_count as u64,
        model: found.model,
        people: found.people,
        error: found.error,
        interval_low: found.interval.map(|interval| interval.low),
        interval_high: found.interval.map(|interval| interval.high),
        absolute_error: found.absolute_error,
        absolute_noise: found.absolute_noise,
        correlation: found.correlation,
    }
}

fn swap_card(found: PersonaSwap) -> PersonaSwapCard {
    PersonaSwapCard {
        population_group: found.population_group,
        persona: found.persona,
        language: found.language,
        elicitation_format: found.elicitation_format,
        item_count: found.item_count as u64,
        other_count: found.other_count as u64,
        own: found.own,
        others: found.others,
        difference: found.difference,
        interval_low: found.interval.map(|interval| interval.low),
        interval_high: found.interval.map(|interval| interval.high),
        rank: found.rank as u64,
    }
}

fn steerability_card(found: Steerability) -> SteerabilityCard {
    SteerabilityCard {
        language: found.language,
        elicitation_format: found.elicitation_format,
        group_count: found.group_count as u64,
        own: found.own,
        others: found.others,
        gain: found.gain,
        interval_low: found.interval.map(|interval| interval.low),
        interval_high: found.interval.map(|interval| interval.high),
        nearest_count: found.nearest_count as u64,
    }
}

/// The human counts of this run's groups, for the manifest.
pub fn human_card(plan: &RunPlan, data: &HumanData) -> HumanDataCard {
    let group_card = |group: String| {
        let of_group = data.marginals.iter().filter(|marginal| marginal.population_group == group);
        let items = of_group.map(|marginal| HumanItemCard {
            item: marginal.item.clone(),
            counts: marginal.counts.clone(),
            missing_count: marginal.missing_count,
        });
        HumanGroupCard {
            participant_count: data.participants_of(&group).map(|people| people.count() as u64),
            items: items.collect(),
            population_group: group,
        }
    };
    HumanDataCard {
        id: data.id.clone(),
        kind: data.kind.name().to_owned(),
        citation: data.citation.clone(),
        caveats: data.caveats.clone(),
        groups: run_groups(plan).into_iter().map(group_card).collect(),
    }
}

/// The population groups that the run's personas stand for.
fn run_groups(plan: &RunPlan) -> Vec<String> {
    let personas = plan.cells.personas().iter();
    let groups = personas.map(|index| plan.study.personas[*index].population_group.clone());
    groups.collect::<BTreeSet<_>>().into_iter().collect()
}
