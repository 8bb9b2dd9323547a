//! What is to be run, decided before any weight is loaded: settings as they are recorded, and the cells they mean.

use crate::compare::ComparisonPlan;
use crate::engine::check_temperatures;
use crate::error::{Error, Result};
use crate::human_data::{HumanData, find_human_data};
use crate::prompts::{Cell, OptionOrder, PromptSettings, Study, find_study};
use crate::scoring::MassThresholds;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Prompts of a run are held at once while they are prepared.
const PROMPT_COUNT_MAX: usize = 2_000_000;

/// Everything that decides the numbers besides the inputs' own bytes. Written whole into the manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSettings {
    /// Id of a built-in study, or a folder.
    pub study: String,
    pub selection: Selection,
    /// Ascending; 1 is always among them.
    pub temperatures: Vec<f64>,
    pub thresholds: MassThresholds,
    /// Most tokens in a batch.
    pub token_budget: usize,
    /// Most probable next tokens to note per prompt.
    pub top_count: usize,
    #[serde(flatten)]
    pub prompting: PromptSettings,
    /// Cells that are computed again for the certificate; usually 1 % of them, at least 20.
    pub certified_cell_count: Option<usize>,
    pub bootstrap_seed: u64,
    pub bootstrap_replicate_count: usize,
}

/// Which part of a study is run. An empty list means the study's default subset, or all of it with `full`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Selection {
    pub full: bool,
    pub personas: Vec<String>,
    pub languages: Vec<String>,
    pub formats: Vec<String>,
    pub option_orders: Vec<OptionOrder>,
    #[serde(default)]
    pub item_wordings: Vec<String>,
}

/// A study with its people, its cells, and how to run them.
#[derive(Debug, Clone)]
pub struct RunPlan {
    pub settings: RunSettings,
    pub study: Study,
    pub human_data: Option<HumanData>,
    pub cells: Vec<Cell>,
}

impl RunSettings {
    /// How uncertainty is worked out.
    pub fn comparison(&self) -> ComparisonPlan {
        ComparisonPlan {
            replicate_count: self.bootstrap_replicate_count,
            seed: self.bootstrap_seed,
            tests_fit: true,
        }
    }

    fn check(&mut self) -> Result<()> {
        check_temperatures(&self.temperatures)?;
        self.prompting.check()?;
        self.temperatures.push(1.0);
        self.temperatures.sort_by(f64::total_cmp);
        self.temperatures.dedup();
        let MassThresholds { low, unusable } = self.thresholds;
        if !((0.0..=1.0).contains(&low) && (0.0..=1.0).contains(&unusable) && unusable <= low) {
            return Err(Error::usage(format!(
                "answer-mass thresholds must satisfy 0 <= unusable ({unusable}) <= low ({low}) <= 1"
            )));
        }
        if self.token_budget == 0 {
            return Err(Error::usage("the token budget is 0").hint("2048 is usual"));
        }
        self.comparison().check()
    }
}

impl RunPlan {
    /// Finds the study and its human data, checks one against the other, and lists the cells. A run without any
    /// temperatures takes the study's.
    ///
    /// # Errors
    /// Kinds `Study`, `HumanData`, and `Usage` for settings that cannot be met.
    pub fn new(mut settings: RunSettings) -> Result<Self> {
        let study = find_study(&settings.study)?;
        if settings.temperatures.is_empty() {
            settings.temperatures = study.temperatures.clone();
        }
        settings.check()?;
        let human_data = study.human_data.as_deref().map(find_human_data).transpose()?;
        if let Some(data) = &human_data {
            data.check_against(&study.personas, &study.items, &study.scales)?;
        }
        let cells = cells(&study, &settings.selection)?;
        Ok(RunPlan { settings, study, human_data, cells })
    }

    /// Position of temperature 1, at which distributions are compared first.
    pub fn unit_temperature_index(&self) -> usize {
        self.settings
            .temperatures
            .iter()
            .position(|&t| t == 1.0)
            .expect("checked settings hold temperature 1")
    }

    /// The study's own order of the ids in each column that cells are made of.
    pub fn order(&self) -> BTreeMap<String, Vec<String>> {
        let study = &self.study;
        let columns: [(&str, Vec<String>); 6] = [
            ("language", study.languages.iter().map(ToString::to_string).collect()),
            ("persona", study.personas.iter().map(|persona| persona.id.clone()).collect()),
            ("item", study.items.iter().map(|item| item.id.clone()).collect()),
            ("elicitation_format", study.formats.iter().map(ToString::to_string).collect()),
            ("option_order", study.option_orders.iter().map(ToString::to_string).collect()),
            ("item_wording", study.item_wordings.clone()),
        ];
        columns.into_iter().map(|(column, ids)| (column.to_owned(), ids)).collect()
    }

