//! The rows and the manifest of a result folder, version 6. Plain data: no Arrow, no Parquet.

mod rows;

pub use rows::{CellRow, ComparisonRow, PromptRow, TokenRow};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Raised when the meaning or the name of a column changes.
pub const FORMAT_VERSION: u32 = 6;

/// `manifest.json`: written last; a folder without it is unfinished.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunManifest {
    pub format_version: u32,
    pub identity: Identity,
    pub versions: BTreeMap<String, String>,
    pub model: ModelCard,
    pub prompting: PromptingCard,
    pub study: StudyCard,
    /// The whole run plan as it was executed.
    pub plan: serde_json::Value,
    /// `cpu`, `cuda:0`, ...
    pub device: String,
    /// What the weights were computed in, e.g. `f32`.
    pub dtype: String,
    pub kernel: String,
    pub thread_count: usize,
    pub counts: Counts,
    pub packing: PackingCard,
    /// How concentrated responses are, and where their diversity comes from; one per temperature, ascending.
    #[serde(default)]
    pub concentration: Vec<ConcentrationCard>,
    /// Over the items of each group, persona, language and format at temperature 1: do the model's means go with people's?
    #[serde(default)]
    pub mean_agreements: Vec<MeanAgreementCard>,
    /// Each other persona less the first, at temperature 1: what sets the groups apart, by the model and by people.
    #[serde(default)]
    pub culture_contrasts: Vec<CultureContrastCard>,
    /// Is a group's own persona nearer to its people than the personas of other groups are? At temperature 1.
    #[serde(default)]
    pub persona_swaps: Vec<PersonaSwapCard>,
    /// What telling the model whom to answer for gains over the groups, at temperature 1.
    #[serde(default)]
    pub steerability: Vec<SteerabilityCard>,
    /// What a sample of cells is when it is computed again another way; null where none was asked for, or `not_certified` says why.
    #[serde(default)]
    pub certificate: Option<CertificateCard>,
    #[serde(default)]
    pub not_certified: Option<String>,
    /// What became of the study's hypotheses, in its order.
    #[serde(default)]
    pub hypotheses: Vec<HypothesisCard>,
    /// Those that the run was shared out among, in their order; none where one process computed it. Then stages are those of the merge.
    #[serde(default)]
    pub shards: Vec<ShardCard>,
    /// What memory was expected to be taken, and the most that was; null where the system does not tell.
    #[serde(default)]
    pub memory_estimate: Option<MemoryEstimate>,
    #[serde(default)]
    pub memory_peak_bytes: Option<u64>,
    /// Wall time by stage, in the order in which the stages ran.
    pub stage_wall_seconds: Vec<(String, f64)>,
    /// Name to sha256 of each Parquet file.
    #[serde(default)]
    pub tables: BTreeMap<String, String>,
    /// Seconds since the Unix epoch.
    pub finished_at: u64,
}

/// What the numbers depend on: sha256 of each input, in hex.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub weights_sha256: String,
    pub config_sha256: String,
    pub tokenizer_sha256: String,
    /// Of `tokenizer_config.json`, or of the empty string; it names the special tokens that templates write.
    #[serde(default)]
    pub tokenizer_config_sha256: String,
    /// Of the chat template's text; of the empty string for a model without one.
    pub template_sha256: String,
    pub study_sha256: String,
    /// Of the counts.
    pub human_data_sha256: Option<String>,
    /// Of the responses of people one by one, where they are known.
    #[serde(default)]
    pub human_responses_sha256: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    pub name: String,
    pub family: String,
    pub parameter_count: u64,
    pub layer_count: usize,
    pub hidden_size: usize,
    pub vocab_size: usize,
    /// dtype of the weights on disk.
    pub stored_dtype: String,
    /// True for the built-in control, whose responses are planted and say nothing about language models.
    pub is_control: bool,
}

