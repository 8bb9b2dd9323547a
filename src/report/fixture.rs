//! A synthetic result folder for tests, shaped like a run of isear: every row follows from the indices of its cell.

use crate::output::records::*;
use crate::output::{
    CellWriter, ComparisonWriter, PromptWriter, ResultFolder, TokenWriter, fixtures, write_manifest,
};
use std::collections::BTreeMap;
use std::path::Path;

pub const GROUPS: [(&str, f64); 3] = [("USA", 61.0), ("BRA", 58.0), ("HND", 54.0)];
const EMOTIONS: [(&str, &str); 7] = [
    ("joy", "none"),
    ("fear", "none"),
    ("anger", "disengaging"),
    ("sadness", "none"),
    ("disgust", "none"),
    ("shame", "engaging"),
    ("guilt", "engaging"),
];
const VARIABLES: [(&str, &[&str]); 5] = [
    ("INTS", &["not very intense", "moderately intense", "intense", "very intense"]),
    ("LONG", &["minutes", "an hour", "several hours", "a day or longer"]),
    ("CON", &["not at all", "a little", "very much"]),
    ("RELA", &["negative effect", "no effect", "positive effect"]),
    ("SELF", &["negative effect", "no effect", "positive effect"]),
];
const LANGUAGES: [&str; 3] = ["en", "es", "pt"];
const FORMATS: [&str; 3] = ["number", "letter", "label"];
const ORDERS: [&str; 2] = ["forward", "reversed"];
const TEMPERATURES: [f64; 7] = [0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0];

/// What a test changes about the folder.
#[derive(Debug, Clone)]
pub struct Shape {
    pub has_people: bool,
    pub has_facets: bool,
    /// Put where a study's or a model's own text goes.
    pub text: &'static str,
    pub unusable: Unusable,
}

/// Which cells have next to no answer mass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unusable {
    Nothing,
    /// The first item of every group in one language and format.
    OneItem,
    /// All of the first group's in one language and format.
    OneCondition,
    Everything,
}

impl Unusable {
    fn has(self, group: usize, item: Item, language: usize, format: usize) -> bool {
        match self {
            Unusable::Nothing => false,
            Unusable::OneItem => (item.0, item.1, language, format) == (0, 0, 1, 2),
            Unusable::OneCondition => (group, language, format) == (0, 1, 2),
            Unusable::Everything => true,
        }
    }
}

impl Default for Shape {
    fn default() -> Self {
        Shape { has_people: true, has_facets: true, text: "Recall one occasion", unusable: Unusable::Nothing }
    }
}

/// Indices of one item's emotion and variable.
#[derive(Clone, Copy)]
struct Item(usize, usize);

fn items() -> impl Iterator<Item = Item> {
    (0..VARIABLES.len()).flat_map(|variable| (0..EMOTIONS.len()).map(move |emotion| Item(emotion, variable)))
}

impl Item {
    fn id(self) -> String {
        format!("{}.{}", VARIABLES[self.1].0, EMOTIONS[self.0].0)
    }

    fn facets(self, shape: &Shape) -> BTreeMap<String, String> {
        let pairs = [
            ("emotion", EMOTIONS[self.0].0),
            ("orientation", EMOTIONS[self.0].1),
            ("variable", VARIABLES[self.1].0),
        ];
        let pairs = pairs.into_iter().filter(|_| shape.has_facets);
        pairs.map(|(facet, value)| (facet.to_owned(), value.to_owned())).collect()
    }

    fn labels(self) -> &'static [&'static str] {
        VARIABLES[self.1].1
    }
}

/// Anything in 0..1 that looks arbitrary and never changes.
fn dither(seed: usize) -> f64 {
    let mixed = (seed as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40) as f64 / (1u64 << 24) as f64
}

/// A bump over `count` options, at `centre` in 0..=1, of some width.
fn bump(count: usize, centre: f64, width: f64) -> Vec<f64> {
    let weight = |index: usize| {
        let place = index as f64 / (count - 1) as f64;
        (-(place - centre).powi(2) / (2.0 * width * width)).exp() + 0.01
    };
    let weights: Vec<f64> = (0..count).map(weight).collect();
    let total: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / total).collect()
}

fn centre(item: Item) -> f64 {
    let engaging = if EMOTIONS[item.0].1 == "engaging" { 0.12 } else { 0.0 };
    0.2 + 0.5 * dither(item.0 * 31 + item.1 * 7) + engaging
}

