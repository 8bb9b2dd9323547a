//! Finished cells to rows, as they finish, and to the units that are compared with people.

use super::RunPlan;
use super::gathered::GatheredCell;
use super::hypotheses::{CellResponse, needs_all_temperatures};
use super::over_orders::OverOrdersTally;
use super::prepare::{Prepared, PreparedPrompt};
use crate::compare::{Diversity, DiversityTally, ModelUnit};
use crate::engine::ReadoutLogits;
use crate::error::Result;
use crate::output::records::{CellRow, ConcentrationCard, Counts, PromptRow, TokenRow};
use crate::output::{CellWriter, PromptWriter, ResultFolder, TokenWriter};
use crate::prompts::{AnswerKey, Cell};
use crate::scoring::{
    BatteryNode, CellReading, OptionProbe, ReadingStatus, TokenReading, log_probs, premise_normalised,
    read_battery, read_cell, read_tokens, read_verbalised,
};
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

/// What was read of one cell at one temperature, by whichever format.
pub struct CellRead {
    pub reading: CellReading,
    /// Of a verbalised distribution.
    expected_counts: Option<Vec<Option<f64>>>,
    /// Log-probs behind the domain premise, and the distribution normalised by them.
    premise: Option<(Vec<f64>, Option<ResponseDistribution>)>,
}

/// Reads a cell at each temperature, as its format has it, from all its prompts and what was read of each.
///
/// # Errors
/// As [`read_cell`], [`read_verbalised`] and [`read_battery`].
pub fn read_as_asked(
    plan: &RunPlan,
    cell: &Cell,
    prompts: &[PreparedPrompt],
    readouts: &[Vec<ReadoutLogits>],
) -> Result<Vec<CellRead>> {
    let settings = &plan.settings;
    let format = &plan.study.formats[cell.format_index];
    let plain = |reading| CellRead { reading, expected_counts: None, premise: None };
    if format.key == AnswerKey::Count {
        let asked: Vec<(&OptionProbe, &[ReadoutLogits])> =
            prompts.iter().zip(readouts).map(|(prompt, read)| (&*prompt.probe, read.as_slice())).collect();
        let readings = read_verbalised(&asked, &settings.temperatures, settings.thresholds)?;
        let read = readings.into_iter().map(|read| CellRead {
            reading: read.reading,
            expected_counts: Some(read.expected_counts),
            premise: None,
        });
        return Ok(read.collect());
    }
    if prompts.len() > 1 {
        let nodes: Vec<BatteryNode> = prompts
            .iter()
            .zip(readouts)
            .map(|(prompt, readouts)| BatteryNode {
                earlier: &prompt.earlier,
                probe: &prompt.probe,
                readouts,
            })
            .collect();
        let readings = read_battery(&nodes, &settings.temperatures, settings.thresholds)?;
        return Ok(readings.into_iter().map(plain).collect());
    }
    let readings = read_cell(&prompts[0].probe, &readouts[0], &settings.temperatures, settings.thresholds)?;
    Ok(readings.into_iter().map(plain).collect())
}

