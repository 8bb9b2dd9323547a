//! A Parquet file as a stream of rows: buffered, encoded in chunks of fixed size, renamed when whole.
//! Knows no table in particular; a [`TableRow`] says what its columns are.

use super::columns::Columns;
use super::headers::{check_footer, check_pages};
use crate::error::{Error, Result};
use crate::output::records::FORMAT_VERSION;
use crate::partial_file::PartialFile;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rows encoded, or decoded, at a time. Fixed, so that the bytes do not depend on how rows were handed in.
const CHUNK_ROW_COUNT: usize = 1024;
/// Rows per row group, which is what a reader can skip or load alone.
const ROW_GROUP_ROW_COUNT: usize = 65_536;
/// Far more than any table has.
const ROWS_PER_BYTE_MAX: u64 = 64;
/// Key of the file's own metadata that says which version of the rows it holds.
const VERSION_KEY: &str = "respondent.format_version";

/// A row struct that is a Parquet table.
pub trait TableRow: Sized {
    /// The rows column by column, in file order. Of no rows at all: the schema.
    ///
    /// # Errors
    /// Kind `Output` when a number is not finite or a facet is missing, naming the row and the column.
    fn encode(rows: &[Self], facets: &[String]) -> Result<Vec<(Field, ArrayRef)>>;

    /// The rows of one batch.
    ///
    /// # Errors
    /// Kind `Output` when a column is missing or of another type.
    fn decode(columns: &Columns) -> Result<Vec<Self>>;
}

/// Writes rows to `PATH.partial`, and renames it to `PATH` on [`finish`](Self::finish). Memory stays within one
/// encoded row group and one chunk of rows. The same rows give the same bytes.
pub struct TableWriter<R: TableRow> {
    writer: ArrowWriter<PartialFile>,
    schema: SchemaRef,
    facets: Vec<String>,
    pending: Vec<R>,
    path: PathBuf,
    row_count: u64,
}

impl<R: TableRow> TableWriter<R> {
    /// Opens the file. `facets` are the study's facet names in column order; tables without facets ignore them.
    ///
    /// # Errors
    /// Kind `Output` when the file cannot be created, or a facet has the name of another column.
    pub fn create(path: &Path, facets: &[String]) -> Result<Self> {
        let fields: Vec<Field> = R::encode(&[], facets)?.into_iter().map(|(field, _)| field).collect();
        refuse_repeated_names(&fields).map_err(|error| error.at(path))?;
        let schema = Arc::new(Schema::new(fields));
        let file = PartialFile::create(path)?;
        let writer = ArrowWriter::try_new(file, schema.clone(), Some(properties()))
            .map_err(|source| cannot_write(path, source))?;
        let pending = Vec::with_capacity(CHUNK_ROW_COUNT);
        Ok(TableWriter {
            writer,
            schema,
            facets: facets.to_vec(),
            pending,
            path: path.to_owned(),
            row_count: 0,
        })
    }

    /// Takes one row.
    ///
    /// # Errors
    /// Kind `Output` when the rows so far break an invariant of the table, or the disk refuses them.
    pub fn write(&mut self, row: R) -> Result<()> {
        self.pending.push(row);
        self.row_count += 1;
        if self.pending.len() == CHUNK_ROW_COUNT {
            self.encode_pending()?;
        }
        Ok(())
    }

    /// Takes many rows.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_all(&mut self, rows: impl IntoIterator<Item = R>) -> Result<()> {
        rows.into_iter().try_for_each(|row| self.write(row))
    }

    /// Rows taken so far.
    pub fn row_count(&self) -> u64 {
        self.row_count
    }

    /// Makes the rows so far a readable file under its final name. Also right for a run stopped half-way.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn finish(mut self) -> Result<PathBuf> {
        self.encode_pending()?;
        let file = self.writer.into_inner().map_err(|source| cannot_write(&self.path, source))?;
        file.finish()
    }

    fn encode_pending(&mut self) -> Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let at_path = |error: Error| error.at(&self.path);
        let arrays = R::encode(&self.pending, &self.facets).map_err(at_path)?;
        let arrays = arrays.into_iter().map(|(_, array)| array).collect();
        let batch = RecordBatch::try_new(self.schema.clone(), arrays)
            .map_err(|source| Error::output("rows do not fit their table").at(&self.path).because(source))?;
        self.writer.write(&batch).map_err(|source| cannot_write(&self.path, source))?;
        self.pending.clear();
        Ok(())
    }
}

/// Reads a whole table.
pub fn read_rows<R: TableRow>(path: &Path) -> Result<Vec<R>> {
    let mut rows = Vec::new();
    each_row(path, |row| {
        rows.push(row);
        ControlFlow::Continue(())
    })?;
    Ok(rows)
}

