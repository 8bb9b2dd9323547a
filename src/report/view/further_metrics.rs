//! The metrics that the headline table leaves out, for whoever reports in them: one row for each condition. Judges nothing.

use super::{Table, TableCell};
use crate::report::number::{fixed, signed};
use crate::report::run::Run;
use std::collections::HashMap;

/// As in the `metric` column, the head, decimals, and whether the sign matters.
const FURTHER_METRICS: [(&str, &str, usize, bool); 7] = [
    ("alignment", "alignment", 3, false),
    ("total_variation_score", "score, 100 = as people", 1, true),
    ("kolmogorov_smirnov", "Kolmogorov–Smirnov", 3, false),
    ("kullback_leibler", "Kullback–Leibler, nats", 3, false),
    ("jensen_shannon_distance", "Jensen–Shannon distance", 3, false),
    ("variance_ratio", "variance ratio", 2, false),
    ("modal_mass_difference", "largest share less people’s", 3, true),
];

/// `None` where the run has no such row.
pub fn further_metrics(run: &Run) -> Option<Table> {
    let places: HashMap<&str, usize> =
        FURTHER_METRICS.iter().enumerate().map(|(place, metric)| (metric.0, place)).collect();
    let mut rows: Vec<(Vec<TableCell>, Vec<TableCell>)> = Vec::new();
    let mut numbers: HashMap<[&str; 4], usize> = HashMap::new();
    for row in run.reported_model_rows() {
        let Some(place) = places.get(row.metric.as_str()) else { continue };
        let named = |name: &'_ Option<String>| name.clone().unwrap_or_default();
        let key = [
            Some(&row.population_group),
            row.persona.as_ref(),
            row.language.as_ref(),
            row.elicitation_format.as_ref(),
        ];
        let number = *numbers.entry(key.map(|name| name.map_or("", String::as_str))).or_insert_with(|| {
            let name = TableCell::text(run.label("population_group", &row.population_group));
            let asked = format!("{} · {}", named(&row.language), named(&row.elicitation_format));
            let values = vec![TableCell::text("–"); FURTHER_METRICS.len()];
            rows.push((vec![name, TableCell::text(named(&row.persona)), TableCell::text(asked)], values));
            rows.len() - 1
        });
        let (_, _, decimals, is_signed) = FURTHER_METRICS[*place];
        let told = |value| if is_signed { signed(value, decimals) } else { fixed(value, decimals) };
        let [value, low, high] = [row.value, row.interval_low, row.interval_high].map(told);
        rows[number].1[*place] = TableCell::text(format!("{value}\n{low} to {high}"));
    }
    let head = ["group", "persona", "asked"].into_iter().chain(FURTHER_METRICS.map(|metric| metric.1));
    (!rows.is_empty()).then(|| Table {
        caption: "Means over items, and 95 % intervals. Alignment is 1 less Wasserstein-1. The score is 100 times 1 less total variation over that of equal shares, which is 0 where these are as near".to_owned(),
        head: head.map(str::to_owned).collect(),
        rows: rows.into_iter().map(|(names, values)| [names, values].concat()).collect(),
    })
}
