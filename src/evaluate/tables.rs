//! From readouts to the tables of cells, whether a readout was just computed or an earlier process, or another machine, noted it. Branch by branch:
//! what is kept of one once it is read does not grow with its prompts.

use super::certificate::CertifiedCells;
use super::gathered::Gathering;
use super::prepare::Prepared;
use super::written::{FinishedCells, WrittenCells};
use super::{RunPlan, Speaker};
use crate::engine::ReadoutLogits;
use crate::error::{Error, ErrorKind, Result};
use crate::output::ResultFolder;
use std::ops::Range;

/// Tables of a run that are being written.
pub struct Tables<'a> {
    plan: &'a RunPlan,
    folder: &'a ResultFolder,
    written: WrittenCells<'a>,
    certified: CertifiedCells,
}

/// The tables while a branch is read.
pub struct BranchTables<'t, 'a> {
    tables: &'t mut Tables<'a>,
    prepared: &'t Prepared,
    cells: Range<usize>,
    gathering: Gathering<'t>,
}

impl<'a> Tables<'a> {
    /// Nothing in them yet.
    ///
    /// # Errors
    /// Kind `Output` when the tables cannot be created.
    pub fn create(plan: &'a RunPlan, speaker: &'a Speaker, folder: &'a ResultFolder) -> Result<Self> {
        Ok(Tables {
            plan,
            folder,
            written: WrittenCells::create(plan, &speaker.tokenizer, folder)?,
            certified: CertifiedCells::choose(plan),
        })
    }

    /// Goes on with a branch: these cells of the plan.
    pub fn branch<'t>(&'t mut self, prepared: &'t Prepared, cells: Range<usize>) -> BranchTables<'t, 'a> {
        BranchTables { tables: self, prepared, cells, gathering: Gathering::new(prepared) }
    }

    /// Makes the files whole.
    ///
    /// # Errors
    /// Kind `Output`.
    pub fn finish(self) -> Result<(FinishedCells, CertifiedCells)> {
        Ok((self.written.finish()?, self.certified))
    }

    /// Makes what is there readable before giving up.
    pub fn stopped(self) -> Error {
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

impl BranchTables<'_, '_> {
    /// Takes one readout, and writes the cells that are whole with it.
    ///
    /// # Errors
    /// Kind `Output` when something cannot be written.
    pub fn take(&mut self, number: usize, logits: ReadoutLogits) -> Result<()> {
        for cell in self.gathering.add(number, logits) {
            let premise = self.gathering.premise(cell.cell_index);
            let readings = self.tables.written.add(self.prepared, &cell, premise)?;
            self.tables.certified.keep(self.cells.start + cell.cell_index, readings);
        }
        Ok(())
    }

    /// The branch has been read, all of it.
    ///
    /// # Errors
    /// Kind `Study`; never for what was read.
    pub fn finish(self) -> Result<()> {
        self.tables.written.end_branch(self.cells.end)
    }
}