fn people(group: usize, item: Item) -> Vec<f64> {
    let shift = 0.12 * (dither(group * 101 + item.0 * 5 + item.1) - 0.5);
    let shares = bump(item.labels().len(), centre(item) + shift, 0.34);
    shares.iter().map(|share| (share * GROUPS[group].1).round()).collect()
}

fn model(
    group: usize,
    item: Item,
    language: usize,
    format: usize,
    order: usize,
    temperature: f64,
) -> Vec<f64> {
    let moved = 0.05 * language as f64 - 0.04 * format as f64 + 0.06 * order as f64 + 0.03 * group as f64;
    bump(item.labels().len(), centre(item) + moved, 0.2 * temperature.sqrt() + 0.02 * format as f64)
}

fn answer_mass(shape: &Shape, group: usize, item: Item, language: usize, format: usize) -> f64 {
    let missing = 0.04 * format as f64 + 0.02 * language as f64 + 0.3 * dither(item.0 + 13 * item.1).powi(6);
    if shape.unusable.has(group, item, language, format) { 0.02 } else { 1.0 - missing }
}

fn status(answer_mass: f64) -> &'static str {
    if answer_mass < 0.1 {
        "unusable"
    } else if answer_mass < 0.8 {
        "low_mass"
    } else {
        "ok"
    }
}

/// Writes a whole finished folder.
pub fn write_folder(parent: &Path, shape: &Shape) -> ResultFolder {
    let folder = ResultFolder::claim(&parent.join("run")).unwrap();
    let mut manifest = manifest(shape);
    write_cells(&folder, shape, &manifest.study.facets);
    manifest.counts.readout_count = write_prompts(&folder, shape);
    write_tokens(&folder, shape);
    if shape.has_people {
        write_comparisons(&folder, shape, &manifest.study.facets);
    }
    write_manifest(&folder, &manifest).unwrap();
    folder
}

fn manifest(shape: &Shape) -> RunManifest {
    let mut manifest = fixtures::manifest();
    let facets = ["emotion", "orientation", "variable"].iter().filter(|_| shape.has_facets);
    manifest.study.facets = facets.map(|facet| (*facet).to_owned()).collect();
    manifest.study.title = format!("Recalled emotions: {}", shape.text);
    manifest.model.name = format!("control {}", shape.text);
    manifest.study.caveats.push(shape.text.to_owned());
    let item = |group, item: Item| HumanItemCard {
        item: item.id(),
        counts: people(group, item),
        missing_count: 1.0,
    };
    let groups = GROUPS.iter().enumerate().map(|(index, (name, _))| HumanGroupCard {
        population_group: (*name).to_owned(),
        participant_count: None,
        items: items().map(|of| item(index, of)).collect(),
    });
    if let Some(data) = &mut manifest.study.human_data {
        data.groups = groups.collect();
    }
    if !shape.has_people {
        manifest.study.human_data = None;
    }
    manifest
}

/// Calls `visit` with the indices of every cell: group, item, language, format, order.
fn each_cell(mut visit: impl FnMut(usize, Item, usize, usize, usize)) {
    for group in 0..GROUPS.len() {
        for item in items() {
            for (language, format) in
                (0..LANGUAGES.len()).flat_map(|l| (0..FORMATS.len()).map(move |f| (l, f)))
            {
                (0..ORDERS.len()).for_each(|order| visit(group, item, language, format, order));
            }
        }
    }
}

fn cell_id(group: usize, item: Item, language: usize, format: usize, order: usize) -> String {
    let parts = ["isear", GROUPS[group].0, &item.id(), LANGUAGES[language], FORMATS[format], ORDERS[order]];
    parts.join("/")
}

