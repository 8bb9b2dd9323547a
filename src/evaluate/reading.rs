//! From readouts to finished cells, whether a readout was just computed or an earlier process noted it.

use super::certificate::CertifiedCells;
use super::events::{Event, Stage, Stop};
use super::gathered::Gathering;
use super::journaled::{NumberedReadout, decode, encode};
use super::prepare::{Prepared, ReadoutTrie};
use super::written::{FinishedCells, WrittenCells};
use super::{RunPlan, Speaker};
use crate::engine::{Decoder, Prefill, ReadoutLogits, ReadoutScope, ReadoutSettings};
use crate::error::{Error, ErrorKind, Result};
use crate::output::records::PackingCard;
use crate::output::{FoundJournal, Journal, ResultFolder};

/// What has been read of a run so far.
pub struct Reading<'a> {
    plan: &'a RunPlan,
    prepared: &'a Prepared,
    folder: &'a ResultFolder,
    written: WrittenCells<'a>,
    gathering: Gathering<'a>,
    certified: &'a mut CertifiedCells,
    is_read: Vec<bool>,
}

impl<'a> Reading<'a> {
    /// Nothing yet.
    ///
    /// # Errors
    /// Kind `Output` when the tables cannot be created.
    pub fn new(
        plan: &'a RunPlan,
        speaker: &'a Speaker,
        prepared: &'a Prepared,
        folder: &'a ResultFolder,
        certified: &'a mut CertifiedCells,
    ) -> Result<Self> {
        Ok(Reading {
            plan,
            prepared,
            folder,
            written: WrittenCells::create(plan, &speaker.tokenizer, folder)?,
            gathering: Gathering::new(prepared),
            certified,
            is_read: vec![false; prepared.readout_count()],
        })
    }

    /// Takes what a journal holds, in its order, which is that in which it was computed.
    ///
    /// # Errors
    /// Kind `Output` for records that are not of this run, or a table that cannot be written.
    pub fn replay(&mut self, mut journal: FoundJournal) -> Result<Journal> {
        while let Some(record) = journal.next_record()? {
            for (number, logits) in decode(&record).map_err(|error| error.at(self.folder.journal_path()))? {
                if !self.fits(number, &logits) {
                    return Err(Error::output("a record of the journal is of another run")
                        .at(self.folder.journal_path())
                        .hint("start the run again with another --out"));
                }
                self.take(number, logits)?;
            }
        }
        journal.go_on()
    }

    fn fits(&self, number: usize, logits: &ReadoutLogits) -> bool {
        let Some(wanted) = self.prepared.wanted(number) else { return false };
        let (temperatures, ids) = (self.plan.settings.temperatures.len(), wanted.wanted.len());
        !self.is_read[number]
            && logits.wanted.len() == ids
            && [logits.log_sum_exp.len(), logits.entropies.len()] == [temperatures; 2]
            && logits.ranking.is_some() == wanted.nucleus_mass.is_some()
            && logits.ranking.as_ref().is_none_or(|ranking| {
                ranking.nucleus_sizes.len() == temperatures && ranking.wanted_ranks.len() == ids
            })
    }

    pub fn is_read(&self, number: usize) -> bool {
        self.is_read[number]
    }

    pub fn read_count(&self) -> u64 {
        self.is_read.iter().filter(|is_read| **is_read).count() as u64
    }

    fn take(&mut self, number: usize, logits: ReadoutLogits) -> Result<()> {
        self.is_read[number] = true;
        for cell in self.gathering.add(number, logits) {
            let premise = self.gathering.premise(cell.cell_index);
            let readings = self.written.add(self.prepared, &cell, premise)?;
            self.certified.keep(cell.cell_index, readings);
        }
        Ok(())
    }

    /// Computes what is left and writes cells as they finish, which is in depth-first order whatever the token budget. What a batch has
    /// read is in the journal before it counts.
    ///
    /// # Errors
    /// The engine's; kind `Output` when something cannot be written; kind `Interrupted` when asked to stop, with the finished cells
    /// readable.
    pub fn compute(
        mut self,
        decoder: &Decoder,
        left: &ReadoutTrie<'_>,
        journal: &mut Journal,
        packing: &mut PackingCard,
        events: &(dyn Fn(Event) + Sync),
        stop: &Stop,
    ) -> Result<FinishedCells> {
        let settings = &self.plan.settings;
        let readout_settings = ReadoutSettings {
            scope: ReadoutScope::Vocabulary,
            temperatures: settings.temperatures.clone(),
            top_count: settings.top_count,
        };
        let (mut done, total) = (0, left.trie.token_count());
        for batch in
            Prefill::new(decoder, &left.trie, &left.requests, &readout_settings, settings.token_budget)
        {
            let batch = batch?;
            packing.batch_count += 1;
            packing.kv_row_count_max = packing.kv_row_count_max.max(batch.kv_row_count as u64);
            let numbered: Vec<NumberedReadout> =
                batch.readouts.into_iter().map(|(index, logits)| (left.numbers[index], logits)).collect();
            if !numbered.is_empty() {
                journal.append(&encode(&numbered))?;
            }
            for (number, logits) in numbered {
                self.take(number, logits)?;
            }
            done += batch.token_count as u64;
            events(Event::Advanced { stage: Stage::Prefill, done, total });
            if stop.is_requested() {
                journal.sync()?;
                return Err(self.stopped());
            }
        }
        self.written.finish()
    }

    /// Makes what is there readable before giving up.
    fn stopped(self) -> Error {
        let (finished, planned) = (self.written.counts.cell_count, self.plan.cells.len());
        let folder = self.folder.path();
        match self.written.finish() {
            Err(error) => error,
            Ok(_) => Error::new(
                ErrorKind::Interrupted,
                format!("stopped after {finished} of {planned} cells"),
            )
            .at(folder)
            .hint(format!(
                "the finished cells are in cells.parquet and prompts.parquet there; `respondent run --resume {}` goes on",
                folder.display()
            )),
        }
    }
}
