//! `cells.parquet` column by column.

use super::columns::{Columns, Encoded, number_at};
use super::table::TableRow;
use crate::error::Result;
use crate::output::records::CellRow;
use arrow_array::ArrayRef;
use arrow_schema::Field;

impl TableRow for CellRow {
    fn encode(rows: &[Self], facets: &[String]) -> Result<Vec<(Field, ArrayRef)>> {
        let mut columns = Encoded::new(rows, |row| row.cell_id.clone());
        columns.text("cell_id", |row| &row.cell_id);
        columns.text("study", |row| &row.study);
        columns.text("persona", |row| &row.persona);
        columns.text("population_group", |row| &row.population_group);
        columns.text("item", |row| &row.item);
        columns.facets(facets, false, |row| &row.facets)?;
        columns.text("language", |row| &row.language);
        columns.text("elicitation_format", |row| &row.elicitation_format);
        columns.text("option_order", |row| &row.option_order);
        columns.text("item_wording", |row| &row.item_wording);
        columns.number("temperature", |row| row.temperature)?;
        columns.text("option_code", |row| &row.option_code);
        columns.text("option_label", |row| &row.option_label);
        columns.number("option_value", |row| row.option_value)?;
        columns.optional_number("log_prob", |row| row.log_prob)?;
        columns.number("answer_mass", |row| row.answer_mass)?;
        columns.optional_number("probability", |row| row.probability)?;
        columns.text("status", |row| &row.status);
        columns.optional_number("premise_log_prob", |row| row.premise_log_prob)?;
        columns
            .optional_number("premise_normalised_probability", |row| row.premise_normalised_probability)?;
        columns.optional_number("expected_count", |row| row.expected_count)?;
        Ok(columns.into_columns())
    }

    fn decode(columns: &Columns) -> Result<Vec<Self>> {
        let text = |name| columns.text(name);
        let (cell_id, study, persona) = (text("cell_id")?, text("study")?, text("persona")?);
        let (population_group, item) = (text("population_group")?, text("item")?);
        let facets = columns.facets("item", "language")?;
        let (language, elicitation_format) = (text("language")?, text("elicitation_format")?);
        let (option_order, status) = (text("option_order")?, text("status")?);
        let item_wording = text("item_wording")?;
        let (option_code, option_label) = (text("option_code")?, text("option_label")?);
        let temperature = columns.number("temperature")?;
        let option_value = columns.number("option_value")?;
        let log_prob = columns.optional_number("log_prob")?;
        let answer_mass = columns.optional_share("answer_mass")?;
        let probability = columns.optional_share("probability")?;
        let premise_log_prob = columns.optional_number("premise_log_prob")?;
        let premise_normalised = columns.optional_share("premise_normalised_probability")?;
        let expected_count = columns.optional_number("expected_count")?;
        let row = |(index, facets)| CellRow {
            cell_id: cell_id.value(index).to_owned(),
            study: study.value(index).to_owned(),
            persona: persona.value(index).to_owned(),
            population_group: population_group.value(index).to_owned(),
            item: item.value(index).to_owned(),
            facets,
            language: language.value(index).to_owned(),
            elicitation_format: elicitation_format.value(index).to_owned(),
            option_order: option_order.value(index).to_owned(),
            item_wording: item_wording.value(index).to_owned(),
            temperature: temperature.value(index),
            option_code: option_code.value(index).to_owned(),
            option_label: option_label.value(index).to_owned(),
            option_value: option_value.value(index),
            log_prob: number_at(log_prob, index),
            answer_mass: answer_mass.value(index),
            probability: number_at(probability, index),
            status: status.value(index).to_owned(),
            premise_log_prob: number_at(premise_log_prob, index),
            premise_normalised_probability: number_at(premise_normalised, index),
            expected_count: number_at(expected_count, index),
        };
        Ok(facets.into_iter().enumerate().map(row).collect())
    }
}