/// What rows of one prompt are told apart by.
struct RowName<'a> {
    cell_id: &'a str,
    /// Codes, between spaces.
    earlier_responses: Option<String>,
}

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
    tokenizer: &'a TextTokenizer,
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
            tokenizer,
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
        let prompts = &prepared.prompts[prepared.of_cell(gathered.cell_index)];
        let cell = &prepared.cells()[gathered.cell_index];
        let mut readings = read_as_asked(self.plan, cell, prompts, &gathered.readouts)?;
        if let (Some(index), Some(readouts)) = (prepared.premise_of(gathered.cell_index), premise) {
            self.set_against(&prepared.premises[index].probe, readouts, &mut readings)?;
        }
        let cell_id = self.plan.cell_id(cell);
        let earlier_items =
            self.plan.study.earlier_items(&self.plan.study.formats[cell.format_index], cell.item_index);
        let told = prompts.iter().zip(&gathered.readouts).filter(|(prompt, _)| prompt.asks_own_item);
        for (prompt, readouts) in told {
            let row = RowName {
                cell_id: &cell_id,
                earlier_responses: self.earlier_responses(prompt, &earlier_items),
            };
            self.prompts.write(self.prompt_row(prompt, &row, &readouts[0]))?;
            self.tokens.write_all(self.token_rows(prompt, &row, readouts)?)?;
        }
        let readout_count = gathered.readouts.iter().map(Vec::len).sum();
        self.count(&readings[self.plan.unit_temperature_index()].reading, readout_count);
        for (temperature_index, read) in readings.iter().enumerate() {
            self.sum(cell, temperature_index, read);
            self.keep(cell, &read.reading);
            self.write_reading(cell, &cell_id, read)?;
        }
        Ok(readings.into_iter().map(|read| read.reading).collect())
    }

    /// Notes what was read behind a premise, and the distribution normalised by it where there is a plain one.
    fn set_against(
        &self,
        probe: &OptionProbe,
        readouts: &[ReadoutLogits],
        readings: &mut [CellRead],
    ) -> Result<()> {
        for (index, read) in readings.iter_mut().enumerate() {
            let behind = log_probs(probe, readouts, index, read.reading.temperature);
            let normalised = match read.reading.distribution {
                Some(_) => premise_normalised(&read.reading.log_probs, &behind)?,
                None => None,
            };
            read.premise = Some((behind, normalised));
        }
        Ok(())
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

    fn prompt_row(&self, prepared: &PreparedPrompt, named: &RowName, readout: &ReadoutLogits) -> PromptRow {
        let study = &self.plan.study;
        let options = &study.scales[study.items[prepared.cell.item_index].scale_index].options;
        PromptRow {
            cell_id: named.cell_id.to_owned(),
            asked_option: prepared.asked_option.map(|index| options[index].code.clone()),
            earlier_responses: named.earlier_responses.clone(),
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

    /// The codes of what was chosen of the items before, between spaces; `None` where there are none.
    fn earlier_responses(&self, prepared: &PreparedPrompt, items: &[usize]) -> Option<String> {
        let study = &self.plan.study;
        let code = |(item, option): (&usize, &usize)| {
            study.scales[study.items[*item].scale_index].options[*option].code.as_str()
        };
        let codes: Vec<&str> = items.iter().zip(&prepared.earlier).map(code).collect();
        (!codes.is_empty()).then(|| codes.join(" "))
    }

    fn token_rows(
        &self,
        prepared: &PreparedPrompt,
        named: &RowName,
        readouts: &[ReadoutLogits],
    ) -> Result<Vec<TokenRow>> {
        let (plan, study, cell) = (self.plan, &self.plan.study, &prepared.cell);
        let options = &study.scales[study.items[cell.item_index].scale_index].options;
        let format = &study.formats[cell.format_index];
        // The forms of a verbalised distribution are a hundred numbers.
        let forms = match format.key {
            AnswerKey::Count => &[],
            _ => prepared.probe.events().forms.as_slice(),
        };
        let texts: Vec<String> = forms.iter().map(|form| form.surface_form.clone()).collect();
        let codes: Vec<String> =
            forms.iter().map(|form| options[form.event.option_index].code.clone()).collect();
        let row = |read: TokenReading| TokenRow {
            cell_id: named.cell_id.to_owned(),
            asked_option: prepared.asked_option.map(|index| options[index].code.clone()),
            earlier_responses: named.earlier_responses.clone(),
            elicitation_format: format.id.clone(),
            temperature: read.temperature,
            vocabulary_entropy: read.entropy,
            nucleus_size: read.nucleus_size,
            best_token: self.tokenizer.token_text(read.best.id),
            best_token_rank: read.best.rank,
            best_token_log_prob: read.best.log_prob,
            forms: texts.clone(),
            form_options: codes.clone(),
            form_probabilities: read.form_probabilities.into_iter().take(forms.len()).collect(),
            off_tokens: read.off_option.iter().map(|(id, _)| self.tokenizer.token_text(*id)).collect(),
            off_log_probs: read.off_option.iter().map(|(_, log_prob)| *log_prob).collect(),
        };
        let read = read_tokens(&prepared.probe, readouts, &plan.settings.temperatures)?;
        Ok(read.into_iter().map(row).collect())
    }

    fn write_reading(&mut self, cell: &Cell, cell_id: &str, read: &CellRead) -> Result<()> {
        let (study, reading) = (&self.plan.study, &read.reading);
        let (persona, item) = (&study.personas[cell.persona_index], &study.items[cell.item_index]);
        let (scale, language) = (&study.scales[item.scale_index], &study.languages[cell.language_index]);
        let finite = |log_prob: f64| log_prob.is_finite().then_some(log_prob);
        let share = |distribution: &ResponseDistribution, index: usize| distribution.probabilities()[index];
        for (index, option) in scale.options.iter().enumerate() {
            let premise = read.premise.as_ref();
            let normalised = premise.and_then(|(_, normalised)| normalised.as_ref());
            self.cells.write(CellRow {
                cell_id: cell_id.to_owned(),
                study: study.id.clone(),
                persona: persona.id.clone(),
                population_group: persona.population_group.clone(),
                item: item.id.clone(),
                facets: item.facets.clone(),
                language: language.0.clone(),
                elicitation_format: study.formats[cell.format_index].id.clone(),
                option_order: cell.order.to_string(),
                item_wording: study.item_wordings[cell.wording_index].clone(),
                temperature: reading.temperature,
                option_code: option.code.clone(),
                option_label: scale.labels[language][index].clone(),
                option_value: option.value,
                log_prob: finite(reading.log_probs[index]),
                answer_mass: reading.answer_mass,
                probability: reading.distribution.as_ref().map(|known| share(known, index)),
                status: reading.status.to_string(),
                premise_log_prob: premise.and_then(|(behind, _)| finite(behind[index])),
                premise_normalised_probability: normalised.map(|known| share(known, index)),
                expected_count: read.expected_counts.as_ref().and_then(|counts| counts[index]),
            })?;
        }
        Ok(())
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