/// How conversations became what the model read, besides what its chat template writes by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptingCard {
    /// Where the template came from: `model`, `file`, or `none` for plain text.
    pub template: String,
    /// `own_role`: the template has a place for it. `folded`: it has none, and system text stands before the first user
    /// message, a blank line between them. `joined`: there is no template.
    pub system_text: String,
    /// Variables that the template was given besides those of transformers, e.g. `enable_thinking`.
    pub switches: BTreeMap<String, bool>,
    /// What was written behind generation prompts that leave a block of thoughts open; null where they leave none.
    pub closed_thinking: Option<String>,
}

impl PromptingCard {
    /// Whether anything was done that the template does not do by itself.
    pub fn is_treated(&self) -> bool {
        self.system_text == "folded" || !self.switches.is_empty() || self.closed_thinking.is_some()
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StudyCard {
    pub id: String,
    pub title: String,
    pub citation: String,
    pub caveats: Vec<String>,
    /// Facet names in column order.
    pub facets: Vec<String>,
    /// Readable names, where the study gives any: facet → value → name. Groups are under `population_group`.
    #[serde(default)]
    pub labels: BTreeMap<String, BTreeMap<String, String>>,
    /// How each format that is asked for in ways of the study's own asks; `number`, `letter` and `label` are not among them.
    #[serde(default)]
    pub elicitation_formats: BTreeMap<String, FormatCard>,
    /// The study's own order of the ids in the columns `language`, `persona`, `item`, `elicitation_format`,
    /// `option_order` and `item_wording`. Rows stand in the order in which cells finished.
    #[serde(default)]
    pub order: BTreeMap<String, Vec<String>>,
    pub human_data: Option<HumanDataCard>,
}

/// An elicitation format, as `prompts/README.md` describes its fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormatCard {
    /// `number`, `letter`, `label` or `count`.
    pub key: String,
    pub shows_options: bool,
    pub closings: Vec<String>,
    #[serde(default)]
    pub has_premise: bool,
    /// Which items are asked in one conversation; null where each is asked by itself.
    pub battery: Option<BatteryCard>,
}

/// Conversations of a format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatteryCard {
    /// Variables in the order in which they are asked.
    pub variables: Vec<Vec<String>>,
    /// By variable the code of the response that later items go on from; null where all responses are gone through, each with its probability.
    pub fixed: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HumanDataCard {
    pub id: String,
    /// `counted`; `weighted`: counts are shares times the effective number of people; `reconstructed`: only mean and SD are known, and
    /// counts are those of the distribution of greatest entropy that has them; `assumed_n`: shares times an assumed number of people.
    #[serde(default = "counted")]
    pub kind: String,
    pub citation: String,
    pub caveats: Vec<String>,
    pub groups: Vec<HumanGroupCard>,
}

impl HumanDataCard {
    /// What whoever reads a distance to these people has to know, where they are not people counted.
    pub fn caution(&self) -> Option<&'static str> {
        match self.kind.as_str() {
            "reconstructed" => Some(
                "These people are reconstructed: only their means and SDs are known, and their responses are taken to be as \
                 spread out as these allow (maximum entropy). Of the distances only those of means are to data.",
            ),
            "assumed_n" => Some(
                "How many people these shares are of is not known: intervals, noise floors and n are those of a number that \
                 was assumed.",
            ),
            _ => None,
        }
    }
}

fn counted() -> String {
    "counted".to_owned()
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HumanGroupCard {
    pub population_group: String,
    /// People known one by one, who are drawn whole; null where counts are all that is known.
    pub participant_count: Option<u64>,
    pub items: Vec<HumanItemCard>,
}

/// The human counts the run was compared with, so that a report can be remade from the folder alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HumanItemCard {
    pub item: String,
    pub counts: Vec<f64>,
    pub missing_count: f64,
}

/// Response-level concentration of a run at one temperature. What the split is stands at `compare::Diversity`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConcentrationCard {
    pub temperature: f64,
    /// Usable cells.
    pub cell_count: u64,
    pub unusable_count: u64,
    pub item_count: u64,
    /// Share of usable cells in which one option holds over 0.95.
    pub sharp_share: f64,
    /// Means over usable cells: entropy over ln K; exp(entropy); the largest share.
    pub normalised_entropy: f64,
    pub effective_option_count: f64,
    pub modal_mass: f64,
    /// Means over items: entropy of the mixture of all usable cells, and what it is made of.
    pub mixture_entropy_nats: f64,
    pub within_nats: f64,
    pub persona_nats: f64,
    pub language_nats: f64,
    pub elicitation_format_nats: f64,
    pub item_wording_nats: f64,
    pub option_order_nats: f64,
    pub interaction_nats: f64,
    /// The same of responses averaged over option orders and wordings, which a preference for a place among the options does not sharpen.
    pub over_orders: Option<OverOrdersCard>,
}

