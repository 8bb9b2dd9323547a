//! Whether the model's means go with people's: over the items of each group, and in what sets one group apart from another.

use super::{Table, TableCell};
use crate::output::records::{CultureContrastCard, MeanAgreementCard, PersonaSwapCard, SteerabilityCard};
use crate::report::number::{fixed, grouped, signed};
use crate::report::run::Run;
use serde::Serialize;

#[derive(Debug, Clone, Serialize)]
pub struct MeansView {
    pub agreements: Table,
    /// What the closed table says of itself.
    pub summary: String,
    /// `None` for a run with one group.
    pub contrasts: Option<Table>,
    /// What personas are worth; `None` for a run with one group.
    pub steerability: Option<Table>,
    pub swaps: Option<Table>,
}

/// `None` for a run that was held against nobody.
pub fn means(run: &Run) -> Option<MeansView> {
    let manifest = &run.tables.manifest;
    let contrasts = &manifest.culture_contrasts;
    (!manifest.mean_agreements.is_empty()).then(|| MeansView {
        summary: summary(&manifest.mean_agreements),
        agreements: agreement_table(run, &manifest.mean_agreements),
        contrasts: (!contrasts.is_empty()).then(|| contrast_table(contrasts)),
        steerability: (!manifest.steerability.is_empty()).then(|| steerability_table(&manifest.steerability)),
        swaps: (!manifest.persona_swaps.is_empty()).then(|| swap_table(run, &manifest.persona_swaps)),
    })
}

/// From the least to the greatest correlation.
fn summary(cards: &[MeanAgreementCard]) -> String {
    let mut found: Vec<f64> = cards.iter().filter_map(|card| card.correlation).collect();
    found.sort_by(f64::total_cmp);
    match &found[..] {
        [] => "none, for too few items".to_owned(),
        [only] => signed(*only, 2),
        [least, .., most] => format!("{} to {}", signed(*least, 2), signed(*most, 2)),
    }
}

fn agreement_table(run: &Run, cards: &[MeanAgreementCard]) -> Table {
    let has_halves = cards.iter().any(|card| card.split_half.is_some());
    let row = |card: &MeanAgreementCard| {
        let mut row = vec![
            TableCell::text(run.label("population_group", &card.population_group)),
            TableCell::text(format!("{} · {}", card.language, card.elicitation_format)),
            TableCell::text(grouped(card.item_count)),
            TableCell::text(or_dash(card.correlation)),
            TableCell::text(range(card.interval_low, card.interval_high)),
            TableCell::text(card.ceiling.map_or("–".to_owned(), |ceiling| fixed(ceiling, 2))),
        ];
        row.extend(has_halves.then(|| TableCell::text(or_dash(card.split_half))));
        row
    };
    let mut head =
        ["group", "asked", "items", "r", "95 % interval", "two samples"].map(str::to_owned).to_vec();
    head.extend(has_halves.then(|| "two halves, stepped up".to_owned()));
    Table {
        caption:
            "Correlation over items of the model’s means with people’s, and of two samples of the same people"
                .to_owned(),
        head,
        rows: cards.iter().map(row).collect(),
    }
}

fn contrast_table(cards: &[CultureContrastCard]) -> Table {
    let row = |card: &CultureContrastCard| {
        vec![
            TableCell::text(format!("{} less {}", card.persona, card.less_persona)),
            TableCell::text(format!("{} · {}", card.language, card.elicitation_format)),
            TableCell::text(grouped(card.item_count)),
            TableCell::text(signed(card.model, 3)),
            TableCell::text(signed(card.people, 3)),
            TableCell::text(signed(card.error, 3)),
            TableCell::text(range(card.interval_low, card.interval_high)),
            TableCell::text(fixed(card.absolute_error, 3)),
            TableCell::text(fixed(card.absolute_noise, 3)),
            TableCell::text(or_dash(card.correlation)),
        ]
    };
    let head = [
        "personas",
        "asked",
        "items",
        "model",
        "people",
        "error",
        "95 % interval",
        "absolute error",
        "its noise",
        "r",
    ];
    Table {
        caption:
            "What sets groups apart: difference of means, model and people, as shares of the scale’s range"
                .to_owned(),
        head: head.map(str::to_owned).to_vec(),
        rows: cards.iter().map(row).collect(),
    }
}

fn steerability_table(cards: &[SteerabilityCard]) -> Table {
    let row = |card: &SteerabilityCard| {
        vec![
            TableCell::text(format!("{} · {}", card.language, card.elicitation_format)),
            TableCell::text(fixed(card.own, 3)),
            TableCell::text(fixed(card.others, 3)),
            TableCell::text(signed(card.gain, 3)),
            TableCell::text(range(card.interval_low, card.interval_high)),
            TableCell::text(format!("{} of {}", grouped(card.nearest_count), grouped(card.group_count))),
        ]
    };
    let head = ["asked", "own persona", "other personas", "gain", "95 % interval", "own is nearest"];
    Table {
        caption: "Alignment with people (1 less Wasserstein-1), mean over groups, with their own persona and with those of others"
            .to_owned(),
        head: head.map(str::to_owned).to_vec(),
        rows: cards.iter().map(row).collect(),
    }
}

fn swap_table(run: &Run, cards: &[PersonaSwapCard]) -> Table {
    let row = |card: &PersonaSwapCard| {
        vec![
            TableCell::text(run.label("population_group", &card.population_group)),
            TableCell::text(format!("{} · {} · {}", card.persona, card.language, card.elicitation_format)),
            TableCell::text(grouped(card.item_count)),
            TableCell::text(fixed(card.own, 3)),
            TableCell::text(fixed(card.others, 3)),
            TableCell::text(signed(card.difference, 3)),
            TableCell::text(range(card.interval_low, card.interval_high)),
            TableCell::text(format!("{} of {}", grouped(card.rank), grouped(card.other_count + 1))),
        ]
    };
    let head =
        ["people of", "asked as", "items", "own persona", "others", "difference", "95 % interval", "rank"];
    Table {
        caption: "Wasserstein-1 from a group’s people: its own persona, and the mean of other groups’ personas in its place".to_owned(),
        head: head.map(str::to_owned).to_vec(),
        rows: cards.iter().map(row).collect(),
    }
}

fn or_dash(value: Option<f64>) -> String {
    value.map_or("–".to_owned(), |value| signed(value, 2))
}

fn range(low: Option<f64>, high: Option<f64>) -> String {
    let ends = low.zip(high);
    ends.map_or("–".to_owned(), |(low, high)| format!("{} to {}", signed(low, 3), signed(high, 3)))
}
