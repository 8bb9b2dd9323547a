//! Round trips, bytes, and refusals of the four tables.

use super::*;
use crate::error::{Error, ErrorKind};
use crate::output::records::FORMAT_VERSION;
use arrow_array::{Float64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

fn facet_names() -> Vec<String> {
    vec!["variable".to_owned(), "emotion".to_owned()]
}

fn facets(variable: &str, emotion: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("variable".to_owned(), variable.to_owned()), ("emotion".to_owned(), emotion.to_owned())])
}

fn cell(index: usize) -> CellRow {
    CellRow {
        cell_id: format!("isear/usa/joy_intensity/en/number/forward{index}"),
        study: "isear".to_owned(),
        persona: "usa".to_owned(),
        population_group: "USA".to_owned(),
        item: "joy_intensity".to_owned(),
        facets: facets("intensity", "joy"),
        language: "en".to_owned(),
        elicitation_format: "number".to_owned(),
        option_order: "forward".to_owned(),
        item_wording: "base".to_owned(),
        temperature: 1.0,
        option_code: "1".to_owned(),
        option_label: "Not very intense <&>".to_owned(),
        option_value: 1.0,
        log_prob: Some(-0.25 - index as f64),
        answer_mass: 0.98,
        probability: Some(0.5),
        status: "ok".to_owned(),
        premise_log_prob: (index % 2 == 1).then_some(-1.5),
        premise_normalised_probability: (index % 3 == 1).then_some(0.25),
        expected_count: (index % 3 == 2).then_some(12.5),
    }
}

fn write_cells(path: &Path, rows: impl IntoIterator<Item = CellRow>) -> crate::error::Result<PathBuf> {
    let mut writer = CellWriter::create(path, &facet_names())?;
    writer.write_all(rows)?;
    writer.finish()
}

fn scratch() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.parquet");
    (folder, path)
}

/// A file that says it is ours and holds just these columns.
fn forge(path: &Path, version: &str, columns: Vec<(Field, arrow_array::ArrayRef)>) {
    let (fields, arrays): (Vec<Field>, Vec<_>) = columns.into_iter().unzip();
    let schema = Arc::new(Schema::new(fields));
    let entry = KeyValue::new("respondent.format_version".to_owned(), version.to_owned());
    let properties = WriterProperties::builder().set_key_value_metadata(Some(vec![entry])).build();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, schema.clone(), Some(properties)).unwrap();
    writer.write(&RecordBatch::try_new(schema, arrays).unwrap()).unwrap();
    writer.close().unwrap();
}

#[track_caller]
fn refused<T: std::fmt::Debug>(outcome: crate::error::Result<T>, part: &str) -> Error {
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Output);
    assert!(error.to_string().contains(part), "{error}");
    error
}

#[test]
fn the_same_rows_give_the_same_bytes() {
    let (folder, one) = scratch();
    let other = folder.path().join("other.parquet");
    let rows: Vec<CellRow> = (0..10_000).map(cell).collect();
    write_cells(&one, rows.clone()).unwrap();
    write_cells(&other, rows.clone()).unwrap();
    assert_eq!(std::fs::read(&one).unwrap(), std::fs::read(&other).unwrap());
    assert_eq!(read_cells(&one).unwrap(), rows);
}

#[test]
fn rows_beyond_one_row_group_keep_their_order() {
    let (_folder, path) = scratch();
    let mut writer = CellWriter::create(&path, &facet_names()).unwrap();
    (0..70_000).try_for_each(|index| writer.write(cell(index))).unwrap();
    assert_eq!(writer.row_count(), 70_000);
    writer.finish().unwrap();
    let rows = read_cells(&path).unwrap();
    assert_eq!(rows.len(), 70_000);
    assert!(rows.iter().enumerate().all(|(index, row)| row.log_prob == Some(-0.25 - index as f64)));
}

#[test]
fn a_table_without_rows_can_be_read() {
    let (_folder, path) = scratch();
    write_cells(&path, []).unwrap();
    assert_eq!(read_cells(&path).unwrap(), []);
}

#[test]
fn facets_stand_behind_the_item_in_the_order_of_the_study() {
    let (_folder, path) = scratch();
    write_cells(&path, [cell(0)]).unwrap();
    let file = std::fs::File::open(&path).unwrap();
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let names: Vec<&str> = reader.schema().fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names[4..8], ["item", "variable", "emotion", "language"]);
}

#[test]
fn an_unfinished_table_never_takes_the_final_name() {
    let (_folder, path) = scratch();
    let mut writer = CellWriter::create(&path, &facet_names()).unwrap();
    (0..5000).try_for_each(|index| writer.write(cell(index))).unwrap();
    drop(writer);
    assert!(!path.exists());
    assert!(path.with_extension("parquet.partial").exists());
}

