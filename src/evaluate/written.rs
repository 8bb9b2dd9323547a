//! Finished cells to rows, as they finish, and to the units that are compared with people.

use super::RunPlan;
use super::hypotheses::{CellResponse, needs_all_temperatures};
use super::prepare::PreparedCell;
use crate::compare::ModelUnit;
use crate::engine::ReadoutLogits;
use crate::error::Result;
use crate::output::records::{CellRow, Counts, PromptRow};
use crate::output::{CellWriter, PromptWriter, ResultFolder};
use crate::scoring::{CellReading, ReadingStatus, read_cell};
use crate::survey::ResponseDistribution;
use crate::tokens::TextTokenizer;
use std::collections::BTreeMap;

/// Persona, item, language, format and temperature, as indices and in the order of the rows.
type UnitKey = (usize, usize, usize, usize, usize);

#[derive(Default)]
struct UnitSum {
    probabilities: Vec<f64>,
    cell_count: u32,
    unusable_count: u32,
}

/// What is left once all rows are written.
pub struct FinishedCells {
    pub units: Vec<ModelUnit>,
    pub responses: Vec<CellResponse>,
    pub counts: Counts,
}

/// Writes `cells.parquet` and `prompts.parquet`, and sums over option orders.
pub struct WrittenCells<'a> {
    plan: &'a RunPlan,
    tokenizer: &'a TextTokenizer,
    cells: CellWriter,
    prompts: PromptWriter,
    units: BTreeMap<UnitKey, UnitSum>,
    /// Cells that hypotheses may be about; none where the study has no hypotheses.
    responses: Vec<CellResponse>,
    pub counts: Counts,
}

impl<'a> WrittenCells<'a> {
    /// Opens both files.
    ///
    /// # Errors
    /// Kind `Output`.
    pub fn create(plan: &'a RunPlan, tokenizer: &'a TextTokenizer, folder: &ResultFolder) -> Result<Self> {
        Ok(WrittenCells {
            plan,
            tokenizer,
            cells: CellWriter::create(&folder.cells_path(), &plan.study.facets)?,
            prompts: PromptWriter::create(&folder.prompts_path(), &plan.study.facets)?,
            units: BTreeMap::new(),
            responses: Vec::new(),
            counts: Counts::default(),
        })
    }

    /// Scores one cell, writes its rows, and tells what it read.
    ///
    /// # Errors
    /// Kind `Output` when a row cannot be written.
    pub fn add(&mut self, prepared: &PreparedCell, readouts: &[ReadoutLogits]) -> Result<Vec<CellReading>> {
        let settings = &self.plan.settings;
        let readings = read_cell(&prepared.probe, readouts, &settings.temperatures, settings.thresholds)?;
        let cell_id = self.plan.cell_id(&prepared.cell);
        self.prompts.write(self.prompt_row(prepared, &cell_id, &readouts[0]))?;
        self.count(&readings[self.plan.unit_temperature_index()], readouts.len());
        for (temperature_index, reading) in readings.iter().enumerate() {
            self.sum(prepared, temperature_index, reading);
            self.keep(prepared, reading);
            self.write_reading(prepared, &cell_id, reading)?;
        }
        Ok(readings)
    }

    /// Makes both files whole.
    ///
    /// # Errors
    /// Kind `Output`.
    pub fn finish(self) -> Result<FinishedCells> {
        let units =
            self.units.iter().map(|(key, sum)| unit(self.plan, key, sum)).collect::<Result<Vec<_>>>()?;
        self.cells.finish()?;
        self.prompts.finish()?;
        Ok(FinishedCells { units, responses: self.responses, counts: self.counts })
    }

    fn keep(&mut self, prepared: &PreparedCell, reading: &CellReading) {
        let hypotheses = &self.plan.study.hypotheses;
        let at_one = reading.temperature == 1.0;
        if !hypotheses.is_empty() && (at_one || needs_all_temperatures(hypotheses)) {
            self.responses.push(CellResponse {
                cell: prepared.cell,
                temperature: reading.temperature,
                distribution: reading.distribution.as_ref().map(|found| found.probabilities().to_vec()),
            });
        }
    }

