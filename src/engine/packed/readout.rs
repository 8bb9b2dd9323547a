//! The readout in one pass: logits of a stretch of the vocabulary, reduced while they are in cache. A whole row of logits is
//! stored only where it is to be ranked. `ReadoutLogits::from_row` is the naive twin.
//!
//! A row is reduced stretch by stretch, with borders that depend on the vocabulary alone, so its bits do not depend on the
//! rows beside it or on the number of threads.

use super::super::kernels::pointwise::{cap_logits, write_tile};
use super::super::kernels::reduce::{exponentials, largest, top};
use super::super::kernels::{Isa, PackedRows};
use super::super::ranking::Ranking;
use super::super::readout::{ReadoutLogits, ReadoutScope, ReadoutSettings, Sums, refuse_logit};
use super::super::stages::EngineStage;
use super::super::working_set::STORED_LOGIT_COUNT_MAX;
use super::super::{DecoderConfig, ReadoutRequest};
use super::decoder::PackedDecoder;
use super::layer::{into_tiles, pack_normed};
use super::session::PackedSession;
use crate::elementary::exp;
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
    /// For each temperature, and at temperature 1.
    sums: Vec<Sums>,
    at_one: Sums,
    /// Best first; ties by ascending id.
    top: Vec<(u32, f32)>,
    /// Index into the wanted ids, and the logit.
    wanted: Vec<(usize, f32)>,
    /// All of it, where it is to be ranked.
    logits: Vec<f32>,
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
        pack_normed(config, hidden, Some(&self.final_norm), &mut packed, &mut Vec::new());
        let mut logits = vec![0.0; requests.len() * ids.len()];
        into_tiles(&matrix, None, &packed, &mut logits, write_tile);
        self.bend(&mut logits);
        let read = requests.iter().zip(logits.chunks_exact(ids.len())).map(|(request, row)| {
            let logit = |id: &u32| row[ids.partition_point(|known| known < id)];
            let wanted: Vec<f32> = request.wanted.iter().map(logit).collect();
            ReadoutLogits::of_wanted(&wanted, request, settings)
        });
        read.collect()
    }

    /// What the config has become of logits.
    fn bend(&self, logits: &mut [f32]) {
        let DecoderConfig { logit_divisor, logit_soft_cap, .. } = self.config;
        if logit_divisor != 1.0 || logit_soft_cap.is_some() {
            let cap = logit_soft_cap.map(|cap| cap as f32);
            cap_logits(self.kernel.isa(), logits, logit_divisor as f32, cap);
        }
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
        let walks = requests.len().div_ceil(row_count_max(requests, config.vocab_size)).max(1);
        let row_count = requests.len().div_ceil(walks).max(1);
        for (rows, requests) in hidden.chunks(row_count * width).zip(requests.chunks(row_count)) {
            let mut packed = PackedRows::new(self.kernel);
            pack_normed(config, rows, Some(&self.final_norm), &mut packed, &mut Vec::new());
            let asked: Vec<Asked> = requests.iter().map(Asked::new).collect();
            let stretches = (0..config.vocab_size).step_by(STRETCH).collect::<Vec<_>>();
            let partials: Vec<Vec<Partial>> = stretches
                .into_par_iter()
                .map(|first| {
                    session.clock.time(EngineStage::Readout, || {
                        session.logits.with(Vec::new, |logits| {
                            self.stretch(&packed, first, config.vocab_size, &asked, settings, logits)
                        })
                    })
                })
                .collect();
            let read = requests.par_iter().enumerate().map(|(row, request)| {
                let parts: Vec<&Partial> = partials.iter().map(|rows| &rows[row]).collect();
                session.clock.time(EngineStage::Readout, || merged(&parts, request, settings))
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
        asked: &[Asked],
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
        self.bend(logits);
        let rows = logits.chunks(STRETCH).zip(asked);
        rows.map(|(logits, asked)| partial(isa, &logits[..len], first, asked, settings)).collect()
    }
}

/// Rows that share a walk, fewer where many are stored.
fn row_count_max(requests: &[ReadoutRequest<'_>], vocab_size: usize) -> usize {
    match requests.iter().any(|request| request.nucleus_mass.is_some()) {
        true => (STORED_LOGIT_COUNT_MAX / vocab_size).clamp(1, ROW_COUNT_MAX),
        false => ROW_COUNT_MAX,
    }
}

/// A request as stretches look at it.
struct Asked {
    /// Wanted ids in ascending order, each with its place in the request.
    by_id: Vec<(u32, usize)>,
    top_count: usize,
    is_ranked: bool,
}

impl Asked {
    fn new(request: &ReadoutRequest<'_>) -> Self {
        let mut by_id: Vec<(u32, usize)> = request.wanted.iter().copied().zip(0..).collect();
        by_id.sort_unstable();
        Asked { by_id, top_count: request.top_count, is_ranked: request.nucleus_mass.is_some() }
    }
}

fn partial(isa: Isa, logits: &[f32], first: usize, asked: &Asked, settings: &ReadoutSettings) -> Partial {
    let (max, is_finite) = largest(isa, logits);
    let broken = match is_finite {
        true => None,
        false => logits.iter().position(|logit| !logit.is_finite()).map(|at| (first + at, logits[at])),
    };
    let sum = |temperature: f64| {
        let (total, weighted) = exponentials(isa, logits, max, temperature.recip());
        Sums { total, weighted }
    };
    let at_one = sum(1.0);
    let sums = settings.temperatures.iter().map(|&t| if t == 1.0 { at_one } else { sum(t) }).collect();
    let wanted = &asked.by_id;
    let ids = wanted.partition_point(|&(id, _)| (id as usize) < first)
        ..wanted.partition_point(|&(id, _)| (id as usize) < first + logits.len());
    let wanted = wanted[ids].iter().map(|&(id, place)| (place, logits[id as usize - first])).collect();
    let top = top(isa, logits, asked.top_count);
    let top = top.into_iter().map(|(at, logit)| ((first + at) as u32, logit)).collect();
    let logits = if asked.is_ranked { logits.to_vec() } else { Vec::new() };
    Partial { broken, max, sums, at_one, top, wanted, logits }
}

/// One row from its parts, in the order of the vocabulary.
fn merged(
    parts: &[&Partial],
    request: &ReadoutRequest<'_>,
    settings: &ReadoutSettings,
) -> Result<ReadoutLogits> {
    if let Some((id, logit)) = parts.iter().find_map(|part| part.broken) {
        return Err(refuse_logit(id, logit));
    }
    let max = parts.iter().map(|part| part.max).fold(f32::NEG_INFINITY, f32::max) as f64;
    let at = |temperature: f64, of: &dyn Fn(&Partial) -> Sums| {
        let mut sums = Sums::default();
        for part in parts {
            let (below, of_part) = (part.max as f64 - max, of(part));
            let scale = exp(below / temperature);
            sums.total += of_part.total * scale;
            sums.weighted += (of_part.weighted + of_part.total * below) * scale;
        }
        sums
    };
    let temperatures = &settings.temperatures;
    let sums: Vec<Sums> =
        temperatures.iter().enumerate().map(|(index, &t)| at(t, &|part| part.sums[index])).collect();
    let at_one = at(1.0, &|part| part.at_one);
    let mut wanted = vec![0.0; request.wanted.len()];
    for &(place, logit) in parts.iter().flat_map(|part| &part.wanted) {
        wanted[place] = logit as f64;
    }
    let mut top: Vec<(u32, f32)> = parts.iter().flat_map(|part| part.top.iter().copied()).collect();
    top.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    top.truncate(request.top_count);
    let log_total = at_one.log_sum_exp(max, 1.0);
    Ok(ReadoutLogits {
        wanted,
        log_sum_exp: sums.iter().zip(temperatures).map(|(sums, &t)| sums.log_sum_exp(max, t)).collect(),
        log_total,
        entropies: sums.iter().zip(temperatures).map(|(sums, &t)| sums.entropy(t)).collect(),
        entropy: at_one.entropy(1.0),
        top: top.into_iter().map(|(id, logit)| (id, logit as f64 - log_total)).collect(),
        ranking: request.nucleus_mass.map(|mass| {
            let row = parts.iter().flat_map(|part| &part.logits).copied().collect();
            Ranking::of_row(row, request.wanted, temperatures, sums.iter().map(|sums| sums.total), mass)
        }),
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
            let settings = ReadoutSettings { scope: ReadoutScope::Vocabulary, temperatures: vec![0.25, 1.0, 2.0] };
            let wanted: Vec<u32> = (0..row.len() as u32).rev().collect();
            let request = ReadoutRequest::new(&wanted).naming(5).ranked(Some(0.9));
            let naive = ReadoutLogits::from_row(&row, &request, &settings).unwrap();
            for isa in Isa::all() {
                let stretches: Vec<Partial> = row
                    .chunks(stretch)
                    .enumerate()
                    .map(|(index, logits)| partial(isa, logits, index * stretch, &Asked::new(&request), &settings))
                    .collect();
                let parts: Vec<&Partial> = stretches.iter().collect();
                let read = merged(&parts, &request, &settings).unwrap();
                prop_assert_eq!(&read.wanted, &naive.wanted);
                for (a, b) in read.log_sum_exp.iter().zip(&naive.log_sum_exp) {
                    prop_assert!((a - b).abs() < 1e-12 * b.abs().max(1.0));
                }
                prop_assert!((read.entropy - naive.entropy).abs() < 1e-12);
                for (a, b) in read.entropies.iter().zip(&naive.entropies) {
                    prop_assert!((a - b).abs() < 1e-10);
                }
                prop_assert_eq!(&read.ranking, &naive.ranking);
                prop_assert_eq!(read.top.len(), naive.top.len());
                for (a, b) in read.top.iter().zip(&naive.top) {
                    prop_assert!(a.0 == b.0 && (a.1 - b.1).abs() < 1e-12);
                }
            }
        }
    }

    #[test]
    fn a_broken_logit_is_named() {
        let settings = ReadoutSettings { scope: ReadoutScope::Vocabulary, temperatures: vec![1.0] };
        for isa in Isa::all() {
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let mut row = vec![1.0; 50];
                row[33] = bad;
                let parts = partial(isa, &row, 100, &Asked::new(&ReadoutRequest::new(&[])), &settings);
                let error = merged(&[&parts], &ReadoutRequest::new(&[]), &settings).unwrap_err();
                assert!(error.to_string().starts_with("the logit of token 133 is"), "{error}");
            }
        }
    }
}
