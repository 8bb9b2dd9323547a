//! `respondent score`: JSON lines in, JSON lines out.

use super::args::ScoreCommand;
use super::streams::tell;
use crate::engine::{ReadoutScope, check_temperatures};
use crate::error::{Error, ErrorKind, Result};
use crate::evaluate::{ScoreListener, ScoreSettings, ScoreTally, Scorer, Speaker, Stop};
use crate::models::{ModelFolder, load};
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter};
use std::time::{Duration, Instant};

/// Reports bad lines and progress on stderr.
struct StderrListener {
    bar: ProgressBar,
}

impl ScoreListener for StderrListener {
    fn refused(&mut self, line_number: usize, error: &Error) {
        self.bar.suspend(|| tell(&format!("line {line_number}: {error}")));
    }

    fn advanced(&mut self, tally: &ScoreTally) {
        self.bar.set_position(tally.scored_count);
    }
}

/// Scores a file or standard input.
pub fn execute(command: &ScoreCommand, stop: &Stop) -> Result<()> {
    let settings = settings(command)?;
    let device = command.engine.open_device()?;
    let folder = ModelFolder::find(&command.model)?;
    super::set_threads(command.engine.threads)?;
    let input = open(&command.input)?;
    let speaker = Speaker::open(&folder, &command.prompting.settings())?;
    let loaded = load(&folder, &speaker.files.config, &device, &|_, _| ())?;
    let bar = if command.quiet { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
    bar.set_style(
        ProgressStyle::with_template("{spinner} {human_pos} lines").expect("the template is a valid one"),
    );
    bar.enable_steady_tick(Duration::from_millis(120));
    let mut listener = StderrListener { bar };
    let start = Instant::now();
    let scorer = Scorer { speaker: &speaker, decoder: &loaded.decoder, settings: &settings, stop };
    let outcome = scorer.score(input, &mut BufWriter::new(std::io::stdout().lock()), &mut listener);
    listener.bar.finish_and_clear();
    let tally = outcome?;
    if !command.quiet {
        tell(&closing_line(&tally, start.elapsed().as_secs_f64()));
    }
    match tally.refused_count {
        0 => Ok(()),
        count => Err(Error::new(ErrorKind::Incomplete, format!("{count} lines could not be scored"))),
    }
}

fn settings(command: &ScoreCommand) -> Result<ScoreSettings> {
    check_temperatures(&command.temperature)?;
    command.prompting.settings().check()?;
    if command.engine.token_budget == 0 {
        return Err(Error::usage("the token budget is 0").hint("2048 is usual"));
    }
    if let Some(bad) = command.nucleus.filter(|mass| !(0.0..=1.0).contains(mass)) {
        return Err(
            Error::usage(format!("a nucleus holds a mass from 0 to 1, not {bad}")).hint("0.9 is usual")
        );
    }
    let scope = command.readout.into();
    if command.nucleus.is_some() && scope == ReadoutScope::Wanted {
        return Err(Error::usage(
            "--readout wanted knows nothing of the other tokens, so there is no nucleus",
        )
        .hint("leave out one of the two"));
    }
    Ok(ScoreSettings {
        temperatures: command.temperature.clone(),
        scope,
        token_budget: command.engine.token_budget,
        top_count: command.top,
        nucleus_mass: command.nucleus,
        strict: command.strict,
    })
}

fn open(input: &str) -> Result<Box<dyn BufRead>> {
    if input == "-" {
        return Ok(Box::new(std::io::stdin().lock()));
    }
    let file =
        File::open(input).map_err(|source| Error::usage("cannot be read").at(input).because(source))?;
    Ok(Box::new(BufReader::new(file)))
}

fn closing_line(tally: &ScoreTally, wall_seconds: f64) -> String {
    format!(
        "{} lines in {wall_seconds:.2} s; {} tokens computed of {}",
        HumanCount(tally.scored_count),
        HumanCount(tally.trie_token_count),
        HumanCount(tally.flat_token_count)
    )
}
