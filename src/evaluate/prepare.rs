//! Cells to token ids: render, apply the chat template, encode with surface forms in place, and say where to read.

use super::events::{Event, Stage, Stop};
use super::probes::Probes;
use super::{RunPlan, Speaker};
use crate::engine::{DecoderConfig, ReadoutRequest};
use crate::error::{Error, ErrorKind, Result};
use crate::packing::PrefixTrie;
use crate::prompts::{Cell, Prompt, render};
use crate::scoring::OptionProbe;
use rayon::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A cell ready to be read.
pub struct PreparedCell {
    pub cell: Cell,
    pub rendered_text: String,
    /// The prompt's ids; the response is read behind the last.
    pub ids: Vec<u32>,
    /// Tokens of the prompt's own end that are read as part of every form instead.
    pub stepped_back: usize,
    /// Shared by all cells with the same forms.
    pub probe: Arc<OptionProbe>,
    /// Labels in scale order.
    pub labels: Vec<String>,
}

/// All cells, and the readouts of all of them in one numbering: cell after cell, within a cell as the probe has them.
pub struct Prepared {
    pub cells: Vec<PreparedCell>,
    /// First readout of each cell, and one past the last of all.
    first_readout: Vec<usize>,
}

impl Prepared {
    /// Prepares every cell of the plan, in parallel.
    ///
    /// # Errors
    /// The first failing cell's, with its id; kind `Interrupted` when asked to stop.
    pub fn new(
        plan: &RunPlan,
        speaker: &Speaker,
        events: &(dyn Fn(Event) + Sync),
        stop: &Stop,
    ) -> Result<Self> {
        let (done, total) = (AtomicU64::new(0), plan.cells.len() as u64);
        let probes = Probes::default();
        let prepare = |cell: &Cell| {
            if stop.is_requested() {
                return Err(Error::new(ErrorKind::Interrupted, "stopped before any cell was read"));
            }
            let prepared = prepare(plan, speaker, &probes, cell).map_err(|error| {
                Error::new(error.kind(), format!("cell {}", plan.cell_id(cell))).because(error)
            })?;
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            events(Event::Advanced { stage: Stage::Prompts, done, total });
            Ok(prepared)
        };
        let cells = plan.cells.par_iter().map(prepare).collect::<Result<Vec<_>>>()?;
        let mut first_readout = vec![0];
        for cell in &cells {
            first_readout.push(first_readout[first_readout.len() - 1] + cell.probe.readout_count());
        }
        Ok(Prepared { cells, first_readout })
    }

    /// The trie of all readouts, and what each of them wants.
    pub fn trie(&self, config: &DecoderConfig) -> (PrefixTrie, Vec<ReadoutRequest<'_>>) {
        let (mut sequences, mut requests) = (Vec::new(), Vec::new());
        for cell in &self.cells {
            for (prefix, wanted) in cell.probe.readouts() {
                sequences.push(config.sequence(&cell.ids, prefix));
                requests.push(ReadoutRequest { wanted });
            }
        }
        (PrefixTrie::new(&sequences), requests)
    }

    /// Tokens if every cell were computed by itself.
    pub fn flat_token_count(&self) -> u64 {
        self.cells.iter().map(|cell| (cell.ids.len() + cell.probe.continuation_token_count()) as u64).sum()
    }

    /// The cell that a readout belongs to, and its number within the cell.
    pub fn owner(&self, readout: usize) -> (usize, usize) {
        let cell = self.first_readout.partition_point(|&first| first <= readout) - 1;
        (cell, readout - self.first_readout[cell])
    }
}

fn prepare(plan: &RunPlan, speaker: &Speaker, probes: &Probes, cell: &Cell) -> Result<PreparedCell> {
    let Prompt { messages, answer_prefix, options } = render(&plan.study, cell)?;
    let (rendered_text, kind) = speaker.render(&messages, &answer_prefix)?;
    let encoded = speaker.tokenizer.encode_prompt(&rendered_text, kind, &options)?;
    let labels: Vec<String> = options.into_iter().map(|option| option.label).collect();
    let probe = probes.of(speaker, &encoded, &labels)?;
    let longest = probe.readouts().map(|(prefix, _)| prefix.len()).max().unwrap_or(0);
    speaker.check_len(encoded.ids.len() + longest)?;
    Ok(PreparedCell {
        cell: *cell,
        rendered_text,
        ids: encoded.ids,
        stepped_back: encoded.stepped_back,
        probe,
        labels,
    })
}
