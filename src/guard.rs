//! Turns panics of other crates into errors, where they read files that nobody vouches for. Knows nothing of what was called.
//!
//! What cannot be caught is an allocation that fails: a file that asks for one of that size still ends the process.

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
/// What `trouble` makes of a panic's text.
pub fn guarded<T>(trouble: impl FnOnce(&str) -> Error, work: impl FnOnce() -> T) -> Result<T> {
    silence_guarded_panics();
    let was_guarded = IS_GUARDED.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(work));
    IS_GUARDED.set(was_guarded);
    outcome.map_err(|payload| trouble(panic_text(&*payload)))
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

    #[test]
    fn a_panic_is_an_error_and_the_guard_ends_with_it() {
        let guarded =
            |work: &dyn Fn() -> i32| guarded(|text| Error::model(format!("it failed: {text}")), work);
        assert_eq!(guarded(&|| 1).unwrap(), 1);
        let error = guarded(&|| panic!("index {}", 7)).unwrap_err();
        assert_eq!(error.to_string(), "it failed: index 7");
        assert!(!IS_GUARDED.get());
        let nested = guarded(&|| {
            assert!(guarded(&|| panic!("inner")).is_err());
            i32::from(IS_GUARDED.get())
        });
        assert_eq!(nested.unwrap(), 1);
    }
}