fn write_cells(folder: &ResultFolder, shape: &Shape, facets: &[String]) {
    let mut writer = CellWriter::create(&folder.cells_path(), facets).unwrap();
    each_cell(|group, item, language, format, order| {
        let mass = answer_mass(shape, group, item, language, format);
        for temperature in TEMPERATURES {
            let probabilities = model(group, item, language, format, order, temperature);
            for (index, probability) in probabilities.iter().enumerate() {
                writer
                    .write(CellRow {
                        cell_id: cell_id(group, item, language, format, order),
                        study: "isear".to_owned(),
                        persona: GROUPS[group].0.to_owned(),
                        population_group: GROUPS[group].0.to_owned(),
                        item: item.id(),
                        facets: item.facets(shape),
                        language: LANGUAGES[language].to_owned(),
                        elicitation_format: FORMATS[format].to_owned(),
                        option_order: ORDERS[order].to_owned(),
                        item_wording: "base".to_owned(),
                        temperature,
                        option_code: (index + 1).to_string(),
                        option_label: item.labels()[index].to_owned(),
                        option_value: (index + 1) as f64,
                        log_prob: Some((probability * mass).ln()),
                        answer_mass: mass,
                        probability: (status(mass) != "unusable").then_some(*probability),
                        status: status(mass).to_owned(),
                        premise_log_prob: None,
                        premise_normalised_probability: None,
                        expected_count: None,
                    })
                    .unwrap();
            }
        }
    });
    writer.finish().unwrap();
}

fn write_prompts(folder: &ResultFolder, shape: &Shape) -> u64 {
    let mut writer = PromptWriter::create(&folder.prompts_path(), &[]).unwrap();
    each_cell(|group, item, language, format, order| {
        let row = PromptRow {
            cell_id: cell_id(group, item, language, format, order),
            asked_option: None,
            earlier_responses: None,
            rendered_text: format!(
                "<|user|>\nReply as a student born in {}.\n\n{} when you felt {}.\n\n1. {}\n\n<|assistant|>\nAnswer:",
                GROUPS[group].0,
                shape.text,
                EMOTIONS[item.0].0,
                item.labels().join("\n2. ")
            ),
            token_ids: (0..120).collect(),
            stepped_back: 0,
            readout_index: 119,
            vocabulary_entropy: 1.5,
            top_ids: vec![5, 6, 7],
            top_tokens: vec![" 1".to_owned(), "\n".to_owned(), shape.text.to_owned()],
            top_log_probs: vec![-0.4, -2.0, -3.5],
        };
        writer.write(row).unwrap();
    });
    let count = writer.row_count();
    writer.finish().unwrap();
    count
}

fn write_tokens(folder: &ResultFolder, shape: &Shape) {
    let mut writer = TokenWriter::create(&folder.tokens_path(), &[]).unwrap();
    each_cell(|group, item, language, format, order| {
        let mass = answer_mass(shape, group, item, language, format);
        for temperature in TEMPERATURES {
            let first = 0.6 * mass.powf(1.0 / temperature);
            let row = TokenRow {
                cell_id: cell_id(group, item, language, format, order),
                asked_option: None,
                earlier_responses: None,
                elicitation_format: FORMATS[format].to_owned(),
                temperature,
                vocabulary_entropy: 1.5 * temperature,
                nucleus_size: 2 + (10.0 * temperature) as u32,
                best_token: " 1".to_owned(),
                best_token_rank: 1 + format as u32,
                best_token_log_prob: first.ln(),
                forms: vec!["1".to_owned(), " 1".to_owned()],
                form_options: vec!["1".to_owned(), "1".to_owned()],
                form_probabilities: vec![0.1 * mass, first],
                off_tokens: vec!["\n".to_owned(), shape.text.to_owned()],
                off_log_probs: vec![-2.0 / temperature, -3.5 / temperature],
            };
            writer.write(row).unwrap();
        }
    });
    writer.finish().unwrap();
}

/// From an item and its people to a predicted distribution.
type Predict<'a> = &'a dyn Fn(Item, &[f64]) -> Vec<f64>;

