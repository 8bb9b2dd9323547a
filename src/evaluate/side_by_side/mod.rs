//! Finished runs of one study held against each other, from their folders alone: how far apart their responses are, and by how much
//! one is nearer to people than another. Touches no model.

use crate::compare::distances::total_variation;
use crate::compare::{ComparisonPlan, Difference, Metric, ModelUnit, People, differences};
use crate::error::{Error, Result};
use crate::evaluate::identity::come_to_the_same_bits;
use crate::human_data::find_human_data;
use crate::output::records::{Counts, RunManifest};
use crate::output::{ResultFolder, read_cells, read_manifest};
use crate::survey::{Marginal, Participants};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

mod units;

use units::{ItemScales, units};

/// What is compared.
#[derive(Debug, Clone, PartialEq)]
pub struct SideBySideSettings {
    pub temperatures: Vec<f64>,
    /// Compare runs of other studies or with other people too: what has the same names, and with the people of the first run.
    pub allow_different: bool,
    pub replicate_count: usize,
    pub seed: u64,
}

/// One of the runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunCard {
    pub folder: PathBuf,
    pub model: String,
    pub study: String,
    pub dtype: String,
    pub kernel: String,
    pub device: String,
    pub counts: Counts,
    /// What of its identity and settings is not the first run's.
    pub unlike_first: Vec<String>,
}

/// One run against the first one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunPair {
    /// Index of the run that is held against the first.
    pub run: usize,
    /// Persona × item × language × format × temperature that both have a distribution for, option orders averaged.
    pub shared_unit_count: usize,
    pub only_in_first_count: usize,
    pub only_in_other_count: usize,
    /// Total variation between both responses, over the shared units. Null where there are none.
    pub mean_total_variation: Option<f64>,
    pub largest_total_variation: Option<f64>,
    pub largest_unit: Option<String>,
    pub differences: Vec<DifferenceRow>,
}

/// A metric against people in both runs; see `compare::Difference` for what its interval says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DifferenceRow {
    pub level: &'static str,
    pub population_group: String,
    pub item: Option<String>,
    pub persona: String,
    pub language: String,
    pub elicitation_format: String,
    pub temperature: f64,
    pub metric: &'static str,
    pub first_value: f64,
    pub value: f64,
    pub difference: f64,
    pub interval_low: f64,
    pub interval_high: f64,
    pub item_count: u32,
}

/// Everything that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SideBySide {
    pub runs: Vec<RunCard>,
    pub pairs: Vec<RunPair>,
    /// Whether the first run has people to be held against.
    pub has_people: bool,
    /// Whether people are drawn whole, as the first run drew them; null where it did not, false where their responses are not found here.
    pub people_are_whole: Option<bool>,
}

/// Names of all metrics, for those who choose some.
pub fn metric_names() -> Vec<&'static str> {
    Metric::ALL.iter().map(|metric| metric.name()).collect()
}

/// Holds each of the other runs against the first.
///
/// # Errors
/// Kind `Output` for a folder that cannot be read, kind `Usage` for runs that cannot be compared.
pub fn side_by_side(folders: &[PathBuf], settings: &SideBySideSettings) -> Result<SideBySide> {
    let runs = folders.iter().map(|folder| FinishedRun::read(folder)).collect::<Result<Vec<_>>>()?;
    let [first, others @ ..] = &runs[..] else {
        return Err(Error::usage("there is nothing to compare").hint("name two result folders or more"));
    };
    let participants = first.participants();
    let mut found = SideBySide {
        runs: Vec::new(),
        pairs: Vec::new(),
        has_people: first.manifest.study.human_data.is_some(),
        people_are_whole: first.identity_of_responses().map(|_| participants.is_some()),
    };
    for run in &runs {
        let unlike = first.refuse_unlike(run, settings.allow_different)?;
        found.runs.push(run.card(unlike));
    }
    for (index, other) in others.iter().enumerate() {
        found.pairs.push(first.pair(
            other,
            index + 1,
            participants.as_deref().unwrap_or_default(),
            settings,
        )?);
    }
    Ok(found)
}

struct FinishedRun {
    folder: PathBuf,
    manifest: RunManifest,
    units: Vec<ModelUnit>,
    values: ItemScales,
}

impl FinishedRun {
    fn read(path: &Path) -> Result<Self> {
        let folder = ResultFolder::open(path)?;
        let manifest = read_manifest(&folder)?;
        let rows = read_cells(&folder.cells_path())?;
        let (units, values) = units(&rows).map_err(|error| error.at(folder.cells_path()))?;
        Ok(FinishedRun { folder: path.to_owned(), manifest, units, values })
    }

    fn card(&self, unlike_first: Vec<String>) -> RunCard {
        let manifest = &self.manifest;
        RunCard {
            folder: self.folder.clone(),
            model: manifest.model.name.clone(),
            study: manifest.study.id.clone(),
            dtype: manifest.dtype.clone(),
            kernel: manifest.kernel.clone(),
            device: manifest.device.clone(),
            counts: manifest.counts.clone(),
            unlike_first,
        }
    }

