//! Columns of one table as Arrow arrays, in both directions, with the checks that belong at the border: no NaN,
//! no null where none is meant, no missing facet. Knows no table in particular.

use crate::error::{Error, Result};
use arrow_array::builder::{Float64Builder, ListBuilder, StringBuilder, UInt32Builder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, UInt32Type};
use arrow_array::{Array, ArrayRef, Float64Array, RecordBatch, StringArray, UInt32Array};
use arrow_schema::{DataType, Field};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Collects the columns of some rows. `row_name` says which row it is, for messages.
pub struct Encoded<'a, R> {
    rows: &'a [R],
    row_name: fn(&R) -> String,
    columns: Vec<(Field, ArrayRef)>,
}

impl<'a, R> Encoded<'a, R> {
    pub fn new(rows: &'a [R], row_name: fn(&R) -> String) -> Self {
        Encoded { rows, row_name, columns: Vec::new() }
    }

    /// The columns, in the order in which they were added.
    pub fn into_columns(self) -> Vec<(Field, ArrayRef)> {
        self.columns
    }

    pub fn text(&mut self, name: &str, of: impl Fn(&'a R) -> &'a str) {
        let array = StringArray::from_iter_values(self.rows.iter().map(of));
        self.push(Field::new(name, DataType::Utf8, false), Arc::new(array));
    }

    pub fn optional_text(&mut self, name: &str, of: impl Fn(&'a R) -> Option<&'a str>) {
        let array: StringArray = self.rows.iter().map(of).collect();
        self.push(Field::new(name, DataType::Utf8, true), Arc::new(array));
    }

    /// A finite number in every row.
    pub fn number(&mut self, name: &str, of: impl Fn(&R) -> f64) -> Result<()> {
        let values: Vec<f64> = self.rows.iter().map(of).collect();
        self.refuse_non_finite(name, values.iter().copied().map(Some))?;
        self.push(Field::new(name, DataType::Float64, false), Arc::new(Float64Array::from(values)));
        Ok(())
    }

    /// A finite number or null.
    pub fn optional_number(&mut self, name: &str, of: impl Fn(&R) -> Option<f64>) -> Result<()> {
        let values: Vec<Option<f64>> = self.rows.iter().map(of).collect();
        self.refuse_non_finite(name, values.iter().copied())?;
        self.push(Field::new(name, DataType::Float64, true), Arc::new(Float64Array::from(values)));
        Ok(())
    }

    pub fn count(&mut self, name: &str, of: impl Fn(&R) -> u32) {
        let array = UInt32Array::from_iter_values(self.rows.iter().map(of));
        self.push(Field::new(name, DataType::UInt32, false), Arc::new(array));
    }

    pub fn ids(&mut self, name: &str, of: impl Fn(&'a R) -> &'a [u32]) {
        let item = Field::new_list_field(DataType::UInt32, false);
        let mut builder = ListBuilder::new(UInt32Builder::new()).with_field(item.clone());
        for row in self.rows {
            builder.values().append_slice(of(row));
            builder.append(true);
        }
        self.push(Field::new_list(name, item, false), Arc::new(builder.finish()));
    }

    pub fn texts(&mut self, name: &str, of: impl Fn(&'a R) -> &'a [String]) {
        let item = Field::new_list_field(DataType::Utf8, false);
        let mut builder = ListBuilder::new(StringBuilder::new()).with_field(item.clone());
        for row in self.rows {
            of(row).iter().for_each(|text| builder.values().append_value(text));
            builder.append(true);
        }
        self.push(Field::new_list(name, item, false), Arc::new(builder.finish()));
    }

    /// A list of finite numbers in every row.
    pub fn numbers(&mut self, name: &str, of: impl Fn(&'a R) -> &'a [f64]) -> Result<()> {
        let item = Field::new_list_field(DataType::Float64, false);
        let mut builder = ListBuilder::new(Float64Builder::new()).with_field(item.clone());
        for row in self.rows {
            if of(row).iter().any(|value| !value.is_finite()) {
                return Err(self.not_finite(name, row));
            }
            builder.values().append_slice(of(row));
            builder.append(true);
        }
        self.push(Field::new_list(name, item, false), Arc::new(builder.finish()));
        Ok(())
    }

    /// One column per facet. With `empty_is_null`, an empty string or an absent facet is stored as null; without it
    /// every row must have every facet. A row with a facet that has no column is refused either way.
    pub fn facets(
        &mut self,
        names: &[String],
        empty_is_null: bool,
        of: impl Fn(&'a R) -> &'a BTreeMap<String, String>,
    ) -> Result<()> {
        let stray = |row: &R, facet: &str| {
            Error::output(format!("{}: facet `{facet}` has no column", (self.row_name)(row)))
        };
        for row in self.rows {
            if let Some(facet) = of(row).keys().find(|facet| !names.contains(facet)) {
                return Err(stray(row, facet));
            }
        }
        for name in names {
            let value = |row| of(row).get(name).map(String::as_str);
            if empty_is_null {
                self.optional_text(name, |row| value(row).filter(|text| !text.is_empty()));
            } else if let Some(row) = self.rows.iter().find(|row| value(row).is_none()) {
                return Err(Error::output(format!("{}: facet `{name}` is missing", (self.row_name)(row))));
            } else {
                self.text(name, |row| value(row).expect("every row was just seen to have this facet"));
            }
        }
        Ok(())
    }

    fn push(&mut self, field: Field, array: ArrayRef) {
        self.columns.push((field, array));
    }

    /// A number that is not finite is a broken invariant of whoever made the row; it must not reach a file.
    fn refuse_non_finite(&self, name: &str, values: impl Iterator<Item = Option<f64>>) -> Result<()> {
        match self.rows.iter().zip(values).find(|(_, value)| value.is_some_and(|value| !value.is_finite())) {
            Some((row, _)) => Err(self.not_finite(name, row)),
            None => Ok(()),
        }
    }

    fn not_finite(&self, name: &str, row: &R) -> Error {
        Error::output(format!("{}: `{name}` is not a finite number", (self.row_name)(row)))
    }
}

/// What rounding may add to a share.
const SHARE_ROUNDING: f64 = 1e-9;

/// The columns of one batch that was read, fetched by name.
pub struct Columns<'a> {
    batch: &'a RecordBatch,
}

impl<'a> Columns<'a> {
    pub fn new(batch: &'a RecordBatch) -> Self {
        Columns { batch }
    }

    pub fn row_count(&self) -> usize {
        self.batch.num_rows()
    }

    pub fn text(&self, name: &str) -> Result<&'a StringArray> {
        let array = self.optional_text(name)?;
        self.without_nulls(name, array).map(|()| array)
    }

    pub fn optional_text(&self, name: &str) -> Result<&'a StringArray> {
        self.array(name)?.as_string_opt::<i32>().ok_or_else(|| self.mistyped(name, "text"))
    }

    pub fn number(&self, name: &str) -> Result<&'a Float64Array> {
        let array = self.optional_number(name)?;
        self.without_nulls(name, array).map(|()| array)
    }

    pub fn optional_number(&self, name: &str) -> Result<&'a Float64Array> {
        let array = self
            .array(name)?
            .as_primitive_opt::<Float64Type>()
            .ok_or_else(|| self.mistyped(name, "double"))?;
        match array.iter().flatten().find(|value| !value.is_finite()) {
            Some(value) => Err(Error::output(format!("column `{name}` holds {value}"))),
            None => Ok(array),
        }
    }

    /// Numbers from 0 to 1, and nulls.
    pub fn optional_share(&self, name: &str) -> Result<&'a Float64Array> {
        let array = self.optional_number(name)?;
        let is_share = |value: &f64| (-SHARE_ROUNDING..=1.0 + SHARE_ROUNDING).contains(value);
        match array.iter().flatten().find(|value| !is_share(value)) {
            Some(value) => Err(Error::output(format!("column `{name}` holds {value:e}, which is no share"))),
            None => Ok(array),
        }
    }

