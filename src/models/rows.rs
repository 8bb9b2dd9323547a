//! Rows of one tensor in a model's file, read when they are asked for and checked to be numbers. Knows where they lie, not what
//! kind of file it is.

use super::file::ModelFile;
use crate::engine::{StoredFormat, StoredRows};
use crate::error::{Error, Result};
use std::ops::Range;
use std::sync::Arc;

/// A tensor's place in its file.
pub struct FileRows {
    pub file: Arc<ModelFile>,
    pub tensor_name: String,
    /// Of the first row, in bytes.
    pub start: u64,
    pub row_bytes: usize,
    pub row_count: usize,
    pub format: StoredFormat,
}

impl FileRows {
    fn read_unchecked(&self, rows: Range<usize>, bytes: &mut [u8]) -> Result<()> {
        self.file.read_at(self.start + (rows.start * self.row_bytes) as u64, bytes)
    }

    /// The error for a tensor that holds such values, with their count in all of it.
    fn refuse_values(&self) -> Error {
        let mut bytes = vec![0; self.row_bytes];
        let mut count = 0;
        for row in 0..self.row_count {
            if let Err(error) = self.read_unchecked(row..row + 1, &mut bytes) {
                return error;
            }
            count += not_finite_count(self.format, &bytes);
        }
        Error::model(format!("tensor `{}` holds {count} values that are NaN or infinite", self.tensor_name))
            .at(self.file.path())
            .hint("the weights are damaged; verify the file against its publisher's hash")
    }
}

impl StoredRows for FileRows {
    fn read(&self, rows: Range<usize>, bytes: &mut [u8]) -> Result<()> {
        self.read_unchecked(rows, bytes)?;
        if not_finite_count(self.format, bytes) > 0 { Err(self.refuse_values()) } else { Ok(()) }
    }
}

/// Plain values whose exponent is all ones. Blocks are looked at when they are taken apart.
fn not_finite_count(format: StoredFormat, bytes: &[u8]) -> usize {
    let halves =
        |mask: u16| bytes.as_chunks().0.iter().filter(|&&two| u16::from_le_bytes(two) & mask == mask).count();
    match format {
        StoredFormat::Bf16 => halves(0x7f80),
        StoredFormat::F16 => halves(0x7c00),
        StoredFormat::F32 => {
            let mask = 0x7f80_0000;
            bytes.as_chunks().0.iter().filter(|&&four| u32::from_le_bytes(four) & mask == mask).count()
        }
        StoredFormat::Ggml(_) => 0,
    }
}
