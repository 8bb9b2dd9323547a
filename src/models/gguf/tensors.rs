//! The directory of tensors of one GGUF file: names, shapes, types and places, checked against the file and each other.

use super::header::HeaderReader;
use super::types::GgmlType;
use crate::engine::StoredFormat;
use crate::error::{Error, Result};
use std::path::Path;

/// As `GGML_MAX_DIMS` in `ggml.h`.
const DIMENSION_COUNT_MAX: u32 = 4;

/// A name's length, the number of dimensions, the type, the place.
const INFO_BYTES_MIN: u64 = 8 + 4 + 4 + 8;

/// A tensor without its bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorInfo {
    name: String,
    /// Outermost first, the reverse of the file.
    shape: Vec<usize>,
    kind: GgmlType,
    /// Which part of a split file holds it.
    pub(super) part: usize,
    /// Of the first byte, from the start of the data until the data's place is known, then from the start of the file.
    pub(super) offset: u64,
}

impl TensorInfo {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Outermost dimension first: `[out, in]` of a matrix. Empty for a lone number.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    pub fn kind(&self) -> GgmlType {
        self.kind
    }

    /// Values in a row, the innermost dimension.
    pub fn row_len(&self) -> usize {
        self.shape.last().copied().unwrap_or(1)
    }

    /// Rows of all outer dimensions.
    pub fn row_count(&self) -> usize {
        self.shape.iter().rev().skip(1).product()
    }

    /// `None` where the size of the type's blocks is not known.
    pub fn row_bytes(&self) -> Option<usize> {
        self.kind.block().map(|(len, bytes)| self.row_len() / len * bytes)
    }

    fn byte_count(&self) -> Option<u64> {
        self.row_bytes().map(|bytes| bytes as u64 * self.row_count() as u64)
    }

    /// How the engine knows this tensor's numbers.
    ///
    /// # Errors
    /// Kind `Model` when the type is none that can be read as weights.
    pub(super) fn format(&self, path: &Path) -> Result<StoredFormat> {
        self.kind.format().ok_or_else(|| {
            Error::model(format!("tensor `{}` is of type {}, which cannot be read", self.name, self.kind))
                .at(path)
                .hint(format!("take a file of the model in other types: {} are read", GgmlType::READABLE))
        })
    }
}

/// How many tensors there are said to be, which the file has to be long enough for.
pub fn read_count(header: &mut HeaderReader<'_>) -> Result<u64> {
    header.count(INFO_BYTES_MIN, "the number of tensors")
}

/// Reads the directory. Offsets are not yet checked.
pub fn read_infos(header: &mut HeaderReader<'_>, count: u64) -> Result<Vec<TensorInfo>> {
    let mut infos = Vec::new();
    for _ in 0..count {
        infos.push(read_info(header)?);
    }
    Ok(infos)
}

fn read_info(header: &mut HeaderReader<'_>) -> Result<TensorInfo> {
    let name = header.name("a tensor's name")?;
    let what = format!("tensor `{name}`");
    let dimension_count = header.u32(&what)?;
    if dimension_count > DIMENSION_COUNT_MAX {
        return Err(header.broken(format!(
            "{what} has {dimension_count} dimensions; there are {DIMENSION_COUNT_MAX} at most"
        )));
    }
    let mut sizes = Vec::new();
    for _ in 0..dimension_count {
        sizes.push(header.u64(&what)?);
    }
    let kind = GgmlType::from_id(header.u32(&what)?);
    let offset = header.u64(&what)?;
    let shape = shape(&sizes, kind).map_err(|message| header.broken(format!("{what} {message}")))?;
    Ok(TensorInfo { name, shape, kind, part: 0, offset })
}

/// Sizes, innermost first, as a shape whose number of bytes can be told.
fn shape(sizes: &[u64], kind: GgmlType) -> std::result::Result<Vec<usize>, String> {
    // 16 bits to spare, so that no type's bytes overflow either.
    let count = sizes.iter().try_fold(1u64, |count, &size| count.checked_mul(size));
    if count.is_none_or(|count| count > u64::from(u32::MAX) << 16 || usize::try_from(count).is_err()) {
        return Err(format!("has impossible sizes {sizes:?}"));
    }
    if sizes.contains(&0) {
        return Err(format!("has a size of 0 in {sizes:?}"));
    }
    if let Some((block_len, _)) = kind.block() {
        let row_len = sizes.first().copied().unwrap_or(1);
        if !row_len.is_multiple_of(block_len as u64) {
            return Err(format!(
                "has rows of {row_len}, which are no whole blocks of {block_len} {kind} values"
            ));
        }
    }
    Ok(sizes.iter().rev().map(|&size| size as usize).collect())
}

/// Moves offsets to the start of the file, and refuses tensors that are not aligned, overlap, or end behind the file.
pub fn place(
    infos: &mut [TensorInfo],
    data_start: u64,
    alignment: u64,
    file_len: u64,
) -> std::result::Result<(), String> {
    for info in infos.iter_mut() {
        if !info.offset.is_multiple_of(alignment) {
            return Err(format!(
                "tensor `{}` lies at {}, which is no multiple of the alignment {alignment}",
                info.name, info.offset
            ));
        }
        // Of types whose size is unknown, one byte at least.
        let len = info.byte_count().unwrap_or(1);
        let start = data_start.checked_add(info.offset);
        match start.filter(|start| start.checked_add(len).is_some_and(|end| end <= file_len)) {
            Some(start) => info.offset = start,
            None => {
                return Err(format!(
                    "tensor `{}` takes {len} bytes from {} of the data, but the file ends after {}",
                    info.name,
                    info.offset,
                    file_len.saturating_sub(data_start)
                ));
            }
        }
    }
    let mut order: Vec<&TensorInfo> = infos.iter().collect();
    order.sort_by_key(|info| info.offset);
    for pair in order.windows(2) {
        if pair[0].offset + pair[0].byte_count().unwrap_or(1) > pair[1].offset {
            return Err(format!("tensors `{}` and `{}` overlap", pair[0].name, pair[1].name));
        }
    }
    Ok(())
}
