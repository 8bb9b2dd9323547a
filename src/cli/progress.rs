//! A bar per stage on a terminal, a line per stage elsewhere; all on stderr.

use super::streams::tell;
use crate::evaluate::{Event, Stage};
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::Duration;

/// Listens to a run.
pub struct StageProgress {
    is_quiet: bool,
    is_terminal: bool,
    current: Mutex<Option<(Stage, ProgressBar)>>,
}

impl StageProgress {
    pub fn new(is_quiet: bool) -> Self {
        StageProgress { is_quiet, is_terminal: std::io::stderr().is_terminal(), current: Mutex::new(None) }
    }

    pub fn on_event(&self, event: Event) {
        if self.is_quiet {
            return;
        }
        let mut current = self.current.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        match event {
            Event::Started { stage, total } => *current = Some((stage, self.bar(stage, total))),
            Event::Advanced { stage, done, total } => {
                if let Some((_, bar)) = current.as_ref().filter(|(running, _)| *running == stage) {
                    bar.set_length(total);
                    // Threads may report out of order; a bar only grows.
                    if done > bar.position() {
                        bar.set_position(done);
                    }
                }
            }
            Event::Finished { stage, wall_seconds } => {
                let Some((_, bar)) = current.take() else { return };
                bar.finish_and_clear();
                tell(&finished_line(stage, bar.length().unwrap_or(0), wall_seconds));
            }
        }
    }

    fn bar(&self, stage: Stage, total: u64) -> ProgressBar {
        let target =
            if self.is_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        let template = match (total, unit(stage)) {
            (0, _) | (_, "") => "{prefix:>9} {spinner}".to_owned(),
            (_, unit) => format!(
                "{{prefix:>9}} {{bar:32}} {{human_pos}}/{{human_len}} {unit}  {{rate}} per s  {{eta}} left"
            ),
        };
        let style = ProgressStyle::with_template(&template).expect("the template is a valid one");
        bar.set_style(style.with_key("rate", |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            // A progress bar that cannot be drawn is not worth failing for.
            let _ = write!(out, "{}", HumanCount(state.per_sec() as u64));
        }));
        bar.set_prefix(stage.to_string());
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    }
}

/// What a stage counts.
fn unit(stage: Stage) -> &'static str {
    match stage {
        Stage::Prompts | Stage::Merge | Stage::Certificate => "cells",
        Stage::Weights => "layers",
        Stage::Prefill => "tokens",
        Stage::Trie | Stage::Compare | Stage::Hypotheses | Stage::Report | Stage::Hash => "",
    }
}

fn finished_line(stage: Stage, total: u64, wall_seconds: f64) -> String {
    let counted = match unit(stage) {
        "" => String::new(),
        unit => format!("{} {unit} in ", HumanCount(total)),
    };
    format!("{stage:>9} {counted}{wall_seconds:.2} s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finished_stages_say_what_and_how_long() {
        assert_eq!(finished_line(Stage::Prompts, 1890, 0.456), "  prompts 1,890 cells in 0.46 s");
        assert_eq!(finished_line(Stage::Trie, 0, 0.1), "     trie 0.10 s");
    }
}
