//! The rows of the Parquet files. A column has the name of its field. Plain data: no Arrow, no Parquet.

use std::collections::BTreeMap;

/// `cells.parquet`: one row per cell × temperature × option.
#[derive(Debug, Clone, PartialEq)]
pub struct CellRow {
    /// `study/persona/item/language/elicitation_format/option_order`, and the item's wording where the study has several.
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
    /// Which of the study's ways to word the item; `base` where it has one.
    pub item_wording: String,
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
    /// Codes of the responses to the items before it in the conversation, in their order, between spaces; null where there are none.
    pub earlier_responses: Option<String>,
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
    pub earlier_responses: Option<String>,
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
    /// With `:pmi` behind it where distributions are those normalised by the format's domain premise.
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
    /// Mean of that distance between one half of the people and the other, over random splits; null where participants are not known.
    pub split_half: Option<f64>,
    /// People behind the human distribution; at level `group` the median over items.
    pub n: f64,
    /// What they are, see [`HumanDataCard::kind`](super::HumanDataCard::kind).
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