#[test]
fn numbers_that_are_not_finite_stop_at_the_border() {
    let (_folder, path) = scratch();
    let broken = CellRow { answer_mass: f64::NAN, ..cell(7) };
    let error = refused(write_cells(&path, [cell(0), broken]), "`answer_mass` is not a finite number");
    assert!(error.to_string().contains("forward7"), "{error}");
    let broken = CellRow { log_prob: Some(f64::NEG_INFINITY), ..cell(0) };
    refused(write_cells(&path, [broken]), "`log_prob` is not a finite number");
    assert!(!path.exists());
}

#[test]
fn facets_that_do_not_fit_the_study_are_refused() {
    let (_folder, path) = scratch();
    let without = CellRow { facets: BTreeMap::new(), ..cell(0) };
    refused(write_cells(&path, [without]), "facet `variable` is missing");
    let mut stray = cell(0);
    stray.facets.insert("mood".to_owned(), "x".to_owned());
    refused(write_cells(&path, [stray]), "facet `mood` has no column");
    let clash = CellWriter::create(&path, &["language".to_owned()]).map(|writer| writer.row_count());
    refused(clash, "two columns are called `language`");
}

#[test]
fn files_that_are_not_ours_are_refused_with_their_path() {
    let (_folder, path) = scratch();
    let error = refused(read_cells(&path), "missing from the result folder");
    assert!(error.to_string().contains("table.parquet"), "{error}");
    std::fs::write(&path, "PAR1 no").unwrap();
    refused(read_cells(&path), "cannot read this as Parquet");
    let ids = || Arc::new(StringArray::from(vec!["a"])) as arrow_array::ArrayRef;
    forge(&path, "99", vec![(Field::new("cell_id", DataType::Utf8, false), ids())]);
    refused(read_cells(&path), "format version 99");
    forge(&path, &FORMAT_VERSION.to_string(), vec![(Field::new("cell_id", DataType::Utf8, false), ids())]);
    refused(read_cells(&path), "column `study` is missing");
}

#[test]
fn columns_of_another_type_or_with_nulls_are_refused() {
    let (_folder, path) = scratch();
    let numbers = Arc::new(Float64Array::from(vec![1.0]));
    forge(
        &path,
        &FORMAT_VERSION.to_string(),
        vec![(Field::new("cell_id", DataType::Float64, false), numbers)],
    );
    refused(read_prompts(&path), "column `cell_id` should be text and is Float64");
    let nulls = Arc::new(StringArray::from(vec![None::<&str>]));
    forge(&path, &FORMAT_VERSION.to_string(), vec![(Field::new("cell_id", DataType::Utf8, true), nulls)]);
    refused(read_prompts(&path), "column `cell_id` has nulls");
}

fn finite() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), Just(-0.0), Just(f64::MIN_POSITIVE), -1e300..1e300f64]
}

#[test]
fn what_is_no_share_is_refused_where_it_is_read() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("cells.parquet");
    write_cells(&path, [cell(0), CellRow { probability: Some(1.5), ..cell(1) }]).unwrap();
    refused(read_cells(&path), "column `probability` holds 1.5e0, which is no share");
}

prop_compose! {
    fn any_cell()(
        text in "\\PC{0,12}", label in "\\PC{0,12}", facet in "\\PC{0,6}", temperature in finite(),
        log_prob in proptest::option::of(finite()), probability in proptest::option::of(0.0..=1.0_f64),
    ) -> CellRow {
        CellRow {
            cell_id: text, option_label: label, facets: facets(&facet, "joy"), temperature, log_prob, probability,
            ..cell(0)
        }
    }
}

prop_compose! {
    fn any_prompt()(
        asked_option in proptest::option::of("[0-9]{1,2}"), rendered_text in "(?s).{0,40}", token_ids in proptest::collection::vec(any::<u32>(), 0..6),
        tops in proptest::collection::vec((any::<u32>(), "(?s).{0,4}", finite()), 0..4),
        readout_index in any::<u32>(), stepped_back in any::<u32>(), vocabulary_entropy in finite(),
    ) -> PromptRow {
        PromptRow {
            cell_id: "a".to_owned(), earlier_responses: asked_option.clone(), asked_option, rendered_text, token_ids, readout_index, stepped_back, vocabulary_entropy,
            top_ids: tops.iter().map(|top| top.0).collect(),
            top_tokens: tops.iter().map(|top| top.1.clone()).collect(),
            top_log_probs: tops.iter().map(|top| top.2).collect(),
        }
    }
}

