//! The report page, made from a result folder alone. Never touches a model, a network or a clock: the same files give
//! the same page.

mod arithmetic;
mod charts;
mod coverage;
#[cfg(test)]
mod fixture;
mod html;
mod number;
mod run;
mod shown;
mod tables;
mod token_tally;
mod view;

pub use tables::SHOWN_ROW_COUNT;

use crate::error::{Error, Result};
use crate::output::ResultFolder;
use crate::partial_file::PartialFile;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Makes `report.html` in a finished result folder, over an earlier one.
///
/// # Errors
/// Kind `Output` when a file of the folder is missing, unreadable or contradicts another, or the page cannot be written.
pub fn write_report(folder: &Path) -> Result<PathBuf> {
    let folder = ResultFolder::open(folder)?;
    let tables = tables::RunTables::read(&folder)?;
    let run = run::Run::new(&tables).map_err(|error| error.at(folder.path()))?;
    let page = html::page(&view::report_view(&run))?;
    let path = folder.report_path();
    let mut file = PartialFile::create(&path)?;
    file.write_all(page.as_bytes())
        .map_err(|source| Error::output("cannot write the report").at(&path).because(source))?;
    file.finish()
}

#[cfg(test)]
mod tests;
