//! How diverse the responses are beside people's, and what temperature does to that and to the distance.

use super::verdict::SHOWN_METRICS;
use super::{Drawing, Table, TableCell};
use crate::output::records::ConcentrationCard;
use crate::report::arithmetic::{entropy_bits, mean, modal_mass, shares};
use crate::report::charts::{
    DumbbellChart, DumbbellRow, Figure, LineChart, PartBar, PartRow, Series, Span, dumbbell, line_chart,
    part_bars,
};
use crate::report::number::fixed;
use crate::report::run::{Run, Subject, distinct};
use serde::Serialize;

#[derive(Debug, Clone, Serialize)]
pub struct ConcentrationView {
    pub charts: Vec<Drawing>,
    /// Entropy ratio over temperature, one drawing a group.
    pub ratio_lines: Vec<Drawing>,
    /// Distance over temperature, one drawing a group.
    pub distance_lines: Vec<Drawing>,
    /// Where the diversity of responses comes from, at the reported temperature.
    pub split: Option<Table>,
    /// What lies within a prompt and what between prompts, one bar a temperature.
    pub split_bars: Option<Drawing>,
    /// Concentration of single cells by temperature.
    pub by_temperature: Option<Table>,
}

/// The mean over items of something about a distribution: of people, of single responses, of their mixture.
struct Spread {
    name: String,
    /// Items that it is over, and items asked.
    item_counts: (usize, usize),
    people: Option<f64>,
    per_prompt: Option<f64>,
    mixture: Option<f64>,
}

pub fn concentration(run: &Run) -> ConcentrationView {
    let of_all = |measure: fn(&[f64]) -> f64| -> Vec<Spread> {
        run.subjects.iter().map(|subject| spread(run, subject, measure)).collect()
    };
    let charts = vec![
        spread_chart("entropy", "Entropy", "bits, mean over items", &of_all(entropy_bits)),
        spread_chart("modal-mass", "Largest share", "mean over items", &of_all(modal_mass)),
    ];
    let lines = |metric| -> Vec<Drawing> { temperature_lines(run, metric) };
    let cards = &run.tables.manifest.concentration;
    ConcentrationView {
        charts,
        ratio_lines: lines("entropy_ratio"),
        distance_lines: lines("wasserstein_1"),
        split: cards.iter().find(|card| card.temperature == run.temperature).map(split_table),
        split_bars: (!cards.is_empty()).then(|| split_bars(cards)),
        by_temperature: (!cards.is_empty()).then(|| temperature_table(cards)),
    }
}

/// What rounding leaves of nothing.
const ROUNDING_NATS: f64 = 1e-12;

/// Each source in bits and as a share of the whole.
fn split_table(card: &ConcentrationCard) -> Table {
    let bits = |nats: f64| nats / std::f64::consts::LN_2;
    let whole = card.mixture_entropy_nats;
    let row = |name: &str, nats: f64| {
        let share = if whole > 0.0 { nats / whole } else { 0.0 };
        vec![
            TableCell::text(name),
            TableCell::text(signless(bits(nats))),
            TableCell::with_bar(format!("{} %", fixed(100.0 * share, 0)), nats.max(0.0), whole),
        ]
    };
    // Most studies have one wording of an item, which says nothing.
    let wording =
        (card.item_wording_nats > ROUNDING_NATS).then(|| row("item wording", card.item_wording_nats));
    let mut table = Table {
        caption: format!(
            "Entropy of all responses to an item, {} bits on average over {} items, by where it comes from",
            fixed(bits(whole), 2),
            card.item_count
        ),
        head: ["source", "bits", "share"].map(str::to_owned).to_vec(),
        rows: vec![
            row("within a single prompt", card.within_nats),
            row("persona", card.persona_nats),
            row("language", card.language_nats),
            row("elicitation format", card.elicitation_format_nats),
            row("option order", card.option_order_nats),
            row("several of these together", card.interaction_nats),
        ],
    };
    let behind_persona = 2;
    table.rows.splice(behind_persona..behind_persona, wording);
    table
}

/// Two decimals; what rounds to nothing has no sign.
fn signless(value: f64) -> String {
    let text = fixed(value, 2);
    if text.chars().all(|c| matches!(c, '0' | '.' | '−')) { "0.00".to_owned() } else { text }
}