    /// `study/persona/item/language/elicitation_format/option_order`, and the item's wording where the study has several.
    pub fn cell_id(&self, cell: &Cell) -> String {
        let study = &self.study;
        let wording = match &study.item_wordings[..] {
            [_] => String::new(),
            wordings => format!("/{}", wordings[cell.wording_index]),
        };
        format!(
            "{}/{}/{}/{}/{}/{}{wording}",
            study.id,
            study.personas[cell.persona_index].id,
            study.items[cell.item_index].id,
            study.languages[cell.language_index],
            study.formats[cell.format_index],
            cell.order
        )
    }
}

/// The cells of a study that a selection is about.
///
/// # Errors
/// Kind `Usage` for what the study does not have, or for more prompts than a run takes.
pub(super) fn cells(study: &Study, selection: &Selection) -> Result<Vec<Cell>> {
    let persona_ids: Vec<&str> = study.personas.iter().map(|persona| persona.id.as_str()).collect();
    let language_ids: Vec<&str> = study.languages.iter().map(|language| language.0.as_str()).collect();
    let subset = &study.default_subset;
    let full = selection.full;
    let personas = chosen("persona", &persona_ids, &selection.personas, full, &subset.persona_indices)?;
    let languages = chosen("language", &language_ids, &selection.languages, full, &subset.language_indices)?;
    let format_ids: Vec<&str> = study.formats.iter().map(|format| format.id.as_str()).collect();
    let formats =
        chosen("elicitation format", &format_ids, &selection.formats, full, &subset.format_indices)?;
    let orders = offered("option order", &study.option_orders, &selection.option_orders)?;
    let wordings: Vec<usize> = (0..study.item_wordings.len()).collect();
    let wording_ids: Vec<&str> = study.item_wordings.iter().map(String::as_str).collect();
    let wordings = chosen("item wording", &wording_ids, &selection.item_wordings, full, &wordings)?;
    let per_item = |item| formats.iter().map(move |format| study.prompt_count(&study.formats[*format], item));
    let of_all_items = (0..study.items.len()).flat_map(per_item).fold(0, usize::saturating_add);
    let times = [personas.len(), languages.len(), orders.len(), wordings.len()];
    let prompts = times.into_iter().fold(of_all_items, usize::saturating_mul);
    if prompts > PROMPT_COUNT_MAX {
        return Err(Error::usage(format!("the run has {prompts} prompts, more than {PROMPT_COUNT_MAX}"))
            .hint("choose fewer --personas, --languages, --formats, --item-wordings or --option-orders"));
    }
    let mut cells = Vec::new();
    for &language_index in &languages {
        for &persona_index in &personas {
            for item_index in 0..study.items.len() {
                for &format_index in &formats {
                    for &wording_index in &wordings {
                        for &order in &orders {
                            cells.push(Cell {
                                persona_index,
                                item_index,
                                language_index,
                                format_index,
                                order,
                                wording_index,
                            });
                        }
                    }
                }
            }
        }
    }
    Ok(cells)
}

/// Indices of the ids asked for; of the default ones, or all, when none was.
fn chosen(what: &str, ids: &[&str], asked: &[String], full: bool, default: &[usize]) -> Result<Vec<usize>> {
    if asked.is_empty() {
        return Ok(if full { (0..ids.len()).collect() } else { default.to_vec() });
    }
    let find = |id: &String| {
        ids.iter().position(|known| known == id).ok_or_else(|| {
            Error::usage(format!("the study has no {what} `{id}`")).hint(format!("it has {}", ids.join(", ")))
        })
    };
    let mut indices = asked.iter().map(find).collect::<Result<Vec<_>>>()?;
    indices.sort_unstable();
    indices.dedup();
    Ok(indices)
}

/// What was asked for, in the study's order; all of it when nothing was.
fn offered<T: Copy + PartialEq + ToString>(what: &str, known: &[T], asked: &[T]) -> Result<Vec<T>> {
    if let Some(missing) = asked.iter().find(|value| !known.contains(value)) {
        return Err(Error::usage(format!("the study does not use the {what} `{}`", missing.to_string())));
    }
    Ok(known.iter().copied().filter(|value| asked.is_empty() || asked.contains(value)).collect())
}
