//! The hypotheses of `social_emotions` on made-up respondents, each of which follows one rule: what is planted is found, and nothing
//! else.

use super::*;
use crate::compare::ComparisonPlan;
use crate::evaluate::{BRANCH_PROMPT_COUNT, RunSettings, Selection};
use crate::prompts::{OptionOrder, PromptSettings};
use crate::scoring::MassThresholds;
use std::collections::BTreeMap;

fn plan() -> RunPlan {
    let settings = RunSettings {
        study: "social_emotions".to_owned(),
        selection: Selection::default(),
        temperatures: vec![1.0, 2.0],
        thresholds: MassThresholds { low: 0.0, unusable: 0.0 },
        token_budget: 1,
        branch_prompt_count: BRANCH_PROMPT_COUNT,
        top_count: 0,
        prompting: PromptSettings::default(),
        certified_cell_count: Some(0),
        bootstrap_seed: 5,
        bootstrap_replicate_count: ComparisonPlan::LEAST_REPLICATE_COUNT * 5,
    };
    RunPlan::new(settings).unwrap()
}

/// What a rule knows of a cell.
struct Asked<'a> {
    is_engaging: bool,
    language: &'a str,
    format: &'a str,
    is_reversed: bool,
    /// Between −1 and 1: of the emotion, and of the situation.
    scatter: (f64, f64),
}

/// By hypothesis, the verdict on a respondent whose expected response, as a share of the scale, a rule says.
fn verdicts(plan: &RunPlan, mean: impl Fn(&Asked) -> f64) -> BTreeMap<String, String> {
    let study = &plan.study;
    let response = |(cell, temperature): (Cell, f64)| {
        let item = &study.items[cell.item_index];
        let asked = Asked {
            is_engaging: item.facets["orientation"] == "engaging",
            language: &study.languages[cell.language_index].0,
            format: &study.formats[cell.format_index].id,
            is_reversed: cell.order == OptionOrder::Reversed,
            scatter: (scatter(&item.variable), scatter(item.situation().unwrap())),
        };
        let distribution = Some(around(mean(&asked), study.scales[item.scale_index].values().len()));
        CellResponse { cell, temperature, distribution }
    };
    let asked = plan.cells.iter().flat_map(|cell| [1.0, 2.0].map(|temperature| (cell, temperature)));
    let cards = hypothesis_cards(plan, None, asked.map(response).collect()).unwrap();
    assert!(cards.iter().all(|card| !card.sentence.is_empty()));
    cards.into_iter().map(|card| (card.id, card.verdict)).collect()
}

/// A number for a name, from −1 to 1.
fn scatter(name: &str) -> f64 {
    let sum = name.bytes().fold(17_u64, |sum, byte| (sum * 31 + u64::from(byte)) % 1009);
    sum as f64 / 504.0 - 1.0
}

/// Options on either side of a mean, so that it is the mean.
fn around(mean: f64, option_count: usize) -> Vec<f64> {
    let at = mean.clamp(0.0, 1.0) * (option_count - 1) as f64;
    let low = (at as usize).min(option_count - 2);
    let mut shares = vec![0.0; option_count];
    shares[low + 1] = at - low as f64;
    shares[low] = 1.0 - shares[low + 1];
    shares
}

fn assert_verdicts(found: &BTreeMap<String, String>, expected: [(&str, &str); 4]) {
    for (id, verdict) in expected {
        assert_eq!(found[id], verdict, "{id}: {found:?}");
    }
    // Nobody is there to be held against.
    assert_eq!((found["H2"].as_str(), found["H3"].as_str()), ("not tested", "not tested"));
}

fn lift(asked: &Asked, by: f64) -> f64 {
    let own = 0.04 * asked.scatter.0 + 0.04 * asked.scatter.1;
    0.5 + own + if asked.is_engaging { by } else { -by }
}

#[test]
fn engaging_above_disengaging_is_found_whichever_way_it_goes() {
    let plan = plan();
    let (language, format) = (("H5", "contradicted"), ("H6", "contradicted"));
    let higher = verdicts(&plan, |asked| lift(asked, 0.15));
    assert_verdicts(&higher, [("H1", "supported"), ("H4", "supported"), language, format]);
    let lower = verdicts(&plan, |asked| lift(asked, -0.15));
    assert_verdicts(&lower, [("H1", "contradicted"), ("H4", "contradicted"), language, format]);
}

#[test]
fn who_does_not_tell_emotions_apart_supports_nothing() {
    let plan = plan();
    let nothing = [("H1", "undecided"), ("H4", "undecided"), ("H5", "contradicted"), ("H6", "contradicted")];
    assert_verdicts(&verdicts(&plan, |_| 1.0), nothing);
    let scattered = verdicts(&plan, |asked| 0.5 + 0.2 * asked.scatter.0 + 0.2 * asked.scatter.1);
    assert_verdicts(&scattered, nothing);
    // What stands first, whatever it says.
    let by_position = verdicts(&plan, |asked| if asked.is_reversed { 0.95 } else { 0.05 });
    assert_verdicts(&by_position, nothing);
}

#[test]
fn language_and_format_are_found_where_they_matter_and_nowhere_else() {
    let plan = plan();
    let by_language = verdicts(&plan, |asked| lift(asked, if asked.language == "en" { 0.2 } else { 0.1 }));
    assert_verdicts(
        &by_language,
        [("H1", "supported"), ("H4", "supported"), ("H5", "supported"), ("H6", "contradicted")],
    );
    let by_format = verdicts(&plan, |asked| lift(asked, if asked.format == "label" { 0.1 } else { 0.2 }));
    assert_verdicts(
        &by_format,
        [("H1", "supported"), ("H4", "supported"), ("H5", "contradicted"), ("H6", "supported")],
    );
}
