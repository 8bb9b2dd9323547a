//! A run from plan to report: the pipeline as one readable function, and the manifest that seals it.

use super::certificate::{CertifiedCells, FinishedRun, certify};
use super::compared::{ComparedRun, compared_run, human_card};
use super::events::{Event, Stage, Stop};
use super::hypotheses::hypothesis_cards;
use super::prepare::Prepared;
use super::reading::Reading;
use super::resume::{JournalHeader, RunIdentity, RunStart};
use super::{RunPlan, Speaker};
use crate::engine::EngineDevice;
use crate::error::{Error, Result};
use crate::models::{LoadedModel, ModelFolder, is_control, load};
use crate::output::records::{
    CertificateCard, ComparisonRow, ConcentrationCard, Counts, FORMAT_VERSION, FormatCard, HypothesisCard,
    Identity, ModelCard, PackingCard, RunManifest, StudyCard,
};
use crate::output::{ComparisonWriter, Journal, ResultFolder, write_manifest};
use crate::prompts::{ElicitationFormat, Study};
use crate::report::write_report;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// What there is to tell at the end.
#[derive(Debug)]
pub struct RunSummary {
    pub manifest: RunManifest,
    /// Rows of level `group`, for a table.
    pub group_rows: Vec<ComparisonRow>,
    pub report_path: PathBuf,
}

/// Times stages and passes their events on.
struct Stages<'a> {
    events: &'a (dyn Fn(Event) + Sync),
    wall_seconds: Vec<(String, f64)>,
}

impl Stages<'_> {
    fn run<T>(&mut self, stage: Stage, total: u64, work: impl FnOnce() -> Result<T>) -> Result<T> {
        (self.events)(Event::Started { stage, total });
        let start = Instant::now();
        let outcome = work()?;
        let wall_seconds = start.elapsed().as_secs_f64();
        self.wall_seconds.push((stage.to_string(), wall_seconds));
        (self.events)(Event::Finished { stage, wall_seconds });
        Ok(outcome)
    }
}

/// Where a run is computed, and where its results go.
#[derive(Clone, Copy)]
pub struct RunPlace<'a> {
    pub speaker: &'a Speaker,
    pub model: &'a ModelFolder,
    pub device: &'a EngineDevice,
    pub folder: &'a ResultFolder,
}

