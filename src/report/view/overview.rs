//! What was run: model, study, cells, device, identity, prefix savings, wall time, one prompt, caveats.

use super::TableCell;
use crate::output::records::{HumanDataCard, Identity, PromptingCard, RunManifest};
use crate::report::number::{counted, fixed, grouped, percent, plain};
use crate::report::run::{Run, distinct};
use crate::report::tables::RunTables;
use serde::Serialize;

#[derive(Debug, Clone, Serialize)]
pub struct OverviewView {
    pub title: String,
    pub study: String,
    pub model: String,
    pub is_control: bool,
    pub finished_on: String,
    pub facts: Vec<Fact>,
    pub identity: Vec<Hash>,
    pub stages: Vec<Stage>,
    pub total_seconds: String,
    pub versions: Vec<(String, String)>,
    pub example: Option<Example>,
    /// What the page is made of, where that is not all.
    pub shown_part: Option<String>,
    pub study_caveats: Vec<String>,
    pub human_caveats: Vec<String>,
    /// What a reader of distances has to know of people who were not counted.
    pub human_caution: Option<&'static str>,
    /// Whether people were drawn whole, with all that each responded.
    pub people_are_whole: bool,
    pub citations: Vec<String>,
    pub plan_json: String,
}

#[derive(Debug, Clone, Serialize)]
pub struct Fact {
    pub name: &'static str,
    pub text: String,
    pub note: String,
}

/// A sha256, and as much of it as a page needs.
#[derive(Debug, Clone, Serialize)]
pub struct Hash {
    pub name: &'static str,
    pub short: String,
    pub full: String,
}

#[derive(Debug, Clone, Serialize)]
pub struct Stage {
    pub name: String,
    pub seconds: TableCell,
}

/// One prompt as the model read it.
#[derive(Debug, Clone, Serialize)]
pub struct Example {
    pub cell_id: String,
    pub text: String,
    pub token_count: usize,
    pub readout_index: u32,
}

pub fn overview(run: &Run) -> OverviewView {
    let manifest = &run.tables.manifest;
    let human_data = manifest.study.human_data.as_ref();
    let mut citations = vec![manifest.study.citation.clone()];
    citations.extend(human_data.map(|data| data.citation.clone()));
    citations.retain(|citation| !citation.is_empty());
    citations.dedup();
    let total: f64 = manifest.stage_wall_seconds.iter().map(|(_, seconds)| seconds).sum();
    OverviewView {
        title: manifest.study.title.clone(),
        study: manifest.study.id.clone(),
        model: manifest.model.name.clone(),
        is_control: manifest.model.is_control,
        finished_on: date_of(manifest.finished_at),
        facts: facts(run),
        identity: hashes(&manifest.identity),
        stages: stages(manifest),
        total_seconds: fixed(total, 2),
        versions: manifest.versions.clone().into_iter().collect(),
        example: example(run),
        shown_part: shown_part(run),
        study_caveats: manifest.study.caveats.clone(),
        human_caveats: human_data.map(|data| data.caveats.clone()).unwrap_or_default(),
        human_caution: human_data.and_then(HumanDataCard::caution),
        people_are_whole: human_data
            .is_some_and(|data| data.groups.iter().all(|group| group.participant_count.is_some())),
        citations,
        plan_json: serde_json::to_string_pretty(&manifest.plan).unwrap_or_default(),
    }
}