/// Means over responses, each the mean over option orders and wordings of one persona, item, language and format.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct OverOrdersCard {
    pub response_count: u64,
    /// Share in which one option holds over 0.95.
    pub sharp_share: f64,
    pub normalised_entropy: f64,
    pub effective_option_count: f64,
    pub modal_mass: f64,
}

/// Cells of a run computed again, each alone, in f32, by candle's operations on the CPU. Drawn by the bootstrap's seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CertificateCard {
    pub seed: u64,
    pub cell_count: u64,
    pub kernel: String,
    /// Of an option's log-prob (natural, before normalising), among options that hold 1e-6 or more in one of the two; over all temperatures.
    pub log_prob_difference_nats: LargestChange,
    /// Of an option's share of the answer mass; 1 where a cell is usable in one of the two alone.
    pub probability_difference: LargestChange,
    /// Of a distance of an item in `comparisons.parquet` (but the score in points), were the cell what it is when computed again; null
    /// without people.
    pub distance_change: Option<LargestChange>,
}

/// The largest of several, and where.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LargestChange {
    pub value: f64,
    /// Empty where nothing differs at all.
    pub place: String,
}

impl LargestChange {
    pub fn raise(&mut self, value: f64, place: impl FnOnce() -> String) {
        if value > self.value {
            *self = LargestChange { value, place: place() };
        }
    }
}

/// A hypothesis and its verdict. How intervals are made stands at `compare::contrasts::contrast`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HypothesisCard {
    pub id: String,
    pub claim: String,
    /// What is averaged over cells, and its unit.
    pub quantity: String,
    /// The smallest difference that counts, in that unit.
    pub margin: f64,
    /// `supported`, `contradicted`, `undecided` or `not tested`.
    pub verdict: String,
    /// The contrast that decided, or why nothing was tested.
    pub sentence: String,
    /// One per stratum.
    pub contrasts: Vec<ContrastCard>,
}

/// See `compare::MeanAgreement`. Means are shares of each scale's range.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MeanAgreementCard {
    pub population_group: String,
    pub persona: String,
    pub language: String,
    pub elicitation_format: String,
    pub item_count: u64,
    /// Pearson's r; null for fewer than three items or where one side does not vary.
    pub correlation: Option<f64>,
    /// 95 %, for the population behind the sample.
    pub interval_low: Option<f64>,
    pub interval_high: Option<f64>,
    /// Median of r between two samples of the same people.
    pub ceiling: Option<f64>,
    /// Between halves of the participants, stepped up to all (Spearman-Brown); null where they are not known.
    pub split_half: Option<f64>,
}

/// See `compare::CultureContrast`. Means are shares of each scale's range.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CultureContrastCard {
    pub persona: String,
    /// The persona whose means are taken off.
    pub less_persona: String,
    pub language: String,
    pub elicitation_format: String,
    pub item_count: u64,
    /// Mean over items of the one group's mean less the other's.
    pub model: f64,
    pub people: f64,
    /// `model` less `people`, with its 95 % interval for the populations behind the samples.
    pub error: f64,
    pub interval_low: Option<f64>,
    pub interval_high: Option<f64>,
    /// Mean over items of the absolute error, and of what two samples of the same people show.
    pub absolute_error: f64,
    pub absolute_noise: f64,
    /// Pearson's r over items of the model's contrast with people's.
    pub correlation: Option<f64>,
}