/// Runs a plan into a folder that has been claimed for it, or goes on with what an earlier process did there.
///
/// # Errors
/// Whatever stops it. What was read until then stays in the folder's journal, and [`super::ResumedRun`] goes on with it. Asked to stop, it makes
/// the cells finished so far readable and returns kind `Interrupted`. A folder without `manifest.json` is unfinished.
pub fn run(
    plan: &RunPlan,
    place: RunPlace<'_>,
    start: RunStart,
    events: &(dyn Fn(Event) + Sync),
    stop: &Stop,
) -> Result<RunSummary> {
    let RunPlace { speaker, model, device, folder } = place;
    let mut stages = Stages { events, wall_seconds: Vec::new() };
    let cell_count = plan.cells.len() as u64;
    let prepared = stages.run(Stage::Prompts, cell_count, || Prepared::new(plan, speaker, events, stop))?;
    let config = &speaker.files.config.decoder;
    let mut left = stages.run(Stage::Trie, 0, || Ok(prepared.trie(config, |_| true)))?;
    let layers = config.layer_count() as u64;
    let loaded = stages.run(Stage::Weights, layers, || {
        load(model, &speaker.files.config, device, &|done, total| {
            events(Event::Advanced { stage: Stage::Weights, done, total })
        })
    })?;
    let inputs = inputs(plan, speaker, &loaded.weights_sha256);
    let mut packing = PackingCard {
        flat_token_count: prepared.flat_token_count(),
        trie_token_count: left.trie.token_count(),
        segment_count: left.trie.segments().len() as u64,
        token_budget: plan.settings.token_budget as u64,
        ..Default::default()
    };
    let mut certified = CertifiedCells::choose(plan);
    let identity = run_identity(plan, device, &prepared, &inputs)?;
    if let RunStart::Resumed(resumed) = &start {
        resumed.check(&identity).map_err(|error| error.at(folder.path()))?;
    }
    let mut reading = Reading::new(plan, speaker, &prepared, folder, &mut certified)?;
    let mut journal = match start {
        RunStart::Anew(request) => Journal::create(
            &folder.journal_path(),
            &JournalHeader { request: *request, identity }.to_bytes()?,
        )?,
        RunStart::Resumed(resumed) => {
            let journal = reading.replay(resumed.journal)?;
            packing.resumed_readout_count = reading.read_count();
            left = prepared.trie(config, |number| !reading.is_read(number));
            journal
        }
    };
    let finished = stages.run(Stage::Prefill, left.trie.token_count(), || {
        reading.compute(&loaded.decoder, &left, &mut journal, &mut packing, events, stop)
    })?;
    let LoadedModel { decoder, weights_sha256, parameter_count, stored_dtype } = loaded;
    drop(decoder);
    let (certificate, not_certified) = match certified.count() {
        0 => (None, None),
        count => {
            let made = stages.run(Stage::Certificate, count, || {
                let run = FinishedRun { plan, speaker, model, prepared: &prepared, units: &finished.units };
                certify(&run, &certified, events, stop)
            });
            // The results stand without it, and say so.
            (made.as_ref().ok().cloned(), made.err().map(|error| error.to_string()))
        }
    };
    let (group_rows, compared) = match &plan.human_data {
        None => Default::default(),
        Some(data) => stages.run(Stage::Compare, 0, || {
            let mut compared = compared_run(plan, data, &finished.units)?;
            let mut writer = ComparisonWriter::create(&folder.comparisons_path(), &plan.study.facets)?;
            let group_rows = compared.rows.iter().filter(|row| row.level == "group").cloned().collect();
            writer.write_all(std::mem::take(&mut compared.rows))?;
            writer.finish()?;
            Ok((group_rows, compared))
        })?,
    };
    let hypotheses = match plan.study.hypotheses.is_empty() {
        true => Vec::new(),
        false => stages.run(Stage::Hypotheses, 0, || {
            hypothesis_cards(plan, plan.human_data.as_ref(), finished.responses)
        })?,
    };
    let found = RunFindings {
        counts: finished.counts,
        packing,
        concentration: finished.concentration,
        compared,
        certificate,
        not_certified,
        hypotheses,
    };
    let weights = LoadedWeights { weights_sha256, parameter_count, stored_dtype };
    let mut manifest = manifest(plan, place, inputs, weights, found, &stages)?;
    manifest.tables = folder.table_hashes()?;
    write_manifest(folder, &manifest)?;
    journal.remove()?;
    let report_path = stages.run(Stage::Report, 0, || write_report(folder.path())).map_err(|error| {
        error.hint(format!(
            "the results are complete; `respondent report {}` makes the page",
            folder.path().display()
        ))
    })?;
    Ok(RunSummary { manifest, group_rows, report_path })
}

/// sha256 of everything that a run is made from.
pub(super) fn inputs(plan: &RunPlan, speaker: &Speaker, weights_sha256: &str) -> Identity {
    Identity {
        weights_sha256: weights_sha256.to_owned(),
        config_sha256: speaker.files.config_sha256.clone(),
        tokenizer_sha256: speaker.files.tokenizer_sha256.clone(),
        tokenizer_config_sha256: speaker.files.tokenizer_config_sha256.clone(),
        template_sha256: speaker.template_sha256.clone(),
        study_sha256: plan.study.sha256.clone(),
        human_data_sha256: plan.human_data.as_ref().map(|data| data.sha256.clone()),
    }
}

fn run_identity(
    plan: &RunPlan,
    device: &EngineDevice,
    prepared: &Prepared,
    inputs: &Identity,
) -> Result<RunIdentity> {
    Ok(RunIdentity {
        format_version: FORMAT_VERSION,
        inputs: inputs.clone(),
        plan: plan_value(plan)?,
        device: device.name(),
        dtype: device.dtype().to_string(),
        kernel: device.kernel_name(),
        versions: versions(),
        cell_count: plan.cells.len(),
        readout_count: prepared.readout_count(),
    })
}

