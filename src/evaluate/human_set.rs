//! A data set of people as somebody looks at it before a run.

use crate::error::Result;
use crate::human_data::{HumanData, find_human_data};
use crate::survey::Participants;
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HumanSet {
    pub id: String,
    pub title: String,
    pub citation: String,
    pub counted: String,
    pub licence: String,
    pub kind: &'static str,
    pub caveats: Vec<String>,
    pub sha256: String,
    /// Of the people one by one, where they are kept.
    pub responses_sha256: Option<String>,
    pub groups: Vec<GroupSummary>,
}

/// One group over its items.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupSummary {
    pub population_group: String,
    /// People known one by one; null where counts are all that is known.
    pub participant_count: Option<usize>,
    pub item_count: usize,
    /// Fewest and most people who responded to an item; effective numbers where people are weighted.
    pub n_least: f64,
    pub n_most: f64,
    /// Of all who were asked, over all items.
    pub missing_share: f64,
}

/// # Errors
/// As [`find_human_data`].
pub fn human_set(name_or_path: &str) -> Result<HumanSet> {
    let data = find_human_data(name_or_path)?;
    let groups = group_summaries(&data);
    Ok(HumanSet {
        id: data.id,
        title: data.title,
        citation: data.citation,
        counted: data.counted,
        licence: data.licence,
        kind: data.kind.name(),
        caveats: data.caveats,
        sha256: data.sha256,
        responses_sha256: data.responses_sha256,
        groups,
    })
}

fn group_summaries(data: &HumanData) -> Vec<GroupSummary> {
    let mut groups: BTreeMap<&str, (usize, f64, f64, f64, f64)> = BTreeMap::new();
    for marginal in &data.marginals {
        let n = marginal.n();
        let entry = groups.entry(&marginal.population_group).or_insert((0, f64::INFINITY, 0.0, 0.0, 0.0));
        *entry = (entry.0 + 1, entry.1.min(n), entry.2.max(n), entry.3 + marginal.missing_count, entry.4 + n);
    }
    let summary =
        |(group, (item_count, n_least, n_most, missing, valid)): (&str, (usize, f64, f64, f64, f64))| {
            GroupSummary {
                population_group: group.to_owned(),
                participant_count: data.participants_of(group).map(Participants::count),
                item_count,
                n_least,
                n_most,
                missing_share: missing / (missing + valid),
            }
        };
    groups.into_iter().map(summary).collect()
}
