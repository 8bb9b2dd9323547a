//! `respondent models fetch`, in a build without network code.

use super::models_args::FetchCommand;
use crate::error::{Error, Result};

pub fn execute(_: &FetchCommand) -> Result<()> {
    Err(Error::usage("this build has no network code, so it cannot fetch a model").hint(
        "`cargo build --release --features hub` makes one that can; or bring the model here by other means and \
         `respondent models import` it",
    ))
}
