//! Panics of the `tokenizers` crate as errors. A tokenizer file is untrusted, and some files that parse make the crate panic later: a decoder
//! that strips more than there is, a post-processor that names a token it does not define.

use crate::error::{Error, Result};

/// Runs `work`, which may leave nothing half changed that is used after a panic in it.
///
/// # Errors
/// Kind `Model` when `work` panics.
pub(super) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T> {
    crate::guard::guarded(|panic| Error::model(format!("the tokenizer failed: {panic}")), work)
}
