//! A bar of bytes on a terminal, nothing elsewhere; on stderr.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;

/// Bytes that pass.
pub struct ByteProgress {
    bar: ProgressBar,
}

impl ByteProgress {
    pub fn new(verb: &'static str, is_quiet: bool) -> Self {
        let is_shown = !is_quiet && std::io::stderr().is_terminal();
        let target = if is_shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        let template = "{prefix:>9} {bar:32} {binary_bytes}/{binary_total_bytes}  {binary_bytes_per_sec}  {eta} left  {msg}";
        bar.set_style(ProgressStyle::with_template(template).expect("the template is a valid one"));
        bar.set_prefix(verb);
        ByteProgress { bar }
    }

    /// Bytes since the last call, and all that are expected where that is known.
    pub fn advance(&self, done: u64, total: Option<u64>) {
        if let Some(total) = total {
            self.bar.set_length(total);
        }
        self.bar.inc(done);
    }

    /// Begins anew with another file.
    #[cfg(feature = "hub")]
    pub fn start(&self, file: &str, total: u64) {
        self.bar.reset();
        self.bar.set_length(total);
        self.bar.set_message(file.to_owned());
    }

    /// A line of talk above the bar.
    #[cfg(feature = "hub")]
    pub fn tell(&self, line: &str) {
        self.bar.suspend(|| super::streams::tell(line));
    }

    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
