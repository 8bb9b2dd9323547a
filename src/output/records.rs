//! The rows and the manifest of a result folder, version 5. A Parquet column has the name of its field.
//! Plain data: no Arrow, no Parquet.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Raised when the meaning or the name of a column changes.
pub const FORMAT_VERSION: u32 = 5;

/// `cells.parquet`: one row per cell × temperature × option.
#[derive(Debug, Clone, PartialEq)]
pub struct CellRow {
    /// `study/persona/item/language/elicitation_format/option_order`.
    pub cell_id: String,
    pub study: String,
    pub persona: String,
    pub population_group: String,
    pub item: String,
    /// One column per facet of the study, named as the facet.
    pub facets: BTreeMap<String, String>,
    pub language: String,
    pub elicitation_format: String,
    pub option_order: String,
    pub temperature: f64,
    pub option_code: String,
    pub option_label: String,
    pub option_value: f64,
    /// Natural log of the probability of the option's event, before normalising over options. −inf is stored as null; in a
    /// verbalised distribution, where no response is an option, it is null throughout.
    pub log_prob: Option<f64>,
    /// Sum over options of the probabilities of their events, at this temperature. In 0..=1. In a verbalised distribution: the
    /// least, over the options asked about, of the probability that the response is a number from 0 to 100.
    pub answer_mass: f64,
    /// The option's share of the answer mass, or of the counts told in a verbalised distribution; null where the status is
    /// `unusable`.
    pub probability: Option<f64>,
    /// `ok`, `low_mass` or `unusable`.
    pub status: String,
    /// Natural log of the probability of the option's event behind the format's domain premise. Null where the format has none,
    /// and for −inf.
    pub premise_log_prob: Option<f64>,
    /// The option's share by domain-conditional PMI: exp(log_prob − premise_log_prob), normalised over options. Null where
    /// there is no premise or an option has no probability behind it, and where the status is `unusable`.
    pub premise_normalised_probability: Option<f64>,
    /// In a verbalised distribution: how many of 100 people are expected to choose the option, given that the response is a
    /// number. Null elsewhere.
    pub expected_count: Option<f64>,
}

/// `prompts.parquet`: one row per prompt. A cell has one, but in a verbalised distribution one for each option.
#[derive(Debug, Clone, PartialEq)]
pub struct PromptRow {
    pub cell_id: String,
    /// Code of the option that is asked about; null where the response is one of the options.
    pub asked_option: Option<String>,
    pub rendered_text: String,
    pub token_ids: Vec<u32>,
    /// Index into `token_ids` of the token behind which the response is read.
    pub readout_index: u32,
    /// Tokens at the end of the prompt alone that merge with some surface form; they are not in `token_ids`, and are read
    /// as the beginning of every form.
    pub stepped_back: u32,
    /// Shannon entropy of the next-token distribution at temperature 1, in nats.
    pub vocabulary_entropy: f64,
    pub top_ids: Vec<u32>,
    pub top_tokens: Vec<String>,
    pub top_log_probs: Vec<f64>,
}

/// `tokens.parquet`: one row per prompt × temperature: the next token, whether or not it is an option's. Natural logs.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenRow {
    pub cell_id: String,
    /// As in `prompts.parquet`.
    pub asked_option: Option<String>,
    pub elicitation_format: String,
    pub temperature: f64,
    /// Shannon entropy of the next token, in nats.
    pub vocabulary_entropy: f64,
    /// Tokens in the smallest set that holds 0.9.
    pub nucleus_size: u32,
    /// Of the tokens that begin an option the most probable one; its place among all tokens (1 is the first, the same at every
    /// temperature), and its log-prob.
    pub best_token: String,
    pub best_token_rank: u32,
    pub best_token_log_prob: f64,
    /// The surface forms as which options are read, the option that each is of, and the probability that the response is written so.
    /// Those of an option add up to the probability of its event. Empty in a verbalised distribution, whose forms are numbers.
    pub forms: Vec<String>,
    pub form_options: Vec<String>,
    pub form_probabilities: Vec<f64>,
    /// Of the most probable tokens that `prompts.parquet` lists those that begin no option as it is read, best first.
    pub off_tokens: Vec<String>,
    pub off_log_probs: Vec<f64>,
}

/// `comparisons.parquet`: one row per compared unit × predictor × metric.
#[derive(Debug, Clone, PartialEq)]
pub struct ComparisonRow {
    pub study: String,
    /// `item`: one item. `group`: the mean over the group's items.
    pub level: String,
    pub population_group: String,
    /// Null at level `group`.
    pub item: Option<String>,
    /// One column per facet of the study; empty strings (null in the file) at level `group`.
    pub facets: BTreeMap<String, String>,
    /// `model`, or one of the baselines `uniform`, `modal`, `pooled`, `other_group`.
    pub predictor: String,
    /// The four below are null for baselines, which do not depend on them.
    pub persona: Option<String>,
    pub language: Option<String>,
    pub elicitation_format: Option<String>,
    pub temperature: Option<f64>,
    /// See `compare::Metric` for names, log bases and normalisations.
    pub metric: String,
    pub value: f64,
    /// 95 % basic bootstrap interval for the population behind the human sample. Sampling error inflates a distance,
    /// so the sample's `value` may lie at its edge or beyond.
    pub interval_low: f64,
    pub interval_high: f64,
    /// 95th percentile of the metric's distance from "no difference" between two samples of size `n` from the human
    /// distribution.
    pub noise_floor: f64,
    /// People behind the human distribution; at level `group` the median over items.
    pub n: f64,
    /// What they are, see [`HumanDataCard::kind`].
    pub human_kind: String,
    /// Cells averaged into the model's distribution (option orders), 0 for baselines.
    pub cell_count: u32,
    /// Cells left out because they were unusable.
    pub unusable_count: u32,
    /// Of the model at temperature 1 and level `item`: how probable, were people drawn from the model's distribution, responses no
    /// more probable than theirs are (exact multinomial test; drawn outcomes where there are over 10,000). The same for all metrics.
    pub p_value: Option<f64>,
    /// Adjusted for all tests of the run (Benjamini & Hochberg 1995).
    pub adjusted_p_value: Option<f64>,
    /// Of the model at temperature 1 and level `group`: the share of items with `adjusted_p_value` up to 0.05.
    pub told_apart_share: Option<f64>,
}

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
    /// What a sample of cells is when it is computed again another way; null where none was asked for, or `not_certified` says why.
    #[serde(default)]
    pub certificate: Option<CertificateCard>,
    #[serde(default)]
    pub not_certified: Option<String>,
    /// What became of the study's hypotheses, in its order.
    #[serde(default)]
    pub hypotheses: Vec<HypothesisCard>,
    /// Wall time by stage, in the order in which the stages ran.
    pub stage_wall_seconds: Vec<(String, f64)>,
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
    pub human_data_sha256: Option<String>,
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
    /// The study's own order of the ids in the columns `language`, `persona`, `item`, `elicitation_format` and
    /// `option_order`. Rows stand in the order in which cells finished.
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
    pub option_order_nats: f64,
    pub interaction_nats: f64,
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

/// What the prefix trie saved.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PackingCard {
    /// Tokens if every cell were computed by itself: its prompt once, and what follows for multi-token options.
    pub flat_token_count: u64,
    /// Tokens computed.
    pub trie_token_count: u64,
    pub segment_count: u64,
    pub batch_count: u64,
    pub token_budget: u64,
    /// Most key/value rows held at once.
    pub kv_row_count_max: u64,
}
