//! Finished cells to rows, as they finish, and to the units that are compared with people.

use super::RunPlan;
use super::cell_read::CellRead;
use super::cell_rows::{CellRows, RowMaker};
use super::gathered::GatheredCell;
use super::hypotheses::{CellResponse, needs_all_temperatures};
use super::over_orders::OverOrdersTally;
use super::prepare::Prepared;
use crate::compare::{Diversity, DiversityTally, ModelUnit};
use crate::engine::ReadoutLogits;
use crate::error::Result;
use crate::output::records::{ConcentrationCard, Counts};
use crate::output::{CellWriter, PromptWriter, ResultFolder, TokenWriter};
use crate::prompts::Cell;
use crate::scoring::{CellReading, ReadingStatus};
use crate::survey::ResponseDistribution;
use crate::tokens::TextTokenizer;
use std::collections::BTreeMap;

/// Persona, item, language, format and temperature, as indices and in the order of the rows.
type UnitKey = (usize, usize, usize, usize, usize);

/// Place of the persona among the factors of a response's diversity.
const PERSONA_FACTOR: usize = 0;

#[derive(Default)]
struct UnitSum {
    probabilities: Vec<f64>,
    cell_count: u32,
    unusable_count: u32,
}

impl UnitSum {
    /// One more cell; `None`: it was unusable.
    fn add(&mut self, distribution: Option<&ResponseDistribution>) {
        let Some(distribution) = distribution else {
            self.unusable_count += 1;
            return;
        };
        self.cell_count += 1;
        self.probabilities.resize(distribution.probabilities().len(), 0.0);
        for (sum, probability) in self.probabilities.iter_mut().zip(distribution.probabilities()) {
            *sum += probability;
        }
    }
}

/// What stands behind a format's id where its distributions are normalised by the domain premise. No id has a colon.
const NORMALISED: &str = ":pmi";

/// What is left once all rows are written.
pub struct FinishedCells {
    pub units: Vec<ModelUnit>,
    pub responses: Vec<CellResponse>,
    pub concentration: Vec<ConcentrationCard>,
    pub counts: Counts,
}

/// Writes `cells.parquet`, `prompts.parquet` and `tokens.parquet`, and sums over option orders and wordings.
pub struct WrittenCells<'a> {
    plan: &'a RunPlan,
    maker: RowMaker<'a>,
    cells: CellWriter,
    prompts: PromptWriter,
    tokens: TokenWriter,
    units: BTreeMap<UnitKey, UnitSum>,
    /// The same of distributions normalised by what stands behind a domain premise, where a format has one.
    normalised_units: BTreeMap<UnitKey, UnitSum>,
    /// What is kept of the branches before, by what it is held against people: the two maps above are of the branch under way.
    kept: BTreeMap<UnitKey, UnitSum>,
    kept_normalised: BTreeMap<UnitKey, UnitSum>,
    /// By temperature.
    over_orders: Vec<OverOrdersTally>,
    /// Cells that hypotheses may be about; none where the study has no hypotheses.
    responses: Vec<CellResponse>,
    /// By temperature.
    diversity: Vec<DiversityTally>,
    pub counts: Counts,
}

impl<'a> WrittenCells<'a> {
    /// Opens the files.
    ///
    /// # Errors
    /// Kind `Output`.
    pub fn create(plan: &'a RunPlan, tokenizer: &'a TextTokenizer, folder: &ResultFolder) -> Result<Self> {
        Ok(WrittenCells {
            plan,
            maker: RowMaker { plan, tokenizer },
            cells: CellWriter::create(&folder.cells_path(), &plan.study.facets)?,
            prompts: PromptWriter::create(&folder.prompts_path(), &plan.study.facets)?,
            tokens: TokenWriter::create(&folder.tokens_path(), &plan.study.facets)?,
            units: BTreeMap::new(),
            normalised_units: BTreeMap::new(),
            kept: BTreeMap::new(),
            kept_normalised: BTreeMap::new(),
            over_orders: vec![OverOrdersTally::default(); plan.settings.temperatures.len()],
            responses: Vec::new(),
            diversity: vec![DiversityTally::default(); plan.settings.temperatures.len()],
            counts: Counts::default(),
        })
    }

    /// Scores one cell, writes its rows, and tells what it read at each temperature. `premise` was read behind the cell's premise, where it has one.
    ///
    /// # Errors
    /// Kind `Output` when a row cannot be written.
    pub fn add(
        &mut self,
        prepared: &Prepared,
        gathered: &GatheredCell,
        premise: Option<&[ReadoutLogits]>,
    ) -> Result<Vec<CellReading>> {
        let CellRows { readings, cells, prompts, tokens } = self.maker.rows(prepared, gathered, premise)?;
        self.prompts.write_all(prompts)?;
        self.tokens.write_all(tokens)?;
        self.cells.write_all(cells)?;
        let readout_count = gathered.readouts.iter().map(Vec::len).sum();
        self.count(&readings[self.plan.unit_temperature_index()].reading, readout_count);
        let cell = &prepared.cells()[gathered.cell_index];
        for (temperature_index, read) in readings.iter().enumerate() {
            self.sum(cell, temperature_index, read);
            self.keep(cell, &read.reading);
        }
        Ok(readings.into_iter().map(|read| read.reading).collect())
    }