/// See `compare::PersonaSwap`. Distances are Wasserstein-1, shares of each scale's range.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PersonaSwapCard {
    pub population_group: String,
    pub persona: String,
    pub language: String,
    pub elicitation_format: String,
    pub item_count: u64,
    /// Personas of other groups.
    pub other_count: u64,
    pub own: f64,
    /// Mean over the other personas.
    pub others: f64,
    /// `own` less `others`: below 0 the own persona is nearer. With its 95 % interval for the people behind the sample.
    pub difference: f64,
    pub interval_low: Option<f64>,
    pub interval_high: Option<f64>,
    /// 1 where no other persona is nearer.
    pub rank: u64,
}

/// See `compare::Steerability`. Alignment is 1 less Wasserstein-1 as a share of the range; means over groups.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SteerabilityCard {
    pub language: String,
    pub elicitation_format: String,
    pub group_count: u64,
    pub own: f64,
    pub others: f64,
    /// `own` less `others`, with its 95 % interval.
    pub gain: f64,
    pub interval_low: Option<f64>,
    pub interval_high: Option<f64>,
    pub nearest_count: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContrastCard {
    /// The stratum's values; empty where there is one.
    pub label: String,
    /// Null where some side has no usable cell.
    pub value: Option<f64>,
    /// 95 %.
    pub interval_low: Option<f64>,
    pub interval_high: Option<f64>,
    /// Wider, so that those of all strata hold together with 95 %: where one stratum decides for all, it decides by this.
    pub joint_interval_low: Option<f64>,
    pub joint_interval_high: Option<f64>,
    /// Mass of the joint interval.
    pub joint_level: f64,
    pub cell_count: u64,
    /// Unusable, or their counterpart on another side was.
    pub left_out_count: u64,
    /// Among the cells that were averaged.
    pub item_count: u64,
    pub variable_count: u64,
    pub situation_count: u64,
    pub prompt_count: u64,
    pub verdict: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub cell_count: u64,
    pub ok_count: u64,
    pub low_mass_count: u64,
    pub unusable_count: u64,
    pub readout_count: u64,
}

/// Main memory that a run is expected to take, in bytes of the resident set; an estimate but for what was held already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryEstimate {
    pub token_budget: u64,
    /// Held when prompts and trie were there: measured.
    pub prepared_bytes: u64,
    pub weights_bytes: u64,
    /// Keys and values, a batch's rows, logits.
    pub working_bytes: u64,
    pub results_bytes: u64,
    /// Of the f32 weights by which cells are computed again, after the run's own are gone; 0 where none are.
    pub certificate_bytes: u64,
    /// Replicates of people, while the model is held against them.
    pub compare_bytes: u64,
    /// Rows that the page is made of, at the end.
    pub page_bytes: u64,
    /// When most is held: `prefill`, `certify`, `compare` or `report`.
    pub peak_stage: String,
    pub peak_bytes: u64,
}

/// What one shard of a run cost; `shard.json` in its folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShardCard {
    /// From 1.
    pub index: usize,
    pub count: usize,
    /// Those of one run come to the same bits.
    #[serde(default)]
    pub kernel: String,
    pub readout_count: u64,
    /// Tokens of its own trie.
    pub token_count: u64,
    /// Readouts that interrupted processes had made already; what follows is about the last process.
    pub resumed_readout_count: u64,
    pub batch_count: u64,
    pub kv_row_count_max: u64,
    pub thread_count: usize,
    pub prefill_wall_seconds: f64,
    /// The most that its process held; `None` where the system does not say.
    #[serde(default)]
    pub memory_peak_bytes: Option<u64>,
    /// Seconds since the Unix epoch.
    pub finished_at: u64,
}

/// What the prefix trie saved.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PackingCard {
    /// Tokens if every cell were computed by itself: its prompt once, and what follows for multi-token options.
    pub flat_token_count: u64,
    /// Tokens after sharing prefixes.
    pub trie_token_count: u64,
    pub segment_count: u64,
    /// Stretches of prompts that were read one after the other, each in a trie of its own.
    #[serde(default)]
    pub branch_count: u64,
    pub batch_count: u64,
    pub token_budget: u64,
    /// Readouts that an earlier process of this run had made already; batches are those of the last process.
    #[serde(default)]
    pub resumed_readout_count: u64,
    /// Most key/value rows held at once.
    pub kv_row_count_max: u64,
}
