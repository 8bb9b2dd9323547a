//! One cell of a study to one prompt.

use super::{ElicitationFormat, OptionOrder, Prompt, Study};
use crate::error::Result;

/// One combination of everything a study varies, as indices into the study.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cell {
    pub persona_index: usize,
    pub item_index: usize,
    pub language_index: usize,
    pub format: ElicitationFormat,
    pub order: OptionOrder,
}

/// Renders a cell.
///
/// # Errors
/// Kind `Study` when the wording cannot be filled in.
pub fn render(study: &Study, cell: &Cell) -> Result<Prompt> {
    let _ = (study, cell);
    Err(crate::error::Error::study("rendering has not landed yet"))
}