fn plan_value(plan: &RunPlan) -> Result<serde_json::Value> {
    serde_json::to_value(&plan.settings)
        .map_err(|source| Error::output("the run plan cannot be written as JSON").because(source))
}

/// What is left of a model when its decoder is gone.
struct LoadedWeights {
    weights_sha256: String,
    parameter_count: u64,
    stored_dtype: String,
}

/// What a run found that stands in its manifest.
struct RunFindings {
    counts: Counts,
    packing: PackingCard,
    concentration: Vec<ConcentrationCard>,
    /// Its rows are in their file.
    compared: ComparedRun,
    certificate: Option<CertificateCard>,
    not_certified: Option<String>,
    hypotheses: Vec<HypothesisCard>,
}

fn manifest(
    plan: &RunPlan,
    place: RunPlace<'_>,
    inputs: Identity,
    weights: LoadedWeights,
    found: RunFindings,
    stages: &Stages<'_>,
) -> Result<RunManifest> {
    let RunPlace { speaker, model, device, .. } = place;
    let (study, config) = (&plan.study, &speaker.files.config);
    Ok(RunManifest {
        format_version: FORMAT_VERSION,
        identity: inputs,
        versions: versions(),
        model: ModelCard {
            name: model.name(),
            family: config.family.name().to_owned(),
            parameter_count: weights.parameter_count,
            layer_count: config.decoder.layer_count(),
            hidden_size: config.decoder.hidden_size,
            vocab_size: config.decoder.vocab_size,
            stored_dtype: weights.stored_dtype,
            is_control: is_control(&weights.weights_sha256),
        },
        prompting: speaker.prompting.clone(),
        study: StudyCard {
            id: study.id.clone(),
            title: study.title.clone(),
            citation: study.citation.clone(),
            caveats: study.caveats.clone(),
            facets: study.facets.clone(),
            labels: study.names.clone(),
            elicitation_formats: format_cards(study),
            order: plan.order(),
            human_data: plan.human_data.as_ref().map(|data| human_card(plan, data)),
        },
        plan: plan_value(plan)?,
        device: device.name(),
        dtype: device.dtype().to_string(),
        kernel: device.kernel_name(),
        thread_count: rayon::current_num_threads(),
        counts: found.counts,
        packing: found.packing,
        concentration: found.concentration,
        mean_agreements: found.compared.mean_agreements,
        culture_contrasts: found.compared.culture_contrasts,
        persona_swaps: found.compared.persona_swaps,
        steerability: found.compared.steerability,
        certificate: found.certificate,
        not_certified: found.not_certified,
        hypotheses: found.hypotheses,
        stage_wall_seconds: stages.wall_seconds.clone(),
        tables: BTreeMap::new(),
        finished_at: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
    })
}

/// Those that a study declares itself.
fn format_cards(study: &Study) -> BTreeMap<String, FormatCard> {
    let own = study.formats.iter().filter(|format| **format != ElicitationFormat::plain(format.key));
    own.map(|format| {
        let ElicitationFormat { id, key, shows_options, closings, has_premise } = format;
        let card = FormatCard {
            key: key.to_string(),
            shows_options: *shows_options,
            closings: closings.clone(),
            has_premise: *has_premise,
        };
        (id.clone(), card)
    })
    .collect()
}

/// This program's version, and those of the libraries that numbers depend on, as locked.
pub fn versions() -> BTreeMap<String, String> {
    let lock: toml::Table =
        toml::from_str(include_str!("../../Cargo.lock")).expect("cargo writes valid TOML");
    let mut versions = BTreeMap::from([("respondent".to_owned(), env!("CARGO_PKG_VERSION").to_owned())]);
    for package in lock["package"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        if ["candle-core", "gemm", "tokenizers", "minijinja"].contains(&name) {
            versions.insert(name.to_owned(), package["version"].as_str().unwrap_or_default().to_owned());
        }
    }
    versions
}