/// Wasserstein-1, total variation, a stand-in for Jensen-Shannon, mean difference and entropy ratio.
fn metrics(one: &[f64], other: &[f64]) -> [(&'static str, f64); 5] {
    let range = (one.len() - 1) as f64;
    let mean = |shares: &[f64]| shares.iter().enumerate().map(|(index, p)| index as f64 * p).sum::<f64>();
    let (mut gap, mut moved) = (0.0, 0.0);
    for (a, b) in one.iter().zip(other) {
        gap += a - b;
        moved += f64::abs(gap);
    }
    let tv = super::arithmetic::total_variation(one, other);
    let entropy = super::arithmetic::entropy_bits;
    [
        ("wasserstein_1", moved / range),
        ("total_variation", tv),
        ("jensen_shannon", tv * tv),
        ("mean_difference", (mean(one) - mean(other)) / range),
        ("entropy_ratio", entropy(one) / entropy(other)),
    ]
}

/// A row at level `group` of one group; everything else is filled in by the caller.
fn group_row(group: usize, predictor: &str, metric: &str, value: f64) -> ComparisonRow {
    let half = 0.018 + 0.012 * dither(group * 17 + (value * 1e6) as usize);
    let wide = if metric == "entropy_ratio" { 2.0 } else { 1.0 };
    ComparisonRow {
        study: "isear".to_owned(),
        level: "group".to_owned(),
        population_group: GROUPS[group].0.to_owned(),
        item: None,
        facets: BTreeMap::new(),
        predictor: predictor.to_owned(),
        persona: None,
        language: None,
        elicitation_format: None,
        temperature: None,
        metric: metric.to_owned(),
        value,
        interval_low: value - half * wide,
        interval_high: value + half * wide,
        noise_floor: if metric == "mean_difference" { 0.022 } else { 0.058 },
        split_half: None,
        n: GROUPS[group].1,
        human_kind: "counted".to_owned(),
        cell_count: 0,
        unusable_count: 0,
        p_value: None,
        adjusted_p_value: None,
        told_apart_share: None,
    }
}

/// A predictor's rows of one group, but for what names its condition: of each item that has something to compare, then
/// of the group. Every group value is the plain mean over the items.
fn rows_of(
    shape: &Shape,
    (group, predictor): (usize, &str),
    is_usable: impl Fn(Item) -> bool,
    predicted: Predict,
) -> Vec<ComparisonRow> {
    let mut rows = Vec::new();
    let mut sums: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for item in items().filter(|item| is_usable(*item)) {
        let shares = super::arithmetic::shares(&people(group, item)).unwrap();
        for (metric, value) in metrics(&predicted(item, &shares), &shares) {
            let (sum, count) = sums.entry(metric).or_default();
            (*sum, *count) = (*sum + value, *count + 1.0);
            rows.push(ComparisonRow {
                level: "item".to_owned(),
                item: Some(item.id()),
                facets: item.facets(shape),
                ..group_row(group, predictor, metric, value)
            });
        }
    }
    let of_group =
        |(metric, (sum, count)): (&str, (f64, f64))| group_row(group, predictor, metric, sum / count);
    rows.extend(sums.into_iter().map(of_group));
    rows
}

fn write_comparisons(folder: &ResultFolder, shape: &Shape, facets: &[String]) {
    let mut writer = ComparisonWriter::create(&folder.comparisons_path(), facets).unwrap();
    for (group, (name, _)) in GROUPS.iter().enumerate() {
        // by name, as `compare` writes them: not the study's order
        for (language, format) in (0..LANGUAGES.len()).flat_map(|l| [2, 1, 0].map(|f| (l, f))) {
            let is_usable = |item| !shape.unusable.has(group, item, language, format);
            for temperature in TEMPERATURES {
                let predicted = |item: Item, _: &[f64]| model(group, item, language, format, 0, temperature);
                for row in rows_of(shape, (group, "model"), is_usable, &predicted) {
                    let row = ComparisonRow {
                        persona: Some((*name).to_owned()),
                        language: Some(LANGUAGES[language].to_owned()),
                        elicitation_format: Some(FORMATS[format].to_owned()),
                        temperature: Some(temperature),
                        cell_count: 70,
                        ..row
                    };
                    writer.write(row).unwrap();
                }
            }
        }
        let modal = |_: Item, shares: &[f64]| {
            let most = super::arithmetic::modal_mass(shares);
            shares.iter().map(|share| if *share == most { 1.0 } else { 0.0 }).collect()
        };
        let uniform = |_: Item, shares: &[f64]| vec![1.0 / shares.len() as f64; shares.len()];
        let other =
            |item: Item, _: &[f64]| super::arithmetic::shares(&people((group + 1) % 3, item)).unwrap();
        let baselines: [(&str, Predict); 4] =
            [("uniform", &uniform), ("modal", &modal), ("pooled", &other), ("other_group", &other)];
        for (predictor, predicted) in baselines {
            for row in rows_of(shape, (group, predictor), |_| true, predicted) {
                writer.write(row).unwrap();
            }
        }
    }
    writer.finish().unwrap();
}