    /// Makes the files whole.
    ///
    /// # Errors
    /// Kind `Output`.
    pub fn finish(self) -> Result<FinishedCells> {
        let unit = |(key, sum): (&UnitKey, &UnitSum)| unit(self.plan, key, sum);
        let mut units = self.kept.iter().map(unit).collect::<Result<Vec<_>>>()?;
        self.cells.finish()?;
        self.prompts.finish()?;
        self.tokens.finish()?;
        let temperatures = &self.plan.settings.temperatures;
        let found = temperatures.iter().zip(&self.diversity).zip(&self.over_orders);
        let card = |((&temperature, tally), over_orders): ((&f64, &DiversityTally), &OverOrdersTally)| {
            let card = concentration_card(temperature, tally.diversity()?);
            Some(ConcentrationCard { over_orders: over_orders.card(), ..card })
        };
        let concentration = found.filter_map(card).collect();
        for found in self.kept_normalised.iter().map(unit) {
            let plain = found?;
            let elicitation_format = format!("{}{NORMALISED}", plain.elicitation_format);
            units.push(ModelUnit { elicitation_format, ..plain });
        }
        Ok(FinishedCells { units, responses: self.responses, concentration, counts: self.counts })
    }

    /// All cells of a branch are in: what is averaged over option orders is whole, and kept where people are there to hold it against. `end` is the
    /// cell of the plan that comes next.
    ///
    /// # Errors
    /// Kind `Study`; never for what was read.
    pub fn end_branch(&mut self, end: usize) -> Result<()> {
        for (key, sum) in self.units.iter().filter(|(_, sum)| sum.cell_count > 0) {
            let mean = ResponseDistribution::from_weights(&sum.probabilities)?;
            self.over_orders[key.4].add(mean.probabilities());
        }
        match self.plan.keeps_units() {
            true => {
                self.kept.append(&mut self.units);
                self.kept_normalised.append(&mut self.normalised_units);
            }
            false => {
                self.units.clear();
                self.normalised_units.clear();
            }
        }
        // Cells come persona by persona.
        if end < self.plan.cells.len() {
            let persona = self.plan.cells.get(end).persona_index;
            self.diversity.iter_mut().for_each(|tally| tally.close_below(PERSONA_FACTOR, persona));
        }
        Ok(())
    }

    fn keep(&mut self, cell: &Cell, reading: &CellReading) {
        let hypotheses = &self.plan.study.hypotheses;
        let at_one = reading.temperature == 1.0;
        if !hypotheses.is_empty() && (at_one || needs_all_temperatures(hypotheses)) {
            self.responses.push(CellResponse {
                cell: *cell,
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

    fn sum(&mut self, cell: &Cell, temperature_index: usize, read: &CellRead) {
        let reading = &read.reading;
        let key =
            (cell.persona_index, cell.item_index, cell.language_index, cell.format_index, temperature_index);
        let order = self.plan.study.option_orders.iter().position(|order| *order == cell.order);
        let order = order.unwrap_or(0);
        let levels = [cell.persona_index, cell.wording_index, cell.language_index, cell.format_index, order];
        let shares = reading.distribution.as_ref().map(ResponseDistribution::probabilities);
        self.diversity[temperature_index].add(cell.item_index, levels, shares);
        self.units.entry(key).or_default().add(reading.distribution.as_ref());
        if let Some((_, normalised)) = &read.premise {
            self.normalised_units.entry(key).or_default().add(normalised.as_ref());
        }
    }
}

fn concentration_card(temperature: f64, found: Diversity) -> ConcentrationCard {
    let [persona, wording, language, format, order] = found.factors;
    ConcentrationCard {
        temperature,
        cell_count: found.cell_count,
        unusable_count: found.unusable_count,
        item_count: found.item_count as u64,
        sharp_share: found.sharp_share,
        normalised_entropy: found.normalised_entropy,
        effective_option_count: found.effective_option_count,
        modal_mass: found.modal_mass,
        mixture_entropy_nats: found.mixture_entropy,
        within_nats: found.within,
        persona_nats: persona,
        item_wording_nats: wording,
        language_nats: language,
        elicitation_format_nats: format,
        option_order_nats: order,
        interaction_nats: found.interaction,
        over_orders: None,
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
