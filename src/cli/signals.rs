//! Being asked to end: the first time gently, the second at once.

use super::streams::tell;
use crate::evaluate::Stop;

/// What a shell says of a program that Ctrl-C ended, and of any that was asked to end here.
const INTERRUPTED: i32 = 130;

/// What is asked by Ctrl-C, and on Unix by SIGTERM, as kill, job schedulers and service managers send it. The first time what is under way is
/// finished and kept; nothing is to be finished while the program waits. A hangup is not listened to: it ends the program unless nohup said
/// otherwise, and what was read until then is in the journal.
pub fn listen(stop: &'static Stop) {
    let asked = move || {
        if stop.is_requested() || stop.is_idle() {
            std::process::exit(INTERRUPTED);
        }
        stop.request();
        tell("\nstopping as soon as what is under way is written (Ctrl-C again to stop at once)");
    };
    if let Err(error) = on_request(asked) {
        tell(&format!("warning: Ctrl-C will not be handled gently: {error}"));
    }
}

#[cfg(unix)]
fn on_request(asked: impl Fn() + Send + 'static) -> Result<(), std::io::Error> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
    let thread = std::thread::Builder::new().name("signals".to_owned());
    thread.spawn(move || signals.forever().for_each(|_| asked())).map(drop)
}

#[cfg(not(unix))]
fn on_request(asked: impl Fn() + Send + 'static) -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(asked)
}