prop_compose! {
    fn any_tokens()(
        asked_option in proptest::option::of("[0-9]{1,2}"), best_token in "(?s).{0,4}", nucleus_size in any::<u32>(),
        forms in proptest::collection::vec(("(?s).{0,4}", finite()), 0..4), best_token_log_prob in finite(),
    ) -> TokenRow {
        TokenRow {
            cell_id: "a".to_owned(), earlier_responses: asked_option.clone(), asked_option, elicitation_format: "number".to_owned(), temperature: 0.5,
            vocabulary_entropy: 1.5, nucleus_size, best_token, best_token_rank: 3, best_token_log_prob,
            forms: forms.iter().map(|form| form.0.clone()).collect(),
            form_options: forms.iter().map(|_| "1".to_owned()).collect(),
            form_probabilities: forms.iter().map(|form| form.1).collect(),
            off_tokens: forms.iter().rev().map(|form| form.0.clone()).collect(),
            off_log_probs: forms.iter().rev().map(|form| form.1).collect(),
        }
    }
}

prop_compose! {
    fn any_comparison()(
        item in proptest::option::of("\\PC{0,6}"), persona in proptest::option::of("\\PC{0,6}"),
        facet in "\\PC{0,6}", temperature in proptest::option::of(finite()), value in finite(),
        noise_floor in finite(), cell_count in any::<u32>(),
    ) -> ComparisonRow {
        ComparisonRow {
            study: "isear".to_owned(), level: "item".to_owned(), population_group: "USA".to_owned(), item,
            facets: facets(&facet, ""), predictor: "model".to_owned(), language: persona.clone(), persona,
            elicitation_format: None, temperature, metric: "wasserstein_1".to_owned(), value,
            interval_low: -value, interval_high: value, noise_floor, split_half: temperature, n: 58.0, human_kind: "counted".to_owned(), cell_count, unusable_count: 0,
            p_value: Some(0.25),
            adjusted_p_value: Some(0.5),
            told_apart_share: None,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn cells_read_back_as_written(rows in proptest::collection::vec(any_cell(), 0..20)) {
        let (_folder, path) = scratch();
        write_cells(&path, rows.clone()).unwrap();
        prop_assert_eq!(read_cells(&path).unwrap(), rows);
    }

    #[test]
    fn prompts_read_back_as_written(rows in proptest::collection::vec(any_prompt(), 0..20)) {
        let (_folder, path) = scratch();
        let mut writer = PromptWriter::create(&path, &[]).unwrap();
        writer.write_all(rows.clone()).unwrap();
        writer.finish().unwrap();
        prop_assert_eq!(read_prompts(&path).unwrap(), rows);
    }

    #[test]
    fn tokens_read_back_as_written(rows in proptest::collection::vec(any_tokens(), 0..20)) {
        let (_folder, path) = scratch();
        let mut writer = TokenWriter::create(&path, &[]).unwrap();
        writer.write_all(rows.clone()).unwrap();
        writer.finish().unwrap();
        prop_assert_eq!(read_tokens(&path).unwrap(), rows);
    }

    #[test]
    fn comparisons_read_back_as_written(rows in proptest::collection::vec(any_comparison(), 0..20)) {
        let (_folder, path) = scratch();
        let mut writer = ComparisonWriter::create(&path, &facet_names()).unwrap();
        writer.write_all(rows.clone()).unwrap();
        writer.finish().unwrap();
        prop_assert_eq!(read_comparisons(&path).unwrap(), rows);
    }
}

#[test]
fn lists_that_would_keep_the_library_for_days_are_refused() {
    let (_folder, path) = scratch();
    write_cells(&path, [cell(0)]).unwrap();
    let whole = std::fs::read(&path).unwrap();
    // 14 lists of 2^31 - 1 booleans each, before the end of the footer.
    let lists = [&[0xf9, 0xe9][..], &[0xf1, 0xff, 0xff, 0xff, 0xff, 7].repeat(14)].concat();
    let tail = whole.len() - 8;
    let len = u32::from_le_bytes(whole[tail..][..4].try_into().unwrap()) + lists.len() as u32;
    let footer = [&whole[..tail - 1], &lists, &[0], &len.to_le_bytes(), b"PAR1"].concat();
    std::fs::write(&path, footer).unwrap();
    refused(read_cells(&path).map(|_| ()), "footer that cannot be true");
    // The first page's header, behind the file's own four bytes, begins with a list of that kind.
    let page = [&whole[..4], &[0x19, 0xe1], &whole[6..]].concat();
    std::fs::write(&path, page).unwrap();
    refused(read_cells(&path).map(|_| ()), "page header that cannot be true");
}