/// Shows the rows of a table one after the other, in file order, until it is told to break. Holds a chunk of them at a time.
///
/// # Errors
/// Kind `Output` when the file is missing, is not Parquet, or lacks a column or has it in another type.
pub fn each_row<R: TableRow>(path: &Path, mut visit: impl FnMut(R) -> ControlFlow<()>) -> Result<()> {
    let mut file = File::open(path).map_err(|source| match source.kind() {
        ErrorKind::NotFound => Error::output("this file is missing from the result folder").at(path),
        _ => Error::output("cannot open this file").at(path).because(source),
    })?;
    let not_parquet =
        |source: ParquetError| Error::output("cannot read this as Parquet").at(path).because(source);
    let file_len = file.metadata().map_or(0, |metadata| metadata.len());
    check_footer(&mut file, file_len).map_err(|error| error.at(path))?;
    let library_file = file.try_clone().map_err(|source| not_parquet(source.into()))?;
    let builder =
        guarded(path, || ParquetRecordBatchReaderBuilder::try_new(library_file))?.map_err(not_parquet)?;
    refuse_other_versions(&builder).map_err(|error| error.at(path))?;
    refuse_lying_counts(&builder, file_len).map_err(|error| error.at(path))?;
    check_pages(&mut file, builder.metadata()).map_err(|error| error.at(path))?;
    let mut reader =
        guarded(path, || builder.with_batch_size(CHUNK_ROW_COUNT).build())?.map_err(not_parquet)?;
    while let Some(batch) = guarded(path, || reader.next())? {
        let batch = batch.map_err(|source| not_parquet(source.into()))?;
        let rows = guarded(path, || R::decode(&Columns::new(&batch)))?;
        for row in rows.map_err(|error| error.at(path))? {
            if visit(row).is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Names of the columns in which two sequences of rows differ, to the last bit of a number; of all where one is longer.
///
/// # Errors
/// As [`TableRow::encode`].
pub fn differing_columns<R: TableRow>(some: &[R], others: &[R], facets: &[String]) -> Result<Vec<String>> {
    let columns = R::encode(some, facets)?.into_iter().zip(R::encode(others, facets)?);
    let differing = columns.filter(|((_, one), (_, other))| one.to_data() != other.to_data());
    Ok(differing.map(|((field, _), _)| field.name().clone()).collect())
}

/// A damaged file makes the library panic in places; after that it is not asked again.
fn guarded<T>(path: &Path, work: impl FnOnce() -> T) -> Result<T> {
    crate::guard::guarded(
        |panic| Error::output(format!("cannot read this as Parquet: {panic}")).at(path),
        work,
    )
}

fn properties() -> WriterProperties {
    let version = KeyValue::new(VERSION_KEY.to_owned(), FORMAT_VERSION.to_string());
    WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROW_COUNT))
        // by rows alone: the default bound by bytes would tie the grouping to the encoder's estimates
        .set_max_row_group_bytes(None)
        .set_created_by(format!("respondent version {FORMAT_VERSION}"))
        .set_key_value_metadata(Some(vec![version]))
        .build()
}

fn refuse_repeated_names(fields: &[Field]) -> Result<()> {
    let mut seen = BTreeSet::new();
    match fields.iter().find(|field| !seen.insert(field.name())) {
        Some(field) => Err(Error::output(format!("two columns are called `{}`", field.name()))
            .hint("rename that facet of the study")),
        None => Ok(()),
    }
}

fn refuse_other_versions(builder: &ParquetRecordBatchReaderBuilder<File>) -> Result<()> {
    let entries = builder.metadata().file_metadata().key_value_metadata();
    let version = entries
        .and_then(|entries| entries.iter().find(|entry| entry.key == VERSION_KEY))
        .and_then(|entry| entry.value.as_deref())
        .ok_or_else(|| Error::output("this file was not written by respondent"))?;
    if version != FORMAT_VERSION.to_string() {
        return Err(Error::output(format!(
            "rows of format version {version}, and this build reads version {FORMAT_VERSION}"
        ))
        .hint("use the release that wrote them"));
    }
    Ok(())
}

/// No table of ours has so many rows in so few bytes: each row has numbers of its own. A damaged count would have the library make up rows, or
/// buffers, until the memory is full.
fn refuse_lying_counts(builder: &ParquetRecordBatchReaderBuilder<File>, file_len: u64) -> Result<()> {
    let is_within = |count: i64, most: u64| u64::try_from(count).is_ok_and(|count| count <= most);
    let row_count_max = file_len.saturating_mul(ROWS_PER_BYTE_MAX);
    let groups = builder.metadata().row_groups();
    let row_count = groups.iter().fold(0_i64, |sum, group| sum.saturating_add(group.num_rows()));
    let mut columns = groups.iter().flat_map(|group| group.columns());
    let sizes = groups.iter().flat_map(|group| group.columns()).map(|column| column.compressed_size());
    let is_true = is_within(builder.metadata().file_metadata().num_rows(), row_count_max)
        && is_within(row_count, row_count_max)
        && groups.iter().all(|group| is_within(group.num_rows(), row_count_max))
        // Each column is in the file once.
        && is_within(sizes.fold(0, i64::saturating_add), file_len)
        && columns.all(|column| {
            is_within(column.num_values(), row_count_max)
                && is_within(column.compressed_size(), file_len)
                && is_within(column.data_page_offset(), file_len)
                && is_within(column.dictionary_page_offset().unwrap_or(0), file_len)
        });
    match is_true {
        true => Ok(()),
        false => Err(Error::output("the file's counts of rows and bytes cannot be true: it is damaged")),
    }
}

fn cannot_write(path: &Path, source: ParquetError) -> Error {
    Error::output("cannot write this table").at(path).because(source)
}