    /// What is different, where that is allowed.
    fn refuse_unlike(&self, other: &FinishedRun, allow_different: bool) -> Result<Vec<String>> {
        let (own, theirs) = (&self.manifest, &other.manifest);
        let asked = [
            ("study", own.identity.study_sha256 != theirs.identity.study_sha256),
            ("human data", people(own) != people(theirs)),
        ];
        if let Some((what, _)) = asked.iter().find(|(_, differs)| *differs && !allow_different) {
            return Err(Error::usage(format!("this run has another {what} than {}", self.folder.display()))
                .at(&other.folder)
                .hint(
                    "--allow-different compares what has the same names, with the people of the first run",
                ));
        }
        let settings = |name: &str| own.plan.get(name) != theirs.plan.get(name);
        let rest = [
            ("weights", own.identity.weights_sha256 != theirs.identity.weights_sha256),
            ("config", own.identity.config_sha256 != theirs.identity.config_sha256),
            ("tokenizer", own.identity.tokenizer_sha256 != theirs.identity.tokenizer_sha256),
            ("chat template", own.identity.template_sha256 != theirs.identity.template_sha256),
            ("prompting", own.prompting != theirs.prompting),
            ("dtype", own.dtype != theirs.dtype),
            ("kernel", !come_to_the_same_bits(&own.kernel, &theirs.kernel)),
            ("device", own.device != theirs.device),
            ("cells", settings("selection")),
            ("answer-mass thresholds", settings("thresholds")),
            ("program", own.versions != theirs.versions),
        ];
        let unlike = asked.into_iter().chain(rest).filter(|(_, differs)| *differs);
        Ok(unlike.map(|(what, _)| what.to_owned()).collect())
    }

    fn pair(
        &self,
        other: &FinishedRun,
        run: usize,
        participants: &[Participants],
        settings: &SideBySideSettings,
    ) -> Result<RunPair> {
        let chosen = |run: &FinishedRun| -> Vec<ModelUnit> {
            let units = run.units.iter().filter(|unit| settings.temperatures.contains(&unit.temperature));
            // An item on another scale is another item.
            let units = units.filter(|unit| self.values.get(&unit.item) == run.values.get(&unit.item));
            units.cloned().collect()
        };
        let (own, theirs) = (chosen(self), chosen(other));
        let mut pair = response_distances(run, &own, &theirs);
        if pair.shared_unit_count == 0 {
            return Err(Error::usage(format!("this run shares nothing with {}", self.folder.display()))
                .at(&other.folder)
                .hint("same personas, items, languages, formats and temperatures are compared"));
        }
        let plan = ComparisonPlan {
            replicate_count: settings.replicate_count,
            seed: settings.seed,
            tests_fit: false,
        };
        let people = People { marginals: &self.people(), participants };
        let rows = differences(&own, &theirs, people, &self.values, &plan)?;
        pair.differences = rows.into_iter().map(difference_row).collect();
        Ok(pair)
    }

    fn identity_of_responses(&self) -> Option<&String> {
        self.manifest.identity.human_responses_sha256.as_ref()
    }

    /// The people one by one, where the run's own data set is here. A result folder holds their counts alone.
    fn participants(&self) -> Option<Vec<Participants>> {
        let wanted = self.identity_of_responses()?;
        let data = find_human_data(&self.manifest.study.human_data.as_ref()?.id).ok()?;
        (data.responses_sha256.as_ref() == Some(wanted)).then_some(data.participants)
    }

    fn people(&self) -> Vec<Marginal> {
        let groups = self.manifest.study.human_data.iter().flat_map(|data| &data.groups);
        let marginals = groups.flat_map(|group| {
            group.items.iter().map(|item| Marginal {
                population_group: group.population_group.clone(),
                item: item.item.clone(),
                counts: item.counts.clone(),
                missing_count: item.missing_count,
            })
        });
        marginals.collect()
    }
}

fn difference_row(row: Difference) -> DifferenceRow {
    DifferenceRow {
        level: row.level.name(),
        population_group: row.population_group,
        item: row.item,
        persona: row.persona,
        language: row.language,
        elicitation_format: row.elicitation_format,
        temperature: row.temperature,
        metric: row.metric.name(),
        first_value: row.reference_value,
        value: row.value,
        difference: row.difference,
        interval_low: row.interval.low,
        interval_high: row.interval.high,
        item_count: row.item_count,
    }
}

fn response_distances(run: usize, own: &[ModelUnit], theirs: &[ModelUnit]) -> RunPair {
    fn usable(units: &[ModelUnit]) -> BTreeMap<String, &[f64]> {
        let of = |unit: &ModelUnit| {
            let ModelUnit { persona, item, language, elicitation_format, temperature, .. } = unit;
            format!("{persona}/{item}/{language}/{elicitation_format} at temperature {temperature}")
        };
        units
            .iter()
            .filter_map(|unit| Some((of(unit), unit.distribution.as_ref()?.probabilities())))
            .collect()
    }
    let (own, theirs) = (usable(own), usable(theirs));
    let (mut total, mut count) = (0.0, 0);
    let mut largest: Option<(f64, &String)> = None;
    for (name, one) in &own {
        let Some(other) = theirs.get(name) else { continue };
        let distance = total_variation(one, other);
        total += distance;
        count += 1;
        if largest.is_none_or(|(most, _)| distance > most) {
            largest = Some((distance, name));
        }
    }
    RunPair {
        run,
        shared_unit_count: count,
        only_in_first_count: own.len() - count,
        only_in_other_count: theirs.len() - count,
        mean_total_variation: (count > 0).then(|| total / count as f64),
        largest_total_variation: largest.map(|(distance, _)| distance),
        largest_unit: largest.map(|(_, name)| name.clone()),
        differences: Vec::new(),
    }
}

/// Hashes of the people that a run was held against.
fn people(manifest: &RunManifest) -> [Option<&String>; 2] {
    let identity = &manifest.identity;
    [identity.human_data_sha256.as_ref(), identity.human_responses_sha256.as_ref()]
}
