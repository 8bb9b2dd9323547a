//! The readout in one pass: logits of a stretch of the vocabulary, reduced while they are in cache. No whole row of logits is
//! ever stored. `ReadoutLogits::from_row` is the naive twin.
//!
//! A row is reduced stretch by stretch, with borders that depend on the vocabulary alone, so its bits do not depend on the
//! rows beside it or on the number of threads.

use super::super::ReadoutRequest;
use super::super::kernels::pointwise::write_tile;
use super::super::kernels::reduce::{exponentials, largest, top};
use super::super::kernels::{AlignedWords, Isa, PackedRows};
use super::super::readout::{ReadoutLogits, ReadoutScope, ReadoutSettings, refuse_logit};
use super::super::stages::EngineStage;
use super::decoder::PackedDecoder;
use super::layer::{into_tiles, pack_normed};
use super::session::PackedSession;
use crate::error::{Error, Result};
use rayon::prelude::*;

/// Columns of a stretch: a multiple of every panel.
const STRETCH: usize = 1024;

/// Rows that share a walk over the readout matrix.
const ROW_COUNT_MAX: usize = 240;

/// One row's part in one stretch.
#[derive(Debug, Clone)]
struct Partial {
    /// The first id whose logit is not finite, and that logit.
    broken: Option<(usize, f32)>,
    max: f32,
    /// Σ exp((logit − max) / T), for each temperature.
    sums: Vec<f64>,
    /// Σ exp(logit − max), and Σ exp(logit − max) · (logit − max).
    total: f64,
    weighted: f64,
    /// Best first; ties by ascending id.
    top: Vec<(u32, f32)>,
    /// Index into the wanted ids, and the logit.
    wanted: Vec<(usize, f32)>,
}

