//! Stored rows into panels: each panel's rows are read, brought into the kernel's words and transposed by one thread, while
//! they are in its cache. No matrix is ever whole in memory but in its panels. Knows projections, not layers.

use super::super::kernels::{Arithmetic, Kernel, MatrixWords, bf16_word};
use super::super::{Projection, StoredFormat};
use super::matrix::Place;
use crate::error::{Error, Result};
use rayon::prelude::*;
use std::ops::Range;

/// Neighbouring columns of a panel that are neighbouring rows of one part.
#[derive(Debug, PartialEq, Eq)]
pub struct Run {
    pub column: usize,
    pub part: usize,
    pub rows: Range<usize>,
}

/// The runs of a panel's places, in order.
pub fn runs(places: &[Place]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (column, place) in places.iter().enumerate() {
        let Some((part, row)) = *place else { continue };
        match runs.last_mut() {
            Some(last)
                if last.part == part && last.rows.end == row && last.column + last.rows.len() == column =>
            {
                last.rows.end += 1;
            }
            _ => runs.push(Run { column, part, rows: row..row + 1 }),
        }
    }
    runs
}

/// All panels of a matrix, as the kernel reads them.
///
/// # Errors
/// When rows cannot be read, or there is no memory for them.
pub fn packed_panels(
    kernel: Kernel,
    parts: &[&Projection],
    places: &[Place],
    input_len: usize,
) -> Result<MatrixWords> {
    let columns = kernel.columns();
    let panel_words = kernel.padded_words(input_len) * columns;
    let mut words = MatrixWords::zeroed(places.len() / columns * panel_words)
        .map_err(|source| Error::model("no memory for the packed weights").because(source))?;
    let panels = words.words_mut().par_chunks_mut(panel_words).zip(places.par_chunks(columns));
    panels.try_for_each_init(Vec::new, |bytes, (panel, places)| -> Result<()> {
        for run in runs(places) {
            let weight = &parts[run.part].weight;
            weight.read(run.rows.clone(), bytes)?;
            let rows = to_words(kernel, weight.format(), bytes, input_len)?;
            transpose(&rows, run.rows.len(), columns, run.column, panel);
        }
        Ok(())
    })?;
    Ok(words)
}

/// Stored rows as rows of the kernel's words; a last odd value shares its word with a zero.
fn to_words(kernel: Kernel, format: StoredFormat, bytes: &[u8], input_len: usize) -> Result<Vec<u32>> {
    let is_even = input_len.is_multiple_of(2);
    Ok(match (kernel.arithmetic(), format) {
        (Arithmetic::F32, StoredFormat::F32) => words_of(bytes),
        (Arithmetic::Bf16, StoredFormat::Bf16) if is_even => words_of(bytes),
        (Arithmetic::F32, _) => format.to_f32(bytes, input_len)?.into_iter().map(f32::to_bits).collect(),
        (Arithmetic::Bf16, _) => {
            let values = format.to_f32(bytes, input_len)?;
            let rows = values.chunks_exact(input_len);
            let word = |pair: &[f32]| bf16_word(pair[0], pair.get(1).copied().unwrap_or(0.0));
            rows.flat_map(|row| row.chunks(2).map(word)).collect()
        }
    })
}

fn words_of(bytes: &[u8]) -> Vec<u32> {
    bytes.as_chunks().0.iter().map(|&four| u32::from_le_bytes(four)).collect()
}

/// Rows of words into neighbouring columns of a panel, a cache line of each row at a time.
fn transpose(words: &[u32], row_count: usize, columns: usize, first_column: usize, panel: &mut [u32]) {
    const LINE: usize = 16;
    let row_words = words.len() / row_count;
    for first in (0..row_words).step_by(LINE) {
        let count = LINE.min(row_words - first);
        for row in 0..row_count {
            let line = &words[row * row_words + first..][..count];
            let to = &mut panel[first * columns + first_column + row..];
            for (&word, to) in line.iter().zip(to.iter_mut().step_by(columns)) {
                *to = word;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_make_a_run() {
        let run = |column, part, rows| Run { column, part, rows };
        let places = [Some((0, 3)), Some((0, 4)), Some((1, 5)), None, Some((1, 6)), Some((1, 8))];
        assert_eq!(runs(&places), [run(0, 0, 3..5), run(2, 1, 5..6), run(4, 1, 6..7), run(5, 1, 8..9)]);
        assert_eq!(runs(&[None, None]), []);
    }

    #[test]
    fn rows_become_columns() {
        let words: Vec<u32> = (0..3 * 37).collect();
        let mut panel = vec![u32::MAX; 37 * 8];
        transpose(&words, 3, 8, 4, &mut panel);
        for (at, &found) in panel.iter().enumerate() {
            let (depth, column) = (at / 8, at % 8);
            let expected =
                if (4..7).contains(&column) { (column - 4) * 37 + depth } else { u32::MAX as usize };
            assert_eq!(found as usize, expected);
        }
    }
}
