//! Progress of a benchmark on stderr: a bar on a terminal while a step runs, a line when it is done.

use super::streams::tell;
use crate::benchmark::{BenchmarkEvent, BenchmarkStep};
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::Duration;

/// Listens to a benchmark.
pub struct BenchProgress {
    is_quiet: bool,
    is_terminal: bool,
    current: Mutex<Option<ProgressBar>>,
}

impl BenchProgress {
    pub fn new(is_quiet: bool) -> Self {
        BenchProgress { is_quiet, is_terminal: std::io::stderr().is_terminal(), current: Mutex::new(None) }
    }

    pub fn on_event(&self, event: BenchmarkEvent) {
        if self.is_quiet {
            return;
        }
        let mut current = self.current.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        match event {
            BenchmarkEvent::Started { step, total } => *current = Some(self.bar(step, total)),
            BenchmarkEvent::Advanced { done } => {
                if let Some(bar) = current.as_ref() {
                    bar.set_position(done);
                }
            }
            BenchmarkEvent::Finished { step, wall_seconds } => {
                let Some(bar) = current.take() else { return };
                bar.finish_and_clear();
                tell(&finished_line(step, bar.length().unwrap_or(0), wall_seconds));
            }
        }
    }

    /// Takes a bar away that an error left behind.
    pub fn clear(&self) {
        let mut current = self.current.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(bar) = current.take() {
            bar.finish_and_clear();
        }
    }

    fn bar(&self, step: BenchmarkStep, total: u64) -> ProgressBar {
        let target =
            if self.is_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        let template = match total {
            0 => "{prefix:>9} {spinner}".to_owned(),
            _ => format!("{{prefix:>9}} {{bar:32}} {{human_pos}}/{{human_len}} {}", unit(step)),
        };
        bar.set_style(ProgressStyle::with_template(&template).expect("the template is a valid one"));
        bar.set_prefix(step.to_string());
        // Seldom, so that drawing takes nothing from what is timed.
        bar.enable_steady_tick(Duration::from_millis(250));
        bar
    }
}

/// What a step counts.
fn unit(step: BenchmarkStep) -> &'static str {
    match step {
        BenchmarkStep::Weights => "layers",
        BenchmarkStep::Reference => "prompts",
        BenchmarkStep::Verify | BenchmarkStep::Repeat(_) => "tokens",
        BenchmarkStep::Peak | BenchmarkStep::WarmUp => "",
    }
}

fn finished_line(step: BenchmarkStep, total: u64, wall_seconds: f64) -> String {
    let counted = match unit(step) {
        "" => String::new(),
        unit => format!("{} {unit} in ", HumanCount(total)),
    };
    format!("{step:>9} {counted}{wall_seconds:.2} s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finished_steps_say_what_and_how_long() {
        assert_eq!(finished_line(BenchmarkStep::Repeat(2), 8760, 8.612), " repeat 2 8,760 tokens in 8.61 s");
        assert_eq!(finished_line(BenchmarkStep::Peak, 0, 1.0), "     peak 1.00 s");
    }
}
