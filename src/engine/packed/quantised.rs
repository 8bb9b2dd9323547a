//! Panels of quantised weights: GGML's blocks of the rows that become a panel's columns, transposed. Knows projections, not
//! layers.

use super::super::kernels::{CentredPair, Codes, QuantisedPanel};
use super::super::weights::refuse_blocks;
use super::super::{Projection, StoredFormat};
use super::ggml::{self, CodeLayout, CodeRange};
use super::matrix::Place;
use super::panels::{Run, runs};
use crate::error::Result;
use candle_core::quantized::GgmlDType;
use rayon::prelude::*;

/// All panels of a matrix; `None` where a part is plain or of a type that is not kept, or a panel mixes types.
///
/// # Errors
/// When rows cannot be read.
pub fn quantised_panels(
    parts: &[&Projection],
    places: &[Place],
    columns: usize,
    input_len: usize,
) -> Result<Option<Vec<QuantisedPanel>>> {
    let mut kinds: Vec<(GgmlDType, CodeLayout)> = Vec::with_capacity(parts.len());
    for part in parts {
        let StoredFormat::Ggml(dtype) = part.weight.format() else { return Ok(None) };
        let Some(layout) = ggml::layout(dtype) else { return Ok(None) };
        kinds.push((dtype, layout));
    }
    let panels: Vec<Vec<Run>> = places.chunks(columns).map(runs).collect();
    let mixes = |runs: &Vec<Run>| runs.windows(2).any(|two| kinds[two[0].part].0 != kinds[two[1].part].0);
    if panels.iter().any(mixes) {
        return Ok(None);
    }
    let packed = panels.par_iter().map_init(Vec::new, |bytes, runs| {
        let (dtype, layout) = kinds[runs.first().map_or(0, |run| run.part)];
        panel(parts, runs, dtype, layout, columns, input_len, bytes)
    });
    packed.collect::<Result<Vec<_>>>().map(Some)
}

fn panel(
    parts: &[&Projection],
    runs: &[Run],
    dtype: GgmlDType,
    layout: CodeLayout,
    columns: usize,
    input_len: usize,
    bytes: &mut Vec<u8>,
) -> Result<QuantisedPanel> {
    let block_count = input_len / layout.block_len;
    let mut codes = vec![0i8; input_len * columns];
    let (mut scales, mut minima) = (vec![0.0; block_count * columns], Vec::new());
    for run in runs {
        let weight = &parts[run.part].weight;
        weight.read(run.rows.clone(), bytes)?;
        for (offset, row) in bytes.chunks_exact(weight.format().row_bytes(input_len)).enumerate() {
            let column = run.column + offset;
            let row = ggml::take_apart(dtype, row);
            if !row.scales.iter().chain(&row.minima).all(|value| value.is_finite()) {
                return Err(refuse_blocks());
            }
            transpose(&row.codes, column, columns, &mut codes);
            transpose(&row.scales, column, columns, &mut scales);
            if !row.minima.is_empty() {
                minima.resize(scales.len(), 0.0);
                transpose(&row.minima, column, columns, &mut minima);
            }
        }
    }
    let codes = match layout.range {
        CodeRange::Byte => Codes::Bytes(codes),
        CodeRange::Nibble => {
            Codes::Nibbles(pairs(&codes, columns, |even, odd| even as u8 | (odd as u8) << 4))
        }
        CodeRange::CentredNibble => Codes::CentredNibbles(pairs(&codes, columns, CentredPair::new)),
    };
    Ok(QuantisedPanel { codes, scales, minima, block_len: layout.block_len })
}

/// A row's values into one column.
fn transpose<T: Copy>(row: &[T], column: usize, columns: usize, out: &mut [T]) {
    for (at, &value) in row.iter().enumerate() {
        out[at * columns + column] = value;
    }
}

/// Two neighbours along the depth as one.
fn pairs<T>(codes: &[i8], columns: usize, pair: impl Fn(i8, i8) -> T) -> Vec<T> {
    let twos = codes.chunks_exact(2 * columns).map(|two| two.split_at(columns));
    twos.flat_map(|(even, odd)| even.iter().zip(odd).map(|(&even, &odd)| pair(even, odd))).collect()
}

#[cfg(test)]
mod tests;
