//! The rows of one cell in all three tables, from everything that was read for it. Writes nothing.

use super::RunPlan;
use super::cell_read::{CellRead, read_as_asked, set_against};
use super::gathered::GatheredCell;
use super::prepare::{Prepared, PreparedPrompt};
use crate::engine::ReadoutLogits;
use crate::error::Result;
use crate::output::records::{CellRow, PromptRow, TokenRow};
use crate::prompts::{AnswerKey, Cell};
use crate::scoring::{TokenReading, read_tokens};
use crate::survey::{ResponseDistribution, ResponseOption};
use crate::tokens::TextTokenizer;

/// A cell, read at each temperature, and what the tables say of it, in their order.
pub struct CellRows {
    pub readings: Vec<CellRead>,
    pub cells: Vec<CellRow>,
    pub prompts: Vec<PromptRow>,
    pub tokens: Vec<TokenRow>,
}

/// What rows of one prompt are told apart by.
struct RowName<'a> {
    cell_id: &'a str,
    /// Codes, between spaces.
    earlier_responses: Option<String>,
}

/// Makes rows of what was read.
pub struct RowMaker<'a> {
    pub plan: &'a RunPlan,
    pub tokenizer: &'a TextTokenizer,
}

impl RowMaker<'_> {
    /// Scores one cell. `premise` was read behind the cell's premise, where it has one.
    ///
    /// # Errors
    /// Kind `Output` or `Study`; never for what the engine has read.
    pub fn rows(
        &self,
        prepared: &Prepared,
        gathered: &GatheredCell,
        premise: Option<&[ReadoutLogits]>,
    ) -> Result<CellRows> {
        let prompts = &prepared.prompts[prepared.of_cell(gathered.cell_index)];
        let cell = &prepared.cells()[gathered.cell_index];
        let mut readings = read_as_asked(self.plan, cell, prompts, &gathered.readouts)?;
        if let (Some(index), Some(readouts)) = (prepared.premise_of(gathered.cell_index), premise) {
            set_against(&prepared.premises[index].probe, readouts, &mut readings)?;
        }
        let cell_id = self.plan.cell_id(cell);
        let earlier_items =
            self.plan.study.earlier_items(&self.plan.study.formats[cell.format_index], cell.item_index);
        let mut rows = CellRows { readings, cells: Vec::new(), prompts: Vec::new(), tokens: Vec::new() };
        let told = prompts.iter().zip(&gathered.readouts).filter(|(prompt, _)| prompt.asks_own_item);
        for (prompt, readouts) in told {
            let row = RowName {
                cell_id: &cell_id,
                earlier_responses: self.earlier_responses(prompt, &earlier_items),
            };
            rows.prompts.push(self.prompt_row(prompt, &row, &readouts[0]));
            rows.tokens.extend(self.token_rows(prompt, &row, readouts)?);
        }
        for read in &rows.readings {
            rows.cells.extend(self.cell_rows(cell, &cell_id, read));
        }
        Ok(rows)
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

    /// A row for each option.
    fn cell_rows(&self, cell: &Cell, cell_id: &str, read: &CellRead) -> Vec<CellRow> {
        let (study, reading) = (&self.plan.study, &read.reading);
        let (persona, item) = (&study.personas[cell.persona_index], &study.items[cell.item_index]);
        let (scale, language) = (&study.scales[item.scale_index], &study.languages[cell.language_index]);
        let finite = |log_prob: f64| log_prob.is_finite().then_some(log_prob);
        let share = |distribution: &ResponseDistribution, index: usize| distribution.probabilities()[index];
        let premise = read.premise.as_ref();
        let normalised = premise.and_then(|(_, normalised)| normalised.as_ref());
        let row = |(index, option): (usize, &ResponseOption)| CellRow {
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
        };
        scale.options.iter().enumerate().map(row).collect()
    }
}
