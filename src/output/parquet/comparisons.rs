//! `comparisons.parquet` column by column.

use super::columns::{Columns, Encoded, number_at, text_at};
use super::table::TableRow;
use crate::error::Result;
use crate::output::records::ComparisonRow;
use arrow_array::ArrayRef;
use arrow_schema::Field;

fn row_name(row: &ComparisonRow) -> String {
    let item = row.item.as_deref().unwrap_or(&row.level);
    format!("{}/{item}/{}/{}", row.population_group, row.predictor, row.metric)
}

impl TableRow for ComparisonRow {
    fn encode(rows: &[Self], facets: &[String]) -> Result<Vec<(Field, ArrayRef)>> {
        let mut columns = Encoded::new(rows, row_name);
        columns.text("study", |row| &row.study);
        columns.text("level", |row| &row.level);
        columns.text("population_group", |row| &row.population_group);
        columns.optional_text("item", |row| row.item.as_deref());
        columns.facets(facets, true, |row| &row.facets)?;
        columns.text("predictor", |row| &row.predictor);
        columns.optional_text("persona", |row| row.persona.as_deref());
        columns.optional_text("language", |row| row.language.as_deref());
        columns.optional_text("elicitation_format", |row| row.elicitation_format.as_deref());
        columns.optional_number("temperature", |row| row.temperature)?;
        columns.text("metric", |row| &row.metric);
        columns.number("value", |row| row.value)?;
        columns.number("interval_low", |row| row.interval_low)?;
        columns.number("interval_high", |row| row.interval_high)?;
        columns.number("noise_floor", |row| row.noise_floor)?;
        columns.optional_number("split_half", |row| row.split_half)?;
        columns.number("n", |row| row.n)?;
        columns.text("human_kind", |row| &row.human_kind);
        columns.count("cell_count", |row| row.cell_count);
        columns.count("unusable_count", |row| row.unusable_count);
        columns.optional_number("p_value", |row| row.p_value)?;
        columns.optional_number("adjusted_p_value", |row| row.adjusted_p_value)?;
        columns.optional_number("told_apart_share", |row| row.told_apart_share)?;
        Ok(columns.into_columns())
    }

    fn decode(columns: &Columns) -> Result<Vec<Self>> {
        let (study, level) = (columns.text("study")?, columns.text("level")?);
        let (population_group, predictor) = (columns.text("population_group")?, columns.text("predictor")?);
        let (item, persona) = (columns.optional_text("item")?, columns.optional_text("persona")?);
        let facets = columns.facets("item", "predictor")?;
        let language = columns.optional_text("language")?;
        let elicitation_format = columns.optional_text("elicitation_format")?;
        let temperature = columns.optional_number("temperature")?;
        let (metric, value) = (columns.text("metric")?, columns.number("value")?);
        let (low, high) = (columns.number("interval_low")?, columns.number("interval_high")?);
        let (noise_floor, n) = (columns.number("noise_floor")?, columns.number("n")?);
        let split_half = columns.optional_number("split_half")?;
        let human_kind = columns.text("human_kind")?;
        let (cell_count, unusable_count) = (columns.count("cell_count")?, columns.count("unusable_count")?);
        let p_value = columns.optional_number("p_value")?;
        let adjusted_p_value = columns.optional_number("adjusted_p_value")?;
        let told_apart_share = columns.optional_number("told_apart_share")?;
        let row = |(index, facets)| ComparisonRow {
            study: study.value(index).to_owned(),
            level: level.value(index).to_owned(),
            population_group: population_group.value(index).to_owned(),
            item: text_at(item, index),
            facets,
            predictor: predictor.value(index).to_owned(),
            persona: text_at(persona, index),
            language: text_at(language, index),
            elicitation_format: text_at(elicitation_format, index),
            temperature: number_at(temperature, index),
            metric: metric.value(index).to_owned(),
            value: value.value(index),
            interval_low: low.value(index),
            interval_high: high.value(index),
            noise_floor: noise_floor.value(index),
            split_half: number_at(split_half, index),
            n: n.value(index),
            human_kind: human_kind.value(index).to_owned(),
            cell_count: cell_count.value(index),
            unusable_count: unusable_count.value(index),
            p_value: number_at(p_value, index),
            adjusted_p_value: number_at(adjusted_p_value, index),
            told_apart_share: number_at(told_apart_share, index),
        };
        Ok(facets.into_iter().enumerate().map(row).collect())
    }
}