impl PackedDecoder {
    /// Reads behind each row of `hidden` (`[rows, hidden]`, not yet normed): `wanted[row]` lists what is asked there.
    pub fn read(
        &self,
        hidden: &[f32],
        requests: &[ReadoutRequest<'_>],
        settings: &ReadoutSettings,
        session: &PackedSession,
    ) -> Result<Vec<ReadoutLogits>> {
        match settings.scope {
            ReadoutScope::Vocabulary => self.read_vocabulary(hidden, requests, settings, session),
            ReadoutScope::Wanted => {
                session.clock.time(EngineStage::Readout, || self.read_wanted(hidden, requests, settings))
            }
        }
    }

    /// The wanted columns alone, as a small matrix that all rows share. A column is summed as it is in the whole matrix.
    fn read_wanted(
        &self,
        hidden: &[f32],
        requests: &[ReadoutRequest<'_>],
        settings: &ReadoutSettings,
    ) -> Result<Vec<ReadoutLogits>> {
        let (config, width) = (&self.config, self.config.hidden_size);
        let mut ids: Vec<u32> = requests.iter().flat_map(|request| request.wanted).copied().collect();
        ids.sort_unstable();
        ids.dedup();
        if requests.iter().any(|request| request.wanted.is_empty()) {
            return Err(Error::usage("no ids are wanted, and nothing else is read"));
        }
        if requests.is_empty() {
            return Ok(Vec::new());
        }
        let matrix = self.lm_head().selected(&ids, width)?;
        let mut packed = PackedRows::new(self.kernel);
        pack_normed(config, hidden, &self.final_norm, &mut packed, &mut Vec::new());
        let mut logits = vec![0.0; requests.len() * ids.len()];
        into_tiles(&matrix, &AlignedWords::default(), &packed, &mut logits, write_tile);
        let read = requests.iter().zip(logits.chunks_exact(ids.len())).map(|(request, row)| {
            let logit = |id: &u32| row[ids.partition_point(|known| known < id)];
            let wanted: Vec<f32> = request.wanted.iter().map(logit).collect();
            ReadoutLogits::of_wanted(&wanted, request.wanted, settings)
        });
        read.collect()
    }

    fn read_vocabulary(
        &self,
        hidden: &[f32],
        requests: &[ReadoutRequest<'_>],
        settings: &ReadoutSettings,
        session: &PackedSession,
    ) -> Result<Vec<ReadoutLogits>> {
        let (config, width) = (&self.config, self.config.hidden_size);
        let mut readouts = Vec::with_capacity(requests.len());
        // Even groups, so that no walk over the whole matrix is for a few rows.
        let walks = requests.len().div_ceil(ROW_COUNT_MAX).max(1);
        let row_count = requests.len().div_ceil(walks).max(1);
        for (rows, requests) in hidden.chunks(row_count * width).zip(requests.chunks(row_count)) {
            let mut packed = PackedRows::new(self.kernel);
            pack_normed(config, rows, &self.final_norm, &mut packed, &mut Vec::new());
            let sorted: Vec<Vec<(u32, usize)>> = requests.iter().map(by_id).collect();
            let stretches = (0..config.vocab_size).step_by(STRETCH).collect::<Vec<_>>();
            let partials: Vec<Vec<Partial>> = stretches
                .into_par_iter()
                .map(|first| {
                    session.clock.time(EngineStage::Readout, || {
                        session.logits.with(Vec::new, |logits| {
                            self.stretch(&packed, first, config.vocab_size, &sorted, settings, logits)
                        })
                    })
                })
                .collect();
            let read = requests.par_iter().enumerate().map(|(row, request)| {
                let parts: Vec<&Partial> = partials.iter().map(|rows| &rows[row]).collect();
                merged(&parts, request.wanted.len(), settings)
            });
            readouts.extend(read.collect::<Result<Vec<_>>>()?);
        }
        Ok(readouts)
    }

    /// All rows' parts in the stretch that begins at `first`.
    fn stretch(
        &self,
        rows: &PackedRows,
        first: usize,
        vocab_size: usize,
        wanted: &[Vec<(u32, usize)>],
        settings: &ReadoutSettings,
        logits: &mut Vec<f32>,
    ) -> Vec<Partial> {
        let (matrix, isa) = (self.lm_head(), self.kernel.isa());
        let columns = self.kernel.columns();
        let len = STRETCH.min(vocab_size - first);
        logits.resize(rows.row_count() * STRETCH, 0.0);
        let panels = first / columns..(first + len).div_ceil(columns);
        matrix.multiply(rows, panels, None, |panel, first_row, sums| {
            let at = first_row * STRETCH + panel * columns - first;
            write_tile(isa, sums, columns, matrix.bias(panel), &mut logits[at..], STRETCH);
        });
        let rows = logits.chunks(STRETCH).zip(wanted);
        rows.map(|(logits, wanted)| partial(isa, &logits[..len], first, wanted, settings)).collect()
    }
}

/// Wanted ids in ascending order, each with its place in the request.
fn by_id(request: &ReadoutRequest<'_>) -> Vec<(u32, usize)> {
    let mut ids: Vec<(u32, usize)> = request.wanted.iter().copied().zip(0..).collect();
    ids.sort_unstable();
    ids
}

fn partial(
    isa: Isa,
    logits: &[f32],
    first: usize,
    wanted: &[(u32, usize)],
    settings: &ReadoutSettings,
) -> Partial {
    let (max, is_finite) = largest(isa, logits);
    let broken = match is_finite {
        true => None,
        false => logits.iter().position(|logit| !logit.is_finite()).map(|at| (first + at, logits[at])),
    };
    let sum = |&temperature: &f64| exponentials(isa, logits, max, temperature.recip()).0;
    let (total, weighted) = exponentials(isa, logits, max, 1.0);
    let sums = settings.temperatures.iter().map(|t| if *t == 1.0 { total } else { sum(t) }).collect();
    let ids = wanted.partition_point(|&(id, _)| (id as usize) < first)
        ..wanted.partition_point(|&(id, _)| (id as usize) < first + logits.len());
    let wanted = wanted[ids].iter().map(|&(id, place)| (place, logits[id as usize - first])).collect();
    let top = top(isa, logits, settings.top_count);
    let top = top.into_iter().map(|(at, logit)| ((first + at) as u32, logit)).collect();
    Partial { broken, max, sums, total, weighted, top, wanted }
}

/// One row from its parts, in the order of the vocabulary.
fn merged(parts: &[&Partial], wanted_count: usize, settings: &ReadoutSettings) -> Result<ReadoutLogits> {
    if let Some((id, logit)) = parts.iter().find_map(|part| part.broken) {
        return Err(refuse_logit(id, logit));
    }
    let max = parts.iter().map(|part| part.max).fold(f32::NEG_INFINITY, f32::max) as f64;
    let log_sum_exp = settings.temperatures.iter().enumerate().map(|(index, temperature)| {
        let scaled = |part: &&Partial| part.sums[index] * ((part.max as f64 - max) / temperature).exp();
        max / temperature + parts.iter().map(scaled).sum::<f64>().ln()
    });
    let log_sum_exp = log_sum_exp.collect();
    let (mut total, mut weighted) = (0.0, 0.0);
    for part in parts {
        let below = part.max as f64 - max;
        let scale = below.exp();
        total += part.total * scale;
        weighted += (part.weighted + part.total * below) * scale;
    }
    let mut wanted = vec![0.0; wanted_count];
    for &(place, logit) in parts.iter().flat_map(|part| &part.wanted) {
        wanted[place] = logit as f64;
    }
    let mut top: Vec<(u32, f32)> = parts.iter().flat_map(|part| part.top.iter().copied()).collect();
    top.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    top.truncate(settings.top_count);
    let log_total = max + f64::ln(total);
    Ok(ReadoutLogits {
        wanted,
        log_sum_exp,
        entropy: (f64::ln(total) - weighted / total).max(0.0),
        top: top.into_iter().map(|(id, logit)| (id, logit as f64 - log_total)).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn one_pass_reads_what_the_whole_row_says(
            row in prop::collection::vec(-30f32..30.0, 1..90), stretch in 1usize..40, ties in any::<bool>(),
        ) {
            let row: Vec<f32> = if ties { row.iter().map(|logit| logit.round()).collect() } else { row };
            let settings = ReadoutSettings { scope: ReadoutScope::Vocabulary, temperatures: vec![0.25, 1.0, 2.0], top_count: 5 };
            let wanted: Vec<u32> = (0..row.len() as u32).rev().collect();
            let naive = ReadoutLogits::from_row(&row, &wanted, &settings).unwrap();
            let sorted = by_id(&ReadoutRequest { wanted: &wanted });
            for isa in Isa::all() {
                let parts: Vec<Partial> = row
                    .chunks(stretch)
                    .enumerate()
                    .map(|(index, logits)| partial(isa, logits, index * stretch, &sorted, &settings))
                    .collect();
                let read = merged(&parts.iter().collect::<Vec<_>>(), wanted.len(), &settings).unwrap();
                prop_assert_eq!(&read.wanted, &naive.wanted);
                for (a, b) in read.log_sum_exp.iter().zip(&naive.log_sum_exp) {
                    prop_assert!((a - b).abs() < 1e-12 * b.abs().max(1.0));
                }
                prop_assert!((read.entropy - naive.entropy).abs() < 1e-12);
                prop_assert_eq!(read.top.len(), naive.top.len());
                for (a, b) in read.top.iter().zip(&naive.top) {
                    prop_assert!(a.0 == b.0 && (a.1 - b.1).abs() < 1e-12);
                }
            }
        }
    }

    #[test]
    fn a_broken_logit_is_named() {
        let settings =
            ReadoutSettings { scope: ReadoutScope::Vocabulary, temperatures: vec![1.0], top_count: 2 };
        for isa in Isa::all() {
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let mut row = vec![1.0; 50];
                row[33] = bad;
                let parts = partial(isa, &row, 100, &[], &settings);
                let error = merged(&[&parts], 0, &settings).unwrap_err();
                assert!(error.to_string().starts_with("the logit of token 133 is"), "{error}");
            }
        }
    }
}
