//! `tokens.parquet` column by column.

use super::columns::{Columns, Encoded, text_at};
use super::table::TableRow;
use crate::error::Result;
use crate::output::records::TokenRow;
use arrow_array::ArrayRef;
use arrow_schema::Field;

impl TableRow for TokenRow {
    fn encode(rows: &[Self], _facets: &[String]) -> Result<Vec<(Field, ArrayRef)>> {
        let mut columns = Encoded::new(rows, |row| row.cell_id.clone());
        columns.text("cell_id", |row| &row.cell_id);
        columns.optional_text("asked_option", |row| row.asked_option.as_deref());
        columns.optional_text("earlier_responses", |row| row.earlier_responses.as_deref());
        columns.text("elicitation_format", |row| &row.elicitation_format);
        columns.number("temperature", |row| row.temperature)?;
        columns.number("vocabulary_entropy", |row| row.vocabulary_entropy)?;
        columns.count("nucleus_size", |row| row.nucleus_size);
        columns.text("best_token", |row| &row.best_token);
        columns.count("best_token_rank", |row| row.best_token_rank);
        columns.number("best_token_log_prob", |row| row.best_token_log_prob)?;
        columns.texts("forms", |row| &row.forms);
        columns.texts("form_options", |row| &row.form_options);
        columns.numbers("form_probabilities", |row| &row.form_probabilities)?;
        columns.texts("off_tokens", |row| &row.off_tokens);
        columns.numbers("off_log_probs", |row| &row.off_log_probs)?;
        Ok(columns.into_columns())
    }

    fn decode(columns: &Columns) -> Result<Vec<Self>> {
        let (cell_id, asked_option) = (columns.text("cell_id")?, columns.optional_text("asked_option")?);
        let earlier_responses = columns.optional_text("earlier_responses")?;
        let elicitation_format = columns.text("elicitation_format")?;
        let temperature = columns.number("temperature")?;
        let vocabulary_entropy = columns.number("vocabulary_entropy")?;
        let nucleus_size = columns.count("nucleus_size")?;
        let (best_token, best_token_rank) = (columns.text("best_token")?, columns.count("best_token_rank")?);
        let best_token_log_prob = columns.number("best_token_log_prob")?;
        let mut forms = columns.texts("forms")?.into_iter();
        let mut form_options = columns.texts("form_options")?.into_iter();
        let mut form_probabilities = columns.numbers("form_probabilities")?.into_iter();
        let mut off_tokens = columns.texts("off_tokens")?.into_iter();
        let mut off_log_probs = columns.numbers("off_log_probs")?.into_iter();
        let row = |index| TokenRow {
            cell_id: cell_id.value(index).to_owned(),
            asked_option: text_at(asked_option, index),
            earlier_responses: text_at(earlier_responses, index),
            elicitation_format: elicitation_format.value(index).to_owned(),
            temperature: temperature.value(index),
            vocabulary_entropy: vocabulary_entropy.value(index),
            nucleus_size: nucleus_size.value(index),
            best_token: best_token.value(index).to_owned(),
            best_token_rank: best_token_rank.value(index),
            best_token_log_prob: best_token_log_prob.value(index),
            forms: forms.next().unwrap_or_default(),
            form_options: form_options.next().unwrap_or_default(),
            form_probabilities: form_probabilities.next().unwrap_or_default(),
            off_tokens: off_tokens.next().unwrap_or_default(),
            off_log_probs: off_log_probs.next().unwrap_or_default(),
        };
        Ok((0..columns.row_count()).map(row).collect())
    }
}
