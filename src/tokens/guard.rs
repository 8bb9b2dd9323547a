//! Turns panics of the `tokenizers` crate into errors. Knows nothing of what was called.
//!
//! A tokenizer file is untrusted, and some files that parse make the crate panic later: a decoder that strips more
//! than there is, a post-processor that names a token it does not define. What cannot be caught is an allocation that
//! fails: a file that asks for one of that size still ends the process.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use crate::error::{Error, Result};

thread_local! {
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`, which may leave nothing half changed that is used after a panic in it.
///
/// # Errors
/// Kind `Model` when `work` panics.
pub(super) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T> {
    silence_guarded_panics();
    let was_guarded = IS_GUARDED.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(work));
    IS_GUARDED.set(was_guarded);
    outcome.map_err(|payload| Error::model(format!("the tokenizer failed: {}", panic_text(&*payload))))
}

/// A caught panic is told as an error; the default hook would also print it, with a backtrace of another crate.
fn silence_guarded_panics() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            // A thread whose locals are gone is at its end, and in no guard.
            if !IS_GUARDED.try_with(Cell::get).unwrap_or(false) {
                previous(info);
            }
        }));
    });
}

fn panic_text(payload: &(dyn Any + Send)) -> &str {
    match (payload.downcast_ref::<String>(), payload.downcast_ref::<&str>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text,
        _ => "for an unknown reason",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn a_panic_is_an_error_and_the_guard_ends_with_it() {
        assert_eq!(guarded(|| 1).unwrap(), 1);
        let error = guarded(|| panic!("index {}", 7)).map(|(): ()| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Model);
        assert_eq!(error.to_string(), "the tokenizer failed: index 7");
        assert!(!IS_GUARDED.get());
        let nested = guarded(|| {
            let inner = guarded(|| panic!("inner")).map(|(): ()| ());
            (inner.is_err(), IS_GUARDED.get())
        });
        assert_eq!(nested.unwrap(), (true, true));
    }
}