fn facts(run: &Run) -> Vec<Fact> {
    let manifest = &run.tables.manifest;
    let (model, counts, packing) = (&manifest.model, &manifest.counts, &manifest.packing);
    let fact = |name, text, note| Fact { name, text, note };
    let temperatures: Vec<String> = run.temperatures.iter().copied().map(plain).collect();
    let share_saved = 1.0 - packing.trie_token_count as f64 / packing.flat_token_count.max(1) as f64;
    let times_fewer = packing.flat_token_count as f64 / packing.trie_token_count.max(1) as f64;
    let human = manifest.study.human_data.as_ref();
    let groups: Vec<&str> = run.subjects.iter().map(|subject| subject.name.as_str()).collect();
    let mut facts = vec![
        fact(
            "Model",
            model.name.clone(),
            format!(
                "{}, {} parameters, {} of width {}, vocabulary {}",
                model.family,
                grouped(model.parameter_count),
                counted(model.layer_count, "layer"),
                model.hidden_size,
                grouped(model.vocab_size as u64),
            ),
        ),
        prompting(&manifest.prompting),
        fact(
            "Study",
            manifest.study.title.clone(),
            format!("{}; groups: {}", manifest.study.id, first_of(&groups)),
        ),
        fact(
            "Human data",
            human.map_or("none".to_owned(), |data| data.id.clone()),
            human.map_or("nothing is compared".to_owned(), |data| match data.kind.as_str() {
                "counted" => format!("counts of {}", counted(data.groups.len(), "group")),
                "weighted" => {
                    format!("weighted counts of {}; n is effective", counted(data.groups.len(), "group"))
                }
                kind => format!("{}, {}", kind.replace('_', " "), counted(data.groups.len(), "group")),
            }),
        ),
        fact(
            "Cells",
            grouped(counts.cell_count),
            format!("{}, at temperatures {}", cell_design(run), temperatures.join(", ")),
        ),
        fact(
            "Computed on",
            manifest.device.clone(),
            format!(
                "{} from {} on disk, {} kernel, {}",
                manifest.dtype,
                model.stored_dtype,
                manifest.kernel,
                shared_out(manifest),
            ),
        ),
        certificate(manifest),
        fact(
            "Prefix savings",
            percent(share_saved, 1),
            format!(
                "{} tokens computed instead of {}, one cell at a time ({}× fewer)",
                grouped(packing.trie_token_count),
                grouped(packing.flat_token_count),
                fixed(times_fewer, 1),
            ),
        ),
    ];
    facts.extend(conversations(run));
    facts
}

/// The formats of the run that ask items one after another.
fn conversations(run: &Run) -> Vec<Fact> {
    let cards = &run.tables.manifest.study.elicitation_formats;
    let told = |format: &String| {
        let battery = cards.get(format)?.battery.as_ref()?;
        let lists: Vec<String> = battery.variables.iter().map(|list| list.join(", then ")).collect();
        let earlier = match &battery.fixed {
            None => "earlier responses all gone through, each with its probability".to_owned(),
            Some(fixed) => {
                let fixed: Vec<String> =
                    fixed.iter().map(|(variable, code)| format!("{variable} {code}")).collect();
                format!("earlier responses fixed: {}", fixed.join(", "))
            }
        };
        Some(Fact {
            name: "In one conversation",
            text: format.clone(),
            note: format!("{}; {earlier}", lists.join("; ")),
        })
    };
    run.formats.iter().filter_map(told).collect()
}

/// The threads of the run, or what it was shared out among.
fn shared_out(manifest: &RunManifest) -> String {
    let shards = &manifest.shards;
    if shards.is_empty() {
        return counted(manifest.thread_count, "thread");
    }
    let tokens: u64 = shards.iter().map(|shard| shard.token_count).sum();
    let again = tokens as f64 / manifest.packing.trie_token_count.max(1) as f64 - 1.0;
    let longest = shards.iter().map(|shard| shard.prefill_wall_seconds).fold(0.0, f64::max);
    format!(
        "{} merged, which computed {} of the tokens twice; the longest prefill took {} s",
        counted(shards.len(), "shard"),
        percent(again.max(0.0), 2),
        fixed(longest, 2),
    )
}

/// As many names as one reads.
fn first_of(names: &[&str]) -> String {
    const READ_COUNT: usize = 24;
    match names.len().checked_sub(READ_COUNT).filter(|more| *more > 0) {
        None => names.join(", "),
        Some(more) => format!("{} and {} more", names[..READ_COUNT].join(", "), grouped(more as u64)),
    }
}

fn shown_part(run: &Run) -> Option<String> {
    let RunTables { manifest, are_all_shown, .. } = run.tables;
    let shown = || {
        let personas = distinct(run.readouts.iter().map(|readout| readout.cell.persona.as_str())).len();
        format!(
            "The run has {}, more than a page can hold. This one is made of {}: those of the first {} and {}. Counts, \
             concentration and hypotheses are of all of them, and every row is in the tables.",
            counted(manifest.counts.cell_count as usize, "cell"),
            grouped(run.readouts.len() as u64),
            counted(personas, "persona"),
            counted(run.items.len(), "item"),
        )
    };
    (!are_all_shown).then(shown)
}

