//! What is to be run, decided before any weight is loaded: settings as they are recorded, and the cells they mean.

use super::cells::Cells;
use crate::compare::ComparisonPlan;
use crate::engine::check_temperatures;
use crate::error::{Error, Result};
use crate::human_data::{HumanData, find_human_data};
use crate::prompts::{Cell, OptionOrder, PromptSettings, Study, find_study};
use crate::scoring::MassThresholds;
use crate::survey::Item;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Range;

/// Prompts that are prepared and read together, unless something else is asked for: some 60 MB of them.
pub const BRANCH_PROMPT_COUNT: usize = 16_384;

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
    /// Most prompts that are prepared and read together; rows stand in the order of these branches. Once there was one alone.
    #[serde(default = "one_branch")]
    pub branch_prompt_count: usize,
    /// Most probable next tokens to note per prompt.
    pub top_count: usize,
    #[serde(flatten)]
    pub prompting: PromptSettings,
    /// Cells that are computed again for the certificate; usually 1 % of them, at least 20 and at most 1,000.
    pub certified_cell_count: Option<usize>,
    pub bootstrap_seed: u64,
    pub bootstrap_replicate_count: usize,
}

fn one_branch() -> usize {
    usize::MAX
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
    pub cells: Cells,
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
        if self.branch_prompt_count == 0 {
            return Err(
                Error::usage("a branch has 0 prompts").hint(format!("{BRANCH_PROMPT_COUNT} is usual"))
            );
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
        let cells = Cells::new(&study, &settings.selection)?;
        Ok(RunPlan { settings, study, human_data, cells })
    }

    /// Stretches of cells that are prepared and read one after the other.
    pub fn branches(&self) -> Vec<Range<usize>> {
        self.cells.branches(self.settings.branch_prompt_count)
    }

    /// Options of all cells.
    pub fn option_count(&self) -> u64 {
        let options_of = |item: &Item| self.study.scales[item.scale_index].options.len();
        let options: usize = self.study.items.iter().map(options_of).sum();
        (options * self.cells.count_of_item()) as u64
    }

    /// Whether responses averaged over option orders are kept until all are there: they are what is held against people.
    pub fn keeps_units(&self) -> bool {
        self.human_data.is_some()
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