/// Only the two parts of the chain rule are drawn: they are never negative and always add up, which factors need not.
fn split_bars(cards: &[ConcentrationCard]) -> Drawing {
    let row = |card: &ConcentrationCard| {
        let within = card.within_nats / std::f64::consts::LN_2;
        let whole = card.mixture_entropy_nats / std::f64::consts::LN_2;
        let label = format!("temperature {}", crate::report::number::plain(card.temperature));
        // only rounding can take what is between below 0
        PartRow { label, parts: [within, (whole - within).max(0.0)] }
    };
    let rows: Vec<PartRow> = cards.iter().map(row).collect();
    let words = |row: &PartRow| {
        let [within, between] = row.parts;
        format!("{}: {} within a prompt, {} between prompts", row.label, fixed(within, 2), fixed(between, 2))
    };
    let figure = Figure {
        id: "diversity".to_owned(),
        title: "Entropy of all responses to an item, within and between prompts, in bits".to_owned(),
        description: format!("{}.", rows.iter().map(words).collect::<Vec<String>>().join("; ")),
    };
    let svg = part_bars(&PartBar { figure, rows });
    Drawing {
        heading: "Within and between prompts".to_owned(),
        note: "bits, mean over items".to_owned(),
        svg,
    }
}

fn temperature_table(cards: &[ConcentrationCard]) -> Table {
    let share = |share: f64| TableCell::with_bar(format!("{} %", fixed(100.0 * share, 0)), share, 1.0);
    let row = |card: &ConcentrationCard| {
        let over_orders = card.over_orders.as_ref();
        vec![
            TableCell::text(crate::report::number::plain(card.temperature)),
            TableCell::text(fixed(card.effective_option_count, 2)),
            TableCell::text(fixed(card.normalised_entropy, 2)),
            TableCell::text(over_orders.map_or("–".to_owned(), |over| fixed(over.normalised_entropy, 2))),
            TableCell::text(fixed(card.modal_mass, 2)),
            share(card.sharp_share),
            over_orders.map_or(TableCell::text("–"), |over| share(over.sharp_share)),
        ]
    };
    Table {
        caption: "Single responses by temperature, means over usable cells, and responses averaged over option orders".to_owned(),
        head: [
            "temperature",
            "options in use",
            "entropy, at most 1",
            "orders averaged",
            "largest share",
            "one over 0.95",
            "orders averaged",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows: cards.iter().map(row).collect(),
    }
}

/// Over the items that people of the group were asked and the model has a usable response to.
fn spread(run: &Run, subject: &Subject, measure: fn(&[f64]) -> f64) -> Spread {
    let people_of =
        |item: &str| run.people(&subject.population_group, item).and_then(|card| shares(&card.counts));
    let asked = || run.items.iter().filter(|item| !run.has_people() || people_of(&item.id).is_some());
    let is_usable = |item: &str| run.model_mixture(subject, item).is_some();
    let any_usable = asked().any(|item| is_usable(&item.id));
    // people over the items that the model is shown over, and over all where there are none
    let items = || asked().filter(|item| !any_usable || is_usable(&item.id));
    let per_prompt = |item: &str| {
        mean(run.of(subject, item).filter_map(|readout| readout.probabilities.as_deref()).map(measure))
    };
    let mixture =
        |item: &str| run.model_mixture(subject, item).map(|(distribution, _)| measure(&distribution));
    Spread {
        name: subject.name.clone(),
        item_counts: (items().count(), asked().count()),
        people: mean(items().filter_map(|item| people_of(&item.id)).map(|shares| measure(&shares))),
        per_prompt: mean(items().filter_map(|item| per_prompt(&item.id))),
        mixture: mean(items().filter_map(|item| mixture(&item.id))),
    }
}

fn spread_chart(id: &str, heading: &str, unit: &str, spreads: &[Spread]) -> Drawing {
    let span = |value: Option<f64>| value.map(|value| Span { value, range: None });
    let row = |spread: &Spread| DumbbellRow {
        label: spread.name.clone(),
        people: span(spread.people),
        model: span(spread.per_prompt),
        model_mixture: spread.mixture,
    };
    let numbers = |spread: &Spread| {
        let number = |value: Option<f64>| value.map_or("–".to_owned(), |value| fixed(value, 2));
        let (people, model, mixture) =
            (number(spread.people), number(spread.per_prompt), number(spread.mixture));
        format!("{}: people {people}, model per prompt {model}, mixture over prompts {mixture}", spread.name)
    };
    let all = spreads.iter().flat_map(|spread| [spread.people, spread.per_prompt, spread.mixture]);
    let most = all.flatten().fold(0.0, f64::max);
    let figure = Figure {
        id: id.to_owned(),
        title: format!("{heading} of responses, {unit}"),
        description: format!("{}.", spreads.iter().map(numbers).collect::<Vec<String>>().join("; ")),
    };
    let rows = spreads.iter().map(row).collect();
    let svg = dumbbell(&DumbbellChart { figure, rows, axis: (0.0, most) });
    let in_part = spreads.iter().filter(|spread| spread.item_counts.0 < spread.item_counts.1).map(|spread| {
        let (usable, asked) = spread.item_counts;
        format!("; {}: {usable} of {asked} items", spread.name)
    });
    Drawing { heading: heading.to_owned(), note: format!("{unit}{}", in_part.collect::<String>()), svg }
}

fn temperature_lines(run: &Run, metric: &str) -> Vec<Drawing> {
    let no_difference =
        SHOWN_METRICS.iter().find(|shown| shown.name == metric).map_or(0.0, |shown| shown.no_difference);
    let of_subjects: Vec<(&Subject, Vec<Series>)> =
        run.subjects.iter().map(|subject| (subject, series(run, subject, metric))).collect();
    let values = of_subjects.iter().flat_map(|(_, series)| series).flat_map(|series| &series.points);
    let noise =
        run.subjects.iter().flat_map(|subject| run.reported_rows(subject, metric)).map(|row| row.noise_floor);
    let noise_top = no_difference + noise.fold(0.0, f64::max);
    let axis_max = values.map(|(_, value)| *value).fold(noise_top, f64::max);
    let drawn = of_subjects.into_iter().filter(|(_, series)| !series.is_empty()).enumerate();
    let draw = |(index, (subject, series)): (usize, (&Subject, Vec<Series>))| {
        let floor = mean(run.reported_rows(subject, metric).map(|row| row.noise_floor)).unwrap_or(0.0);
        let mean_points: Vec<String> = series
            .iter()
            .filter(|series| series.is_mean)
            .flat_map(|series| &series.points)
            .map(|(t, value)| {
                format!("{} at temperature {}", fixed(*value, 2), crate::report::number::plain(*t))
            })
            .collect();
        let figure = Figure {
            id: format!("temperature-{}-{index}", metric.replace('_', "-")),
            title: format!("{} over temperature: {}", metric.replace('_', " "), subject.name),
            description: match mean_points.is_empty() {
                true => "No temperature has all languages and formats; each is drawn alone.".to_owned(),
                false => format!("Mean over languages and formats: {}.", mean_points.join(", ")),
            },
        };
        let chart = LineChart {
            figure,
            series,
            no_difference: Some((no_difference, floor)),
            marked_temperature: run.temperature,
            axis_max,
        };
        Drawing { heading: subject.name.clone(), note: String::new(), svg: line_chart(&chart) }
    };
    drawn.map(draw).collect()
}

/// One series per language and format, then their mean. Empty without comparisons.
fn series(run: &Run, subject: &Subject, metric: &str) -> Vec<Series> {
    let rows: Vec<_> = run.model_rows(subject, metric).filter(|row| row.temperature.is_some()).collect();
    let points = |least_count: usize, keep: &dyn Fn(&str, &str) -> bool| -> Vec<(f64, f64)> {
        let kept = |t: f64| {
            let rows = rows.iter().filter(move |row| row.temperature == Some(t));
            let rows = rows.filter(|row| {
                keep(row.language.as_deref().unwrap_or(""), row.elicitation_format.as_deref().unwrap_or(""))
            });
            let values: Vec<f64> = rows.map(|row| row.value).collect();
            let is_complete = values.len() >= least_count;
            mean(values).filter(|_| is_complete).map(|value| (t, value))
        };
        run.temperatures.iter().copied().filter_map(kept).collect()
    };
    let conditions =
        distinct(rows.iter().map(|row| (row.language.as_deref(), row.elicitation_format.as_deref())));
    if conditions.is_empty() {
        return Vec::new();
    }
    let one = |(language, format): &(Option<&str>, Option<&str>)| Series {
        points: points(1, &|l, f| l == language.unwrap_or("") && f == format.unwrap_or("")),
        is_mean: false,
    };
    // a mean over fewer conditions than at the next temperature would move for that alone
    let asked_count = run.conditions_of(subject).count();
    let mut series: Vec<Series> = conditions.iter().map(one).collect();
    series.push(Series { points: points(asked_count, &|_, _| true), is_mean: true });
    series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_what_lies_within_and_beside_it_what_lies_between() {
        let ln_2 = std::f64::consts::LN_2;
        let card = ConcentrationCard {
            temperature: 0.5,
            cell_count: 2,
            unusable_count: 0,
            item_count: 1,
            sharp_share: 0.0,
            normalised_entropy: 0.25,
            effective_option_count: 1.4,
            modal_mass: 0.9,
            mixture_entropy_nats: 2.0 * ln_2,
            within_nats: 0.5 * ln_2,
            persona_nats: 0.0,
            language_nats: 1.5 * ln_2,
            elicitation_format_nats: 0.0,
            option_order_nats: 0.0,
            item_wording_nats: 0.0,
            interaction_nats: 0.0,
            over_orders: None,
        };
        let wide = ConcentrationCard { temperature: 2.0, within_nats: 1.9 * ln_2, ..card.clone() };
        let drawing = split_bars(&[card, wide]);
        assert!(drawing.svg.contains(
            "temperature 0.5: 0.50 within a prompt, 1.50 between prompts; \
             temperature 2: 1.90 within a prompt, 0.10 between prompts."
        ));
        assert_eq!(drawing.svg.matches("model bar").count(), 2);
        assert_eq!(drawing.svg.matches("model part").count(), 2);
    }
}
