//! The engine as a plain tool: prompts in, log-probs out, one JSON object a line, in input order. Knows no study.

mod input;
mod output;

use super::Speaker;
use super::events::Stop;
use crate::engine::{Decoder, Prefill, ReadoutLogits, ReadoutRequest, ReadoutScope, ReadoutSettings};
use crate::error::{Error, ErrorKind, Result};
use crate::packing::PrefixTrie;
use input::{Ask, PreparedLine, blank, prepare, read_chunk};
use output::output_line;
use rayon::prelude::*;
use std::io::{BufRead, ErrorKind as IoErrorKind, Write};

/// How lines are scored.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreSettings {
    /// The first one is that of the fields at the top of each output line.
    pub temperatures: Vec<f64>,
    /// With [`ReadoutScope::Wanted`] lines whose options take more than one token are refused.
    pub scope: ReadoutScope,
    pub token_budget: usize,
    pub top_count: usize,
    /// In 0..=1: also rank the vocabulary, and tell how many tokens hold this much.
    pub nucleus_mass: Option<f64>,
    /// Stop at the first bad line.
    pub strict: bool,
}

/// How many lines went which way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScoreTally {
    pub scored_count: u64,
    pub refused_count: u64,
    /// Tokens if every line were computed by itself, and those computed after sharing prefixes.
    pub flat_token_count: u64,
    pub trie_token_count: u64,
}

/// The model, and how it is asked.
pub struct Scorer<'a> {
    pub speaker: &'a Speaker,
    pub decoder: &'a Decoder,
    pub settings: &'a ScoreSettings,
    pub stop: &'a Stop,
}

/// Who is told what while lines are scored.
pub trait ScoreListener {
    /// A bad line, by its 1-based number.
    fn refused(&mut self, line_number: usize, error: &Error);
    /// The tally after each chunk.
    fn advanced(&mut self, tally: &ScoreTally);
}

impl Scorer<'_> {
    /// Scores all lines of `input`.
    ///
    /// # Errors
    /// Kind `Incomplete` at the first bad line when strict, kind `Output` when the output fails, kind `Interrupted` when
    /// asked to stop. Lines before are written.
    pub fn score(
        &self,
        mut input: impl BufRead,
        output: &mut impl Write,
        listener: &mut dyn ScoreListener,
    ) -> Result<ScoreTally> {
        let mut tally = ScoreTally::default();
        let mut line_number = 0;
        loop {
            self.stop.set_idle(true);
            let chunk = read_chunk(&mut input, line_number);
            self.stop.set_idle(false);
            let chunk = chunk?;
            let Some(&(last, _)) = chunk.last() else { return Ok(tally) };
            line_number = last;
            let outcomes: Vec<(usize, Result<PreparedLine>)> = chunk
                .par_iter()
                .filter(|(_, bytes)| !blank(bytes))
                .map(|(number, bytes)| {
                    (*number, prepare(*number, bytes.as_deref(), self.speaker, self.settings.scope))
                })
                .collect();
            let (lines, fatal) = self.sift(outcomes, listener, &mut tally);
            let is_read = self.write_chunk(&lines, output, &mut tally)?;
            listener.advanced(&tally);
            match fatal {
                Some(error) => return Err(error),
                None if !is_read => return Ok(tally),
                None => {}
            }
        }
    }

    /// The good lines; when strict, those before the first bad one, and the error to end with.
    fn sift(
        &self,
        outcomes: Vec<(usize, Result<PreparedLine>)>,
        listener: &mut dyn ScoreListener,
        tally: &mut ScoreTally,
    ) -> (Vec<PreparedLine>, Option<Error>) {
        let mut lines = Vec::new();
        for (number, outcome) in outcomes {
            match outcome {
                Ok(line) => lines.push(line),
                Err(error) if self.settings.strict => {
                    tally.refused_count += 1;
                    let stopped = Error::new(ErrorKind::Incomplete, format!("stopped at line {number}"));
                    return (lines, Some(stopped.because(error)));
                }
                Err(error) => {
                    tally.refused_count += 1;
                    listener.refused(number, &error);
                }
            }
        }
        (lines, None)
    }

    /// Computes one chunk and writes its lines. False when nobody reads the output any more.
    fn write_chunk(
        &self,
        lines: &[PreparedLine],
        output: &mut impl Write,
        tally: &mut ScoreTally,
    ) -> Result<bool> {
        let Scorer { speaker, decoder, settings, stop } = self;
        let (mut sequences, mut requests, mut first) = (Vec::new(), Vec::new(), Vec::new());
        for line in lines {
            first.push(sequences.len());
            tally.flat_token_count += line.ids.len() as u64;
            match &line.ask {
                Ask::Wanted(wanted) => {
                    sequences.push(decoder.config().sequence(&line.ids, &[]));
                    requests.push(
                        ReadoutRequest::new(wanted).naming(settings.top_count).ranked(settings.nucleus_mass),
                    );
                }
                Ask::Options(probe) => {
                    tally.flat_token_count += probe.continuation_token_count() as u64;
                    for (prefix, wanted) in probe.readouts() {
                        sequences.push(decoder.config().sequence(&line.ids, prefix));
                        let request = ReadoutRequest::new(wanted);
                        requests.push(match prefix.is_empty() {
                            true => request.naming(settings.top_count).ranked(settings.nucleus_mass),
                            false => request,
                        });
                    }
                }
            }
        }
        first.push(sequences.len());
        let trie = PrefixTrie::new(&sequences);
        tally.trie_token_count += trie.token_count();
        let readout_settings =
            ReadoutSettings { scope: settings.scope, temperatures: settings.temperatures.clone() };
        let mut found: Vec<Option<ReadoutLogits>> = vec![None; sequences.len()];
        for batch in Prefill::new(decoder, &trie, &requests, &readout_settings, settings.token_budget) {
            for (sequence, readout) in batch?.readouts {
                found[sequence] = Some(readout);
            }
            if stop.is_requested() {
                return Err(Error::new(
                    ErrorKind::Interrupted,
                    format!("stopped after {} lines", tally.scored_count),
                ));
            }
        }
        let found: Vec<ReadoutLogits> = found.into_iter().flatten().collect();
        assert_eq!(found.len(), sequences.len(), "every sequence of the trie is read");
        for (index, line) in lines.iter().enumerate() {
            let readouts = &found[first[index]..first[index + 1]];
            let line = output_line(line, readouts, speaker, settings)?;
            let text = serde_json::to_string(&line)
                .map_err(|source| Error::output("a line cannot be written as JSON").because(source))?;
            if let Err(source) = writeln!(output, "{text}") {
                return closed_or(source);
            }
            tally.scored_count += 1;
        }
        output.flush().map(|()| true).or_else(closed_or)
    }
}

/// A reader that has seen enough is no failure.
fn closed_or(source: std::io::Error) -> Result<bool> {
    match source.kind() {
        IoErrorKind::BrokenPipe => Ok(false),
        _ => Err(Error::output("the output cannot be written").because(source)),
    }
}
