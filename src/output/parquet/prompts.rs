//! `prompts.parquet` column by column.

use super::columns::{Columns, Encoded, text_at};
use super::table::TableRow;
use crate::error::Result;
use crate::output::records::PromptRow;
use arrow_array::ArrayRef;
use arrow_schema::Field;

impl TableRow for PromptRow {
    fn encode(rows: &[Self], _facets: &[String]) -> Result<Vec<(Field, ArrayRef)>> {
        let mut columns = Encoded::new(rows, |row| row.cell_id.clone());
        columns.text("cell_id", |row| &row.cell_id);
        columns.optional_text("asked_option", |row| row.asked_option.as_deref());
        columns.optional_text("earlier_responses", |row| row.earlier_responses.as_deref());
        columns.text("rendered_text", |row| &row.rendered_text);
        columns.ids("token_ids", |row| &row.token_ids);
        columns.count("readout_index", |row| row.readout_index);
        columns.count("stepped_back", |row| row.stepped_back);
        columns.number("vocabulary_entropy", |row| row.vocabulary_entropy)?;
        columns.ids("top_ids", |row| &row.top_ids);
        columns.texts("top_tokens", |row| &row.top_tokens);
        columns.numbers("top_log_probs", |row| &row.top_log_probs)?;
        Ok(columns.into_columns())
    }

    fn decode(columns: &Columns) -> Result<Vec<Self>> {
        let (cell_id, rendered_text) = (columns.text("cell_id")?, columns.text("rendered_text")?);
        let asked_option = columns.optional_text("asked_option")?;
        let earlier_responses = columns.optional_text("earlier_responses")?;
        let (readout_index, stepped_back) = (columns.count("readout_index")?, columns.count("stepped_back")?);
        let vocabulary_entropy = columns.number("vocabulary_entropy")?;
        let mut token_ids = columns.ids("token_ids")?.into_iter();
        let mut top_ids = columns.ids("top_ids")?.into_iter();
        let mut top_tokens = columns.texts("top_tokens")?.into_iter();
        let mut top_log_probs = columns.numbers("top_log_probs")?.into_iter();
        let row = |index| PromptRow {
            cell_id: cell_id.value(index).to_owned(),
            asked_option: text_at(asked_option, index),
            earlier_responses: text_at(earlier_responses, index),
            rendered_text: rendered_text.value(index).to_owned(),
            token_ids: token_ids.next().unwrap_or_default(),
            readout_index: readout_index.value(index),
            stepped_back: stepped_back.value(index),
            vocabulary_entropy: vocabulary_entropy.value(index),
            top_ids: top_ids.next().unwrap_or_default(),
            top_tokens: top_tokens.next().unwrap_or_default(),
            top_log_probs: top_log_probs.next().unwrap_or_default(),
        };
        Ok((0..columns.row_count()).map(row).collect())
    }
}
