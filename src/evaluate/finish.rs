//! What is done once everything is read: certificate, comparison, contrasts, and the manifest that seals the run.

use super::certificate::{FinishedRun, certify};
use super::compared::{ComparedRun, compared_run, human_card};
use super::events::{Stage, Stages, Stop};
use super::hypotheses::hypothesis_cards;
use super::resume::RunIdentity;
use super::run::seconds_since_epoch;
use super::tables::Tables;
use super::{RunPlan, Speaker};
use crate::error::{Error, ErrorKind, Result};
use crate::models::{ModelFolder, is_control};
use crate::output::records::{
    BatteryCard, CertificateCard, ComparisonRow, ConcentrationCard, Counts, FORMAT_VERSION, FormatCard,
    HypothesisCard, MemoryEstimate, ModelCard, PackingCard, RunManifest, ShardCard, StudyCard,
};
use crate::output::{ComparisonWriter, Journal, ResultFolder, write_manifest};
use crate::prompts::{ElicitationFormat, Study};
use crate::system_memory::peak_bytes;
use std::collections::BTreeMap;

/// A run of which everything has been read.
pub struct ReadRun<'a> {
    pub plan: &'a RunPlan,
    pub speaker: &'a Speaker,
    pub model: &'a ModelFolder,
    pub tables: Tables<'a>,
    pub identity: RunIdentity,
    pub packing: PackingCard,
    /// Those that it was computed in, if any.
    pub shards: Vec<ShardCard>,
    /// Why no cell is to be computed again, where none is.
    pub uncertified_because: Option<&'static str>,
    pub memory_estimate: Option<MemoryEstimate>,
}

/// A run whose folder has its manifest, before its page is made.
pub struct SealedRun {
    pub manifest: RunManifest,
    /// Rows of level `group`.
    pub group_rows: Vec<ComparisonRow>,
}

/// Makes the tables whole, finds what is to be found, and seals the folder; a journal has then had its day.
///
/// # Errors
/// Kind `Output` when something cannot be written, kind `Interrupted` when asked to stop, and what a comparison ends with: the journal is left then.
pub fn finish(
    run: ReadRun<'_>,
    folder: &ResultFolder,
    journal: Option<Journal>,
    stages: &mut Stages<'_>,
    stop: &Stop,
) -> Result<SealedRun> {
    let ReadRun { plan, speaker, model, tables, identity, packing, shards, .. } = run;
    let ReadRun { uncertified_because, memory_estimate, .. } = run;
    let (finished, certified) = tables.finish()?;
    let (certificate, not_certified) = match (certified.count(), uncertified_because) {
        (0, _) => (None, None),
        (_, Some(reason)) => (None, Some(reason.to_owned())),
        (count, None) => {
            let events = stages.events;
            let made = stages.run(Stage::Certificate, count, |_| {
                let run = FinishedRun {
                    plan,
                    speaker,
                    model,
                    units: &finished.units,
                    weights_sha256: &identity.inputs.weights_sha256,
                };
                certify(&run, &certified, events, stop)
            });
            match made {
                Err(error) if error.kind() == ErrorKind::Interrupted => return Err(error),
                // The results stand without it, and say so.
                made => (made.as_ref().ok().cloned(), made.err().map(|error| error.to_string())),
            }
        }
    };
    let (group_rows, compared) = match &plan.human_data {
        None => Default::default(),
        Some(data) => stages.run(Stage::Compare, 0, |_| {
            let mut writer = ComparisonWriter::create(&folder.comparisons_path(), &plan.study.facets)?;
            let mut group_rows = Vec::new();
            let compared = compared_run(plan, data, &finished.units, &mut |row| {
                if row.level == "group" {
                    group_rows.push(row.clone());
                }
                refuse_to_go_on(stop)?;
                writer.write(row)
            })?;
            writer.finish()?;
            Ok((group_rows, compared))
        })?,
    };
    refuse_to_go_on(stop)?;
    let hypotheses = match plan.study.hypotheses.is_empty() {
        true => Vec::new(),
        false => stages.run(Stage::Hypotheses, 0, |_| {
            hypothesis_cards(plan, plan.human_data.as_ref(), finished.responses)
        })?,
    };
    let found = RunFindings {
        counts: finished.counts,
        packing,
        shards,
        memory_estimate,
        concentration: finished.concentration,
        compared,
        certificate,
        not_certified,
        hypotheses,
    };
    refuse_to_go_on(stop)?;
    let mut manifest = manifest(plan, (speaker, model), identity, found, stages);
    manifest.tables = folder.table_hashes()?;
    write_manifest(folder, &manifest)?;
    journal.map(Journal::remove).transpose()?;
    Ok(SealedRun { manifest, group_rows })
}

/// A run that is not sealed has all that it read in its journal, or in its shards'.
fn refuse_to_go_on(stop: &Stop) -> Result<()> {
    match stop.is_requested() {
        true => Err(Error::new(ErrorKind::Interrupted, "stopped after everything was read")),
        false => Ok(()),
    }
}

/// What a run found that stands in its manifest.
struct RunFindings {
    counts: Counts,
    packing: PackingCard,
    shards: Vec<ShardCard>,
    memory_estimate: Option<MemoryEstimate>,
    concentration: Vec<ConcentrationCard>,
    /// Its rows are in their file.
    compared: ComparedRun,
    certificate: Option<CertificateCard>,
    not_certified: Option<String>,
    hypotheses: Vec<HypothesisCard>,
}

fn manifest(
    plan: &RunPlan,
    (speaker, model): (&Speaker, &ModelFolder),
    identity: RunIdentity,
    found: RunFindings,
    stages: &Stages<'_>,
) -> RunManifest {
    let (study, config) = (&plan.study, &speaker.files.config);
    RunManifest {
        format_version: FORMAT_VERSION,
        model: ModelCard {
            name: model.name(),
            family: config.family.name().to_owned(),
            parameter_count: identity.parameter_count,
            layer_count: config.decoder.layer_count(),
            hidden_size: config.decoder.hidden_size,
            vocab_size: config.decoder.vocab_size,
            stored_dtype: identity.stored_dtype,
            is_control: is_control(&identity.inputs.weights_sha256),
        },
        identity: identity.inputs,
        versions: identity.versions,
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
        plan: identity.plan,
        device: identity.device,
        dtype: identity.dtype,
        kernel: identity.kernel,
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
        shards: found.shards,
        memory_estimate: found.memory_estimate,
        memory_peak_bytes: peak_bytes(),
        stage_wall_seconds: stages.wall_seconds.clone(),
        tables: BTreeMap::new(),
        finished_at: seconds_since_epoch(),
    }
}

/// Those that a study declares itself.
fn format_cards(study: &Study) -> BTreeMap<String, FormatCard> {
    let own = study.formats.iter().filter(|format| **format != ElicitationFormat::plain(format.key));
    own.map(|format| {
        let ElicitationFormat { id, key, shows_options, closings, has_premise, battery } = format;
        let card = FormatCard {
            key: key.to_string(),
            shows_options: *shows_options,
            closings: closings.clone(),
            has_premise: *has_premise,
            battery: battery.as_ref().map(|battery| BatteryCard {
                variables: battery.variables.clone(),
                fixed: battery.fixed.clone(),
            }),
        };
        (id.clone(), card)
    })
    .collect()
}
