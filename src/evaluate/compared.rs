//! Comparisons to rows: joins the study's names and facets onto what `compare` worked out.

use super::RunPlan;
use crate::compare::{Comparison, CultureContrast, MeanAgreement, ModelUnit, compare, condition_means};
use crate::error::Result;
use crate::human_data::HumanData;
use crate::output::records::{
    ComparisonRow, CultureContrastCard, HumanDataCard, HumanGroupCard, HumanItemCard, MeanAgreementCard,
};
use std::collections::{BTreeMap, BTreeSet};

/// All rows of `comparisons.parquet`.
///
/// # Errors
/// As [`compare`].
pub fn comparison_rows(plan: &RunPlan, data: &HumanData, units: &[ModelUnit]) -> Result<Vec<ComparisonRow>> {
    let study = &plan.study;
    let values = scale_values(plan);
    let comparisons =
        compare(units, &data.marginals, &values, &run_groups(plan), &plan.settings.comparison())?;
    let facets: BTreeMap<&str, &BTreeMap<String, String>> =
        study.items.iter().map(|item| (item.id.as_str(), &item.facets)).collect();
    let no_facets: BTreeMap<String, String> =
        study.facets.iter().map(|facet| (facet.clone(), String::new())).collect();
    let row = |comparison: Comparison| ComparisonRow {
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
        n: comparison.n,
        cell_count: comparison.cell_count,
        unusable_count: comparison.unusable_count,
        p_value: comparison.p_value,
        adjusted_p_value: comparison.adjusted_p_value,
        told_apart_share: comparison.told_apart_share,
    };
    Ok(comparisons.into_iter().map(row).collect())
}

/// Whether means go with people's, for the manifest.
///
/// # Errors
/// As [`compare`].
pub fn mean_cards(
    plan: &RunPlan,
    data: &HumanData,
    units: &[ModelUnit],
) -> Result<(Vec<MeanAgreementCard>, Vec<CultureContrastCard>)> {
    let (agreements, contrasts) =
        condition_means(units, &data.marginals, &scale_values(plan), &plan.settings.comparison())?;
    let agreement = |found: MeanAgreement| MeanAgreementCard {
        population_group: found.population_group,
        persona: found.persona,
        language: found.language,
        elicitation_format: found.elicitation_format,
        item_count: found.item_count as u64,
        correlation: found.correlation,
        interval_low: found.interval.map(|interval| interval.low),
        interval_high: found.interval.map(|interval| interval.high),
        ceiling: found.ceiling,
    };
    let contrast = |found: CultureContrast| CultureContrastCard {
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
    };
    Ok((agreements.into_iter().map(agreement).collect(), contrasts.into_iter().map(contrast).collect()))
}

/// The values of each item's scale.
fn scale_values(plan: &RunPlan) -> BTreeMap<String, Vec<f64>> {
    let study = &plan.study;
    study.items.iter().map(|item| (item.id.clone(), study.scales[item.scale_index].values())).collect()
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
        HumanGroupCard { items: items.collect(), population_group: group }
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
    let personas: BTreeSet<usize> = plan.cells.iter().map(|cell| cell.persona_index).collect();
    let groups = personas.into_iter().map(|index| plan.study.personas[index].population_group.clone());
    groups.collect::<BTreeSet<_>>().into_iter().collect()
}
