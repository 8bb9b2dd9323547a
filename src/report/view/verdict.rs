//! Where an interval stands to the noise floor, and which metrics the tables show. Names no run.

use crate::output::records::ComparisonRow;
use serde::Serialize;

/// A metric as the tables show it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShownMetric {
    /// As in the `metric` column.
    pub name: &'static str,
    pub title: &'static str,
    pub unit: &'static str,
    /// The value when model and people do not differ.
    pub no_difference: f64,
    pub decimals: usize,
    pub is_signed: bool,
    /// False for a signed mean over unlike items: opposite errors cancel in it, so that nearness to 0 shows nothing.
    pub is_judged: bool,
}

/// The metrics of the headline table, in its order.
pub const SHOWN_METRICS: [ShownMetric; 5] = [
    ShownMetric {
        name: "wasserstein_1",
        title: "Wasserstein-1",
        unit: "share of the scale’s range",
        no_difference: 0.0,
        decimals: 3,
        is_signed: false,
        is_judged: true,
    },
    ShownMetric {
        name: "total_variation",
        title: "Total variation",
        unit: "share of people",
        no_difference: 0.0,
        decimals: 3,
        is_signed: false,
        is_judged: true,
    },
    ShownMetric {
        name: "jensen_shannon",
        title: "Jensen–Shannon",
        unit: "bits",
        no_difference: 0.0,
        decimals: 3,
        is_signed: false,
        is_judged: true,
    },
    ShownMetric {
        name: "mean_difference",
        title: "Mean difference",
        unit: "signed share of the range; opposite errors cancel",
        no_difference: 0.0,
        decimals: 3,
        is_signed: true,
        is_judged: false,
    },
    ShownMetric {
        name: "entropy_ratio",
        title: "Entropy ratio",
        unit: "1 = as diverse as people",
        no_difference: 1.0,
        decimals: 2,
        is_signed: false,
        is_judged: true,
    },
];

/// How an interval stands to the noise floor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The whole interval is further from "no difference" than two samples of people would be.
    Above,
    /// The value is above the floor, but the interval reaches it.
    Touches,
    /// The value itself is no further than two samples of people would be.
    Within,
}

impl Verdict {
    pub fn words(self) -> &'static str {
        match self {
            Verdict::Above => "above the floor",
            Verdict::Touches => "reaches the floor",
            Verdict::Within => "within noise",
        }
    }
}

/// The verdict on one row, whose metric is `no_difference` when model and people agree.
pub fn verdict(row: &ComparisonRow, no_difference: f64) -> Verdict {
    let distance = (row.value - no_difference).abs();
    let spans = row.interval_low <= no_difference && no_difference <= row.interval_high;
    let nearest =
        f64::min((row.interval_low - no_difference).abs(), (row.interval_high - no_difference).abs());
    match (distance > row.noise_floor, !spans && nearest > row.noise_floor) {
        (false, _) => Verdict::Within,
        (true, true) => Verdict::Above,
        (true, false) => Verdict::Touches,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn row(value: f64, low: f64, high: f64) -> ComparisonRow {
        ComparisonRow {
            study: String::new(),
            level: "group".to_owned(),
            population_group: "USA".to_owned(),
            item: None,
            facets: BTreeMap::new(),
            predictor: "model".to_owned(),
            persona: None,
            language: None,
            elicitation_format: None,
            temperature: Some(1.0),
            metric: String::new(),
            value,
            interval_low: low,
            interval_high: high,
            noise_floor: 0.1,
            split_half: None,
            n: 60.0,
            human_kind: "counted".to_owned(),
            cell_count: 2,
            unusable_count: 0,
            p_value: None,
            adjusted_p_value: None,
            told_apart_share: None,
        }
    }

    #[test]
    fn distances_stand_above_reach_or_are_within_the_floor() {
        assert_eq!(verdict(&row(0.2, 0.15, 0.25), 0.0), Verdict::Above);
        assert_eq!(verdict(&row(0.12, 0.08, 0.25), 0.0), Verdict::Touches);
        assert_eq!(verdict(&row(0.09, 0.08, 0.25), 0.0), Verdict::Within);
    }

    #[test]
    fn signed_metrics_and_ratios_count_from_no_difference() {
        assert_eq!(verdict(&row(-0.2, -0.25, -0.15), 0.0), Verdict::Above);
        assert_eq!(verdict(&row(-0.2, -0.5, 0.3), 0.0), Verdict::Touches);
        assert_eq!(verdict(&row(0.7, 0.6, 0.8), 1.0), Verdict::Above);
        assert_eq!(verdict(&row(1.05, 0.98, 1.2), 1.0), Verdict::Within);
    }
}