    /// The status of a cell is its status at temperature 1.
    fn count(&mut self, at_one: &CellReading, readout_count: usize) {
        self.counts.cell_count += 1;
        self.counts.readout_count += readout_count as u64;
        match at_one.status {
            ReadingStatus::Ok => self.counts.ok_count += 1,
            ReadingStatus::LowMass => self.counts.low_mass_count += 1,
            ReadingStatus::Unusable => self.counts.unusable_count += 1,
        }
    }

    fn sum(&mut self, prepared: &PreparedCell, temperature_index: usize, reading: &CellReading) {
        let cell = &prepared.cell;
        let key =
            (cell.persona_index, cell.item_index, cell.language_index, cell.format_index, temperature_index);
        let sum = self.units.entry(key).or_default();
        let Some(distribution) = &reading.distribution else {
            sum.unusable_count += 1;
            return;
        };
        sum.cell_count += 1;
        sum.probabilities.resize(distribution.probabilities().len(), 0.0);
        for (sum, probability) in sum.probabilities.iter_mut().zip(distribution.probabilities()) {
            *sum += probability;
        }
    }

    fn prompt_row(&self, prepared: &PreparedCell, cell_id: &str, readout: &ReadoutLogits) -> PromptRow {
        PromptRow {
            cell_id: cell_id.to_owned(),
            rendered_text: prepared.rendered_text.clone(),
            readout_index: prepared.ids.len() as u32 - 1,
            token_ids: prepared.ids.clone(),
            stepped_back: prepared.stepped_back as u32,
            vocabulary_entropy: readout.entropy,
            top_ids: readout.top.iter().map(|top| top.0).collect(),
            top_tokens: readout.top.iter().map(|top| self.tokenizer.token_text(top.0)).collect(),
            top_log_probs: readout.top.iter().map(|top| top.1).collect(),
        }
    }

    fn write_reading(&mut self, prepared: &PreparedCell, cell_id: &str, reading: &CellReading) -> Result<()> {
        let (study, cell) = (&self.plan.study, &prepared.cell);
        let (persona, item) = (&study.personas[cell.persona_index], &study.items[cell.item_index]);
        for (index, option) in study.scales[item.scale_index].options.iter().enumerate() {
            let log_prob = reading.log_probs[index];
            self.cells.write(CellRow {
                cell_id: cell_id.to_owned(),
                study: study.id.clone(),
                persona: persona.id.clone(),
                population_group: persona.population_group.clone(),
                item: item.id.clone(),
                facets: item.facets.clone(),
                language: study.languages[cell.language_index].0.clone(),
                elicitation_format: study.formats[cell.format_index].id.clone(),
                option_order: cell.order.to_string(),
                temperature: reading.temperature,
                option_code: option.code.clone(),
                option_label: prepared.labels[index].clone(),
                option_value: option.value,
                log_prob: log_prob.is_finite().then_some(log_prob),
                answer_mass: reading.answer_mass,
                probability: reading.distribution.as_ref().map(|known| known.probabilities()[index]),
                status: reading.status.to_string(),
            })?;
        }
        Ok(())
    }
}

fn unit(plan: &RunPlan, key: &UnitKey, sum: &UnitSum) -> Result<ModelUnit> {
    let &(persona, item, language, format, temperature) = key;
    let persona = &plan.study.personas[persona];
    let distribution = match sum.cell_count {
        0 => None,
        _ => Some(ResponseDistribution::from_weights(&sum.probabilities)?),
    };
    Ok(ModelUnit {
        population_group: persona.population_group.clone(),
        persona: persona.id.clone(),
        item: plan.study.items[item].id.clone(),
        language: plan.study.languages[language].0.clone(),
        elicitation_format: plan.study.formats[format].id.clone(),
        temperature: plan.settings.temperatures[temperature],
        distribution,
        cell_count: sum.cell_count,
        unusable_count: sum.unusable_count,
    })
}