    pub fn count(&self, name: &str) -> Result<&'a UInt32Array> {
        let array = self.array(name)?;
        let array = array.as_primitive_opt::<UInt32Type>().ok_or_else(|| self.mistyped(name, "uint32"))?;
        self.without_nulls(name, array).map(|()| array)
    }

    pub fn ids(&self, name: &str) -> Result<Vec<Vec<u32>>> {
        self.lists(name, "list of uint32", |values| {
            values.as_primitive_opt::<UInt32Type>().map(|values| values.values().to_vec())
        })
    }

    pub fn numbers(&self, name: &str) -> Result<Vec<Vec<f64>>> {
        self.lists(name, "list of double", |values| {
            values.as_primitive_opt::<Float64Type>().map(|values| values.values().to_vec())
        })
    }

    pub fn texts(&self, name: &str) -> Result<Vec<Vec<String>>> {
        self.lists(name, "list of text", |values| {
            let values = values.as_string_opt::<i32>()?;
            Some(values.iter().map(|text| text.unwrap_or_default().to_owned()).collect())
        })
    }

    /// The facet columns: whatever stands between the columns `after` and `before`. Null is read as the empty string.
    pub fn facets(&self, after: &str, before: &str) -> Result<Vec<BTreeMap<String, String>>> {
        let schema = self.batch.schema();
        let position = |name: &str| schema.index_of(name).map_err(|_| self.missing(name));
        let mut rows = vec![BTreeMap::new(); self.row_count()];
        for index in position(after)? + 1..position(before)? {
            let name = schema.field(index).name();
            let array = self.optional_text(name)?;
            for (row, text) in rows.iter_mut().zip(array) {
                row.insert(name.clone(), text.unwrap_or_default().to_owned());
            }
        }
        Ok(rows)
    }

    fn lists<T>(&self, name: &str, kind: &str, read: impl Fn(&ArrayRef) -> Option<T>) -> Result<Vec<T>> {
        let array = self.array(name)?;
        let lists = array.as_list_opt::<i32>().ok_or_else(|| self.mistyped(name, kind))?;
        self.without_nulls(name, lists)?;
        let read_row = |index| read(&lists.value(index)).ok_or_else(|| self.mistyped(name, kind));
        (0..lists.len()).map(read_row).collect()
    }

    fn array(&self, name: &str) -> Result<&'a ArrayRef> {
        self.batch.column_by_name(name).ok_or_else(|| self.missing(name))
    }

    fn without_nulls(&self, name: &str, array: &dyn Array) -> Result<()> {
        match array.null_count() {
            0 => Ok(()),
            _ => Err(Error::output(format!("column `{name}` has nulls, and must not"))),
        }
    }

    fn missing(&self, name: &str) -> Error {
        Error::output(format!("column `{name}` is missing"))
    }

    fn mistyped(&self, name: &str, wanted: &str) -> Error {
        let found = self.batch.column_by_name(name).map(|array| array.data_type().to_string());
        Error::output(format!(
            "column `{name}` should be {wanted} and is {}",
            found.as_deref().unwrap_or("absent")
        ))
    }
}

/// Text of a nullable column.
pub fn text_at(array: &StringArray, index: usize) -> Option<String> {
    array.is_valid(index).then(|| array.value(index).to_owned())
}

/// Number of a nullable column.
pub fn number_at(array: &Float64Array, index: usize) -> Option<f64> {
    array.is_valid(index).then(|| array.value(index))
}