/// What computing some cells another way changes.
fn certificate(manifest: &RunManifest) -> Fact {
    let (text, note) = match (&manifest.certificate, &manifest.not_certified) {
        (_, Some(problem)) => ("none".to_owned(), format!("no cell was computed again: {problem}")),
        (None, None) => ("none".to_owned(), "no cells were to be computed again".to_owned()),
        (Some(card), None) => {
            let power = |value: f64| format!("{value:.0e}");
            let distances = card.distance_change.as_ref().map_or(String::new(), |change| {
                format!(", distances to people by {} at the most", power(change.value))
            });
            (
                format!("{} nats", power(card.log_prob_difference_nats.value)),
                format!(
                    "{} computed again, each alone, {}: log-probs move by that at the most, shares by {}{distances}",
                    counted(card.cell_count as usize, "cell"),
                    card.kernel,
                    power(card.probability_difference.value),
                ),
            )
        }
    };
    Fact { name: "Certificate", text, note }
}

/// How the model was asked. What its template did not do by itself is said in full.
fn prompting(card: &PromptingCard) -> Fact {
    let text = match card.template.as_str() {
        "none" => "plain text",
        "file" => "chat template from a file",
        _ => "the model's chat template",
    };
    let mut notes = Vec::new();
    if card.system_text == "folded" {
        notes.push("no system role: system text stands before the first user message".to_owned());
    }
    notes.extend(card.switches.iter().map(|(name, on)| format!("{name}={on}")));
    if let Some(closed) = &card.closed_thinking {
        notes.push(format!("the opened block of thoughts was closed with {closed:?}"));
    }
    if notes.is_empty() {
        notes.push("nothing added".to_owned());
    }
    Fact { name: "Asked through", text: text.to_owned(), note: notes.join("; ") }
}

/// The factors whose product the cells are, when nothing is left out.
fn cell_design(run: &Run) -> String {
    let orders = crate::report::run::distinct(run.readouts.iter().map(|readout| &readout.cell.option_order));
    let wordings =
        crate::report::run::distinct(run.readouts.iter().map(|readout| &readout.cell.item_wording));
    let wordings = (wordings.len() > 1).then(|| counted(wordings.len(), "item wording"));
    let factors = [
        counted(run.subjects.len(), "persona"),
        counted(run.items.len(), "item"),
        counted(run.languages.len(), "language"),
        counted(run.formats.len(), "format"),
        counted(orders.len(), "option order"),
    ];
    factors.into_iter().chain(wordings).collect::<Vec<_>>().join(" × ")
}

fn hashes(identity: &Identity) -> Vec<Hash> {
    let human = identity.human_data_sha256.as_ref();
    let named = [
        ("Weights", Some(&identity.weights_sha256)),
        ("Config", Some(&identity.config_sha256)),
        ("Tokenizer", Some(&identity.tokenizer_sha256)),
        ("Tokenizer config", Some(&identity.tokenizer_config_sha256)),
        ("Chat template", Some(&identity.template_sha256)),
        ("Study", Some(&identity.study_sha256)),
        ("Human data", human),
        ("Human responses", identity.human_responses_sha256.as_ref()),
    ];
    let short = |full: &str| full.chars().take(12).collect();
    let hash = |(name, full): (_, Option<&String>)| {
        full.map(|full| Hash { name, short: short(full), full: full.clone() })
    };
    named.into_iter().filter_map(hash).collect()
}

fn stages(manifest: &RunManifest) -> Vec<Stage> {
    let longest = manifest.stage_wall_seconds.iter().map(|(_, seconds)| *seconds).fold(0.0, f64::max);
    let stage = |(name, seconds): &(String, f64)| Stage {
        name: name.clone(),
        seconds: TableCell::with_bar(fixed(*seconds, 2), *seconds, longest),
    };
    manifest.stage_wall_seconds.iter().map(stage).collect()
}

fn example(run: &Run) -> Option<Example> {
    run.tables.prompt.as_ref().map(|prompt| Example {
        cell_id: prompt.cell_id.clone(),
        text: prompt.rendered_text.clone(),
        token_count: prompt.token_ids.len(),
        readout_index: prompt.readout_index,
    })
}

/// `2025-10-09`, in UTC. Empty for a time that is no date.
fn date_of(epoch_seconds: u64) -> String {
    let moment =
        i64::try_from(epoch_seconds).ok().and_then(|seconds| chrono::DateTime::from_timestamp(seconds, 0));
    moment.map(|moment| moment.format("%Y-%m-%d").to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_utc_days() {
        assert_eq!(date_of(0), "1970-01-01");
        assert_eq!(date_of(1_760_000_000), "2025-10-09");
        assert_eq!(date_of(u64::MAX), "");
    }
}
